"""What a declaration may say, what is found out from it, and how a wrong one is refused."""

import math
from dataclasses import dataclass, fields

import pytest
import torch
import yaml

from snn.errors import ConfigError
from snn.kernels.__main__ import main
from snn.network.neuron_layer import NeuronLayer
from snn.network.neuron_parameter import NeuronParameter
from snn.neurons import LIF, CubaLIF, DeclarationError, Neuron, Parameter, RadLIF, SEAdLIF, State
from snn.neurons.declaration import shipped
from snn.neurons.declaration.program import program
from tests.commands import ROOT


def of_step(step, **body):
    body = {"u": State(), "p": Parameter(0.5)} | body | {"step": step}
    return dataclass(frozen=True)(type("Mine", (Neuron,), body))()


def branches(self, s, h, p):
    if s.u > 1:
        return s.u, lambda z: {"u": s.u + h}
    return s.u, lambda z: {"u": h}


def branches_on_equality(self, s, h, p):
    if s.u == 0:
        return s.u, lambda z: {"u": s.u + h}
    return s.u, lambda z: {"u": h}


def negates_a_number(self, s, h, p):
    return s.u, lambda z: {"u": torch.where(~s.u, h, 0.0)}


def knows_no_number(self, s, h, p):
    return s.u, lambda z: {"u": h + math.nan}


def unknown_function(self, s, h, p):
    return torch.special.erf(s.u), lambda z: {"u": h}


def unknown_name(self, s, h, p):
    return s.u, lambda z: {"u": s.v + h}


def forgets_a_state(self, s, h, p):
    return s.u, lambda z: {}


def invents_a_state(self, s, h, p):
    return s.u, lambda z: {"u": h, "w": h}


def compares_the_spike(self, s, h, p):
    return 2.0, lambda z: {"u": h}


def ignores_the_drive(self, s, h, p):
    return s.u, lambda z: {"u": s.u * (1 - z)}


def returns_one_thing(self, s, h, p):
    return s.u


def takes_a_word(self, s, h, p):
    return s.u * "2", lambda z: {"u": h}


def raises_a_power(self, s, h, p):
    return s.u**0.5, lambda z: {"u": h}


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (branches, "a Python branch .* write torch.where"),
        (branches_on_equality, "a Python branch .* write torch.where"),
        (negates_a_number, "want comparisons"),
        (knows_no_number, "not a number"),
        (unknown_function, "erf' cannot be traced"),
        (unknown_name, "'v' is neither a State nor a Parameter: must be one of u, p, threshold"),
        (forgets_a_state, "every state and no other: 'u' is missing"),
        (invents_a_state, "'w' is no State"),
        (compares_the_spike, "depends on no state and no drive"),
        (returns_one_thing, "must return what is compared, and a function of the spike"),
        (takes_a_word, "a str in a step: must be a number"),
        (raises_a_power, "a power of 0.5"),
    ],
)
def test_a_wrong_step_is_refused_with_file_line_and_name(step, message):
    with pytest.raises(DeclarationError, match=message) as caught:
        program(of_step(step))
    said = str(caught.value)
    file, line, rest = said.split(":", 2)
    assert file == __file__
    first = step.__code__.co_firstlineno
    assert first <= int(line) <= first + 4
    assert rest.startswith(" neuron Mine: ")
    assert "\n" not in said


def test_a_drive_without_effect_is_refused():
    with pytest.raises(DeclarationError, match="Mine: the drive never reaches what is compared"):
        program(of_step(ignores_the_drive))


