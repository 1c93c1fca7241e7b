"""Summarise a sweep from what its runs wrote, or watch it while it runs.

python sweep_summary.py --help
"""

import sys

from snn.cli.summary import main

if __name__ == "__main__":
    sys.exit(main())
