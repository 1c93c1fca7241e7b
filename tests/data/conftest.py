import os
from pathlib import Path

import pytest


@pytest.fixture
def places(tmp_path: Path) -> dict[str, object]:
    """Constructor arguments of a data module that stays inside the test's folder."""
    root = tmp_path / "root"
    root.mkdir()
    return {"root": str(root), "cache": str(tmp_path / "cache"), "download": False}


@pytest.fixture
def root(places: dict[str, object]) -> Path:
    return Path(str(places["root"]))


@pytest.fixture
def real_places(tmp_path: Path) -> dict[str, object]:
    """The same for the real data sets; skips where SNN_DATA names none."""
    if not os.environ.get("SNN_DATA"):
        pytest.skip("set SNN_DATA to the folder of the real data sets")
    return {"root": os.environ["SNN_DATA"], "cache": str(tmp_path / "cache"), "download": False}
