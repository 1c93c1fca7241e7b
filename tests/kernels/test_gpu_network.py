"""The network on its GPU backend: when it is taken, and that it trains as the reference does."""

import logging

import pytest
import torch

from snn.errors import ConfigError
from snn.events import EventBatch
from snn.kernels import gpu
from snn.kernels.gpu import availability, tiling
from snn.network import SpikingNetwork
from snn.network.layers import CurrentEncoder, LeakyReadout, RecurrentLIF
from snn.neurons import LIFDynamics
from snn.training.losses import ClassificationLoss, SpikeRegularizer
from snn.training.step import fused_step
from tests.commands import run
from tests.kernels.compare import error, random_store
from tests.kernels.gpu_case import DEVICE, needs_cuda, needs_triton
from tests.kernels.pairs import pairwise, title

LABELS = torch.tensor([0, 2, 1, 1], device=DEVICE)


def make(backend="gpu", sizes=(11, 6), analog=False, rule="max", dtype=torch.float64, **layer):
    torch.manual_seed(1)
    inputs = 2 * 5 if analog else 12
    hidden = []
    for units in sizes:
        dynamics = LIFDynamics(scale=10.0)
        hidden.append(RecurrentLIF(inputs, units, 0.8, 0.9, dynamics, weight_scale=2.0, **layer))
        inputs = units
    encoder = CurrentEncoder(2, 5, 0.9, scale=10.0) if analog else None
    network = SpikingNetwork(hidden, LeakyReadout(inputs, 3, 0.8, 0.9), encoder, rule, backend)
    return network.to(DEVICE, dtype)


def batch(analog=False, dtype=torch.float64):
    torch.manual_seed(2)
    if analog:
        return (torch.randn(len(LABELS), 9, 2, dtype=dtype) * 3).to(DEVICE)
    return EventBatch(random_store(6, 9, 12, 0.2, 3), torch.tensor([5, 0, 3, 3])).to(DEVICE)


def outcome(network, x):
    """Loss, spike counts and gradients; dropout masks from a fixed seed."""
    torch.manual_seed(7)
    network.zero_grad()
    output = network(x)
    regularizer = SpikeRegularizer(1e-2, rate_l2=1e-3)
    total = ClassificationLoss()(output.logits, LABELS) + regularizer(output.spike_counts)
    total.backward()
    grads = {name: p.grad.clone() for name, p in network.named_parameters()}
    return total.detach(), output.spike_counts, grads


@needs_triton
@pytest.mark.parametrize(
    "options",
    pairwise(
        {
            "analog": [False, True],
            "rule": ["max", "sum_softmax"],
            "dropout_mask": ["sample", "step"],
        }
    ),
    ids=title,
)
def test_backends_agree(options):
    analog = options["analog"]
    options = options | {"dropout": 0.3}
    options |= {"learn_alpha": "neuron", "learn_beta": "layer"}
    x = batch(analog)
    expected, actual = outcome(make("einsum", **options), x), outcome(make(**options), x)
    assert error(actual[0], expected[0]) <= 1e-10
    for n, other in zip(actual[1], expected[1], strict=True):
        assert torch.equal(n, other)
    for name, grad in expected[2].items():
        assert error(actual[2][name], grad) <= 1e-10, name


@needs_triton
def test_evaluation_agrees_and_keeps_no_graph():
    network, reference = make(dropout=0.5).eval(), make("einsum", dropout=0.5).eval()
    with torch.no_grad():
        output, expected = network(batch()), reference(batch())
    assert not output.logits.requires_grad
    assert error(output.logits, expected.logits) <= 1e-10
    assert torch.equal(output.spike_counts[1], expected.spike_counts[1])


@needs_triton
def test_training_repeats_bit_for_bit():
    options = {"dtype": torch.float32, "dropout": 0.2, "learn_alpha": "neuron"}
    runs = [outcome(make(**options), batch(dtype=torch.float32)) for _ in range(3)]
    for other in runs[1:]:
        assert torch.equal(other[0], runs[0][0])
        for name, grad in runs[0][2].items():
            assert torch.equal(other[2][name], grad), name


@needs_triton
def test_two_passes_may_be_open_at_once():
    network, x = make(), batch()
    expected = outcome(network, x)
    first, second = network(x), network(EventBatch(x.store, x.index.flip(0)))
    network.zero_grad()
    regularizer = SpikeRegularizer(1e-2, rate_l2=1e-3)
    (ClassificationLoss()(first.logits, LABELS) + regularizer(first.spike_counts)).backward()
    del second
    for name, p in network.named_parameters():
        assert torch.equal(p.grad, expected[2][name]), name


