"""Train one network, or every point of a grid.

python train.py --help
"""

import sys
from pathlib import Path

from snn.cli.train import main

if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent / "conf"))
