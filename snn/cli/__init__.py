"""The command lines behind ``train.py`` and ``sweep_summary.py``."""

import atexit
import gc
import os

# Figures are drawn to files. A command that is started from a notebook inherits the notebook's
# backend; where that does not exist, matplotlib refuses to be imported.
os.environ["MPLBACKEND"] = "agg"

# The interpreter ends with a search for garbage among all that was imported: a second with torch.
atexit.register(gc.freeze)
