"""A surrogate without a kernel is left to the reference; the others keep their places."""

import logging
import subprocess
import sys

import pytest
import torch

from snn import kernels, surrogate
from snn.errors import ConfigError
from snn.kernels import api as ops
from snn.kernels import surrogates
from snn.kernels.cpu import arguments, operators
from snn.network.layers import CurrentEncoder
from snn.neurons import LIFDynamics
from snn.neurons.surrogate import SURROGATES
from tests.commands import ROOT
from tests.kernels.test_network import assert_same_outcome, batch, make, outcome
from tests.requirements import needs

built = needs("cpu")


def cauchy(x, s):
    return 1.0 / (1.0 + (s * x).square())


@pytest.fixture(params=["first", "last"])
def new(request, monkeypatch):
    """The table with one more surrogate before or after all others; its name."""
    mine, known = {"cauchy": cauchy}, dict(SURROGATES)
    table = {**mine, **known} if request.param == "first" else {**known, **mine}
    monkeypatch.setattr(surrogate, "SURROGATES", table)
    return "cauchy"


def network(name, backend="auto", analog=False):
    made = make(backend, analog=analog)
    if analog:
        made.encoder.surrogate = name
    else:
        made.hidden[1].dynamics = LIFDynamics(scale=10.0, surrogate=name)
    return made


def test_every_compiled_surrogate_is_in_the_table():
    assert set(surrogates.COMPILED) <= set(SURROGATES)


@pytest.mark.parametrize("analog", [False, True])
def test_a_new_surrogate_runs_on_the_reference_with_its_own_gradient(new, analog, caplog):
    x = batch(analog)
    chosen = network(new, analog=analog)
    with caplog.at_level(logging.INFO, "snn.network"):
        actual = outcome(chosen, x)
    assert chosen.last_backend == "einsum"
    if kernels.available():
        assert "backend einsum: the kernels do not know the surrogate cauchy" in caplog.text
    assert_same_outcome(actual, outcome(network(new, "einsum", analog), x), 0.0)
    other = outcome(network("fast_sigmoid", "einsum", analog), x)[2]
    assert any(not torch.equal(grad, other[name]) for name, grad in actual[2].items())


@built
def test_the_kernels_by_name_refuse_a_new_surrogate(new):
    with pytest.raises(
        ConfigError, match=r"model\.backend='cpu'.*do not know the surrogate cauchy"
    ):
        network(new, "cpu")(batch())


# The table is changed before anything else of the package is imported, as an edit would change it.
FIRST_OF_ALL = """
from snn import surrogate
known = dict(surrogate.SURROGATES)
surrogate.SURROGATES = {"cauchy": lambda x, s: 1 / (1 + (s * x) ** 2), **known}
from tests.kernels.compare import Case, assert_same
for name in known:
    assert_same(Case(dynamics={"surrogate": name, "scale": 2.0}))
"""


@built
def test_a_new_surrogate_moves_no_other():
    done = subprocess.run(
        [sys.executable, "-c", FIRST_OF_ALL], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


def test_layers_alone_refuse_a_new_surrogate(new):
    weight = torch.ones(4, 3)
    with pytest.raises(ValueError, match="surrogate cauchy: take the reference"):
        ops.lif_layer(torch.ones(1, 5, 4), weight, None, 0.8, 0.9, LIFDynamics(surrogate=new))
    encoder = CurrentEncoder(4, 5, 0.9)
    given = ops.EncoderParameters(encoder.gain, encoder.bias, 0.9, surrogate=new)
    with pytest.raises(ValueError, match="surrogate cauchy: take the reference"):
        ops.encoder_layer(torch.ones(1, 5, 4), given)


@built
@pytest.mark.parametrize("number", [-1, len(surrogates.COMPILED), 10**6])
def test_the_kernels_check_the_number(number):
    weight = torch.ones(4, 3, requires_grad=True)
    layer = ops.LIFParameters(weight, None, 0.8, 0.9, LIFDynamics())
    args = arguments.arguments(torch.ones(1, 5, 4), [layer], None, None)
    place = arguments.StageCode._fields.index("surrogate")
    codes = [number if i == place else code for i, code in enumerate(args.codes)]
    with pytest.raises(ValueError, match="none of the compiled ones"):
        operators.run_network(args._replace(codes=codes))
