"""Initial weights."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import nn

from snn.checks import Count, NonNegative, checked

Fan = Literal["in", "out"]
Spread = Literal["normal", "uniform", "orthogonal"]
Dropout = Annotated[float, Field(ge=0, lt=1)]


@checked
def normal_weight(rows: Count, columns: Count, scale: NonNegative, fan: Fan = "in") -> nn.Parameter:
    """Weights ``[rows, columns]`` drawn from a normal with standard deviation scale / sqrt(fan).

    ``fan="in"`` divides by the number of inputs (SpyTorch), ``"out"`` by that of outputs
    (thesis fig. 9).
    """
    std = scale / math.sqrt(rows if fan == "in" else columns)
    return nn.Parameter(torch.empty(rows, columns).normal_(0.0, std))


def weight_matrix(
    rows: int, columns: int, scale: float, fan: Fan, spread: Literal["normal", "uniform"]
) -> nn.Parameter:
    """Weights ``[rows, columns]``, normal, or uniform between -+ scale / sqrt(fan)."""
    if spread == "normal":
        return normal_weight(rows, columns, scale, fan)
    limit = scale / math.sqrt(rows if fan == "in" else columns)
    return nn.Parameter(torch.empty(rows, columns).uniform_(-limit, limit))


def recurrent_matrix(units: int, scale: float, fan: Fan, spread: Spread) -> nn.Parameter:
    """Recurrent weights ``[unit, unit]``: as others, or a random orthogonal matrix times scale."""
    if spread != "orthogonal":
        return weight_matrix(units, units, scale, fan, spread)
    return nn.Parameter(scale * nn.init.orthogonal_(torch.empty(units, units)))