@needs_triton
def test_a_run_gives_the_same_result(tmp_path):
    small = ("data.nb_train=6", "data.nb_test=2", "data.nb_classes=2", "data.nb_steps=8")
    small += ("data.nb_units=6", "model.nb_hidden=5", "model.weight_scale=2.0", "model.scale=10")
    small += ("trainer.max_epochs=1", "logger=none", "callbacks=none", "data.batch_size=8")
    small += (f"trainer.accelerator={'gpu' if DEVICE.type == 'cuda' else 'cpu'}",)
    expected = run(tmp_path / "reference", *small, "model.backend=einsum")
    result = run(tmp_path / "kernels", *small, "model.backend=gpu")
    assert result["backend"] == "gpu"
    assert expected["metrics.final.train.loss"] > 0
    for name in ("train.loss", "test.loss", "test.hidden0/spikes_per_sample"):
        key = f"metrics.final.{name}"
        assert result[key] == pytest.approx(expected[key], rel=1e-5), key


@needs_triton
def test_there_is_no_fused_step_at_first():
    """Later ones are replayed: test_gpu_steps.py."""
    step = fused_step(make(), batch(), LABELS, ClassificationLoss(), SpikeRegularizer())
    assert step is None


@needs_triton
def test_the_choice_is_logged_once_with_what_has_no_kernel(monkeypatch, caplog):
    monkeypatch.setattr(tiling, "MAX_UNITS", 8)
    network = make()
    with caplog.at_level(logging.INFO, "snn.network"):
        network(batch())
        network(batch())
    (message,) = [record.message for record in caplog.records]
    assert message.startswith("backend gpu: Triton kernels; hidden layer 0 as a CUDA graph")
    assert "11 neurons are more than the 8" in message


@needs_triton
def test_an_unsupported_dtype_is_refused_or_left_to_the_reference(monkeypatch):
    network = make(dtype=torch.bfloat16)
    with pytest.raises(ConfigError, match=r"model\.backend='gpu'.*bfloat16"):
        network(batch())
    network.backend = "auto"
    assert network(batch()).logits.dtype == torch.bfloat16
    assert network.last_backend == "einsum"


def test_named_without_a_gpu_it_is_refused(monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "0")
    network, x = make().cpu(), batch().to("cpu")
    with pytest.raises(ConfigError, match=r"model\.backend='gpu'.*need a CUDA device, not cpu"):
        network(x)


def test_without_a_gpu_auto_never_takes_it():
    """Not even where kernels are interpreted, which is for tests alone."""
    network = make("auto").cpu()
    network(batch().to("cpu"))
    assert network.last_backend in ("cpu", "einsum")


def test_without_triton_it_is_refused_with_what_to_install(monkeypatch):
    monkeypatch.setattr(availability, "_installed", lambda: False)
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    with pytest.raises(ConfigError, match=r"Triton is not installed: pip install"):
        make()(batch())


@needs_triton
def test_a_broken_triton_is_found_out_before_training(monkeypatch):
    def fail(device):
        raise RuntimeError("no C compiler\nand more lines")

    from snn.kernels.gpu import probe

    if DEVICE.type == "cpu":
        probe.run(DEVICE)  # interpreted
    monkeypatch.setattr(probe, "run", fail)
    reason = availability._failure.__wrapped__(torch.device("cuda", 0))
    assert reason == "Triton runs no kernel here: RuntimeError: no C compiler"


def test_network_and_input_on_two_devices_are_refused():
    obstacle = gpu.obstacle(batch().to("cpu"), torch.float32, torch.device("cuda", 0))
    assert obstacle == "the network is on cuda:0, its input on cpu"


@needs_cuda
def test_on_a_gpu_auto_takes_it():
    network = make("auto")
    network(batch())
    assert network.last_backend == "gpu"


@needs_cuda
def test_a_training_step_never_waits_for_the_host():
    network, x = make(dropout=0.2, dtype=torch.float32), batch()
    outcome(network, x)  # compiles, and asks once for what the host has to know of the data
    torch.cuda.set_sync_debug_mode("error")
    try:
        outcome(network, x)
    finally:
        torch.cuda.set_sync_debug_mode("default")
