"""``python -m snn.data fetch NAME ...``: downloads a data set ahead of time."""

import argparse
import logging
import os
import sys
from pathlib import Path

from snn.data import SHD, TBL, FashionMNIST
from snn.errors import SnnError

DATASETS = {module.name: module for module in (FashionMNIST, SHD, TBL)}


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m snn.data", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    root = {
        "default": os.environ.get("SNN_DATA", "data"),
        "help": "folder of the data sets (default: $SNN_DATA, else ./data)",
    }
    for command, text in (
        ("fetch", "download what is missing"),
        ("check", "read and encode the whole data set, without keeping anything, and describe it"),
    ):
        sub = commands.add_parser(command, help=text)
        if command == "fetch":
            sub.add_argument("name", nargs="+", choices=[*DATASETS, "all"])
        else:
            sub.add_argument("name", choices=[*DATASETS])
        sub.add_argument("--root", **root)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        if options.command == "check":
            _check(options.name, options.root)
        else:
            names = list(DATASETS) if "all" in options.name else options.name
            _fetch(names, Path(options.root))
    except SnnError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _fetch(names: list[str], root: Path) -> None:
    for name in names:
        for path in DATASETS[name].fetch(root.expanduser()):
            print(path)


def _check(name: str, root: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as cache:
        data = DATASETS[name](root=root, cache=cache, download=False)
        data.setup()
        for key, value in data.summary.items():
            print(f"{key}: {value}")


if __name__ == "__main__":
    sys.exit(main())
