import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snn.errors import ConfigError
from snn.events.encoding import TTFS, LinearLatency, Rate, encode_delta, times_to_steps

PIXELS = np.arange(256) / 255


def first_steps(encoder, x, nb_steps):
    """The step of each value's only spike, None without one."""
    events = encoder(np.asarray(x)[None], nb_steps)
    assert len(set(events.unit)) == len(events.unit)
    steps = dict(zip(events.unit.tolist(), events.step.tolist(), strict=True))
    return [steps.get(i) for i in range(len(x))]


def test_ttfs_by_the_formula():
    expected = []
    for x in PIXELS:
        time = 20 * math.log(x / (x - 0.2)) if x > 0.2 else math.inf
        expected.append(int(time) if time < 100 else None)
    assert first_steps(TTFS(), PIXELS, 100) == expected
    assert expected[255] == 4  # 20 ln(1 / 0.8) = 4.46
    assert expected[51] is None  # exactly at the threshold
    assert expected[52] == 79  # 20 ln 52 = 79.02
    assert first_steps(TTFS(), PIXELS, 79)[52] is None


def test_linear_latency_by_the_formula():
    expected = [min(int((1 - x) / 0.98 * 40), 39) if x > 0.02 else None for x in PIXELS]
    assert first_steps(LinearLatency(), PIXELS, 50) == expected
    assert expected[255] == 0
    assert expected[6] == 39
    assert expected[5] is None


@pytest.mark.parametrize("encoder", [TTFS(), LinearLatency()])
@given(st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_larger_values_never_fire_later(encoder, values):
    values = sorted(values, reverse=True)
    steps = [1000 if step is None else step for step in first_steps(encoder, values, 60)]
    assert steps == sorted(steps)
    assert all(step < 60 or step == 1000 for step in steps)


def test_rate_fires_at_the_rate_and_ignores_how_samples_are_cut():
    x = np.tile([[0.0, 0.25, 1.0]], (40, 1))
    encoder = Rate(max_rate=0.4, seed=3)
    whole = encoder(x, 200)
    rates = np.bincount(whole.unit, minlength=3) / (40 * 200)
    assert rates == pytest.approx([0, 0.1, 0.4], abs=0.02)
    part = encoder(x[25:], 200, first_sample=25)
    late = whole.sample >= 25
    assert np.array_equal(part.sample + 25, whole.sample[late])
    assert np.array_equal(part.step, whole.step[late])
    assert not np.array_equal(Rate(max_rate=0.4, seed=4)(x, 200).step, whole.step)


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: TTFS(tau=0), "data.encoder.tau"),
        (lambda: TTFS(tau=math.nan), "data.encoder.tau"),
        (lambda: TTFS(threshold=1.0), "data.encoder.threshold"),
        (lambda: LinearLatency(threshold=-0.1), "data.encoder.threshold"),
        (lambda: LinearLatency(latency_steps=0), "data.encoder.latency_steps"),
        (lambda: Rate(max_rate=1.5), "data.encoder.max_rate"),
        (lambda: Rate(seed=-1), "data.encoder.seed"),
    ],
)
def test_impossible_parameters(make, key):
    with pytest.raises(ConfigError) as error:
        make()
    assert error.value.key == key


@given(
    st.lists(st.floats(-5, 5), min_size=2, max_size=30),
    st.sampled_from([0.25, 0.5, 1.0]),
)
def test_delta_follows_the_signal(signal, threshold):
    x = np.array(signal)[None, :, None]
    events = encode_delta(x, threshold)
    change = np.zeros(len(signal))
    np.add.at(change, events.step, np.where(events.unit == 0, threshold, -threshold))
    difference = x[0, :, 0] - x[0, 0, 0] - change.cumsum()
    assert (difference >= -1e-9).all()
    assert (difference <= threshold + 1e-9).all()


def test_delta_units_and_multiplicity():
    x = np.array([[[0.0, 0.0], [1.1, 0.0], [1.1, -0.4]]])
    events = encode_delta(x, 0.5)
    assert list(zip(*(ids.tolist() for ids in events), strict=True)) == [
        (0, 1, 0),
        (0, 1, 0),
        (0, 2, 3),
    ]


@pytest.mark.parametrize("threshold", [0.0, -1.0, math.nan])
def test_delta_refuses_a_threshold_that_is_not_positive(threshold):
    with pytest.raises(ValueError, match="must be positive"):
        encode_delta(np.zeros((1, 2, 1)), threshold)


def test_delta_refuses_signals_that_are_not_finite():
    with pytest.raises(ValueError, match="finite"):
        encode_delta(np.full((1, 2, 1), np.nan), 1.0)


@given(st.lists(st.floats(0, 3), max_size=30), st.integers(1, 200))
def test_bins_by_the_formula(times, nb_steps):
    expected = [min(math.floor(t / (1.4 / nb_steps)), nb_steps) for t in times]
    assert times_to_steps(times, 1.4, nb_steps).tolist() == expected


def test_bins_begin_at_zero_and_drop_the_end():
    assert times_to_steps([0.0, 0.0139, 0.0141, 1.39, 1.4, 9.0], 1.4, 100).tolist() == [
        *(0, 0, 1, 99, 100, 100)
    ]


def test_half_precision_is_widened_before_it_is_binned():
    times = np.array([0.3333], np.float16)
    assert times_to_steps(times, 0.8, 1000).tolist() == [math.floor(float(times[0]) / 0.0008)]


@pytest.mark.parametrize("time", [-1e-9, math.nan, math.inf])
def test_impossible_times(time):
    with pytest.raises(ValueError, match="finite and not negative"):
        times_to_steps([0.1, time], 1.4, 100)
