"""Changes to training samples: what they do and by whose chance."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from snn.data import augment
from snn.data.augment import (
    Augmentation,
    EventDropout,
    SignalGain,
    SignalNoise,
    TimeJitter,
    TimeShift,
    TimeStretch,
    UnitDropout,
    UnitFlip,
    UnitJitter,
    UnitShift,
)
from snn.data.augmented import augmented
from snn.errors import ConfigError
from snn.events import EventBatch, EventStore

ALL = [
    member
    for _, member in inspect.getmembers(augment, inspect.isclass)
    if issubclass(member, Augmentation) and member is not Augmentation
]
OF_EVENTS = [kind for kind in ALL if kind.works_on(analog=False)]
OF_SIGNALS = [kind for kind in ALL if kind.works_on(analog=True)]
STEPS, UNITS = 40, 30


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def batch(per_sample: int = 200, samples: int = 50, seed: int = 1) -> EventBatch:
    """Random events of the later half of a store, in reverse order."""
    chance = rng(seed)
    count = 2 * samples * per_sample
    store = EventStore.from_events(
        *(chance.integers(0, size, count) for size in (2 * samples, STEPS, UNITS)),
        nb_samples=2 * samples,
        nb_steps=STEPS,
        nb_units=UNITS,
    )
    return EventBatch(store, torch.arange(2 * samples - 1, samples - 1, -1))


def one_spike(step: int, unit: int, samples: int = 2000) -> EventBatch:
    """The same single event in every sample."""
    ones = np.ones(samples, np.int64)
    store = EventStore.from_events(
        np.arange(samples),
        step * ones,
        unit * ones,
        nb_samples=samples,
        nb_steps=STEPS,
        nb_units=UNITS,
    )
    return EventBatch(store, torch.arange(samples))


def places(x: EventBatch) -> tuple[np.ndarray, np.ndarray]:
    """Step and unit of all events."""
    _, step, unit = x.gather().coordinates()
    return step, unit


def test_nothing_to_do_changes_nothing() -> None:
    x = batch()
    same = augmented(x, [], rng())
    assert torch.equal(same.to_dense(), x.to_dense())
    assert same.store.units.dtype == x.store.units.dtype
    for nothing in (
        EventDropout(p=0.0),
        UnitDropout(p=0.0),
        UnitJitter(sigma=0.0),
        UnitShift(max_shift=0),
        UnitFlip(p=0.0),
        TimeJitter(sigma=0.0),
        TimeShift(max_shift=0),
        TimeStretch(max_factor=1.0),
    ):
        assert torch.equal(augmented(x, [nothing], rng()).to_dense(), x.to_dense()), nothing


@pytest.mark.parametrize("kind", OF_EVENTS)
def test_the_generator_decides_and_the_data_stay(kind: type[Augmentation]) -> None:
    x = batch()
    before = x.store.indptr.clone(), x.store.units.clone()
    one, same, other = (augmented(x, [kind()], rng(seed)) for seed in (5, 5, 6))
    assert torch.equal(one.to_dense(), same.to_dense())
    assert not torch.equal(one.to_dense(), other.to_dense())
    assert not torch.equal(one.to_dense(), x.to_dense())
    assert torch.equal(x.store.indptr, before[0])
    assert torch.equal(x.store.units, before[1])


@settings(max_examples=60, deadline=None)
@given(
    kinds=st.lists(
        st.sampled_from(
            [
                EventDropout(0.5),
                UnitDropout(0.5),
                UnitJitter(20.0),
                UnitShift(40),
                UnitShift(7, [5, 6]),
                UnitFlip(0.5, [5, 6], 0),
                TimeJitter(30.0),
                TimeShift(60),
                TimeStretch(9.0),
            ]
        ),
        max_size=4,
    ),
    per_sample=st.sampled_from([0, 1, 40]),
    samples=st.integers(1, 9),
    seed=st.integers(0, 99),
)
def test_what_comes_out_is_a_store_without_more_events(kinds, per_sample, samples, seed) -> None:
    x = batch(per_sample, samples, seed)
    y = augmented(x, kinds, rng(seed))
    store = y.store
    assert (store.nb_samples, store.nb_steps, store.nb_units) == (samples, STEPS, UNITS)
    assert (store.counts() <= x.gather().counts()).all()
    if store.nb_events:
        assert 0 <= store.units.min() <= store.units.max() < UNITS
    again = EventStore.from_events(
        *store.coordinates(), nb_samples=samples, nb_steps=STEPS, nb_units=UNITS
    )
    assert torch.equal(again.units, store.units)  # ascending within each row
    assert torch.equal(again.indptr, store.indptr)


def test_event_dropout_keeps_the_share_of_each_event() -> None:
    x = one_spike(3, 4)
    dense = augmented(x, [EventDropout(p=0.2)], rng()).to_dense()
    assert dense.sum().item() == pytest.approx(0.8 * 2000, abs=4 * (2000 * 0.16) ** 0.5)
    assert dense[:, 3, 4].sum() == dense.sum()


def test_unit_dropout_takes_all_events_of_a_unit() -> None:
    x = batch(2000)
    kept = augmented(x, [UnitDropout(p=0.3)], rng()).to_dense().sum(1)
    before = x.to_dense().sum(1)
    assert ((kept == 0) | (kept == before)).all()
    assert (kept > 0).double().mean().item() == pytest.approx(0.7, abs=0.05)


@pytest.mark.parametrize(("kind", "axis"), [(TimeJitter, 0), (UnitJitter, 1)])
def test_jitter_is_normal_and_drops_what_leaves(kind: type[Augmentation], axis: int) -> None:
    moved = places(augmented(one_spike(15, 15), [kind(sigma=2.0)], rng()))
    assert moved[axis].mean() == pytest.approx(15, abs=0.2)
    assert moved[axis].std() == pytest.approx(2.0, abs=0.15)
    assert (moved[1 - axis] == 15).all()
    at_the_edge = augmented(one_spike(0, 0), [kind(sigma=2.0)], rng())
    # what rounds to 0 or above: a normal number above -1/4 deviations
    assert at_the_edge.store.nb_events / 2000 == pytest.approx(0.599, abs=0.05)


def test_unit_shift_moves_all_units_of_a_sample_alike() -> None:
    x = batch()
    dense, moved = x.to_dense(), augmented(x, [UnitShift(max_shift=3)], rng()).to_dense()
    shifts = set()
    for before, after in zip(dense, moved, strict=True):
        matching = [
            s
            for s in range(-3, 4)
            if torch.equal(after, torch.nn.functional.pad(before, (3, 3))[:, 3 - s : UNITS + 3 - s])
        ]
        assert len(matching) == 1
        shifts.add(matching[0])
    assert shifts == set(range(-3, 4))


def test_a_shift_on_a_grid_never_wraps_around_a_row() -> None:
    x = batch()
    images = x.to_dense().view(-1, STEPS, 5, 6)
    moved = augmented(x, [UnitShift(max_shift=1, shape=[5, 6])], rng())
    moved = moved.to_dense().view(-1, STEPS, 5, 6)
    padded = torch.nn.functional.pad(images, (1, 1, 1, 1))
    shifts = set()
    for before, after in zip(padded, moved, strict=True):
        matching = [
            (down, right)
            for down in (-1, 0, 1)
            for right in (-1, 0, 1)
            if torch.equal(after, before[:, 1 - down : 6 - down, 1 - right : 7 - right])
        ]
        assert len(matching) == 1
        shifts.add(matching[0])
    assert len(shifts) == 9


@pytest.mark.parametrize(("shape", "axis"), [([5, 6], -1), ([5, 6], 0), ([5, 3, 2], 1), (None, 0)])
def test_a_flip_mirrors_one_side_of_half_of_the_samples(shape: list[int] | None, axis: int) -> None:
    x, grid = batch(), shape or [UNITS]
    images = x.to_dense().view(-1, STEPS, *grid)
    flip = UnitFlip(shape=shape, axis=axis)
    changed = augmented(x, [flip], rng()).to_dense().view(images.shape)
    side = 1 + axis if axis >= 0 else axis  # behind the steps of a sample
    mirrored = 0
    for before, after in zip(images, changed, strict=True):
        is_mirrored = torch.equal(after, before.flip(side))
        assert is_mirrored != torch.equal(after, before)
        mirrored += is_mirrored
    assert 0.2 < mirrored / len(images) < 0.8
    always = UnitFlip(1.0, shape, axis)
    assert torch.equal(augmented(x, [always, always], rng()).to_dense(), x.to_dense())


def test_a_grid_of_another_size_is_refused() -> None:
    for kind, name in ((UnitShift, "shift"), (UnitFlip, "flip")):
        with pytest.raises(ConfigError, match=rf"augment\.unit_{name}\.shape=\[4, 4\].*30 units"):
            augmented(batch(), [kind(shape=[4, 4])], rng())


def test_time_shift_moves_whole_samples() -> None:
    x = batch(5)
    before, after = x.gather(), augmented(x, [TimeShift(max_shift=4)], rng()).store
    for i in range(before.nb_samples):
        dense, moved = (s.take(torch.tensor([i])).to_dense()[0] for s in (before, after))
        padded = torch.nn.functional.pad(dense, (0, 0, 4, 4))
        assert any(torch.equal(moved, padded[4 - s : STEPS + 4 - s]) for s in range(-4, 5))


def test_time_stretch_multiplies_times() -> None:
    step, unit = places(augmented(one_spike(20, 7), [TimeStretch(max_factor=1.5)], rng()))
    assert (unit == 7).all()
    assert (step.min(), step.max()) == (13, 30)  # 20.5 / 1.5 and 20.5 * 1.5
    assert np.median(step) == pytest.approx(20, abs=1)


def signals(samples: int = 400) -> torch.Tensor:
    return torch.from_numpy(rng(3).standard_normal((samples, STEPS, 4), np.float32))


@pytest.mark.parametrize("kind", OF_SIGNALS)
def test_signals_keep_shape_and_type_and_are_not_touched(kind: type[Augmentation]) -> None:
    x = signals()
    before = x.clone()
    one, same, other = (augmented(x, [kind()], rng(seed)) for seed in (5, 5, 6))
    assert (one.shape, one.dtype) == (x.shape, torch.float32)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(x, before)


def test_signals_by_their_definitions() -> None:
    x = signals()
    noise = augmented(x, [SignalNoise(sigma=0.5)], rng()) - x
    assert noise.std().item() == pytest.approx(0.5, abs=0.02)
    gain = augmented(x, [SignalGain(sigma=0.3)], rng()) / x
    assert gain.std(1).max() < 1e-3  # the same at all steps
    assert gain[:, 0].log().std().item() == pytest.approx(0.3, abs=0.03)
    channels = (augmented(x, [UnitDropout(p=0.25)], rng()) == 0).all(1)
    assert channels.double().mean().item() == pytest.approx(0.25, abs=0.06)

    ramp = torch.arange(STEPS, dtype=torch.float32)[None, :, None].expand(300, -1, 2).contiguous()
    shifted = augmented(ramp, [TimeShift(max_shift=3)], rng())
    shifts = {int(20 - sample[20, 0]) for sample in shifted}
    assert shifts == set(range(-3, 4))
    assert (shifted >= 0).all()
    assert (shifted <= STEPS - 1).all()
    stretched = augmented(ramp, [TimeStretch(max_factor=1.25)], rng())[:, :, 0]
    factors = 10 / stretched[:, 10]  # a ramp tells the time that was read
    assert factors.min() >= 0.8 - 1e-4
    assert factors.max() <= 1.25 + 1e-4
    expected = (ramp[:, :, 0] / factors[:, None]).clamp(max=STEPS - 1)
    assert torch.allclose(stretched, expected, atol=1e-3)


@pytest.mark.parametrize("kind", ALL)
def test_a_wrong_kind_of_input_has_no_method(kind: type[Augmentation]) -> None:
    assert kind.works_on(True) or kind.works_on(False)
    if not kind.works_on(analog=True):
        with pytest.raises(NotImplementedError):
            augmented(signals(2), [kind()], rng())


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: EventDropout(p=1.0), r"augment\.event_dropout\.p=1\.0"),
        (lambda: UnitDropout(p=-0.1), r"augment\.unit_dropout\.p"),
        (lambda: UnitJitter(sigma=-1), r"augment\.unit_jitter\.sigma"),
        (lambda: UnitShift(max_shift=-1), r"augment\.unit_shift\.max_shift"),
        (lambda: UnitFlip(p=1.5), r"augment\.unit_flip\.p"),
        (lambda: UnitFlip(shape=[28, 28], axis=-3), r"axis=-3: must be -2 to 1, of 2 extents"),
        (lambda: TimeJitter(sigma=float("inf")), r"augment\.time_jitter\.sigma"),
        (lambda: TimeShift(max_shift=-2), r"augment\.time_shift\.max_shift"),
        (lambda: TimeStretch(max_factor=0.5), r"augment\.time_stretch\.max_factor"),
        (lambda: SignalNoise(sigma=-1), r"augment\.signal_noise\.sigma"),
        (lambda: SignalGain(sigma=-1), r"augment\.signal_gain\.sigma"),
    ],
)
def test_impossible_parameters(make, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        make()
