"""What a trial says of a job that gave no value."""

from __future__ import annotations

import pytest

from autometa.execution import JobOutcome, JobReport
from autometa.orchestrator.running import Running, reason_of
from autometa.search.study import Proposal

STOPPED = "stopped at the wall limit of 0.38 s"


@pytest.mark.parametrize(
    ("n_folds", "said"),
    [
        (0, STOPPED),
        (1, f"{STOPPED}; the fold before it took the rest of the trial's 30 s"),
        (4, f"{STOPPED}; the 4 folds before it took the rest of the trial's 30 s"),
    ],
)
def test_limit_that_earlier_folds_used_up_is_explained(n_folds: int, said: str) -> None:
    proposal = Proposal(number=0, params={}, seed=0, proposer="default", handle=0, explanation={})
    running = Running(proposal, scores=[[0.5]] * n_folds)
    report = JobReport(id="trial-0", outcome=JobOutcome.TIMEOUT, reason=STOPPED)
    assert reason_of(report, running, 30.0) == said
