"""Run records: whole files and stable identity."""

from __future__ import annotations

import inspect
import math
import os
import re
import typing
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.utils import get_object

from snn.config.identity import NOT_TASK, NULL_MATTERS
from snn.errors import RunError
from snn.runs import (
    config_hash,
    differences,
    read_json,
    write_json,
)
from tests.commands import ROOT
from tests.runs.configs import CONFIG, changed


def test_files_are_valid_json_whatever_the_values(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(
        path,
        {"nan": math.nan, "inf": -math.inf, "np": np.float32(0.5), "t": torch.tensor(3), "p": path},
    )
    text = path.read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    assert read_json(path) == {"nan": None, "inf": None, "np": 0.5, "t": 3, "p": str(path)}
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=r"a\.json: cannot be written \(No space left"):
        write_json(path, {"a": 2})
    assert read_json(path) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", '{"a": 1', "\x00"])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "result.json"
    path.write_text(text)
    with pytest.raises(RunError, match=r"result\.json: cannot be read as JSON"):
        read_json(path)


@pytest.mark.parametrize("text", ["[]", "null", '"running"', "1"])
def test_a_record_is_an_object(tmp_path: Path, text: str) -> None:
    path = tmp_path / "status.json"
    path.write_text(text)
    with pytest.raises(RunError, match=r"status\.json: not a JSON object"):
        read_json(path)


def test_hash_ignores_where_and_sees_what() -> None:
    same = [
        changed(data__root="/b"),
        changed(threads=4),
        changed(trainer__accelerator="gpu"),
        changed(ckpt_path="last"),
    ]
    assert {config_hash(c) for c in same} == {config_hash(CONFIG)}
    others = [
        changed(seed=2),
        changed(data__nb_steps=101),
        changed(model__nb_hidden=[100]),
        changed(trainer__max_epochs=4),
    ]
    assert len({config_hash(c) for c in [CONFIG, *others]}) == 5


def test_an_option_that_is_off_is_no_part_of_the_task() -> None:
    off = [
        changed(model__new=None),
        changed(augment=None),
        changed(augment={}),
        changed(augment={"shift": {"shape": None}}),
        changed(test=False),
    ]
    assert {config_hash(c) for c in off} == {config_hash(CONFIG)}
    assert all(differences(CONFIG, c) == {} for c in off)
    on = [
        changed(model__new=0),
        changed(model__new=False),
        changed(model__new=[]),
        changed(augment={"shift": {"max_shift": 1}}),
    ]
    assert len({config_hash(c) for c in (CONFIG, *on)}) == 5


def test_wherever_null_is_not_the_default_it_is_hashed() -> None:
    """Else a key that is null and one that is absent would be one task with two results."""
    seen = set()
    for file in sorted((ROOT / "conf").rglob("*.yaml")):
        if file.relative_to(ROOT / "conf").parts[0] in NOT_TASK:
            continue
        for target in re.findall(r"_target_: (snn\.\S+)", file.read_text()):
            found = get_object(target)
            function = found.__init__ if inspect.isclass(found) else found
            hints = typing.get_type_hints(function)
            for name, parameter in inspect.signature(found).parameters.items():
                admits_null = type(None) in typing.get_args(hints.get(name))
                if admits_null and parameter.default is not None:
                    seen.add(f"{file.relative_to(ROOT / 'conf').parts[0]}.{name}")
    assert seen == NULL_MATTERS


def test_differences_name_the_keys() -> None:
    assert differences(CONFIG, changed(seed=2, data__root="/b")) == {"seed": (1, 2)}
