"""The command lines behind ``train.py`` and ``sweep_summary.py``."""
