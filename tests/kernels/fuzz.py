"""Damaged arguments for the kernels, one after another: ``python -m tests.kernels.fuzz``.

Each case takes a call that works, damages it here and there, and calls. An error of a kind that
callers may expect is fine, and so is a result; what is left is a crash, a result that differs from
the reference, or an error that says nothing to a caller. The case is printed before it runs, so
that the last line of a process that died names it.
"""

from __future__ import annotations

import argparse
import faulthandler
import random
import resource
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from snn import kernels
from snn.errors import ConfigError
from snn.kernels import NeuronParameters
from snn.kernels.cpu.arguments import Arguments, StageCode, arguments
from snn.neurons import current_encoder, leaky_readout, lif
from snn.neurons.declaration import shipped
from snn.neurons.delays import delayed
from tests.kernels.compare import Case, error
from tests.kernels.damage import described, shaken

EXPECTED = (
    ConfigError, ValueError, TypeError, IndexError, RuntimeError, MemoryError, OverflowError,
    NotImplementedError,
)  # fmt: skip


def random_case(rng: random.Random, small: bool) -> Case:
    return Case(
        batch=rng.choice((1, 3, 11)),
        steps=rng.choice((1, 5, 9)),
        inputs=rng.choice((3, 13)),
        sizes=rng.choice(((5,), (17,), (70,), (9, 6))) if not small else (5,),
        classes=rng.choice((1, 3)),
        density=rng.choice((0.0, 0.3, 1.0)),
        weight_scale=3.0,
        recurrent=rng.random() < 0.7,
        dynamics={
            "reset": rng.choice(("zero", "subtract")),
            "detach_reset": rng.random() < 0.5,
            "recurrence": rng.choice(("previous", "current")),
        },
        learn=rng.choice(("fixed", "layer", "neuron")),
        dropout=rng.choice((None, "sample", "step")),
        encoder=rng.random() < 0.25,
        dense_input=rng.random() < 0.3,
        seed=rng.randrange(1000),
        dtype=rng.choice((torch.float32, torch.float64)),
    )


def backward_through(results: Any) -> None:
    flat = [results] if isinstance(results, Tensor) else []
    if not flat:
        for result in results:
            flat += result if isinstance(result, list) else [result]
    total = sum(r.sum() for r in flat if isinstance(r, Tensor) and r.requires_grad)
    if isinstance(total, Tensor):
        total.backward()


def operator(rng: random.Random, case: Case) -> tuple[dict[str, Any], Callable[..., Any]]:
    args = arguments(case.x, case.layers(), case.readout(), case.encoder_parameters())

    def call(*, keep_trace: Any, **given: Any) -> None:
        results = torch.ops.snn.network.default(*Arguments(**given), keep_trace)
        if keep_trace is True:
            backward_through([results[0], *results[2:]])

    return {**args._asdict(), "keep_trace": True}, call


def backward_operator(rng: random.Random, case: Case) -> tuple[dict[str, Any], Callable[..., Any]]:
    args = arguments(case.x, case.layers(), case.readout(), case.encoder_parameters())
    with torch.no_grad():
        out, trace, *counts = torch.ops.snn.network.default(*args, True)
    given = {
        **args._asdict(),
        "trace": trace,
        "grad_out": torch.randn_like(out),
        "grad_counts": [torch.randn_like(n) for n in counts],
        "wanted": [p.requires_grad for p in args.parameters],
        "drive": case.dense_input and not case.encoder,
    }

    def call(**given: Any) -> None:
        with torch.no_grad():
            torch.ops.snn.network_backward.default(*given.values())

    return given, call


def codes_only(rng: random.Random, case: Case) -> tuple[dict[str, Any], Callable[..., Any]]:
    given, call = rng.choice((operator, backward_operator))(rng, case)
    codes = list(given["codes"])
    for _ in range(rng.choice((1, 2, 4))):
        codes[rng.randrange(len(codes))] = rng.choice((-1, 0, 1, 2, 3, 29, 31, 56, 63))
    assert len(codes) % len(StageCode._fields) == 0
    return given, lambda **given: call(**given | {"codes": codes})


def function(backend: str, name: str) -> Callable[..., Any]:
    def make(rng: random.Random, case: Case) -> tuple[dict[str, Any], Callable[..., Any]]:
        layers, readout, encoder = case.layers(), case.readout(), case.encoder_parameters()
        if name == "lif_layer" and not case.encoder:
            given = {"x": case.x, **layers[0]._asdict()}
        elif name == "encoder_layer" and case.encoder:
            given = {"x": case.x, "encoder": encoder}
        elif name == "training_step":
            given = {
                "x": case.x,
                "labels": case.labels,
                "layers": layers,
                "readout": readout,
                "encoder": encoder,
                "class_weights": rng.choice((None, torch.ones(case.classes, dtype=case.dtype))),
                "spike_rate": 0.01,
                "label_smoothing": 0.0,
            }
        else:
            given = {"x": case.x, "layers": layers, "readout": readout, "encoder": encoder}
            return given, lambda **given: compared(given, backend)
        run = getattr(kernels, name)
        return given, lambda **given: backward_through(run(**given, backend=backend))

    return make


