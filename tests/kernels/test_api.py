"""One public API: the same layouts, results and errors on the CPU and on the GPU."""

import importlib
import sys
from dataclasses import replace

import pytest
import torch

from snn import kernels
from snn.errors import ConfigError
from snn.events import EventBatch, EventStore
from snn.neurons import LIFDynamics, current_encoder, lif
from tests.kernels.compare import error
from tests.kernels.gpu_case import DEVICE, GPUCase, needs_triton
from tests.requirements import needs

BACKENDS = [
    pytest.param("cpu", marks=needs("cpu")),
    pytest.param("gpu", marks=needs_triton),
]


@pytest.fixture(params=BACKENDS)
def backend(request, monkeypatch):
    """Runs a test with the kernels of the CPU and with those of the GPU."""
    if request.param == "cpu" and DEVICE.type == "cuda":
        monkeypatch.setattr("tests.kernels.gpu_case.DEVICE", torch.device("cpu"))
    return request.param


def gradients(case, loss, names):
    return torch.autograd.grad(loss, [case.parameters[name] for name in names])


@pytest.mark.parametrize("dropout", [None, "sample", "step"])
def test_a_layer_gives_spikes_after_dropout(backend, dropout):
    case = GPUCase(dropout=dropout)
    (layer,) = case.layers()
    x = case.x.to_dense(case.dtype)
    spikes, _, _ = lif(x, *layer[:-1], mask=layer.mask)
    expected = spikes if dropout is None else spikes * layer.mask
    sent, counts = kernels.lif_layer(case.x, *layer, backend=backend)
    assert torch.equal(sent, expected)
    assert torch.equal(counts, spikes.sum(1))
    names, direction = ["0.weight", "0.recurrent"], torch.randn_like(expected)
    wanted = gradients(case, (expected * direction).sum() + spikes.sum(), names)
    found = gradients(case, (sent * direction).sum() + counts.sum(), names)
    for grad, other in zip(found, wanted, strict=True):
        assert error(grad, other) <= 1e-10


def test_an_encoder_gives_spikes_sample_by_sample(backend):
    case = GPUCase(encoder=True)
    encoder = case.encoder_parameters()
    gain, bias, beta, _, scale, _ = encoder
    expected, _, _ = current_encoder(case.x, gain, bias, beta, scale=scale)
    spikes = kernels.encoder_layer(case.x, encoder, backend=backend)
    assert torch.equal(spikes, expected)
    names, direction = ["encoder.gain", "encoder.bias"], torch.randn_like(expected)
    wanted = gradients(case, (expected * direction).sum(), names)
    for grad, other in zip(gradients(case, (spikes * direction).sum(), names), wanted, strict=True):
        assert error(grad, other) <= 1e-10


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("options", [{}, {"sizes": (9, 5), "dropout": "step"}, {"encoder": True}])
def test_a_training_step_gives_the_loss_and_its_gradients(backend, options, weighted):
    case = GPUCase(**options, smoothing=0.0 if weighted else 0.1)
    weights = torch.tensor([0.5, 1.0, 2.0], dtype=case.dtype, device=case.labels.device)
    weights = weights if weighted else None
    trace, counts = case.reference()
    nll = torch.nn.functional.cross_entropy(
        trace.max(1).values, case.labels, weights, label_smoothing=case.smoothing
    )
    penalty = 1e-2 * sum(n.sum() for n in counts)
    given = case.layers(), case.readout(), case.encoder_parameters(), weights, 1e-2, case.smoothing
    step = kernels.training_step(case.x, case.labels, *given, backend=backend)
    assert error(step.nll, nll) <= 1e-10
    assert error(step.penalty, penalty) <= 1e-10
    assert error(step.loss, nll + penalty) <= 1e-10
    assert error(step.logits, trace.max(1).values) <= 1e-10
    for n, other in zip(step.spike_counts, counts, strict=True):
        assert torch.equal(n, other)
    assert step.loss.requires_grad
    assert not any(part.requires_grad for part in (*step[1:4], *step.spike_counts))
    wanted = case.gradients(nll + penalty)
    for name, grad in case.gradients(step.loss).items():
        assert error(grad, wanted[name]) <= 1e-10, name


