"""The recurrent LIF layer, its readout and the encoder."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from snn.neurons import (
    LIFDynamics,
    current_encoder,
    leaky_readout,
    lif,
    logits,
)
from tests import spytorch

F64 = torch.float64


def rand(*shape: int, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(*shape, dtype=F64)


def two_neurons(dynamics: LIFDynamics, steps: int = 5):
    """Neuron 0 gets one strong input at t = 0 and excites neuron 1."""
    x = torch.zeros(1, steps, 1, dtype=F64)
    x[0, 0, 0] = 1.0
    w = torch.tensor([[2.0, 0.0]], dtype=F64)
    v = torch.tensor([[0.0, 3.0], [0.0, 0.0]], dtype=F64)
    return lif(x, w, v, 0.5, 0.5, dynamics)


def test_two_neurons_by_hand() -> None:
    # I0(0..5) = 0 2 1 .5 .25 .125
    # U0(1) = 0, U0(2) = 2 -> spike at t = 2, reset: U0(3) = 0, U0(4) = .5
    # S(2) reaches I1 one step late, in h(3): I1(4) = 3, so U1 moves at t = 5
    spikes, potentials, state = two_neurons(LIFDynamics())
    assert potentials[0, :, 0].tolist() == [0.0, 0.0, 2.0, 0.0, 0.5]
    assert spikes[0, :, 0].tolist() == [0.0, 0.0, 1.0, 0.0, 0.0]
    assert potentials[0, :, 1].tolist() == [0.0] * 5
    assert state.current[0].tolist() == [0.125, 1.5]
    assert state.potential[0].tolist() == [0.5, 3.0]


def test_subtractive_reset_by_hand() -> None:
    # U0(3) = .5 * 2 + 1 - 1 = 1, not above threshold; U0(4) = .5 + .5 = 1
    _, potentials, _ = two_neurons(LIFDynamics(reset="subtract"))
    assert potentials[0, :, 0].tolist() == [0.0, 0.0, 2.0, 1.0, 1.0]


def test_recurrence_of_the_current_step_by_hand() -> None:
    # S(2) enters h(2): I1(3) = 3, U1(4) = 3
    _, potentials, _ = two_neurons(LIFDynamics(recurrence="current"))
    assert potentials[0, :, 1].tolist() == [0.0, 0.0, 0.0, 0.0, 3.0]


def test_subtractive_reset_takes_the_threshold_off() -> None:
    x = torch.zeros(1, 4, 1, dtype=F64)
    x[0, 0, 0] = 1.0
    w = torch.tensor([[5.0]], dtype=F64)
    _, u, _ = lif(x, w, None, 0.5, 0.5, LIFDynamics(reset="subtract", threshold=2.0))
    assert u[0, :, 0].tolist() == [0.0, 0.0, 5.0, 0.5 * 5 + 2.5 - 2.0]


@settings(max_examples=25, deadline=None)
@given(
    steps=st.integers(1, 12),
    inputs=st.integers(1, 4),
    hidden=st.integers(1, 5),
    classes=st.integers(2, 3),
    seed=st.integers(0, 2**16),
    leak=st.booleans(),
)
def test_agrees_with_a_naive_loop(
    steps: int, inputs: int, hidden: int, classes: int, seed: int, leak: bool
) -> None:
    torch.manual_seed(seed)
    x = torch.randint(0, 3, (2, steps, inputs)).to(F64)
    w1, v1, w2 = rand(inputs, hidden, scale=2), rand(hidden, hidden, scale=2), rand(hidden, classes)
    alpha, beta = 0.8, 0.9
    dynamics = LIFDynamics(leak_scaled_input=leak, initial_potential=-1e-3)
    s, u, _ = lif(x, w1, v1, alpha, beta, dynamics)
    o, _ = leaky_readout(s, w2, alpha, beta, leak_scaled_input=leak)
    for b in range(2):
        ours = s[b].tolist(), u[b], o[b]
        theirs = spytorch.recurrent(
            x[b].tolist(), w1.tolist(), v1.tolist(), w2.tolist(), alpha, beta, -1e-3, leak
        )
        assert ours[0] == theirs[0]
        torch.testing.assert_close(ours[1], torch.tensor(theirs[1], dtype=F64))
        torch.testing.assert_close(ours[2], torch.tensor(theirs[2], dtype=F64))


def options() -> list[LIFDynamics]:
    return [
        LIFDynamics(reset=reset, recurrence=recurrence, detach_reset=detach, leak_scaled_input=leak)
        for reset in ("zero", "subtract")
        for recurrence in ("previous", "current")
        for detach in (True, False)
        for leak in (True, False)
    ]


@pytest.mark.parametrize("dynamics", options(), ids=str)
def test_chunks_give_the_same_as_one_piece(dynamics: LIFDynamics) -> None:
    x = torch.randint(0, 2, (3, 20, 6)).to(F64)
    w, v = rand(6, 7), rand(7, 7)
    whole = lif(x, w, v, 0.8, 0.9, dynamics)
    first = lif(x[:, :7], w, v, 0.8, 0.9, dynamics)
    second = lif(x[:, 7:], w, v, 0.8, 0.9, dynamics, state=first[2])
    assert whole[0].sum() > 0
    assert torch.equal(torch.cat([first[0], second[0]], 1), whole[0])
    assert torch.equal(torch.cat([first[1], second[1]], 1), whole[1])
    assert all(torch.equal(a, b) for a, b in zip(second[2], whole[2], strict=True))


def test_chunked_readout_repeats_its_boundary() -> None:
    s, w = torch.randint(0, 2, (2, 9, 4)).to(F64), rand(4, 3)
    whole, _ = leaky_readout(s, w, 0.8, 0.9)
    first, state = leaky_readout(s[:, :4], w, 0.8, 0.9)
    second, _ = leaky_readout(s[:, 4:], w, 0.8, 0.9, state=state)
    assert torch.equal(torch.cat([first, second[:, 1:]], 1), whole)


def test_chunked_encoder() -> None:
    x, gain, bias = rand(2, 15, 3), rand(6, scale=4), rand(6)
    whole = current_encoder(x, gain, bias, 0.9)
    first = current_encoder(x[:, :6], gain, bias, 0.9)
    second = current_encoder(x[:, 6:], gain, bias, 0.9, state=first[2])
    assert whole[0].sum() > 0
    assert torch.equal(torch.cat([first[0], second[0]], 1), whole[0])


def test_samples_do_not_see_each_other() -> None:
    x, w, v = torch.randint(0, 2, (5, 12, 4)).to(F64), rand(4, 6), rand(6, 6)
    together = lif(x, w, v, 0.8, 0.9, LIFDynamics())[1]
    alone = torch.cat([lif(x[i : i + 1], w, v, 0.8, 0.9, LIFDynamics())[1] for i in range(5)])
    torch.testing.assert_close(together, alone)


def test_no_input_no_spikes() -> None:
    s, u, _ = lif(torch.zeros(2, 8, 3, dtype=F64), rand(3, 4), rand(4, 4), 0.8, 0.9, LIFDynamics())
    assert s.sum() == 0
    assert u.abs().sum() == 0


def test_mask_silences_recurrence_only() -> None:
    x, w, v = torch.ones(1, 10, 2, dtype=F64), rand(2, 3).abs() * 3, rand(3, 3)
    masked = lif(x, w, v, 0.8, 0.9, LIFDynamics(), mask=torch.zeros(1, 1, 3, dtype=F64))
    without = lif(x, w, None, 0.8, 0.9, LIFDynamics())
    assert without[0].sum() > 0
    assert torch.equal(masked[0], without[0])


def test_gradcheck_readout() -> None:
    s = torch.rand(2, 6, 3, dtype=F64, requires_grad=True)
    w = rand(3, 2).requires_grad_()
    alpha = torch.tensor(0.7, dtype=F64, requires_grad=True)
    beta = torch.tensor([0.8, 0.9], dtype=F64, requires_grad=True)
    for rule in ("mean", "last", "sum_softmax", "max"):
        assert gradcheck(
            lambda s, w, a, b, rule=rule: logits(leaky_readout(s, w, a, b)[0], rule),
            (s, w, alpha, beta),
        )


def test_gradcheck_of_the_membrane_below_threshold() -> None:
    # inputs so weak that nothing spikes: all filters are smooth; a narrow boxcar has no gradient
    x = (0.01 * torch.rand(2, 8, 3, dtype=F64)).requires_grad_()
    w, v = rand(3, 4, scale=0.1).requires_grad_(), rand(4, 4).requires_grad_()
    alpha = torch.tensor(0.7, dtype=F64, requires_grad=True)
    beta = torch.full((4,), 0.8, dtype=F64, requires_grad=True)
    for leak in (False, True):
        dynamics = LIFDynamics(surrogate="boxcar", scale=100.0, leak_scaled_input=leak)
        assert gradcheck(
            lambda x, w, a, b, d=dynamics: lif(x, w, v.detach(), a, b, d)[1],
            (x, w, alpha, beta),
        )


def test_gradcheck_of_the_encoder_below_threshold() -> None:
    x = (0.1 * torch.rand(2, 8, 2, dtype=F64)).requires_grad_()
    gain, bias = rand(4, scale=0.1).requires_grad_(), rand(4, scale=0.1).requires_grad_()
    beta = torch.tensor(0.9, dtype=F64, requires_grad=True)
    assert gradcheck(
        lambda x, g, b, beta: current_encoder(x, g, b, beta, surrogate="boxcar")[1],
        (x, gain, bias, beta),
    )


def test_gradient_flows_through_the_reset_only_if_attached() -> None:
    grads = []
    for detach in (True, False):
        w = torch.tensor([[2.0]], dtype=F64, requires_grad=True)
        x = torch.zeros(1, 6, 1, dtype=F64)
        x[0, 0, 0] = 1.0
        _, u, _ = lif(x, w, None, 0.5, 0.5, LIFDynamics(scale=1.0, detach_reset=detach))
        u[0, 3].sum().backward()
        grads.append(w.grad.item())
    # U(3) = (beta U(2) + I(2)) (1 - S(2)) with U(2) = w = 2, I(2) = w / 2, S(2) = 1:
    # detached: 0; attached: -(beta U + I) S' dU/dw = -2 * 1/4 * 1
    assert grads == [0.0, -0.5]