def declared_neurons(rng: random.Random, case: Case) -> tuple[dict[str, Any], Callable[..., Any]]:
    kind = rng.choice(list(shipped.SHIPPED))
    delays = rng.random() < 0.3 and case.dynamics["recurrence"] == "previous"

    def layer(weight: Tensor, recurrent: Tensor | None, mask: Tensor | None) -> NeuronParameters:
        units = weight.shape[1]
        values = {
            name: torch.full((units,), rng.uniform(0.1, 0.9), dtype=case.dtype)
            for name in kind().parameters
        }
        drawn = torch.rand(3, units, dtype=case.dtype) if delays and recurrent is not None else None
        for tensor in (*values.values(), *([] if drawn is None else [drawn])):
            tensor.requires_grad_(case.learn != "fixed")
        bias = rng.choice((None, torch.zeros(units, dtype=case.dtype)))
        return NeuronParameters(weight, recurrent, kind(), values, bias, mask=mask, taps=drawn)

    layers = [layer(old.weight, old.recurrent_weight, old.mask) for old in case.layers()]
    given = {
        "x": case.x,
        "layers": layers,
        "readout": case.readout(),
        "encoder": case.encoder_parameters(),
    }
    return given, lambda **given: backward_through(kernels.network(**given, backend="cpu"))


def delays_of_input(rng: random.Random, case: Case) -> tuple[dict[str, Any], Callable[..., Any]]:
    x = case.x.shape[-1] if isinstance(case.x, Tensor) else case.x.store.nb_units
    taps = torch.rand(rng.choice((1, 3, 20)), x, dtype=case.dtype, requires_grad=True)

    def call(x: Any, taps: Any) -> None:
        arriving = kernels.delayed(x, taps, backend="cpu")
        dense = x if isinstance(x, Tensor) else x.to_dense(taps.dtype)
        expected, _ = delayed(dense.to(taps.dtype), taps)
        backward_through(arriving)
        if torch.isfinite(expected).all() and error(arriving, expected) > 1e-4:
            raise AssertionError("another sequence than the reference's")

    return {"x": case.x, "taps": taps}, call


def compared(given: dict[str, Any], backend: str) -> None:
    """A network's result, which has to be the reference's of the same arguments."""
    trace, counts = kernels.network(**given, backend=backend)
    backward_through([trace, counts])
    if trace.device.type == "meta" or trace.shape[1] <= 1:
        return  # nothing was computed; the reference has no result of no steps
    try:
        expected, expected_counts = reference(**given)
    except Exception as problem:
        raise AssertionError(f"the reference refuses what the kernels take: {problem}") from problem
    if trace.shape != expected.shape or len(counts) != len(expected_counts):
        raise AssertionError("a result of another shape than the reference's")
    if not torch.isfinite(expected).all():
        return
    for n, other in zip(counts, expected_counts, strict=True):
        # A potential may lie within rounding of the threshold.
        if (n - other).abs().sum() > 1e-2 * other.sum() + 3:
            raise AssertionError("other spikes than the reference's")
    if all(torch.equal(n, m) for n, m in zip(counts, expected_counts, strict=True)) and (
        error(trace, expected) > 1e-4
    ):
        raise AssertionError(f"another trace than the reference's: {error(trace, expected)}")


@torch.no_grad()
def reference(x: Any, layers: Any, readout: Any, encoder: Any) -> tuple[Tensor, list[Tensor]]:
    dtype = readout.weight.dtype

    def cast(value: Any) -> Any:  # the kernels take constants and masks of any dtype
        return value.to(dtype) if isinstance(value, Tensor) else value

    x = x.to(dtype) if isinstance(x, Tensor) else x.to_dense(dtype)
    if encoder is not None:
        gain, bias, beta, threshold, scale, surrogate = encoder
        options = {"threshold": threshold, "scale": scale, "surrogate": surrogate}
        x, _, _ = current_encoder(x, gain, bias, cast(beta), **options)
    counts = []
    for *given, mask in layers:
        spikes, _, _ = lif(x, *map(cast, given), mask=cast(mask))
        counts.append(spikes.sum(1))
        x = spikes if mask is None else spikes * cast(mask)
    weight, alpha, beta, leaky = map(cast, readout)
    trace, _ = leaky_readout(x, weight, alpha, beta, leak_scaled_input=leaky)
    return trace, counts


ON_CPU = (
    operator,
    backward_operator,
    codes_only,
    function("cpu", "network"),
    function("cpu", "lif_layer"),
    function("cpu", "encoder_layer"),
    function("cpu", "training_step"),
    declared_neurons,
    delays_of_input,
)
ON_GPU = tuple(
    function("gpu", name) for name in ("network", "lif_layer", "encoder_layer", "training_step")
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--only", type=int)
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--limit", type=int, default=0, help="of memory, in MiB")
    options = parser.parse_args()
    faulthandler.enable()
    torch.set_num_threads(2)
    if options.limit:
        resource.setrlimit(resource.RLIMIT_AS, (options.limit * 2**20,) * 2)
    refused: dict[str, int] = {}
    makers = ON_GPU if options.gpu else ON_CPU
    for number in range(options.cases) if options.only is None else [options.only]:
        rng = random.Random(f"{options.seed}/{number}")
        make = makers[number % len(makers)]
        case = random_case(rng, options.gpu)
        given, call = make(rng, case)
        given = given if rng.random() < 0.05 else shaken(rng, given)
        print(f"case {number}: {make.__qualname__} {described(list(given.values()))}"[:2000])
        sys.stdout.flush()
        try:
            call(**given)
        except EXPECTED as problem:
            name = type(problem).__name__
            refused[name] = refused.get(name, 0) + 1
            if options.only is not None:
                raise
    print(f"done: {refused}, {options.cases - sum(refused.values())} results")


if __name__ == "__main__":
    main()
