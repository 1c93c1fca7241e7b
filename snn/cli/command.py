"""What the command line does around Hydra: checks first, readable errors, exit codes.

Exit codes: 0 done, 1 the run or a point of the sweep failed, 2 the configuration is wrong or the
directory cannot be used, so that nothing was trained, 128 + n stopped by signal n.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hydra import initialize_config_dir
from hydra._internal.utils import get_args_parser
from hydra.types import RunMode

from snn.cli.going_on import command, with_recorded
from snn.cli.words import script
from snn.config.compose import Composer
from snn.config.hints import without_effect
from snn.config.identity import flatten
from snn.config.overrides import folders_of, parse, search_path, searched
from snn.errors import DataError, Refused, SnnError, SweepError
from snn.places import program
from snn.runs.directory import RunDirectory
from snn.runs.status import Interrupted

FAILED, WRONG_CONFIG = 1, 2


def run_cli(main: Callable[[], Any], arguments: Sequence[str], config_dir: Path) -> int:
    """Check the command line, run Hydra's ``main``, and say in one line what a user can mend.

    Returns:
        The process's exit code.
    """
    full = os.environ.get("HYDRA_FULL_ERROR", "0") not in ("", "0")
    try:
        arguments = with_recorded(options_first(arguments))
        sys.argv[1:] = arguments  # which Hydra reads
        preflight(arguments, config_dir, "train")
        main()
    except (SnnError, Refused) as stop:
        if full:
            raise
        print(f"error: {stop}", file=sys.stderr)
        cause, begun = (stop.error, stop.begun) if isinstance(stop, Refused) else (stop, False)
        return FAILED if begun or isinstance(cause, DataError | SweepError) else WRONG_CONFIG
    except (Interrupted, KeyboardInterrupt) as stop:
        signum = getattr(stop, "signum", signal.SIGINT)
        print(f"error: interrupted by {signal.Signals(signum).name}", file=sys.stderr)
        if isinstance(stop, Interrupted) and stop.run is not None:
            print(f"Go on with it: {command(arguments, stop.run)}", file=sys.stderr)
        elif isinstance(stop, Interrupted) and stop.sweep is not None:
            print(f"The same command goes on: {script(arguments)}", file=sys.stderr)
        return 128 + signum
    return 0


def options_first(arguments: Sequence[str]) -> list[str]:
    """A command line as Hydra's parser takes it: ``seed=1 -m lr=1,2`` is ``-m seed=1 lr=1,2``."""
    overrides = get_args_parser().parse_intermixed_args(list(arguments)).overrides
    options = list(arguments)
    for override in overrides:
        options.remove(override)
    return [*options, *overrides]


def preflight(arguments: Sequence[str], config_dir: Path, config_name: str) -> None:
    """Compose and check what a command line asks for, before Hydra or anything else begins.

    The points of a sweep are left to the sweeper, but for what they have in common.

    Raises:
        SnnError: something is wrong; the message names the key.
    """
    args = get_args_parser().parse_args(list(arguments))
    if sum(map(bool, (args.multirun, args.cfg, args.info, args.shell_completion))) > 1:
        raise SnnError("-m, --cfg, --info, --shell-completion: one at a time")
    asks_for_text = args.help or args.hydra_help or args.cfg or args.info
    elsewhere = args.config_path or args.config_name
    if asks_for_text or args.shell_completion or elsewhere:
        return  # Hydra answers, or reads another configuration, checked when the run starts
    if args.config_dir and searched(args.overrides):
        raise SnnError("--config-dir or hydra.searchpath=[...], not both: a list takes several")
    with initialize_config_dir(str(config_dir), version_base="1.3", job_name="train"):
        search = searched(args.overrides)
        if args.config_dir:
            search += search_path([f"file://{_folder(args.config_dir)}"])
        for folder in folders_of(search):
            if not folder.is_dir():
                raise SnnError(f"hydra.searchpath: {folder}: no such folder")
        composer = Composer(config_dir, config_name, search)
        for text in composer.choices.replaced(parse(args.overrides)):
            print(f"note: {text}", file=sys.stderr)
        hydra = composer.settings(args.overrides, RunMode.MULTIRUN).hydra
        if args.multirun or hydra.mode == RunMode.MULTIRUN:
            _check_sweep(composer, args.overrides, hydra)
        else:
            _check_run(composer, args.overrides)


def _folder(folder: str) -> Path:
    """The folder of ``--config-dir``.

    Raises:
        SnnError: there is no such folder.
    """
    path = Path(folder).absolute()
    if not path.is_dir():
        raise SnnError(f"--config-dir {folder}: no such folder")
    return path


def _check_run(composer: Composer, overrides: Sequence[str]) -> None:
    """Check a single run, and its directory before Hydra writes there."""
    parsed = parse(overrides)
    swept = [o.input_line for o in parsed if o.is_sweep_override()]
    searched = [o.input_line for o in parsed if o.key_or_group == "search" and o.value()]
    if searched:
        raise SnnError(f"{searched[0]}: a search is many runs; give -m: {program('train')} -m ...")
    if swept:
        raise SnnError(
            f"{swept[0]}: several values are a sweep; give -m: {program('train')} -m ..."
        )
    config = composer.checked(overrides, here=True)
    given = {o.key_or_group: o.value() for o in parsed}
    if config["ckpt_path"] is None and (idle := without_effect(given, dict(flatten(config)))):
        raise idle
    directory = RunDirectory(composer.run_dir(overrides))
    directory.check_usable()
    directory.checkpoint_for(config["ckpt_path"], config)


def _check_sweep(composer: Composer, overrides: Sequence[str], hydra: Any) -> None:
    parsed = parse(overrides)
    for override in parsed:
        kind = re.split(r"[./]", override.key_or_group)[0]
        if override.is_sweep_override() and kind in ("sweep", "search"):
            raise SnnError(f"{override.input_line}: one {kind} at a time, so one value")
    chosen = str(hydra.sweeper.get("_target_", ""))
    if chosen.endswith(".SnnSweeper"):
        return  # it composes and checks every point itself
    if any(o.key_or_group == "search" and o.value() for o in parsed):
        raise SnnError(f"search: draws points itself; leave out hydra/sweeper, not {chosen}")
    # Another sweeper chooses its points as it goes; what it is not to choose can be checked.
    fixed = [str(o.input_line) for o in parsed if not o.is_sweep_override()]
    composer.checked(fixed, here=False)
