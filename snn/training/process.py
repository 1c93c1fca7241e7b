"""A run is one process, whatever the environment says of ranks.

Slurm, torchrun and MPI number the processes of a job by variables such as ``SLURM_PROCID``,
``RANK`` and ``LOCAL_RANK``. Lightning takes its rank from them when it is imported, and a process
that is not the first writes no logs and no checkpoints. Here each process trains a run of its own,
so each is the first of one.
"""

from __future__ import annotations

from pytorch_lightning.plugins.environments import LightningEnvironment
from pytorch_lightning.utilities.rank_zero import rank_zero_only


def write_all_records() -> None:
    """Let loggers, checkpoints and messages of this process be written, whatever its rank."""
    rank_zero_only.rank = 0


class OneProcess(LightningEnvironment):
    """The environment of a trainer that shares its run with no other process."""

    def __init__(self) -> None:
        super().__init__()
        write_all_records()

    @property
    def creates_processes_externally(self) -> bool:
        return False

    def local_rank(self) -> int:
        return 0

    def node_rank(self) -> int:
        return 0

    def teardown(self) -> None:
        """Leaves the environment's variables to whoever set them."""
