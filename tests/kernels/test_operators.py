"""The kernels as operators of PyTorch: in anyone's modules, training loops and compiled graphs."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from snn.events import EventBatch
from snn.kernels import api as ops
from snn.kernels.cpu import library, loans
from snn.kernels.cpu.arguments import arguments
from snn.neurons import LIFDynamics
from tests.kernels.compare import Case, error, random_store
from tests.requirements import needs

pytestmark = needs("cpu")
DOCS = Path(__file__).parents[2] / "docs" / "kernels.md"

CASES = {
    "events": {},
    "counts": {"dense_input": True},
    "encoder": {"encoder": True},
    "all parts": {"sizes": (17, 9), "dropout": "step", "learn": "neuron", "readout_leak": True},
    "feed-forward, float32": {"recurrent": False, "dtype": torch.float32, "dropout": "sample"},
}


def arguments_of(case):
    return arguments(case.x, case.layers(), case.readout(), case.encoder_parameters())


@pytest.mark.parametrize("options", CASES.values(), ids=CASES.keys())
def test_the_operator_keeps_its_promises(options):
    args = arguments_of(Case(**options))
    checks = torch.library.opcheck(torch.ops.snn.network.default, (*args, True))
    assert set(checks.values()) == {"SUCCESS"}
    torch.library.opcheck(torch.ops.snn.network.default, (*args, False), test_utils="test_schema")


def test_an_operator_without_readout_keeps_its_promises():
    case = Case(dropout="step")
    args = arguments(case.x.to_dense(case.dtype).requires_grad_(), case.layers(), None, None)
    checks = torch.library.opcheck(torch.ops.snn.network.default, (*args, True))
    assert set(checks.values()) == {"SUCCESS"}


@pytest.mark.parametrize("drive", [False, True])
def test_the_backward_operator_keeps_its_promises(drive):
    args = arguments_of(Case(sizes=(17, 9), learn="neuron", dense_input=drive))
    with torch.no_grad():
        out, trace, *counts = torch.ops.snn.network.default(*args, True)
        wanted = [parameter.requires_grad for parameter in args.parameters]
        given = trace, torch.randn_like(out), [counts[0], None], wanted, drive
        torch.library.opcheck(
            torch.ops.snn.network_backward.default,
            (*args, *given),
            test_utils=("test_schema", "test_faketensor"),
        )


def test_a_second_derivative_is_refused():
    case = Case()
    trace, counts = case.kernels()
    weight = case.parameters["readout"]
    (first,) = torch.autograd.grad(case.loss(trace, counts), weight, create_graph=True)
    with pytest.raises(RuntimeError, match="no second derivatives"):
        first.sum().backward()


def test_gradients_of_a_pass_that_kept_no_trace_are_refused():
    args = arguments_of(Case())
    out, *_ = torch.ops.snn.network.default(*args, False)
    with pytest.raises(RuntimeError, match="kept no trace"):
        out.sum().backward()


def test_a_graph_may_be_used_twice():
    case = Case()
    loss = case.loss(*case.kernels())
    inputs = list(case.parameters.values())
    first = torch.autograd.grad(loss, inputs, retain_graph=True)
    for grad, again in zip(first, torch.autograd.grad(loss, inputs), strict=True):
        assert torch.equal(grad, again)


class Classifier(nn.Module):
    """Somebody's own module around the layer."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(13, 17) / 2)
        self.recurrent = nn.Parameter(torch.randn(17, 17) / 10)
        self.decay = nn.Parameter(torch.full((17,), 1.5))
        self.readout = nn.Linear(17, 3)
        self.dynamics = LIFDynamics(scale=5.0)

    def forward(self, x):
        beta = self.decay.sigmoid()
        spikes, counts = ops.lif_layer(x, self.weight, self.recurrent, 0.8, beta, self.dynamics)
        return self.readout(spikes).amax(1), counts


STORE = random_store(12, 20, 13, 0.2, 0)
INPUTS = {
    "counts": STORE.to_dense(),
    "store": STORE,
    "batch": EventBatch(STORE, torch.arange(11, -1, -1)),
}


def train(model, x, steps=5):
    """A plain training loop; the losses."""
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    labels = torch.arange(12) % 3
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        logits, counts = model(x)
        loss = nn.functional.cross_entropy(logits, labels) + 1e-3 * counts.sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def classifier():
    torch.manual_seed(0)
    return Classifier()


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_a_compiled_module_trains_as_the_module_does(kind, backend):
    torch.compiler.reset()
    losses = train(classifier(), INPUTS[kind])
    assert losses[-1] < losses[0]
    compiled = torch.compile(classifier(), backend=backend, fullgraph=True)
    assert train(compiled, INPUTS[kind]) == pytest.approx(losses, rel=1e-6)