def damaged_store(store, **changes):
    return replace(
        store, **{name: change(getattr(store, name)) for name, change in changes.items()}
    )


def put(place, value):
    def change(given):
        given = given.clone()
        given[place] = value
        return given

    return change


EVENTS = {
    "bounds that descend": (ValueError, "row bounds", {"indptr": put(3, 10**6)}),
    "bounds below zero": (ValueError, "row bounds", {"indptr": put(0, -1)}),
    "bounds past the end": (ValueError, "row bounds", {"indptr": put(-1, 2**60)}),
    "a unit too many": (IndexError, "unit lies outside 0..5", {"units": put(5, 6)}),
    "a negative unit": (IndexError, "unit lies outside", {"units": put(5, -1)}),
    "rows left over": (ValueError, "cannot be samples", {"indptr": lambda rows: rows[:-1]}),
    "another dtype": (TypeError, "must be int16", {"indptr": lambda rows: rows.int()}),
    "no steps": (ValueError, "cannot be samples of 0", {"nb_steps": lambda steps: 0}),
    "other units": (ValueError, "must be", {"nb_units": lambda units: 7}),
}


@pytest.mark.parametrize("damage", EVENTS)
def test_damaged_events_are_refused(backend, damage):
    kind, message, changes = EVENTS[damage]
    case = GPUCase(density=0.5)
    store = damaged_store(case.x.store, **changes)
    # The kernels of the CPU look at the samples of the batch alone.
    case.x = EventBatch(store, torch.arange(6, device=store.units.device))
    given = case.layers(), case.readout()
    for run in (
        lambda: kernels.network(case.x, *given, backend=backend),
        lambda: kernels.training_step(
            case.x, torch.zeros(6).long().to(case.labels.device), *given, backend=backend
        ),
    ):
        with pytest.raises(kind, match=message):
            run()


@pytest.mark.parametrize("wrong", [-1, 6, 2**40])
def test_an_index_outside_of_the_store_is_refused(backend, wrong):
    case = GPUCase()
    if case.x.index.device.type != "cpu":
        pytest.skip("an index on a GPU is not looked at")
    case.x = replace(case.x, index=torch.tensor([0, wrong, 1]))
    with pytest.raises(IndexError, match=r"sample index outside 0\.\.5"):
        kernels.network(case.x, case.layers(), case.readout(), backend=backend)


def without_batch(case):
    return {"x": case.x, "layers": case.layers(), "readout": case.readout()}


def changed_layer(**changes):
    def change(case):
        (layer,) = case.layers()
        made = {name: make(getattr(layer, name)) for name, make in changes.items()}
        return {**without_batch(case), "layers": [layer._replace(**made)]}

    return change


def changed_readout(**changes):
    def change(case):
        readout = case.readout()
        made = {name: make(getattr(readout, name)) for name, make in changes.items()}
        return {**without_batch(case), "readout": readout._replace(**made)}

    return change


WRONG = {
    "input of two dimensions": lambda case: without_batch(case) | {"x": torch.ones(3, 6)},
    "no input": lambda case: without_batch(case) | {"x": None},
    "no layer": lambda case: without_batch(case) | {"layers": []},
    "no readout": lambda case: without_batch(case) | {"readout": None},
    "weight of another input": changed_layer(weight=lambda w: w[1:]),
    "weight of half precision": changed_layer(weight=lambda w: w.half()),
    "weight on no device": changed_layer(weight=lambda w: w.to("meta")),
    "recurrent weights not square": changed_layer(recurrent_weight=lambda w: w[1:]),
    "recurrent weights of another dtype": changed_layer(recurrent_weight=lambda w: w.float()),
    "two decays": changed_layer(alpha=lambda a: torch.ones(2)),
    "a decay that is no number": changed_layer(beta=lambda b: "0.9"),
    "a mask of another batch": changed_layer(mask=lambda m: torch.ones(2, 1, 9)),
    "a mask of two dimensions": changed_layer(mask=lambda m: torch.ones(3, 9)),
    "a mask with a gradient": changed_layer(mask=lambda m: torch.ones(3, 1, 9).requires_grad_()),
    "readout of another layer": changed_readout(weight=lambda w: w[1:]),
    "readout without classes": changed_readout(weight=lambda w: w[:, :0]),
    "a readout that learns": changed_readout(beta=lambda b: torch.tensor(0.9, requires_grad=True)),
}


