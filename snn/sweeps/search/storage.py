"""Where a study lies: a file in the sweep's directory, whole after any kill."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from snn.errors import RunError, SnnError

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

FILES = {"journal": "study.journal", "sqlite": "study.db"}
LOCKS = ".search"  # the folder of all locks


def need_optuna() -> None:
    """Refuse to search without Optuna, and keep it from talking.

    Raises:
        SnnError: it is not installed, or too old.
    """
    try:
        import optuna
    except ImportError:
        raise SnnError("search: Optuna is not installed: pip install 'snn[search]'") from None
    version = tuple(int(part) for part in optuna.__version__.split(".")[:2] if part.isdigit())
    if version < (4, 9):
        raise SnnError(f"search: Optuna {optuna.__version__} is too old: pip install 'snn[search]'")
    optuna.logging.set_verbosity(logging.ERROR)
    # Which of its parts may change is a matter of its version, and of our tests.
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)


def open_storage(directory: Path, kind: str) -> BaseStorage:
    """The storage of a sweep's directory, made if it is not there.

    Args:
        directory: the sweep's.
        kind: ``journal`` or ``sqlite``.

    Raises:
        RunError: it cannot be opened, or is damaged.
    """
    path = directory / FILES[kind]
    try:
        return _sqlite(path) if kind == "sqlite" else _journal(path)
    except Exception as error:  # of SQLAlchemy, JSON or the file system
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise RunError(f"{path}: cannot be used as a study ({reason})") from None


def _journal(path: Path) -> BaseStorage:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend
    from optuna.storages.journal._file import BaseJournalFileLock

    class WholeLines(BaseJournalFileLock):
        """A lock that ends with its process, unlike Optuna's, and mends what a kill left behind.

        A process killed while it writes leaves half a line, which Optuna would go on with.
        """

        def __init__(self) -> None:
            self.lock = FileLock(path.parent / LOCKS / "journal.lock")

        def acquire(self) -> bool:
            self.lock.acquire()
            _cut_half_a_line(path)
            return True

        def release(self) -> None:
            self.lock.release()

    (path.parent / LOCKS).mkdir(exist_ok=True)
    return JournalStorage(JournalFileBackend(str(path), lock_obj=WholeLines()))


def _cut_half_a_line(path: Path) -> None:
    with path.open("rb+") as file:
        end = file.seek(0, 2)
        if end == 0:
            return
        file.seek(end - 1)
        if file.read(1) == b"\n":
            return
        place = end
        while place > 0:
            size = min(4096, place)
            file.seek(place - size)
            found = file.read(size).rfind(b"\n")
            if found >= 0:
                file.truncate(place - size + found + 1)
                return
            place -= size
        file.truncate(0)


def _sqlite(path: Path) -> BaseStorage:
    from optuna.storages import RDBStorage

    # A worker waits for others rather than to fail.
    options = {"connect_args": {"timeout": 120}}
    return RDBStorage(f"sqlite:///{path}", engine_kwargs=options)