def plain(self, s, h, p):
    return s.u, lambda z: {"u": p.p * s.u + h}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"u": State(math.nan)}, "State 'u' starts at nan"),
        ({"u": 0.0}, "it has no State"),
        ({"p": Parameter(2.0, low=0.0, high=1.0)}, "'p' starts at 2.0: must lie between 0.0 and 1"),
        ({"p": Parameter((0.9, 0.1))}, r"'p' starts at \(0.9, 0.1\)"),
        ({"p": Parameter(0.5, low=1.0, high=0.0)}, "low=1.0 must be below high=0.0"),
        ({"p": Parameter(-5.0, unit="ms")}, "'p' is a time constant: must start above 0 ms"),
        ({"p": Parameter(0.5, keep="logit")}, "keep='logit' needs both low and high"),
        ({"p": Parameter(0.5, learn="all")}, "learn='all'"),
        ({"p": Parameter((0.1, 0.2), learn="layer")}, "learn='layer' needs one number"),
        ({"spike": State()}, "'spike' is taken"),
    ],
)
def test_wrong_states_and_parameters_are_refused(body, message):
    with pytest.raises(DeclarationError, match=message) as caught:
        program(of_step(plain, **body))
    assert str(caught.value).startswith(f"{__file__}: neuron Mine: ")


@pytest.mark.parametrize(
    ("neuron", "said"),
    [
        (CubaLIF(reset="subtrct"), "CubaLIF: reset='subtrct': must be one of zero, subtract"),
        (CubaLIF(detach_reset="yes"), "detach_reset='yes': must be true or false"),
        (LIF(threshold="1"), "LIF: threshold='1': must be a finite number"),
        (SEAdLIF(threshold=math.nan), "threshold=nan: must be a finite number"),
    ],
    ids=repr,
)
def test_options_that_a_field_does_not_allow_are_refused(neuron, said):
    with pytest.raises(DeclarationError, match=said):
        program(neuron)


def test_latency_and_what_is_kept_are_found_out():
    found = {
        neuron: (
            program(neuron).latency,
            len(program(neuron).backward("weights").keep),
            len(program(neuron).backward("rows").keep),
            program(neuron).backward("weights").ahead,
        )
        for neuron in (CubaLIF(), CubaLIF(detach_reset=False), LIF(), SEAdLIF(), RadLIF())
    }
    assert found == {
        CubaLIF(): (2, 1, 2, 2),
        CubaLIF(detach_reset=False): (2, 2, 2, 2),  # the current that a reset loses
        LIF(): (1, 1, 2, 1),
        SEAdLIF(): (0, 1, 3, 0),  # potential and spike follow from what was compared before
        RadLIF(): (0, 1, 3, 0),
    }


def test_expressions_of_parameters_alone_are_rows():
    assert program(SEAdLIF()).names == (
        *("alpha", "1_minus_alpha", "rho", "1_minus_rho_times_q", "a", "b"),
    )
    assert program(CubaLIF(), bias=True).names == ("beta", "alpha", "bias")


@pytest.mark.parametrize("kind", shipped.SHIPPED, ids=lambda kind: kind.__name__)
def test_configurations_say_what_the_declarations_do(kind):
    names = {CubaLIF: "cuba_lif", LIF: "lif", SEAdLIF: "se_adlif", RadLIF: "radlif"}
    config = yaml.safe_load((ROOT / f"conf/model/{names[kind]}.yaml").read_text())
    assert config["neuron"].pop("_target_") == f"snn.neurons.{kind.__name__}"
    assert config["neuron"] == {f.name: f.default for f in fields(kind)}
    for name, parameter in kind.parameters.items():
        given = config["initial"][name]
        initial = parameter.initial if given is None else given
        initial = tuple(initial) if isinstance(initial, list) else initial
        assert initial == parameter.initial
        assert config["learn"][name] == parameter.learn
    assert set(config["initial"]) == set(config["learn"]) == set(kind.parameters)


