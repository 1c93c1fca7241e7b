import inspect
import typing
from dataclasses import replace

import numpy as np
import pytest
import torch
from pytorch_lightning import LightningModule, Trainer

from snn.data import SHD, TBL, FashionMNIST, Randman
from snn.data.base import BatchOrder, Source, Split
from snn.errors import ConfigError, DataError
from snn.events import EventBatch
from tests.data.files import write_fashion_mnist

SMALL = {"nb_classes": 3, "nb_units": 6, "nb_train": 20, "nb_test": 5, "nb_steps": 10}


@pytest.fixture
def data():
    data = Randman(**SMALL, batch_size=7, train_eval_samples=9, seed=5)
    data.prepare_data()
    data.setup()
    return data


def labels_of(loader):
    return torch.cat([labels for _, labels in loader])


def test_training_batches(data):
    loader = data.train_dataloader()
    batches = list(loader)
    assert len(batches) == len(loader) == 8
    assert [len(labels) for _, labels in batches] == [7] * 7 + [5]
    assert all(isinstance(batch, tuple) for batch in batches)
    assert all(isinstance(inputs, EventBatch) for inputs, _ in batches)
    assert all(inputs.store is data.train.inputs for inputs, _ in batches)
    rows = torch.cat([inputs.index for inputs, _ in batches])
    assert torch.equal(rows.sort().values, data.train.index)
    for inputs, labels in batches:  # every label goes with its own sample
        assert torch.equal(labels, inputs.index // 20)


def test_the_order_depends_on_seed_and_epoch_alone(data):
    def order(seed, epoch):
        sampler = BatchOrder(1000, 64, seed)
        sampler.set_epoch(epoch)
        return torch.cat(list(sampler))

    assert torch.equal(order(1, 3), order(1, 3))
    orders = [order(*case) for case in ((1, 3), (1, 4), (2, 3), (3, 1))]
    assert len({tuple(o.tolist()) for o in orders}) == 4
    assert all(torch.equal(o.sort().values, torch.arange(1000)) for o in orders)
    torch.manual_seed(0)
    first = labels_of(data.train_dataloader())
    torch.manual_seed(1)
    assert torch.equal(labels_of(data.train_dataloader()), first)


def test_evaluation_order_is_fixed_and_its_training_part_stratified(data):
    assert data.val_splits == ("val", "train")
    assert data.test_splits == ("train", "val", "test")
    val, train = data.val_dataloader()
    assert torch.equal(labels_of(val), data.val.labels)
    assert torch.bincount(labels_of(train)).tolist() == [3, 3, 3]
    assert torch.equal(labels_of(data.val_dataloader()[1]), labels_of(train))
    loaders = data.eval_dataloaders()
    sizes = [len(labels_of(loaders[split])) for split in data.test_splits]
    assert sizes == [54, 6, 15]
    assert torch.equal(labels_of(data.test_dataloader()), data.test.labels)
    assert list(data.eval_dataloaders(None)) == ["val", "train", "test"]


def test_without_validation():
    data = Randman(**SMALL, val_fraction=0.0, train_eval_samples=None)
    data.setup()
    assert data.val is None
    assert (data.val_splits, data.test_splits) == (("train",), ("train", "test"))
    assert list(data.eval_dataloaders()) == ["train", "test"]
    assert [len(labels_of(loader)) for loader in data.val_dataloader()] == [60]


def test_splits_do_not_follow_the_training_seed():
    splits = []
    for values in ({"seed": 0}, {"seed": 1}, {"split_seed": 1}):
        data = Randman(**SMALL, **values)
        data.setup()
        splits.append(data.val.index)
    assert torch.equal(splits[0], splits[1])
    assert not torch.equal(splits[0], splits[2])


def test_setup_twice_changes_nothing(data):
    before = (data.train, data.val, data.test)
    data.prepare_data()
    data.setup("test")
    assert (data.train, data.val, data.test) == before


class Recorder(LightningModule):
    """Records in which order samples come."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.epochs: list[list[int]] = []

    def on_train_epoch_start(self):
        self.epochs.append([])

    def training_step(self, batch, _):
        self.epochs[-1] += batch[0].index.tolist()
        return self.weight.sum()

    def validation_step(self, batch, _, dataloader_idx=0):
        assert isinstance(batch[0], EventBatch)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(tmp_path, nb_epochs, ckpt_path=None):
    data = Randman(**SMALL, batch_size=7, seed=2)
    module = Recorder()
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=nb_epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(module, data, ckpt_path=ckpt_path, **({"weights_only": False} if ckpt_path else {}))
    return module, trainer


def test_a_resumed_run_sees_the_same_order(tmp_path):
    undisturbed, _ = fit(tmp_path, 4)
    assert len({tuple(epoch) for epoch in undisturbed.epochs}) == 4
    first, trainer = fit(tmp_path, 2)
    trainer.save_checkpoint(tmp_path / "x.ckpt")
    resumed, _ = fit(tmp_path, 4, str(tmp_path / "x.ckpt"))
    assert first.epochs + resumed.epochs == undisturbed.epochs


@pytest.mark.parametrize("data_set", [Randman, FashionMNIST, SHD, TBL])
def test_constructors_are_documented_and_touch_no_file(data_set, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data_set()
    assert list(tmp_path.iterdir()) == []
    hints = typing.get_type_hints(data_set.__init__, include_extras=True)
    parameters = inspect.signature(data_set).parameters
    assert set(parameters) <= set(hints)
    own = set(parameters) - set(inspect.signature(data_set.__mro__[1]).parameters)
    for name in own:
        assert f"{name}:" in data_set.__doc__, name


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("nb_steps", 0),
        ("batch_size", 0),
        ("val_fraction", 1.0),
        ("val_fraction", -0.1),
        ("train_eval_samples", 0),
    ],
)
def test_impossible_values(key, value):
    with pytest.raises(ConfigError) as error:
        Randman(**{key: value})
    assert (error.value.key, error.value.value) == (f"data.{key}", value)


def test_randman_is_one_spike_per_unit_from_its_seed_alone():
    stores = []
    for values in ({}, {"seed": 9, "split_seed": 9}, {"data_seed": 1}):
        data = Randman(**SMALL, **values)
        data.setup()
        stores.append(data.test.inputs)
        dense = data.test.inputs.to_dense()
        assert torch.equal(dense.sum(1), torch.ones(15, 6))
    assert torch.equal(stores[0].units, stores[1].units)
    assert torch.equal(stores[0].indptr, stores[1].indptr)
    assert not torch.equal(stores[0].units, stores[2].units)


def test_randman_manifolds_are_smooth_and_distinct():
    """Neighbours have like spike times; a nearest-neighbour classifier does well, not perfectly."""
    data = Randman()
    data.setup()

    def times(split, n):
        dense = split[torch.arange(len(split))[:: len(split) // n]][0].to_dense()
        return (dense * torch.arange(50)[:, None]).sum(1)

    train, test = times(data.train, 3600), times(data.test, 500)
    labels = data.train.labels[:: len(data.train) // 3600]
    nearest = labels[torch.cdist(test, train).argmin(1)]
    accuracy = (nearest == data.test.labels[:: len(data.test) // 500]).double().mean()
    assert accuracy > 0.6
    assert np.unique(train.numpy()).size == 50


def test_subsets_share_the_inputs(data):
    subset = data.train.subset(torch.tensor([4, 2]))
    assert subset.inputs is data.train.inputs
    assert torch.equal(subset.labels, data.train.labels[[4, 2]])
    assert torch.equal(subset[torch.tensor([1])][0].index, data.train.index[[2]])


def test_no_loader_copies_samples_one_by_one(places, root, monkeypatch):
    write_fashion_mnist(root, 60, 20)
    data = FashionMNIST(**places, batch_size=20)
    data.setup()
    asked = []
    take = type(data.test).__getitem__
    monkeypatch.setattr(
        type(data.test), "__getitem__", lambda s, i: asked.append(tuple(i.shape)) or take(s, i)
    )
    list(data.eval_dataloaders()["test"])
    assert asked == [(20,)]


class Labelled(Randman):
    """Generated samples with labels of one's own."""

    def __init__(self, part, labels):
        super().__init__(**SMALL)
        self.part, self.labels = part, labels

    def load(self):
        source = super().load()
        changed = Split.whole(getattr(source, self.part).inputs, self.labels)
        parts = {"train": source.train, "test": source.test} | {self.part: changed}
        return Source(parts["train"], parts["test"], source.class_names, source.facts)


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (
            lambda labels: labels.clone().index_fill_(0, torch.tensor([2]), 7),
            "sample 2 has label 7",
        ),
        (lambda labels: labels - 1, r"has label -1, expected 0\.\.2, as there are 3 class_names"),
        (lambda labels: labels.int(), "torch.int32: expected one int64 per sample"),
        (lambda labels: labels.double(), "torch.float64: expected one int64 per sample"),
        (lambda labels: labels[:, None], r"shape \[\d+, 1\]"),
    ],
)
def test_labels_are_checked_before_anything_is_trained(part, spoil, says):
    source = Randman(**SMALL).load()
    data = Labelled(part, spoil(getattr(source, part).labels))
    name = {"train": "training", "test": "test"}[part]
    with pytest.raises(DataError, match=f"Labelled, {name} part: .*{says}"):
        data.setup()


