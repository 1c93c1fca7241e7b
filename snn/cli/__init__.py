"""The command lines behind ``train.py`` and ``sweep_summary.py``."""

import os

# Figures are drawn to files. A command that is started from a notebook inherits the notebook's
# backend; where that does not exist, matplotlib refuses to be imported.
os.environ["MPLBACKEND"] = "agg"
