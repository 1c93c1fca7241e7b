"""Keys of the top level with their types, and ranges of what other packages' classes take."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from snn.checks import Count, NonNegative, Positive

STRICT = ConfigDict(strict=True, extra="forbid", arbitrary_types_allowed=True)


class SweepOptions(BaseModel):
    """What a sweep is to do with its points."""

    model_config = STRICT

    dry_run: bool
    redo: bool | Literal["all"]
    slots_per_gpu: Annotated[int, Field(gt=0)]
    together: Count = 1
    extend: bool = False
    extend_most: Count = 3


class SearchOptions(BaseModel):
    """What a search seeks, and how its points are drawn."""

    model_config = STRICT

    n_trials: Count
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    objectives: Annotated[list[str], Field(min_length=1)]
    limits: dict[str, float | None]
    storage: Literal["journal", "sqlite"]
    sampler: dict[str, Any]
    pruner: dict[str, Any] | None
    trial: str | None


class Root(BaseModel):
    """The top level of a configuration; groups are checked node by node."""

    model_config = STRICT

    data: dict[str, Any]
    model: dict[str, Any]
    optimizer: dict[str, Any]
    scheduler: dict[str, Any] | None = None
    trainer: dict[str, Any]
    logger: dict[str, dict[str, Any] | None] | None = None
    callbacks: dict[str, dict[str, Any] | None] | None = None
    augment: dict[str, dict[str, Any] | None] | None = None
    energy: dict[str, dict[str, Any] | None] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    threads: Annotated[int, Field(gt=0)] | None
    progress: Literal["auto", "bar", "lines", "none"]
    ckpt_path: str | None
    test: bool
    sweep: SweepOptions
    search: SearchOptions | None = None


_Momentum = Annotated[float, Field(ge=0, lt=1)]

# Ranges of the parameters of other packages' classes, by the name that they all give them.
FOREIGN: dict[str, Any] = {
    "lr": Positive,
    "betas": Annotated[list[_Momentum], Field(min_length=2, max_length=2)],
    "momentum": _Momentum,
    "weight_decay": NonNegative,
    "eps": Positive,
    "max_epochs": Count,
    "min_epochs": Count | None,
    "accumulate_grad_batches": Count,
    "check_val_every_n_epoch": Count | None,
    "T_max": Count,
    "step_size": Count,
    "gamma": Positive,
    "patience": Annotated[int, Field(ge=0)],
    "gradient_clip_val": NonNegative | None,
    "deterministic": bool | Literal["warn"] | None,
    # One run is one device; many runs are a multirun.
    "devices": Literal[1] | Annotated[list[int], Field(min_length=1, max_length=1)],
    "precision": Literal[32, "32", "32-true"],
    "factor": Positive,
    "start_factor": Positive,
    "total_iters": Count,
    "eta_min": NonNegative,
    "accelerator": Literal["auto", "cpu", "gpu", "cuda", "mps", "tpu"],
}
