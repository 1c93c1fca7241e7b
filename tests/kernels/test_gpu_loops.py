"""The way of layers that are too large for a kernel: a loop in a CUDA graph."""

import pytest
import torch

from snn.kernels.gpu import tiling
from tests.kernels.compare import assert_same, error
from tests.kernels.gpu_case import DEVICE, GPUCase, needs_cuda, needs_triton
from tests.kernels.test_gpu_reference import CASES

pytestmark = needs_triton


@pytest.fixture
def no_kernel_is_large_enough(monkeypatch):
    monkeypatch.setattr(tiling, "MAX_UNITS", 0)


@pytest.mark.usefixtures("no_kernel_is_large_enough")
@pytest.mark.parametrize("options", CASES.values(), ids=CASES.keys())
def test_the_loop_equals_the_reference(options):
    """On a GPU from a captured graph, else as it is."""
    case = GPUCase(**options)
    assert tiling.oversize(case.sizes[0])
    assert_same(case)


def test_the_limit_decides_layer_by_layer(monkeypatch):
    from snn.kernels.gpu import graphs, launch, loops

    monkeypatch.setattr(graphs, "_graphs", type(graphs._graphs)())
    monkeypatch.setattr(tiling, "MAX_UNITS", 8)
    went = []
    for module, name in ((loops, "loop"), (launch, "kernel")):
        forward = module.forward
        monkeypatch.setattr(
            module, "forward", lambda *a, f=forward, n=name: went.append(n) or f(*a)
        )
    assert_same(GPUCase(sizes=(9, 5)))
    # twice if it is captured: the first time is to warm up
    assert went == ["loop"] * (2 if DEVICE.type == "cuda" else 1) + ["kernel"]


def test_without_a_gpu_a_graph_is_the_function_itself():
    if DEVICE.type == "cuda":
        pytest.skip("there is a GPU")
    from snn.kernels.gpu.graphs import replay

    x = torch.arange(3.0)
    out, none = replay("double", lambda a, b: (2 * a, None), x, None)
    assert torch.equal(out, 2 * x)
    assert none is None


@needs_cuda
def test_a_graph_is_captured_once_and_replayed_with_new_values():
    from snn.kernels.gpu import graphs

    calls = []

    def double(x):
        calls.append(x)
        return (2 * x,)

    first, second = torch.randn(2, 5, device=DEVICE)
    (a,) = graphs.replay("double", double, first)
    (b,) = graphs.replay("double", double, second)
    assert torch.equal(a, 2 * first)  # not overwritten by the second replay
    assert torch.equal(b, 2 * second)
    assert len(calls) == 2  # one to warm up, one that was captured
    graphs.replay("double", double, torch.randn(6, device=DEVICE))
    assert len(calls) == 4


@needs_cuda
def test_no_more_graphs_are_kept_than_said():
    from snn.kernels.gpu import graphs

    for n in range(1, graphs.MOST + 4):
        graphs.replay("again", lambda x: (x + 1,), torch.zeros(n, device=DEVICE))
    assert len(graphs._graphs) == graphs.MOST


@needs_cuda
@pytest.mark.parametrize("units", [1025, 2048])
def test_a_layer_beyond_the_limit(units):
    case = GPUCase(sizes=(units,), batch=16, steps=20, inputs=50, weight_scale=1.0)
    for _ in range(2):  # captured, then replayed
        assert_same(case, 1e-9)


@needs_cuda
def test_two_passes_through_one_graph_may_be_open_at_once(no_kernel_is_large_enough):
    case, other = GPUCase(seed=0), GPUCase(seed=1)
    expected = case.gradients(case.loss(*case.kernels()))
    first, second = case.kernels(), other.kernels()
    for name, grad in case.gradients(case.loss(*first)).items():
        assert error(grad, expected[name]) == 0.0, name
    del second
