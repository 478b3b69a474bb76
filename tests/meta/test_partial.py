from __future__ import annotations

import math

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from autometa.learner import Space
from autometa.meta.history import History
from autometa.meta.partial import completed
from autometa.meta.record import TaskRecord
from autometa.trial import Outcome, TrialResult

NAN = math.nan


@pytest.mark.parametrize(
    ("losses", "parts", "expected"),
    [
        ([1.0, NAN], [{0: 0.8, 1: 1.2}, {0: 1.1}], 1.3),  # .3 worse on the fold that both have
        ([1.0, NAN], [{0: 0.8, 1: 1.2}, {0: 0.1}], 1.0),  # never better than the best
        ([1.0, 3.0, 2.0, NAN], [{}, {}, {}, {5: 0.5}], 2.0),  # the middle of those before it
        ([1.0, 3.0, 2.0, NAN], [{}, {}, {}, {5: 9.0}], 9.0),
        ([1.0, NAN], [{0: 1.0}, {}], NAN),  # nothing to go by
        ([NAN, 1.0], [{0: 2.0}, {0: 1.0}], NAN),  # nothing before it
        ([1.0, NAN], [{0: NAN}, {0: 1.5}], 1.5),
        ([1.0, NAN], [{0: 1.0}, {0: NAN}], NAN),
    ],
)
def test_loss_of_a_stopped_trial_is_estimated(
    losses: list[float], parts: list[dict[int, float]], expected: float
) -> None:
    found = completed(np.array(losses), parts, np.isnan(losses))
    known = np.isfinite(losses)
    row = int(np.flatnonzero(~known)[0])
    np.testing.assert_allclose(found[row], expected)
    np.testing.assert_array_equal(found[known], np.array(losses)[known])


def test_later_trials_do_not_change_an_estimate() -> None:
    parts = [{0: 1.0}, {0: 1.5}, {0: 0.2}]
    before = completed(np.array([1.0, NAN]), parts[:2], np.array([False, True]))
    after = completed(np.array([1.0, NAN, 0.2]), parts, np.array([False, True, False]))
    np.testing.assert_array_equal(after[:2], before)


def test_record_estimates_pruned_trials_but_not_failed_ones() -> None:
    def trial(number: int, outcome: Outcome, scores: tuple[float, ...]) -> TrialResult:
        values = (float(np.mean(scores)),) if outcome is Outcome.COMPLETE else None
        return TrialResult(
            number=number, params={}, outcome=outcome, values=values, fold_scores=scores
        )

    record = TaskRecord.from_results(
        [
            trial(0, Outcome.COMPLETE, (0.9, 0.8)),
            trial(1, Outcome.PRUNED, (0.7,)),
            trial(2, Outcome.ERROR, (0.9,)),
        ],
        name="past",
        objectives=(("accuracy", "maximize"),),
        space=Space({}),
    )
    np.testing.assert_allclose(record.responses(), [-0.85, -0.65, NAN])
    np.testing.assert_allclose(record.losses(), [-0.85, NAN, NAN])


def test_pruned_trial_of_anybodys_study_is_compared_at_its_last_step() -> None:
    study = optuna.create_study(direction="maximize")
    for values, state in (((0.5, 0.8), TrialState.COMPLETE), ((0.4,), TrialState.PRUNED)):
        trial = study.ask()
        for step, value in enumerate(values):
            trial.report(value, step)
        study.tell(trial, values[-1] if state is TrialState.COMPLETE else None, state=state)
    losses = [seen.losses[0] for seen in History.of(study, 99).finished]
    np.testing.assert_allclose(losses, [-0.8, -0.7])


def test_timeout_that_autometa_told_as_pruned_stays_a_failure() -> None:
    study = optuna.create_study()
    study.add_trial(optuna.trial.create_trial(value=1.0, intermediate_values={0: 1.0}))
    told = {"outcome": "timeout", "fold_scores": [1.1]}
    study.add_trial(
        optuna.trial.create_trial(state=TrialState.PRUNED, user_attrs={"autometa": told})
    )
    assert math.isnan(History.of(study, 99).finished[1].losses[0])
