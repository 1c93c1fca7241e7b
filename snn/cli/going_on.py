"""How an interrupted command goes on: what to type, and what its record adds to that."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from snn.cli.words import near, override, script
from snn.errors import RunError, SnnError

DIRECTORY, CHECKPOINT = "hydra.run.dir", "ckpt_path"
LAST = f"{CHECKPOINT}=last"


def command(arguments: Sequence[str], directory: Path) -> str:
    """What goes on with the run in a directory, quoted for a shell.

    Args:
        arguments: of the command that was interrupted.
        directory: of its run.
    """
    ours = (f"{DIRECTORY}=", f"{CHECKPOINT}=")
    kept = [argument for argument in arguments if not argument.startswith(ours)]
    return script([*kept, override(DIRECTORY, str(near(directory))), LAST])


def with_recorded(arguments: Sequence[str]) -> list[str]:
    """A command line of ``ckpt_path=last``, and what the run was started with.

    What the command line says itself stands; the record adds what it leaves out.
    """
    if LAST not in arguments:
        return list(arguments)
    from hydra._internal.utils import get_args_parser

    from snn.config.overrides import SEARCH_PATH, parse
    from snn.runs.directory import RunDirectory

    options = get_args_parser().parse_args(list(arguments))
    if options.multirun:
        return list(arguments)  # which is refused
    try:
        given = {o.key_or_group: o for o in parse(options.overrides)}
        place = str(given[DIRECTORY].value()) if DIRECTORY in given else "${"
        if "${" in place:
            return list(arguments)
        recorded = parse(RunDirectory(place).overrides())
    except RunError:
        raise
    except SnnError:
        return list(arguments)  # the checks that follow say what is wrong
    added = []
    for o in recorded:
        said = given.get(o.key_or_group)
        new_key = o.is_add() and said is not None and not said.is_add()
        elsewhere = o.key_or_group == SEARCH_PATH and options.config_dir
        if o.key_or_group != CHECKPOINT and not elsewhere and (said is None or new_key):
            added.append(str(o.input_line))
    if any(o.key_or_group == "sweep" for o in recorded):
        added.append("hydra.mode=RUN")  # a point of it alone
    first = list(arguments).index(options.overrides[0])
    return [*arguments[:first], *added, *arguments[first:]]
