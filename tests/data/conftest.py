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
def real_places(real_data: Path, tmp_path: Path) -> dict[str, object]:
    """The same for the real data sets; skips where there are none."""
    return {"root": str(real_data), "cache": str(tmp_path / "cache"), "download": False}
