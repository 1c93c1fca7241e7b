"""Changes to training samples: to which samples, in which order, and what may come of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from snn.config.assembly import build
from snn.config.groups import datamodule_of
from snn.data import Randman
from snn.data import augmented as module
from snn.data.augment import (
    Augmentation,
    EventDropout,
    Size,
    TimeJitter,
    TimeShift,
    UnitDropout,
    UnitShift,
)
from snn.data.augmented import augmented
from snn.errors import ConfigError, SnnError
from snn.events import EventBatch, EventStore
from snn.events.encoding import Events
from tests.commands import SMALL, config_of
from tests.data.files import write_shd
from tests.data.test_augment import STEPS, UNITS, batch, one_spike, rng


@dataclass(frozen=True)
class Scatter(Augmentation):
    """Whole numbers of another dtype, some of them outside of the batch."""

    name = "scatter"
    dtype: str = "int64"
    reach: int = 100

    def events(self, events: Events, size: Size, rng: np.random.Generator) -> Events:
        assert {ids.dtype for ids in events} == {np.dtype(np.int32)}
        low = 0 if self.dtype.startswith("u") else -self.reach
        step, unit = (rng.integers(low, self.reach, len(ids)) for ids in events[1:])
        return Events(*(ids.astype(self.dtype) for ids in (events.sample, step, unit)))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint32", "int32", "int64", "uint64"])
def test_an_own_augmentation_may_return_any_integers(dtype: str) -> None:
    x = batch(20)
    y = augmented(x, [Scatter(dtype), TimeShift(0), UnitShift(0), Scatter("int64", 60)], rng())
    chance = rng()
    drawn = augmented(x, [Scatter(dtype)], chance)
    signed = not dtype.startswith("u")
    expected = 1000 * (STEPS / 100) * (UNITS / 100) / (4 if signed else 1)
    assert drawn.store.nb_events == pytest.approx(expected, abs=4 * expected**0.5)
    assert y.store.counts().max() > 0
    for z in (y, drawn):
        again = EventStore.from_events(
            *z.store.coordinates(), nb_samples=50, nb_steps=STEPS, nb_units=UNITS
        )
        assert torch.equal(again.units, z.store.units)


def test_negative_small_integers_are_not_taken_for_large_ones() -> None:
    x = EventBatch(batch(20).store.with_units(300), torch.arange(50))
    units = augmented(x, [Scatter("int8", 120)], rng()).store.units
    assert units.numel()
    assert units.max() < 120


def test_events_between_the_integers_are_refused() -> None:
    with pytest.raises(TypeError, match="float64: must be integers"):
        augmented(batch(), [Scatter("float64")], rng())


def test_large_batches_go_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_EVENTS_AT_ONCE", 1000)
    x = batch(200, 50)
    assert torch.equal(augmented(x, [TimeJitter(0.0)], rng()).to_dense(), x.to_dense())
    dense = augmented(one_spike(3, 4), [EventDropout(p=0.5)], rng()).to_dense()[:, 3, 4]
    assert not torch.equal(dense[:1000], dense[1000:])  # no piece repeats another's chance


def data_module(*augmentations: Augmentation, seed: int = 3) -> Randman:
    data = Randman(nb_classes=3, nb_units=6, nb_train=40, nb_test=5, nb_steps=10, seed=seed)
    data.augmentations = augmentations
    data.setup()
    return data


def shown(data: Randman, epoch: int) -> torch.Tensor:
    """All training samples of an epoch as they are shown, in the order of the data set."""
    loader = data.train_dataloader()
    loader.sampler.set_epoch(epoch)
    plain = Randman.train_dataloader(data_module(seed=data.seed))
    plain.sampler.set_epoch(epoch)
    order = torch.cat([x.index for x, _ in plain])
    return torch.cat([x.to_dense() for x, _ in loader])[order.argsort()]


def test_training_samples_change_with_seed_and_epoch_and_others_never() -> None:
    data = data_module(TimeJitter(2.0))
    torch.manual_seed(1)
    first = shown(data, 4)
    torch.manual_seed(2)
    assert torch.equal(shown(data_module(TimeJitter(2.0)), 4), first)
    assert not torch.equal(shown(data, 5), first)
    assert not torch.equal(shown(data_module(TimeJitter(2.0), seed=4), 4), first)
    for loader in (*data.val_dataloader(), data.test_dataloader()):
        for x, _ in loader:
            assert any(x.store is s.inputs for s in (data.train, data.test))


def test_labels_stay_with_their_samples() -> None:
    data, plain = data_module(UnitDropout(0.0)), data_module()
    for (x, labels), (y, others) in zip(
        data.train_dataloader(), plain.train_dataloader(), strict=True
    ):
        assert torch.equal(labels, others)
        assert torch.equal(x.to_dense(), y.to_dense())


def test_the_order_in_the_configuration_says_nothing(tmp_path) -> None:
    made = [
        build(config_of(*SMALL, f"augment={names}"), tmp_path, progress="none", resume=False)
        for names in ("[time_jitter,event_dropout]", "[event_dropout,time_jitter]")
    ]
    for parts in made:
        kinds = [type(a) for a in parts.datamodule.augmentations]
        assert kinds == [EventDropout, TimeJitter]


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["data=tbl", "augment=unit_shift"], "changes spikes, and these data are analog"),
        (["augment=signal_noise"], "changes analog signals, and these data are spikes"),
        (["+augment.x._target_=snn.events.encoding.TTFS"], "must be an Augmentation"),
        (
            ["data=fashion_mnist", "augment=unit_shift", "augment.unit_shift.shape=[28,27]"],
            r"augment\.unit_shift\.shape=\[28, 27\]: must be extents of 784 units",
        ),
        (
            ["data.nb_units=30", "augment=unit_shift", "augment.unit_shift.shape=[28,28]"],
            r"augment\.unit_shift\.shape=\[28, 28\]: must be extents of 30 units",
        ),
        (
            ["augment=unit_flip", "augment.unit_flip.axis=1"],
            r"augment\.unit_flip\.axis=1: must be -1 to 0, of 1 extents",
        ),
        (
            ["data=fashion_mnist", "augment=unit_flip", "augment.unit_flip.axis=2"],
            r"augment\.unit_flip\.axis=2: must be -2 to 1, of 2 extents",
        ),
    ],
)
def test_what_does_not_fit_the_data_is_refused_before_they_are_loaded(overrides, says) -> None:
    with pytest.raises(SnnError, match=says):
        datamodule_of(config_of(*overrides))


def test_a_grid_is_checked_when_the_data_tell_their_units(tmp_path) -> None:
    write_shd(tmp_path)
    data = [f"data.root={tmp_path}", f"data.cache={tmp_path / 'cache'}", "data.download=false"]
    shape = ["augment=unit_shift", "augment.unit_shift.shape=[7,99]"]
    plan = datamodule_of(config_of("data=shd", *data, *shape))  # nobody knows the units yet
    with pytest.raises(ConfigError, match=r"augment\.unit_shift\.shape=\[7, 99\].*units in all"):
        plan.setup()


@pytest.mark.parametrize("name", ["unit_shift", "unit_flip"])
def test_images_are_changed_as_images(name: str) -> None:
    (on_images,) = datamodule_of(config_of("data=fashion_mnist", f"augment={name}")).augmentations
    (on_a_line,) = datamodule_of(config_of(f"augment={name}")).augmentations
    given = f"augment.{name}.shape=[4,196]"
    (as_told,) = datamodule_of(
        config_of("data=fashion_mnist", f"augment={name}", given)
    ).augmentations
    assert [on_images.shape, on_a_line.shape, as_told.shape] == [[28, 28], None, [4, 196]]


def test_a_grid_that_fits_is_accepted() -> None:
    shape = ["augment=unit_shift", "augment.unit_shift.shape=[5,8]"]
    datamodule_of(config_of(*shape)).setup()
