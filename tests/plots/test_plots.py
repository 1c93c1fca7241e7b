"""Figures of a network: they show what they are given, without a display."""

from __future__ import annotations

import importlib
import io
import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from matplotlib import pyplot
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from snn import plots
from snn.errors import InputError
from snn.network import SpikingNetwork
from snn.network.layers import LeakyReadout, RecurrentLIF
from snn.neurons import LOGIT_RULES, LIFDynamics, decision_step, logits, running_logits


def network(units: tuple[int, ...] = (9,), **options) -> SpikingNetwork:
    sizes = (6, *units)
    hidden = [
        RecurrentLIF(a, b, 0.8, 0.9, LIFDynamics(), weight_scale=3.0, **options)
        for a, b in zip(sizes, units, strict=False)
    ]
    return SpikingNetwork(hidden, LeakyReadout(units[-1], 3, 0.8, 0.9))


@pytest.fixture
def trace():
    x = torch.bernoulli(torch.full((5, 20, 6), 0.4))
    return network().trace(x)


def written(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def test_figures_of_a_trace(trace) -> None:
    assert trace.spikes[0].any()
    figures = [
        plots.raster(trace),
        plots.raster([trace.input, *trace.spikes], list("abcde"), 2.0),
        plots.potentials(trace, neurons=[0, 3], sample=1),
        plots.readout(trace, list("xyz"), [0, 1, 2, 0, 1], samples=[1, 4]),
        plots.readout(trace.output),
    ]
    for figure in figures:
        assert isinstance(figure, Figure)
        assert written(figure)
    assert not pyplot.get_fignums()


@pytest.mark.parametrize("wrong", [{"layer": 3}, {"neurons": [0, 99]}, {"sample": 7}], ids=str)
def test_what_the_trace_does_not_have_is_named(trace, wrong) -> None:
    with pytest.raises(InputError, match=f"{next(iter(wrong))}=.*: must be (one )?of 0\\.\\."):
        plots.potentials(trace, **wrong)


def test_potentials_show_the_threshold_and_each_spike(trace) -> None:
    neuron = int(trace.spikes[0][2].sum(0).argmax())
    figure = plots.potentials(trace, sample=2, neurons=[neuron], threshold=1.0, time_step=2.0)
    potential, threshold, fired, *_ = figure.axes[0].lines
    assert np.allclose(potential.get_ydata(), trace.potentials[0][2, :, neuron].detach())
    assert set(threshold.get_ydata()) == {1.0}
    steps = trace.spikes[0][2, :, neuron].nonzero()[:, 0]
    assert fired.get_xdata().tolist() == (2.0 * steps).tolist()
    current = figure.axes[1].lines[0].get_ydata()
    assert np.allclose(current, trace.currents[0][2, :, neuron].detach())


def test_figures_of_parameters() -> None:
    fixed, learned = network(), network((9, 7), learn_alpha="neuron")
    for figure in (plots.weights(fixed), plots.time_constants(fixed, 2.0)):
        assert written(figure)
    line = plots.time_constants(fixed, 2.0).axes[0].lines[0]
    assert line.get_xdata()[0] == pytest.approx(-2.0 / np.log(0.9))
    assert len(plots.time_constants(learned).axes) == 4


def test_confusion_matrix() -> None:
    figure = plots.confusion([[3, 1], [0, 4]], ["left", "right"], "title")
    assert [text.get_text() for text in figure.axes[0].texts] == ["3", "1", "4"]
    assert written(plots.confusion(np.eye(30, dtype=int), [str(i) for i in range(30)]))


@pytest.mark.parametrize("rule", LOGIT_RULES)
def test_running_logits_are_those_of_a_shorter_trace(rule: str) -> None:
    output = torch.randn(4, 11, 3, dtype=torch.float64)
    running = running_logits(output, rule)
    for t in (1, 5, 11):
        assert torch.allclose(running[:, t - 1], logits(output[:, :t], rule))


def test_the_moment_of_decision() -> None:
    answers = torch.tensor([[0, 1, 1], [1, 0, 1], [1, 1, 1]])
    running = torch.nn.functional.one_hot(answers, 2).float()
    assert decision_step(running).tolist() == [1, 2, 0]


def test_the_old_name_goes_on_to_work() -> None:
    with pytest.warns(DeprecationWarning, match=r"moved to snn\.plots"):
        old = importlib.import_module("snn.training.plots")
    assert old.raster is plots.raster


@pytest.mark.parametrize("high", [1e-3, 0.7, 2e4])
@pytest.mark.parametrize(
    ("names", "units", "samples"),
    [
        (["a", "b"], 3, 1),
        (["Wide name, long"] * 3, 900, 3),
        ([f"class {i}" for i in range(30)], 70, 2),
    ],
)
def test_nothing_lies_outside_of_figures_whose_margins_are_given(names, high, units, samples):
    spikes = torch.zeros(samples, 20, units)
    spikes[:, ::3, ::2] = 1.0
    output = high * torch.linspace(-1, 1, 21 * len(names)).reshape(1, 21, -1).repeat(samples, 1, 1)
    matrix = torch.arange(len(names) ** 2).reshape(len(names), -1).numpy()
    inside = SimpleNamespace(
        spikes=[spikes], potentials=[high * spikes - high / 2], currents=[-high * spikes]
    )
    figures = {
        "raster": plots.raster([spikes, spikes]),
        "potentials": plots.potentials(inside, threshold=high),
        "readout": plots.readout(output, [name[:6] for name in names], [0] * samples),
        "confusion": plots.confusion(matrix, names),
    }
    for kind, figure in figures.items():
        FigureCanvasAgg(figure).draw()
        whole, parts = figure.bbox, [ax.get_tightbbox() for ax in figure.axes]
        for part in parts:
            assert (part.min >= whole.min).all(), kind
            assert (part.max <= whole.max).all(), kind
        for one, other in itertools.combinations(parts, 2):
            shared = Bbox.intersection(one, other)
            assert shared is None or min(shared.width, shared.height) <= 1, kind
