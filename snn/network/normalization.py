r"""Batch normalisation of a layer's feed-forward drive, folded into its weights.

As in sparch (Bittar & Garner 2022), each neuron's drive from the input, over all samples and steps
of a batch, is brought to mean 0 and variance 1, then scaled and shifted by learned numbers; the
recurrent drive is left alone:

.. math::
    h(t) = \gamma\,\frac{x(t)\,W - \mu}{\sqrt{\sigma^2 + \varepsilon}} + b

The drive is linear in the input, so this is a drive of other weights and a bias,

.. math::
    W' = W\,\frac{\gamma}{\sqrt{\sigma^2 + \varepsilon}}, \qquad
    b' = b - \frac{\mu\,\gamma}{\sqrt{\sigma^2 + \varepsilon}},

which the event-driven kernels take as they take any. Evaluation uses running means of :math:`\mu`
and :math:`\sigma^2` (Ioffe & Szegedy 2015), so that a single step can be computed.
"""

from __future__ import annotations

import warnings
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from snn.events import EventBatch, EventStore

Normalize = Literal["batch"]

SPARSE = 0.02
"""Share of input units that are active per step, up to which products with events are faster than
those of dense counts (CPU)."""


class DriveNormalization(nn.Module):
    """Batch normalisation of the drive from the input; see the module.

    Args:
        units: neurons of the layer.
        momentum: share of each batch in the running means.
        eps: added to the variance.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, units: int, momentum: float = 0.05, eps: float = 1e-5) -> None:
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.gain = nn.Parameter(torch.ones(units))
        self.bias = nn.Parameter(torch.zeros(units))
        self.register_buffer("mean", torch.zeros(units))
        self.register_buffer("variance", torch.ones(units))

    def forward(
        self, weight: Tensor, x: Tensor | EventBatch | EventStore | None, *, plain: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Weights ``[input, unit]`` and bias ``[unit]`` whose drive is the normalised one.

        While training, the running means are brought up to date.

        Args:
            weight: of the layer, ``[input, unit]``.
            x: the layer's input, ``[batch, step, input]`` or events; only read while training,
                where a batch without samples is normalised as in evaluation.
            plain: by PyTorch's own operations, which have second derivatives too.
        """
        mean, variance = self.mean, self.variance
        if self.training:
            assert x is not None
            count = len(x) * (x.shape[1] if isinstance(x, Tensor) else x.nb_steps)
            if count:
                mean, variance = drive_moments(x, weight, plain=plain)
                self._remember(mean.detach(), variance.detach() * count / max(count - 1, 1))
        scale = self.gain / torch.sqrt(variance + self.eps)
        return weight * scale, self.bias - mean * scale

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        self.mean.lerp_(mean, self.momentum)
        self.variance.lerp_(variance, self.momentum)


def drive_moments(
    x: Tensor | EventBatch | EventStore, weight: Tensor, *, plain: bool = False
) -> tuple[Tensor, Tensor]:
    """Mean and variance of ``x W`` over samples and steps, ``[unit]`` each.

    Both have gradients of the weights, and of ``x`` if it wants one.
    """
    with torch.autocast(weight.device.type, enabled=False):  # sums over all steps need the digits
        if isinstance(x, Tensor) and (plain or x.requires_grad):
            drive = x.to(weight.dtype).flatten(0, 1) @ weight
            return drive.mean(0), drive.var(0, correction=0)
        return _Moments.apply(weight, _rows(x, weight))


def _rows(x: Tensor | EventBatch | EventStore, like: Tensor) -> Tensor:
    """The input as a matrix ``[sample and step, input]``, sparse if it has few events."""
    if isinstance(x, Tensor):
        return x.to(like.dtype).flatten(0, 1)
    store = x.gather() if isinstance(x, EventBatch) else x
    rows = store.nb_samples * store.nb_steps
    if like.is_cuda or store.nb_events > SPARSE * rows * store.nb_units:
        return store.to_dense(like.dtype).flatten(0, 1)
    ones = torch.ones(store.nb_events, dtype=like.dtype)
    parts = store.indptr.int(), store.units.int(), ones
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(*parts, (rows, store.nb_units), check_invariants=False)


class _Moments(torch.autograd.Function):
    """Mean and variance of a drive; what the backward pass needs is a product made going forward.

    With ``n`` rows ``x``, the gradients of a neuron's mean and variance by its weights are
    ``sum(x) / n`` and ``2 sum(x (h - mean)) / n``.
    """

    @staticmethod
    def forward(ctx: Any, weight: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        drive = rows @ weight
        variance, mean = torch.var_mean(drive, 0, correction=0)
        drive -= mean
        both = torch.cat([torch.ones_like(drive[:, :1]), drive], 1)
        ctx.save_for_backward(_transposed(rows) @ both / len(drive))
        return mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_mean: Tensor, of_variance: Tensor) -> tuple[Tensor, None]:
        (products,) = ctx.saved_tensors
        return products[:, :1] * of_mean + products[:, 1:] * (2.0 * of_variance), None


def _transposed(rows: Tensor) -> Tensor:
    if rows.layout is torch.strided:
        return rows.T
    size = rows.shape[1], rows.shape[0]
    parts = rows.crow_indices(), rows.col_indices(), rows.values()
    return torch.sparse_csc_tensor(*parts, size, check_invariants=False)
