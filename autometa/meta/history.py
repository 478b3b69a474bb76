"""What an Optuna study shows a sampler: losses of finished trials, configurations that run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.study import StudyDirection
from optuna.trial import TrialState

from autometa.meta.partial import completed
from autometa.meta.studies import OWN_ATTR
from autometa.trial import Outcome

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

EXPLANATION = "autometa_prior"
"""User attribute of a trial that says who proposed it and why."""

PROPOSED = "params"
"""Key of the explanation under which the whole proposed configuration stands."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One trial.

    Args:
        params: Its configuration, as far as it is known.
        losses: One per objective, to be minimised; NaN = failed, pruned or infeasible.
        distributions: The caller's own, of `params`.
    """

    params: Mapping[str, Any]
    losses: tuple[float, ...]
    distributions: Mapping[str, BaseDistribution]


@dataclass(frozen=True, slots=True)
class History:
    """All trials of a study but the present one, in the order of their numbers.

    Args:
        finished: With a verdict.
        pending: Running or enqueued configurations.
    """

    finished: Sequence[Seen]
    pending: Sequence[Mapping[str, Any]]

    @classmethod
    def of(cls, study: Study, number: int) -> History:
        """Reads a study.

        A failed trial counts as the worst so far, so that it is not proposed again, and so does
        one that breaks a constraint; one that autometa interrupted does not count. The loss of a
        pruned trial is estimated where there is one objective, see `autometa.meta.partial`.
        """
        trials = [t for t in study.get_trials(deepcopy=False) if t.number != number]
        own = OWN_ATTR in study.user_attrs
        told = [
            trial
            for trial in trials
            if trial.state.is_finished() and not (own and is_interrupted(trial))
        ]
        finished = [
            Seen(trial.params, losses, trial.distributions)
            for trial, losses in zip(told, _all_losses(told, study.directions), strict=True)
        ]
        running = [_pending(t) for t in trials if not t.state.is_finished()]
        return cls(finished, [params for params in running if params])

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """The caller's distributions seen so far, the latest of each name."""
        known: dict[str, BaseDistribution] = {}
        for seen in self.finished:
            known.update(seen.distributions)
        return known


def is_interrupted(trial: FrozenTrial) -> bool:
    """Whether autometa interrupted a trial of its own study: its number will be given again."""
    return trial.state is TrialState.FAIL and OWN_ATTR not in trial.user_attrs


def _all_losses(
    trials: Sequence[FrozenTrial], directions: Sequence[StudyDirection]
) -> list[tuple[float, ...]]:
    losses = [_losses(trial, directions) for trial in trials]
    stopped = np.array([_is_stopped(trial) for trial in trials], bool)
    if len(directions) > 1 or not stopped.any():
        return losses
    sign = -1.0 if directions[0] is StudyDirection.MAXIMIZE else 1.0
    parts = [_parts(trial, sign) for trial in trials]
    return [(loss,) for loss in completed(np.array(losses)[:, 0], parts, stopped).tolist()]


def _is_stopped(trial: FrozenTrial) -> bool:
    """Whether a trial was pruned: not for time or memory, which autometa tells likewise."""
    told = trial.user_attrs.get(OWN_ATTR)
    outcome = told.get("outcome") if isinstance(told, Mapping) else Outcome.PRUNED
    return trial.state is TrialState.PRUNED and outcome in {Outcome.PRUNED, Outcome.DOMINATED}


def _parts(trial: FrozenTrial, sign: float) -> dict[int, float]:
    """Gives losses by fold of autometa's own trials, by step of others."""
    told = trial.user_attrs.get(OWN_ATTR)
    if isinstance(told, Mapping):
        scores = told.get("fold_scores") or ()
        return {i: sign * (math.nan if v is None else v) for i, v in enumerate(scores)}
    steps = trial.intermediate_values
    if trial.state is TrialState.PRUNED and steps:
        steps = {max(steps): steps[max(steps)]}
    return {step: sign * value for step, value in steps.items()}


def _losses(trial: FrozenTrial, directions: Sequence[StudyDirection]) -> tuple[float, ...]:
    broken = any(excess > 0 for excess in trial.constraints.values())
    if trial.state is not TrialState.COMPLETE or broken or not trial.values:
        return (math.nan,) * len(directions)
    signed = [
        -value if direction is StudyDirection.MAXIMIZE else value
        for value, direction in zip(trial.values, directions, strict=True)
    ]
    return tuple(value if math.isfinite(value) else math.nan for value in signed)


def _pending(trial: FrozenTrial) -> Mapping[str, Any]:
    planned = trial.user_attrs.get(EXPLANATION, {}).get(PROPOSED, {})
    fixed = trial.system_attrs.get("fixed_params", {})
    return {**planned, **fixed, **trial.params}
