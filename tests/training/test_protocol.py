"""What may be read when: the test part, the validation part, the splits; and what is counted."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from snn.config.assembly import build
from snn.data.base import Split
from snn.network.synops import synaptic_operations
from snn.runs import config_hash, read_json
from snn.training.evaluation import input_spikes, measure
from tests.commands import SMALL, config_of, run, same_weights, timeless
from tests.data.files import write_shd, write_tbl

HIDDEN = "metrics.final.{}.hidden{}/spikes_per_sample"


def forbid(monkeypatch: pytest.MonkeyPatch, forbidden: list[Split]) -> None:
    """Let every reading of a sample of a split be an error."""
    take = Split.__getitem__

    def guarded(split: Split, index: torch.Tensor):
        assert not any(split is f for f in forbidden), "the test part was read"
        return take(split, index)

    monkeypatch.setattr(Split, "__getitem__", guarded)


def test_a_search_never_reads_the_test_part(tmp_path: Path, monkeypatch, finished: Path) -> None:
    forbidden: list[Split] = []
    forbid(monkeypatch, forbidden)
    setup = "snn.data.base.SpikeDataModule.setup"
    original = build.__globals__["SpikeDataModule"].setup

    def noting(data, stage=None) -> None:
        original(data, stage)
        forbidden.append(data.test)

    monkeypatch.setattr(setup, noting)
    result = run(tmp_path, *SMALL, "test=false")
    assert forbidden
    assert not [key for key in result if ".test" in key]
    # All else is what it would have been.
    with_test = timeless(read_json(finished / "result.json"))
    same = {k: v for k, v in with_test.items() if k.startswith("metrics.") and ".test." not in k}
    assert {k: result[k] for k in same} == same
    assert same_weights(tmp_path, finished)


def test_the_guard_of_the_test_part_works(tmp_path: Path, monkeypatch) -> None:
    parts = build(config_of(*SMALL), tmp_path, progress="none", resume=False)
    forbid(monkeypatch, [parts.datamodule.test])
    with pytest.raises(AssertionError, match="the test part was read"):
        measure(parts.trainer, parts.module, parts.datamodule)


def test_a_finished_run_is_measured_later_without_training(tmp_path: Path, finished: Path) -> None:
    before = run(tmp_path, *SMALL, "test=false")
    after = run(tmp_path, *SMALL, "test=true", "ckpt_path=last")
    expected = read_json(finished / "result.json")
    for key in expected:
        if key.startswith("metrics."):
            assert after[key] == expected[key], key
    assert after["epochs"] == before["epochs"] == 3
    assert after["epoch_seconds"] == before["epoch_seconds"]
    assert after["config_hash"] == before["config_hash"]


def test_an_unheard_speaker_is_test_too(tmp_path: Path) -> None:
    write_shd(tmp_path / "root")
    places = [f"data.root={tmp_path / 'root'}", f"data.cache={tmp_path / 'cache'}"]
    shd = ["data=shd", "data.nb_steps=30", "trainer.max_epochs=1", *places]
    plain = run(tmp_path / "plain", *shd)
    assert "metrics.final.test_unheard.accuracy" in plain
    result = run(tmp_path / "run", *shd, "test=false")
    assert not [key for key in result if key.startswith("metrics.") and ".test" in key]


def test_training_on_everything_after_the_choice(tmp_path: Path) -> None:
    result = run(tmp_path, *SMALL, "data.val_fraction=0", "test=false")
    assert result["data.train_samples"] == 240
    accuracies = {k for k in result if k.endswith(".accuracy") and result[k] is not None}
    assert accuracies == {"metrics.final.train.accuracy"}


def test_repeated_splits_are_stratified_and_different(tmp_path: Path) -> None:
    write_tbl(tmp_path)
    tests = []
    for split_seed in range(3):
        config = config_of(
            *("data=tbl", f"data.split_seed={split_seed}"),
            *(f"data.root={tmp_path}", f"data.cache={tmp_path / 'cache'}"),
        )
        data = build(config, tmp_path, progress="none", resume=False).datamodule
        counts = torch.bincount(data.test.labels)
        assert counts.max() - counts[counts > 0].min() <= 1
        everything = torch.cat([data.train.index, data.val.index, data.test.index])
        assert everything.sort().values.tolist() == list(range(len(everything)))
        tests.append(set(data.test.index.tolist()))
    assert len({frozenset(t) for t in tests}) == 3
    hashes = {config_hash(config_of("data=tbl", f"data.split_seed={s}")) for s in range(3)}
    assert len(hashes) == 3


def by_hand(x: torch.Tensor, network) -> float:
    """Synaptic operations from the spikes themselves, synapse by synapse."""
    trace = network.trace(x)
    total, arriving = 0.0, trace.input
    for layer, spikes in zip(network.hidden, trace.spikes, strict=True):
        total += arriving.sum() * layer.weight.shape[1]
        if layer.recurrent_weight is not None:
            total += spikes.sum() * layer.recurrent_weight.shape[1]
        arriving = spikes
    total += arriving.sum() * network.readout.weight.shape[1]
    return total.item() / len(trace.input)


@pytest.mark.parametrize("overrides", [(), ("model.nb_hidden=[12,7]", "model.recurrent=false")])
def test_synaptic_operations_by_hand(tmp_path: Path, overrides: tuple[str, ...]) -> None:
    parts = build(
        config_of(*SMALL, *overrides, "model.weight_scale=2"),
        tmp_path,
        progress="none",
        resume=False,
    )
    metrics, network = measure(parts.trainer, parts.module, parts.datamodule), parts.module.network
    data = parts.datamodule
    with torch.no_grad():
        for split in ("train", "val", "test"):
            samples = data.split(split)
            expected = by_hand(samples[torch.arange(len(samples))][0], network.eval())
            assert metrics[f"{split}/hidden0/spikes_per_sample"] > 0
            assert metrics[f"{split}/synops_per_sample"] == pytest.approx(expected)


def test_synaptic_operations_of_analog_data_begin_behind_the_encoder(tmp_path: Path) -> None:
    write_tbl(tmp_path)
    places = (f"data.root={tmp_path}", f"data.cache={tmp_path / 'cache'}")
    parts = build(
        config_of("data=tbl", "model.nb_hidden=9", "data.batch_size=7", *places),
        tmp_path,
        progress="none",
        resume=False,
    )
    network, test = parts.module.network, parts.datamodule.test
    with torch.no_grad():
        trace = network.trace(test[torch.arange(len(test))][0])
    expected = trace.input.sum().item() / len(test)
    assert expected > 0
    assert input_spikes(network, parts.datamodule, "test") == pytest.approx(expected)
    classes = parts.datamodule.nb_classes
    assert synaptic_operations(network, 10.0, [3.0]) == 10 * 9 + 3 * (9 + classes)


def test_the_result_has_them_for_both_weights(finished: Path) -> None:
    result = read_json(finished / "result.json")
    for which in ("final", "best"):
        value = result[f"metrics.{which}.test.synops_per_sample"]
        spikes = result[f"metrics.{which}.test.hidden0/spikes_per_sample"]
        arriving = result["data.test_events_per_sample"]
        assert value == pytest.approx(arriving * 24 + spikes * (24 + 4))


def test_a_layer_that_never_spikes_is_said_once(tmp_path: Path, caplog) -> None:
    """Two layers, of which weights that suit the input leave the second without spikes."""
    with caplog.at_level("WARNING", "snn.training.module"):
        run(tmp_path / "silent", *SMALL, "model.nb_hidden=[24,8]", "model.weight_scale=1e-3")
    said = [
        record.getMessage() for record in caplog.records if "no neuron spiked" in record.message
    ]
    assert [text.split(":")[0] for text in said] == ["hidden0", "hidden1"]
    assert "in epoch 1" in said[0]
    assert "larger model.weight_scale" in said[0]
    caplog.clear()
    with caplog.at_level("WARNING", "snn.training.module"):
        run(tmp_path / "spiking", *SMALL)
    assert "no neuron spiked" not in caplog.text
