"""A search whose budget is used up without a usable trial."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autometa import Task, defaults
from autometa.cli.status import to_text
from autometa.errors import NoModelError
from autometa.execution import InlineExecutor
from autometa.tracking.tracker import NullTracker

from .conftest import StopAfter

Run = Callable[..., Any]
METRIC = """
from pathlib import Path

def picky(y, p):
    if not Path(__file__).with_name("mended").exists():
        raise ZeroDivisionError("no rows")
    return float((p.argmax(axis=1) != y).mean())
"""


class Refusing(InlineExecutor):
    """Runs the jobs that look at the data, which are not of the search, and refuses trials."""

    def submit(self, job: Any) -> None:
        assert not job.id.startswith("trial-"), f"{job.id} must not run"
        assert not job.id.startswith("baseline"), f"{job.id} must not run"
        assert job.id != "prepare", "prepared already"
        super().submit(job)


class Noting(NullTracker):
    """Notes how the run of the search ended."""

    def __init__(self) -> None:
        self.ended: list[tuple[str, str]] = []

    def finish(self, status: Any, metrics: Any, tags: Any, **more: Any) -> None:
        self.ended.append((str(status), str(tags["autometa.status"])))


@pytest.fixture
def search(run: Run, tmp_path: Path) -> Run:
    """Gives what runs a search whose trials fail until there is a file ``mended``."""
    (tmp_path / "own.py").write_text(METRIC)
    objective = {"metric": "own:picky", "direction": "minimize"}

    def run_search(trials: int, **options: Any) -> Any:
        return run(trials, objectives=[objective], options=options)

    return run_search


@pytest.fixture
def status(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def read(**changes: Any) -> dict[str, Any]:
        data = {"source": "table.csv", "target": "label"}
        content = {"name": "small", "data": data, **changes}
        return defaults.status(Task.from_json(content, path=tmp_path / "task.yaml"))

    return read


def test_status_says_failed_with_the_reasons_and_what_to_do(search: Run, status: Any) -> None:
    with pytest.raises(NoModelError) as caught:
        search(3)
    report = status()
    failure = report["failure"]
    assert (report["status"], report["best"], report["model"]) == ("failed", None, None)
    assert report["trials"]["failed"] == 3
    ((reason, number),) = failure["reasons"].items()
    assert reason.startswith("ZeroDivisionError: no rows (in picky, ")
    assert number == 3
    assert (failure["message"], failure["hint"]) == (caught.value.message, caught.value.hint)
    first, why, then, *_ = to_text(report, 10).splitlines()
    assert first.startswith("small: failed (0 complete, 0 pruned, 3 failed")
    assert why == f"why    {caught.value.message}"
    assert "(3 x)" in why
    assert then == f"next   {caught.value.hint}"
    assert "--fresh" in then
    assert "raise the budget" in then


def test_the_same_command_says_the_same_without_a_trial(search: Run, status: Any) -> None:
    with pytest.raises(NoModelError) as first:
        search(3)
    with pytest.raises(NoModelError) as again:
        search(3, executor=Refusing())
    assert str(again.value) == str(first.value)
    assert status()["status"] == "failed"


def test_a_raised_budget_goes_on_and_may_finish(search: Run, status: Any, tmp_path: Path) -> None:
    with pytest.raises(NoModelError):
        search(2)
    (tmp_path / "mended").touch()
    result = search(4)
    assert result.report["trials"] == {
        "complete": 2,
        "pruned": 0,
        "failed": 2,
        "not_applicable": 0,
    }
    assert (status()["status"], status()["failure"]) == ("finished", None)


def test_a_raised_budget_may_fail_again(search: Run, status: Any) -> None:
    for n_trials in (2, 4):
        with pytest.raises(NoModelError, match=f"none of {n_trials} trials"):
            search(n_trials)
        assert list(status()["failure"]["reasons"].values()) == [n_trials]


def test_a_search_that_went_on_and_was_stopped_is_interrupted(search: Run, status: Any) -> None:
    with pytest.raises(NoModelError):
        search(2)
    stop = StopAfter(2)
    assert search(9, executor=stop, stop=stop).status == "interrupted"
    assert (status()["status"], status()["failure"]) == ("interrupted", None)


def test_an_interrupted_search_without_a_model_has_not_failed(search: Run, status: Any) -> None:
    stop = StopAfter(2)
    assert search(9, executor=stop, stop=stop).best is None
    assert status()["status"] == "interrupted"


def test_fresh_forgets_the_failure(search: Run, status: Any, tmp_path: Path) -> None:
    with pytest.raises(NoModelError):
        search(2)
    (tmp_path / "mended").touch()
    search(2, fresh=True)
    assert (status()["status"], status()["trials"]["failed"]) == ("finished", 0)


def test_without_any_trial_the_same_command_tries_again(run: Run, status: Any) -> None:
    with pytest.raises(NoModelError, match="the budget ended before the first trial did"):
        run(3, budget={"seconds": 0.001})
    assert status()["status"] == "failed"
    assert "Raise budget.seconds" in status()["failure"]["hint"]
    assert run(3, budget={"trials": 1}).status == "finished"
    assert status()["status"] == "finished"


def test_bounds_that_nothing_keeps_are_a_failure(run: Run, status: Any) -> None:
    bounds = {"constraints": {"size_kib": 0.5}}
    with pytest.raises(NoModelError):
        run(3, **bounds)
    report = status(**bounds)
    assert (report["status"], report["best"]) == ("failed", None)
    assert "the nearest is trial" in report["failure"]["message"]
    assert report["failure"]["reasons"] == {}


def test_tracked_runs_of_a_failed_search_are_derived_anew(search: Run) -> None:
    first, again = Noting(), Noting()
    with pytest.raises(NoModelError):
        search(2, make_tracker=lambda folder: first)
    with pytest.raises(NoModelError):
        search(2, make_tracker=lambda folder: again, rebuild_tracking=True, executor=Refusing())
    assert first.ended == again.ended == [("FAILED", "failed")]
