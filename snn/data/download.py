"""Downloads: official addresses in order, checked against a checksum, atomic, under a lock."""

import logging
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from snn.errors import DataError, RunError
from snn.files import whole_file

_log = logging.getLogger(__name__)
_TIMEOUT = 30  # seconds without an answer before the next mirror is tried


@dataclass(frozen=True)
class RemoteFile:
    """A file that a data set needs.

    Attributes:
        path: where it belongs, relative to the data root, with ``/``.
        urls: addresses, tried in this order.
        checksum: ``md5:...`` or ``sha256:...`` of the download. Files already in place are not
            held to it: the same content may have been packed again.
        size: for people, e.g. ``26 MB``.
        instead: other paths that serve as well, e.g. the unpacked file.
    """

    path: str
    urls: tuple[str, ...]
    checksum: str
    size: str
    instead: tuple[str, ...] = ()


def find(file: RemoteFile, root: Path) -> Path | None:
    """Where the file lies below the root; the ``instead`` names come first."""
    for name in (*file.instead, file.path):
        if (path := root / name).is_file():
            return path
    return None


def ensure(files: Sequence[RemoteFile], root: Path, *, download: bool) -> list[Path]:
    """Paths of all files, downloading what is missing.

    Raises:
        DataError: something is missing and ``download`` is off or every address failed; the
            message lists each missing file with size, checksum and place.
    """
    missing = [file for file in files if find(file, root) is None]
    failures: list[str] = []
    if missing and download:
        failures = _download_all(missing, root)
        missing = [file for file in files if find(file, root) is None]
    if missing:
        reason = (
            "data.download=false forbids to fetch them" if not download else "\n".join(failures)
        )
        raise DataError(_missing_message(missing, root, reason))
    return [path for file in files if (path := find(file, root))]


def _download_all(files: Sequence[RemoteFile], root: Path) -> list[str]:
    failures = []
    for file in files:
        target = root / file.path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(target.with_name(f".{target.name}.lock")):
                if not target.is_file():  # else another process fetched it meanwhile
                    failures += _download(file, target)
        except OSError as error:
            failures.append(f"  cannot write {target}: {error}")
    return failures


def _download(file: RemoteFile, target: Path) -> list[str]:
    import pooch

    pooch.get_logger().setLevel(logging.WARNING)
    failures = []
    for url in file.urls:
        _log.info("downloading %s (%s) from %s", file.path, file.size, url)
        downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=_TIMEOUT)
        try:
            with tempfile.TemporaryDirectory(
                prefix=f".{target.name}.", dir=target.parent
            ) as folder:
                fetched = pooch.retrieve(
                    url,
                    known_hash=file.checksum,
                    fname=target.name,
                    path=folder,
                    downloader=downloader,
                )
                # A copy: what pooch has fetched is private, whatever the umask.
                with open(fetched, "rb") as content, whole_file(target, "wb") as whole:
                    shutil.copyfileobj(content, whole, 1 << 20)
            return []
        except RunError as error:
            return [f"  {error}"]
        except (OSError, ValueError) as error:  # no network; checksum differs
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            failures.append(f"  {url}: {reason}")
            _log.warning("no luck with %s: %s", url, reason)
    return failures


def _missing_message(missing: Sequence[RemoteFile], root: Path, reason: str) -> str:
    lines = [f"data files are missing below {root.absolute()}"]
    for file in missing:
        also = "".join(f" or {root / name}" for name in file.instead)
        lines += [
            f"  wanted: {file.path} ({file.size}, {file.checksum})",
            f"    looked for: {root / file.path}{also}",
            *(f"    from: {url}" for url in file.urls),
        ]
    lines += [
        "Put them there, or name another folder with data.root=DIR or SNN_DATA.",
        f"Not downloaded: {reason.strip()}",
    ]
    return "\n".join(lines)