@needs_triton
@needs("cpu")
@pytest.mark.skipif(DEVICE.type == "cuda", reason="compares tensors of the CPU")
@pytest.mark.parametrize("wrong", WRONG)
def test_what_does_not_fit_is_the_same_error_everywhere(wrong):
    errors = []
    for backend in ("cpu", "gpu"):
        given = WRONG[wrong](GPUCase())
        with pytest.raises((ValueError, TypeError)) as caught:
            kernels.network(**given, backend=backend)
        errors.append((caught.type, str(caught.value)))
    assert errors[0] == errors[1]


LABELS = {
    "a class too many": (IndexError, lambda labels: torch.full_like(labels, 3)),
    "a negative class": (IndexError, lambda labels: torch.full_like(labels, -1)),
    "a label too many": (IndexError, lambda labels: torch.cat([labels, labels[:1]])),
    "labels that are no integers": (TypeError, lambda labels: labels.float()),
    "no tensor": (TypeError, lambda labels: labels.tolist()),
}


@pytest.mark.parametrize("wrong", LABELS)
def test_wrong_labels_are_refused(backend, wrong):
    kind, change = LABELS[wrong]
    case = GPUCase()
    with pytest.raises(kind, match="labels"):
        kernels.training_step(
            case.x, change(case.labels), case.layers(), case.readout(), backend=backend
        )


def test_wrong_numbers_of_a_training_step_are_refused(backend):
    case = GPUCase()
    given = case.x, case.labels, case.layers(), case.readout()
    ones = torch.ones(3, dtype=case.dtype, device=case.labels.device)
    for wrong in (
        {"label_smoothing": 1.0},
        {"spike_rate": float("nan")},
        {"class_weights": ones[:2]},
        {"class_weights": ones, "label_smoothing": 0.1},
    ):
        with pytest.raises(ValueError, match=r"smoothing|class weights"):
            kernels.training_step(*given, **wrong, backend=backend)


def test_an_unknown_backend_is_refused():
    case = GPUCase()
    with pytest.raises(ConfigError, match="backend='typo'"):
        kernels.network(case.x, case.layers(), case.readout(), backend="typo")


@needs("cpu")
@pytest.mark.parametrize("old", ["snn.kernels.ops", "snn.kernels.cpu.ops", "snn.kernels.gpu.ops"])
def test_old_names_are_the_same_functions(old):
    with pytest.warns(DeprecationWarning, match="has moved to"):
        module = _imported_anew(old)
    for name in ("lif_layer", "encoder_layer", "network", "training_step", "LIFParameters"):
        if hasattr(module, name):
            assert getattr(module, name) is getattr(kernels, name)


def _imported_anew(name):
    sys.modules.pop(name, None)
    return importlib.import_module(name)


@needs("cpu")
def test_no_samples_are_a_result():
    x = EventStore(torch.zeros(1).long(), torch.zeros(0).short(), 5, 4)
    layer = kernels.LIFParameters(torch.ones(4, 3), None, 0.8, 0.9, LIFDynamics())
    trace, (counts,) = kernels.network(
        x, [layer], kernels.ReadoutParameters(torch.ones(3, 2), 0.8, 0.9)
    )
    assert trace.shape == (0, 6, 2)
    assert counts.shape == (0, 3)


@needs("cpu")
@pytest.mark.parametrize("steps", [0, 1])
def test_few_steps_are_a_result(steps):
    weight = torch.ones(4, 3, requires_grad=True)
    layer = kernels.LIFParameters(weight, None, 0.8, 0.9, LIFDynamics(initial_potential=2.0))
    readout = kernels.ReadoutParameters(torch.ones(3, 2), 0.8, 0.9)
    trace, (counts,) = kernels.network(torch.ones(2, steps, 4), [layer], readout)
    (trace.sum() + counts.sum()).backward()
    assert not trace.any()
    assert torch.equal(counts, torch.full((2, 3), float(steps)))
    assert not weight.grad.any()