def test_a_state_dict_holds_all_that_a_module_has_learned(tmp_path):
    model, x = classifier(), INPUTS["store"]
    train(model, x)
    torch.save(model.state_dict(), tmp_path / "model.pt")
    torch.manual_seed(9)
    other = Classifier()
    other.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True))
    assert torch.equal(other(x)[0], model(x)[0])
    assert train(other, x) == train(model, x)


def test_a_layer_may_be_computed_again_instead_of_kept():
    model, x = classifier(), INPUTS["counts"]
    train(model, x, 1)
    expected = {name: p.grad for name, p in model.named_parameters()}
    model = classifier()
    logits, counts = checkpoint(model, x, use_reentrant=False)
    loss = nn.functional.cross_entropy(logits, torch.arange(12) % 3) + 1e-3 * counts.sum()
    loss.backward()
    for name, p in model.named_parameters():
        assert error(p.grad, expected[name]) <= 1e-6, name


def test_a_compiled_fused_step_gives_the_same_gradients():
    torch.compiler.reset()
    case = Case()
    weights = torch.ones(case.classes, dtype=case.dtype)
    expected = case.gradients(case.training_step(weights, 1e-2).loss)
    step = torch.compile(lambda: case.training_step(weights, 1e-2).loss, backend="eager")
    for name, grad in case.gradients(step()).items():
        assert torch.equal(grad, expected[name]), name


def test_lent_memory_returns_when_nothing_refers_to_it():
    loan = loans.lend(12_345)
    address, view = loan.data_ptr(), loan[100:]
    del loan
    other = loans.lend(12_345)
    assert other.data_ptr() != address
    del view
    assert loans.lend(12_345).data_ptr() == address


def layer(**changes):
    given = {
        "x": torch.zeros(2, 9, 5),
        "weight": torch.zeros(5, 4),
        "recurrent_weight": torch.zeros(4, 4),
        "alpha": 0.8,
        "beta": 0.9,
        "dynamics": LIFDynamics(),
    }
    return ops.lif_layer(**given | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight": torch.zeros(6, 4)}, r"weight of shape \(6, 4\): must be \(5, 4\)"),
        ({"recurrent_weight": torch.zeros(4, 3)}, r"recurrent_weight.*must be \(4, 4\)"),
        ({"recurrent_weight": torch.zeros(4, 4).double()}, "dtype torch.float32 and torch.float64"),
        ({"mask": torch.zeros(2, 4)}, r"mask of shape \(2, 4\): must be \[2, 9 or 1, 4\]"),
        ({"mask": torch.zeros(2, 8, 4)}, "must be"),
        ({"mask": torch.zeros(2, 1, 4, requires_grad=True)}, "no gradient of a dropout mask"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        layer(**changes)


def test_one_mask_may_serve_all_samples():
    case = Case(dropout="sample")
    (given,) = case.layers()
    one = given.mask[:1]
    narrow, wide = given._replace(mask=one), given._replace(mask=one.expand(case.batch, 1, -1))
    trace, _ = ops.network(case.x, [narrow], case.readout())
    assert torch.equal(trace, ops.network(case.x, [wide], case.readout())[0])


def test_gradients_that_are_not_computed_are_refused():
    case = Case()
    readout = case.readout()._replace(beta=torch.tensor(0.9, requires_grad=True))
    with pytest.raises(ValueError, match="no gradient of the readout's constants"):
        ops.network(case.x, case.layers(), readout)
    dense = case.x.to_dense(case.dtype).requires_grad_()
    with pytest.raises(ValueError, match="no gradient of its input"):
        ops.training_step(dense, case.labels, case.layers(), case.readout())


def test_events_of_other_types_are_refused():
    store = STORE.with_units(13)
    broken = type(store)(store.indptr.int(), store.units, store.nb_steps, store.nb_units)
    with pytest.raises(TypeError, match="indptr and index of events"):
        layer(x=broken, weight=torch.zeros(13, 4))


def test_missing_kernels_are_said_to_be_missing(monkeypatch):
    monkeypatch.setattr(library, "load", lambda: "the CPU kernels are not built")
    with pytest.raises(RuntimeError, match="not built"):
        layer()


def test_the_examples_of_the_documentation_run():
    examples = re.findall(r"^```python\n(.*?)^```", DOCS.read_text(encoding="utf-8"), re.S | re.M)
    assert examples
    for example in examples:
        exec(compile(example, str(DOCS), "exec"), {})
