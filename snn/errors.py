"""Errors that a user can mend: each message names the thing, its value and what to do.

The command line prints them without a traceback; anything else is a bug and keeps its own.
"""


def first_line(error: BaseException) -> str:
    """What an error of another package says first; its kind, if it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


class SnnError(Exception):
    """Root of all errors whose message alone is enough to mend them."""


class ConfigError(SnnError):
    """A configuration value that cannot be used.

    Args:
        key: dotted configuration key, e.g. ``model.nb_hidden``.
        value: what was given.
        allowed: what would have been accepted, as the end of "... must be".
    """

    def __init__(self, key: str, value: object, allowed: str) -> None:
        self.key, self.value, self.allowed = key, value, allowed
        super().__init__(f"{key}={value!r}: must be {allowed}")


class DataError(SnnError):
    """A data file that is missing or damaged; the message names file and place."""


class InputError(SnnError):
    """Samples of a shape, type or range of values that a network cannot take."""


class ExportError(SnnError):
    """A network or graph that another program's format cannot hold, or the other way round."""


class RunError(SnnError):
    """A run directory that cannot be used as asked (taken, nothing to resume, other config)."""


class BusyError(RunError):
    """A run directory in which another process trains at this moment."""


class DivergedError(SnnError):
    """Training whose loss is no longer a number."""


class PrunedError(SnnError):
    """Training that a search has stopped early; it can be gone on with."""


class SweepError(SnnError):
    """A sweep that ended with points that are not completed."""


class Refused(BaseException):
    """A user's error on its way past Hydra, which would dress it up as a crash.

    Args:
        error: the user's.
        begun: whether training had begun.
    """

    def __init__(self, error: SnnError, *, begun: bool = False) -> None:
        self.error, self.begun = error, begun
        super().__init__(str(error))
