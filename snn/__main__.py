"""``python -m snn COMMAND ...``: what can be done with a run that is there."""

import sys

from snn.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
