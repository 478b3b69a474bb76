"""Fits that are ended at a rung, and fits that go on from a checkpoint."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from autometa.errors import NoModelError, Pruned
from autometa.plugins import load_plugins
from autometa.rungs import Rungs, rung_of
from autometa.search.pruning import MIN_RIVALS, rung_limits
from autometa.trial import Outcome, TrialResult

from .conftest import Run, StopAfter

PLUGIN = Path(__file__).with_name("rungs_plugin.py")
WALK = {"search": {"learners": ["walk"], "compressors": []}}


@pytest.fixture
def walked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WALKED", str(tmp_path / "walked.txt"))
    return tmp_path / "walked.txt"


@pytest.fixture
def walk(run: Run, walked: Path) -> Run:
    registry = load_plugins([PLUGIN])

    def search(trials: int, *, options: dict[str, Any] | None = None, **changes: Any) -> Any:
        return run(trials, options={"registry": registry, **(options or {})}, **{**WALK, **changes})

    return search


def steps_by_slope(file: Path) -> dict[str, list[int]]:
    found = defaultdict(list)
    for line in file.read_text().splitlines():
        slope, step = line.split()
        found[slope].append(int(step))
    return dict(found)


@pytest.mark.parametrize(("step", "rung"), [(0, 0), (3, 0), (4, 4), (7, 4), (8, 8), (63, 32)])
def test_rungs_are_powers_of_two(step: int, rung: int) -> None:
    assert rung_of(step) == rung


def test_fit_is_ended_above_the_limit_of_a_rung_and_only_there(tmp_path: Path) -> None:
    rungs = Rungs({8: 0.5}, tmp_path / "rungs.json")
    for step, loss in ((1, 9.0), (4, 9.0), (8, 0.5), (15, 9.0)):
        rungs.report(step, loss)
    again = Rungs({8: 0.5, 16: 0.4}, tmp_path / "rungs.json")
    assert again.reached == {4: 9.0, 8: 0.5}
    with pytest.raises(Pruned, match=r"at step 20 its loss is 0\.41"):
        again.report(20, 0.41)


def test_limit_is_the_middle_of_those_that_were_there() -> None:
    losses = [0.4, 0.1, 0.3, 0.2]
    history = [{2: loss, 4: loss} for loss in losses]
    assert rung_limits(history[:-1]) == []
    assert rung_limits([*history, {2: 9.0}]) == [(2, 0.3), (4, 0.25)]


def test_trials_behind_others_are_ended_within_the_fit(walk: Run, walked: Path) -> None:
    trials = walk(12).trials
    pruned = [trial for trial in trials if trial.outcome is Outcome.PRUNED]
    assert 2 <= len(pruned) <= 8
    steps = steps_by_slope(walked)
    for trial in trials:
        before = [t.rungs for t in trials if t.number < trial.number]
        rung, loss = trial.rungs[-1]
        others = [dict(rungs)[rung] for rungs in before if rung in dict(rungs)]
        behind = len(others) >= MIN_RIVALS and loss > statistics.median(others)
        assert (trial.outcome is Outcome.PRUNED) == behind
        last = steps[f"{trial.params['walk.slope']:.6f}"][-1]
        assert last == (rung if behind else 8)
    assert pruned[0].reason.startswith("at step 4 its loss is")
    assert pruned[0].fold_scores == ()


def test_search_that_is_resumed_ends_the_same_fits(walk: Run) -> None:
    whole = walk(10, name="whole").trials
    walk(6)
    assert [_plain(t) for t in walk(10).trials] == [_plain(t) for t in whole]


def test_defaults_several_objectives_and_bounds_end_no_fit_early(walk: Run) -> None:
    several = walk(9, name="several", objectives=["log_loss", "size_kib"]).trials
    assert {trial.outcome for trial in several} == {Outcome.COMPLETE}
    assert not any(trial.rungs for trial in several)
    # None keeps the bound: there is nobody to compare with.
    with pytest.raises(NoModelError, match="none of 9 complete trials"):
        walk(9, name="bounded", constraints={"size_kib": 1})


def test_interrupted_fit_goes_on_from_its_checkpoint(walk: Run, walked: Path) -> None:
    whole = walk(4, name="whole").trials
    walked.unlink()
    walk(2)
    folder = walked.parent / ".autometa/studies/small/trials"
    walked.with_name("interrupt").touch()
    with pytest.raises(KeyboardInterrupt):
        walk(4, options={"executor": Killed(1)})
    assert list((folder / "2").glob("checkpoint-*/fit/step"))
    resumed = walk(4).trials
    steps = steps_by_slope(walked)
    assert steps[f"{whole[2].params['walk.slope']:.6f}"] == [1, 2, 3, 4, 4, 5, 6, 7, 8]
    assert [_plain(t) for t in resumed] == [_plain(t) for t in whole]
    assert not list(folder.glob("*/checkpoint-*"))


def test_interrupted_trial_is_tried_again_whatever_was_learnt_since(
    walk: Run, walked: Path
) -> None:
    walk(2)
    walked.with_name("interrupt").touch()
    with pytest.raises(KeyboardInterrupt):
        walk(3, options={"executor": Killed(1)})
    # As another worker would have left it: what the sampler would not propose.
    file = walked.parent / ".autometa/studies/small/trials/2/proposal.json"
    params = {"learner": "walk", "walk.slope": 1.25}
    file.write_text(json.dumps({**json.loads(file.read_text()), "params": params}))
    assert walk(4).trials[2].params == params


class Killed(StopAfter):
    """Dies with the fit that dies: the trial stays without a result."""

    def wait(self, timeout: float) -> list[Any]:
        reports = super().wait(timeout)
        if any("Interrupted" in report.error_type for report in reports):
            raise KeyboardInterrupt
        return reports


def _plain(trial: TrialResult) -> dict[str, Any]:
    return {key: value for key, value in trial.to_json().items() if key != "cost_seconds"}
