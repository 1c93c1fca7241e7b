"""What other packages may say in a run's log."""

from __future__ import annotations

import logging
import warnings


def quiet_libraries() -> None:
    """Let Lightning speak through the run's log, and only when something is wrong."""
    import pytorch_lightning  # noqa: F401 - it sets up its own logs when it is imported

    for name in ("pytorch_lightning", "lightning_fabric", "lightning"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.WARNING)
    logging.captureWarnings(True)
    # True of every data set here: a batch is gathered at once, worker processes only add to it.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*LeafSpec.*", module="pytorch_lightning")
    # Runs of one task each need no srun, and who launches them has decided that.
    warnings.filterwarnings("ignore", message="The `srun` command is available.*")
    # RunDirectory has decided whether the folder may be used.
    warnings.filterwarnings("ignore", message="Checkpoint directory .* is not empty.*")
