"""Losses and the spike regulariser, by hand."""

from __future__ import annotations

import math

import pytest
import torch

from snn.errors import ConfigError
from snn.training.losses import ClassificationLoss, SpikeRegularizer


def test_nll_by_hand() -> None:
    logits = torch.tensor([[0.0, math.log(3.0)], [0.0, 0.0]], dtype=torch.float64)
    loss = ClassificationLoss("nll")(logits, torch.tensor([1, 0]))
    assert loss.item() == pytest.approx((math.log(4 / 3) + math.log(2)) / 2)


def test_class_weights_weigh() -> None:
    logits = torch.tensor([[0.0, math.log(3.0)], [0.0, 0.0]])
    loss = ClassificationLoss("nll", [3, 1])(logits, torch.tensor([1, 0]))
    assert loss.item() == pytest.approx((1 * math.log(4 / 3) + 3 * math.log(2)) / 4)


def test_margin_loss_by_hand() -> None:
    # ((1 - (2 - 1.5)) + 0) / 3 classes
    loss = ClassificationLoss("multi_margin")(torch.tensor([[2.0, 1.5, -3.0]]), torch.tensor([0]))
    assert loss.item() == pytest.approx(0.5 / 3)


def test_smoothed_labels_by_hand_and_only_while_training() -> None:
    logits = torch.tensor([[0.0, math.log(3.0)]], dtype=torch.float64)  # probabilities 1/4, 3/4
    loss = ClassificationLoss("nll", label_smoothing=0.2)
    # 0.8 of the label, and 0.1 for each of the two classes
    expected = 0.9 * math.log(4 / 3) + 0.1 * math.log(4)
    assert loss(logits, torch.tensor([1])).item() == pytest.approx(expected)
    loss.eval()
    assert loss(logits, torch.tensor([1])).item() == pytest.approx(math.log(4 / 3))


def test_only_the_nll_smooths_labels() -> None:
    with pytest.raises(ConfigError, match=r"model\.label_smoothing=0\.1.*loss_fn=nll"):
        ClassificationLoss("multi_margin", label_smoothing=0.1)


COUNTS = [torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[5.0], [0.0]])]


@pytest.mark.parametrize(
    ("regularizer", "expected"),
    [
        (SpikeRegularizer(0.1, "sum"), 0.1 * (10 + 5)),
        (SpikeRegularizer(0.1, "mean"), 0.1 * (2.5 + 2.5)),
        (SpikeRegularizer(0.0, "sum", 0.01), 0.01 * ((16 + 36) / 2 + 25)),
        (SpikeRegularizer(0.1, "sum", 0.01), 1.5 + 0.51),
        (SpikeRegularizer(), 0.0),
    ],
)
def test_regularizer_by_hand(regularizer: SpikeRegularizer, expected: float) -> None:
    assert regularizer(COUNTS).item() == pytest.approx(expected)


def test_regularizer_has_a_gradient() -> None:
    counts = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    SpikeRegularizer(0.1, "sum", 0.5)([counts]).backward()
    # 0.1 + 0.5 * 2 * N_i / 2 neurons
    assert counts.grad.tolist() == [pytest.approx([0.1 + 2.0, 0.1 + 3.0])] * 2
