"""With whom a running trial is compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from autometa.measure import find_metric
from autometa.orchestrator.evaluation import Evaluation
from autometa.orchestrator.rivals import Rivals
from autometa.orchestrator.running import Running
from autometa.search.study import Proposal
from autometa.trial import Outcome, TrialResult


def rivals(registry: Any, bound: float | None) -> Rivals:
    """Gives rivals of 10 KiB and losses near .1 on each of three folds."""
    names = ("log_loss", "size_kib")
    found = Rivals(
        Evaluation(
            prepared=Path(),
            n_folds=3,
            n_delivered=3,
            metrics=tuple(find_metric(name, problem="classification") for name in names),
            n_objectives=1,
            bounds={} if bound is None else {"size_kib": bound},
            seconds=1.0,
            n_threads=1,
            folder=Path(),
            header={},
        ),
        registry,
    )
    for number in range(6):
        losses = tuple(0.1 + 0.001 * ((number * fold) % 4) for fold in range(3))
        found.learn(
            TrialResult(
                number=number,
                params={"learner": "slope"},
                outcome=Outcome.COMPLETE,
                values=(sum(losses) / 3,),
                fold_scores=losses,
                metrics={"log_loss": sum(losses) / 3, "size_kib": 10.0},
            )
        )
    return found


@pytest.mark.parametrize(("bound", "is_beaten"), [(None, True), (20.0, True), (5.0, False)])
def test_only_trials_that_keep_the_bounds_are_rivals(
    registry: Any, bound: float | None, is_beaten: bool
) -> None:
    proposal = Proposal(number=9, params={"learner": "slope"}, seed=0, proposer="target", handle=9)
    assert rivals(registry, bound).beat(Running(proposal, scores=[[0.5]])) == is_beaten


def test_defaults_and_trials_that_are_made_again_have_no_rivals(registry: Any) -> None:
    default = Proposal(number=9, params={"learner": "slope"}, seed=0, proposer="default", handle=9)
    other = Proposal(number=9, params={"learner": "slope"}, seed=0, proposer="target", handle=9)
    against = rivals(registry, None)
    assert not against.beat(Running(default, scores=[[0.5]]))
    assert not against.beat(Running(other, is_again=True, scores=[[0.5]]))
