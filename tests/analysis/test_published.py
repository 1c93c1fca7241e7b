"""The records behind the results: whole, and known again by the command that they came from."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from snn.analysis.records import read_records
from snn.config.identity import config_hash
from snn.files import read_json
from tests.commands import ROOT

PACKED = sorted((ROOT / "docs" / "results" / "records").glob("*.tar.xz"))


@pytest.mark.parametrize("file", PACKED, ids=lambda file: file.name)
def test_published_records_are_read_and_known_again(file: Path, tmp_path: Path) -> None:
    with tarfile.open(file) as packed:
        packed.extractall(tmp_path, filter="data")
    [sweep] = [path for path in tmp_path.iterdir() if path.is_dir()]
    assert sweep.name == file.name.removesuffix(".tar.xz")
    records = read_records(sweep)
    assert not records.damaged
    assert records.runs
    for run in records.runs:
        assert run.state == "completed", run.name
        config = read_json(run.path / "config.json")
        assert run.path.name.endswith(config_hash(config)[:12])
        assert run.result["config_hash"] == config_hash(config)


def test_there_are_published_records() -> None:
    assert PACKED