@pytest.mark.parametrize("spoil", [lambda labels: labels.repeat(2), lambda labels: labels[:-3]])
def test_there_is_a_label_for_each_sample(spoil):
    labels = Randman(**SMALL).load().train.labels
    with pytest.raises(DataError, match=r"\d+ labels for \d+ samples"):
        Labelled("train", spoil(labels)).setup()


class Promised(Randman):
    """Says something else of its samples than they are."""

    def __init__(self, **promised):
        super().__init__(**SMALL)
        self.promised = promised

    def load(self):
        source = self.promised.pop("source", super().load())
        if "nb_classes" in self.promised:
            return replace(source, class_names=source.class_names[:1])
        for name, value in self.promised.items():
            setattr(self, name, value)
        return source


@pytest.mark.parametrize(
    ("promised", "says"),
    [
        ({"nb_units": 5}, r"training part: samples of \d+ steps and \d+ units, but .* nb_units 5"),
        ({"nb_steps": 7}, "training part: samples of .* but nb_steps is 7"),
        ({"nb_units": None}, r"load\(\) did not set nb_units"),
        ({"nb_classes": 1}, "1 class: expected 2 or more"),
        ({"source": None}, r"load\(\) returned a NoneType: expected a Source"),
    ],
)
def test_samples_are_what_the_data_module_says(promised, says):
    with pytest.raises(DataError, match=f"Promised.*{says}"):
        Promised(**promised).setup()