class TestParameters:
    time_constant = Parameter((5.0, 25.0), 5.0, 25.0, "neuron", unit="ms")

    def test_a_time_constant_is_learned_by_its_place_and_given_as_a_decay(self):
        torch.manual_seed(0)
        p = NeuronParameter("tau", self.time_constant, 1000, time_step=2.0)
        assert p.raw.min() >= 0
        assert p.raw.max() <= 1
        assert p.value().mean().item() == pytest.approx(15.0, abs=0.7)
        assert torch.allclose(p(), torch.exp(-2.0 / (5 + 20 * p.raw)))

    def test_a_step_of_the_optimizer_does_not_leave_the_range(self):
        p = NeuronParameter("tau", self.time_constant, 3, 1.0)
        with torch.no_grad():
            p.raw.copy_(torch.tensor([-1.0, 0.5, 7.0]))
        p.keep_in_range()
        assert p.value().tolist() == [5.0, 15.0, 25.0]

    def test_a_logit_cannot_leave_the_range(self):
        p = NeuronParameter("p", Parameter(0.5, -1.0, 1.0, "layer", "logit"), 3, 1.0)
        assert p().item() == pytest.approx(0.5, abs=1e-6)
        with torch.no_grad():
            p.raw.fill_(100.0)
        assert p().item() <= 1.0

    def test_a_fixed_number_stays_exact(self):
        p = NeuronParameter("tau", Parameter(10.0, 1.0, 99.0, unit="ms"), 3, 1.0)
        assert p() == math.exp(-0.1)
        assert not list(p.parameters())

    @pytest.mark.parametrize("initial", [1.0, [4.0, 9.0], [9.0, 8.0], [9.0, 30.0]])
    def test_values_outside_of_the_range_are_refused(self, initial):
        with pytest.raises(ConfigError, match=r"initial.tau=.*between 5 and 25"):
            NeuronParameter("tau", self.time_constant, 3, 1.0, initial)

    @pytest.mark.parametrize("high", [50.0, math.inf])
    def test_a_time_constant_with_no_lowest_value_keeps_its_gradient(self, high):
        declared = Parameter(1.0, 0.0, high, "neuron", unit="ms")
        p = NeuronParameter("tau", declared, 3, 1.0)
        optimizer = torch.optim.SGD(p.parameters(), lr=1e3)
        for _ in range(3):
            optimizer.zero_grad()
            p().sum().backward()
            optimizer.step()
            p.keep_in_range()
        assert p.raw.grad.isfinite().all()
        assert 0 < p.value().min() < 0.1

    @pytest.mark.parametrize(
        "initial", ["abc", [1.0, "x"], True, torch.full((4,), 9.0), torch.tensor(9.0)], ids=repr
    )
    def test_what_is_no_initial_value_is_refused(self, initial):
        with pytest.raises(ConfigError, match=r"initial.tau=.*a tensor \[3\]"):
            NeuronParameter("tau", self.time_constant, 3, 1.0, initial)

    def test_a_word_that_says_nothing_of_learning_is_refused(self):
        with pytest.raises(ConfigError, match=r"learn.a='neurons': must be one of fixed, layer"):
            NeuronLayer(3, 4, SEAdLIF(), learn={"a": "neurons"})

    def test_the_tensor_it_starts_from_stays_the_callers(self):
        given = torch.full((3,), 0.5)
        p = NeuronParameter("a", Parameter(0.1, learn="neuron"), 3, 1.0, given)
        with torch.no_grad():
            p.raw.fill_(7.0)
        assert given.tolist() == [0.5] * 3

    def test_names_that_the_neuron_does_not_have_are_refused(self):
        with pytest.raises(ConfigError, match=r"initial.tau=1.0: must be left out: SEAdLIF has"):
            NeuronLayer(3, 4, SEAdLIF(), initial={"tau": 1.0})


def test_the_source_of_a_neuron_can_be_looked_at(capsys):
    assert main(["show", "SEAdLIF", "form=euler"]) == 0
    assert "const V next_w = p_rho * s_w" in capsys.readouterr().out
    assert main(["show", "snn.neurons.RadLIF", "--triton", "--bias"]) == 0
    assert "@triton.jit" in capsys.readouterr().out
    assert main(["show", "SEAdLIF", "shape=euler"]) == 2
    assert "must be one of threshold, form, detach_reset" in capsys.readouterr().err
    assert main(["show", "SEAdLIF", "form=eulr"]) == 2
    assert "form='eulr': must be one of symplectic, euler" in capsys.readouterr().err
    assert main(["show", "Nothing"]) == 2
    assert "must be CubaLIF, LIF, SEAdLIF, RadLIF, or the full name" in capsys.readouterr().err
