"""Fixtures of the summary's tests."""

import pytest


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of everything else: drawing takes most of the time."""
    monkeypatch.setattr("snn.analysis.sections.draw_all", lambda *_: iter(()))
