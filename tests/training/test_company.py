"""Runs that take turns in one process: each finds the process as if it were alone there."""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from snn.training import company
from snn.training.company import Company, meet

ROUNDS = 5


def drawn() -> tuple[float, ...]:
    """A number of each generator that belongs to the process."""
    return random.random(), np.random.random(), torch.rand(()).item()  # noqa: NPY002


def course(seed: int, want: Callable[[], Any] = lambda: None) -> list[tuple[float, ...]]:
    """What a run draws between its steps."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.manual_seed(seed)
    os.environ["PL_GLOBAL_SEED"] = str(seed)
    seen = []
    for _ in range(ROUNDS):
        seen.append(drawn())
        meet(want)
        assert os.environ["PL_GLOBAL_SEED"] == str(seed)
    return seen


def accompanied(
    works: Sequence[Callable[[], Any]], together: Callable = lambda wanted: [None] * len(wanted)
) -> list[Any]:
    """What works return that share the process."""
    results: list[Any] = [None] * len(works)

    def kept(i: int) -> Callable[[], None]:
        def work() -> None:
            results[i] = works[i]()

        return work

    Company([kept(i) for i in range(len(works))], together).run()
    return results


@pytest.fixture(autouse=True)
def _seed_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PL_GLOBAL_SEED", "99")


def test_each_draws_what_it_would_alone() -> None:
    alone = [course(seed) for seed in range(3)]
    os.environ["PL_GLOBAL_SEED"] = "99"
    np.random.seed(5)  # noqa: NPY002
    torch.manual_seed(5)
    before = drawn()
    np.random.seed(5)  # noqa: NPY002
    torch.manual_seed(5)
    assert accompanied([lambda seed=seed: course(seed) for seed in range(3)]) == alone
    assert drawn()[1:] == before[1:]  # the process itself goes on where it was
    assert os.environ["PL_GLOBAL_SEED"] == "99"


def test_what_a_step_drew_before_it_was_left_to_the_run_is_drawn_again() -> None:
    def work() -> tuple[list[float], float]:
        torch.manual_seed(3)
        wanted: list[float] = []
        result = meet(lambda: wanted.append(torch.rand(()).item()))
        return wanted, result if result is not None else torch.rand(()).item()

    for wanted, again in accompanied([work, work]):
        assert wanted == [again]

    def computed(wanted: Sequence[Any]) -> list[float]:
        torch.rand(7)  # what is drawn meanwhile is nobody's
        return [-1.0] * len(wanted)

    def after() -> tuple[float, float]:
        torch.manual_seed(3)
        return meet(lambda: torch.rand(())), torch.rand(()).item()

    torch.manual_seed(3)
    expected = torch.rand(2)[1].item()
    assert accompanied([after, after], computed) == [(-1.0, expected)] * 2


def test_all_that_wait_are_computed_at_once_in_order() -> None:
    seen: list[list[Any]] = []

    def together(wanted: Sequence[Any]) -> list[Any]:
        seen.append(list(wanted))
        return [10 * number for number in wanted]

    def work(number: int, steps: int) -> list[Any]:
        return [meet(lambda: number) for _ in range(steps)] + [company.beside()]

    found = accompanied([lambda: work(1, 3), lambda: work(2, 1), lambda: work(3, 2)], together)
    assert seen == [[1, 2, 3], [1, 3], [1]]  # the last waited when the others ended
    assert found == [[10, 10, 10, 1], [20, 3], [30, 30, 2]]


def test_a_run_logs_where_it_logs_alone(tmp_path: Path) -> None:
    root = logging.getLogger()
    before = list(root.handlers)

    def work(name: str) -> None:
        handler = logging.FileHandler(tmp_path / name)
        root.handlers[:] = [handler]
        for i in range(3):
            logging.getLogger("snn").warning("%s %d", name, i)
            meet(lambda: None)
        handler.close()

    accompanied([lambda: work("a"), lambda: work("b")])
    assert root.handlers == before
    for name in "ab":
        assert (tmp_path / name).read_text().split() == [f"{name}", "0", name, "1", name, "2"]


def test_without_company_there_is_nobody_to_wait_for() -> None:
    assert meet(lambda: pytest.fail("asked")) is None
    assert company.beside() == 1
