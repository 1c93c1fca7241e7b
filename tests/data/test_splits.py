import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from snn.data.splits import choose_speakers, complement, stratified_pick, stratified_split
from snn.errors import ConfigError


@given(
    st.lists(st.integers(0, 4), min_size=2, max_size=80).map(torch.tensor),
    st.floats(0.05, 0.95),
    st.integers(0, 1000),
)
def test_stratified_picks_keep_the_shares(labels, fraction, seed):
    nb_picked = round(fraction * len(labels))
    picked = stratified_pick(labels, nb_picked, seed)
    assert len(picked) == nb_picked == len(picked.unique())
    assert torch.equal(picked, picked.sort().values)
    classes = torch.bincount(labels, minlength=5)
    share = classes * nb_picked / len(labels)
    assert ((torch.bincount(labels[picked], minlength=5) - share).abs() < 1 + 1e-9).all()
    rest = complement(picked, len(labels))
    assert torch.equal(torch.cat([picked, rest]).sort().values, torch.arange(len(labels)))


def test_the_seed_decides():
    labels = torch.arange(1000) % 10
    picks = [stratified_pick(labels, 100, seed) for seed in (1, 1, 2)]
    assert torch.equal(picks[0], picks[1])
    assert not torch.equal(picks[0], picks[2])


def test_no_validation():
    rest, picked = stratified_split(torch.zeros(5, dtype=torch.int64), 0.0, 1)
    assert (rest.tolist(), picked.tolist()) == ([0, 1, 2, 3, 4], [])


@pytest.mark.parametrize("fraction", [0.01, 0.99])
def test_a_share_that_leaves_one_side_empty(fraction):
    with pytest.raises(ConfigError, match=r"data\.val_fraction"):
        stratified_split(torch.zeros(5, dtype=torch.int64), fraction, 1)


def test_speakers_that_come_closest():
    speakers = torch.tensor([3] * 50 + [5] * 30 + [8] * 20 + [9] * 5)
    labels = torch.arange(105) % 2
    assert choose_speakers(speakers, labels, 0.24, 0) == [8, 9]
    assert choose_speakers(speakers, labels, 0.01, 0) == [9]
    assert choose_speakers(speakers, labels, 0.99, 0) == [3, 5, 8]


def test_no_class_is_lost_if_it_can_be_helped():
    speakers = torch.tensor([0] * 10 + [1] * 10 + [2] * 14)
    labels = torch.tensor([0, 1] * 5 + [2] * 10 + [0, 1] * 7)
    assert choose_speakers(speakers, labels, 0.3, 0) in ([0], [2])


def test_many_speakers():
    speakers = torch.arange(400) % 40
    chosen = choose_speakers(speakers, torch.arange(400) // 40, 0.25, 7)
    assert len(chosen) == 10
    assert chosen == choose_speakers(speakers, torch.arange(400) // 40, 0.25, 7)
    assert chosen != choose_speakers(speakers, torch.arange(400) // 40, 0.25, 8)


def test_one_speaker_alone():
    labels = torch.zeros(3, dtype=torch.int64)
    with pytest.raises(ConfigError, match="only one speaker"):
        choose_speakers(labels, labels, 0.3, 0)
