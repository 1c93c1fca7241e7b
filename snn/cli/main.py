"""``python -m snn``, or ``snn``: one sub-command per file of this room, read when it is called.

A sub-command is a module with ``add_arguments(parser)`` and ``execute(options) -> int``, the exit
code, and one line in :data:`COMMANDS`. What a user can mend it raises as ``SnnError``.

Exit codes: 0 done; 1 it could not be done; 2 wrong arguments; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from snn import __version__
from snn.errors import SnnError
from snn.places import import_from_here

COMMANDS = {
    "evaluate": ("snn.cli.evaluate", "measure a trained network: figures, tables and a report"),
    "export": ("snn.cli.export", "write a trained network as NIR, torch.export or ONNX"),
}
"""Name -> (module, what it does in one line)."""


def called() -> str:
    """The command as it was typed: the one that is installed, or the package as a script."""
    return "python -m snn" if Path(sys.argv[0]).name == "__main__.py" else "snn"


def installed() -> int:
    """``snn``: with what can be imported from here, as ``python -m snn`` has it by itself."""
    import_from_here()
    return main()


def make_parser(wanted: str | None = None) -> argparse.ArgumentParser:
    """The parser of all sub-commands.

    Args:
        wanted: the one whose arguments will be needed; those of the others stay unread, since their
            modules may import much.
    """
    parser = argparse.ArgumentParser(prog=called(), description="What can be done with a run.")
    parser.add_argument("--version", action="version", version=f"snn {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module, text) in COMMANDS.items():
        sub = commands.add_parser(
            name, help=text, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        if name == wanted:
            command = importlib.import_module(module)
            sub.description = command.__doc__
            command.add_arguments(sub)
            sub.set_defaults(execute=command.execute)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    wanted = next((word for word in arguments if not word.startswith("-")), None)
    options = make_parser(wanted).parse_args(arguments)
    try:
        return options.execute(options)
    except SnnError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
