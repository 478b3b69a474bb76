"""Which hyperparameters mattered, by Optuna's own evaluator."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution

from autometa.meta.mapping import contains
from autometa.meta.spaces import space_from_json
from autometa.report.material import Material, ToldTrial

FEWEST_TRIALS = 8
_TREES = 32


@dataclass(frozen=True, slots=True)
class Importances:
    """Shares of the variance of the first objective.

    Args:
        learner: Whose parameters they are: the best trial's if it was tried often enough, else
            the one that was tried most.
        shares: By parameter, sum 1, the greatest first.
        n_trials: Complete trials behind them.
    """

    learner: str
    shares: Mapping[str, float]
    n_trials: int


def importances(material: Material) -> Importances | None:
    """Gives the importances within one learner: parameters of others are not comparable.

    Returns:
        None when no learner has `FEWEST_TRIALS` complete trials, or nothing varied.
    """
    trials = material.complete
    counts = Counter(trial.learner for trial in trials)
    if not counts or not material.space:
        return None
    learner, n_most = counts.most_common(1)[0]
    if material.best is not None and counts[material.best.learner] >= FEWEST_TRIALS:
        learner, n_most = material.best.learner, counts[material.best.learner]
    if n_most < FEWEST_TRIALS:
        return None
    space = space_from_json(material.space).params
    study = _study([trial for trial in trials if trial.learner == learner], space, material)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=_TREES, seed=0)
    try:
        shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    except (RuntimeError, ValueError):  # all values are equal
        return None
    return Importances(learner, shares, n_most) if shares else None


def _study(
    trials: list[ToldTrial], space: Mapping[str, BaseDistribution], material: Material
) -> optuna.Study:
    """Gives a study in memory that holds the parameters which these trials share."""
    common = set.intersection(*(set(trial.result.params) for trial in trials))
    varied = {
        name
        for name in common & set(space)
        if len({trial.result.params[name] for trial in trials}) > 1
        and all(contains(space[name], trial.result.params[name]) for trial in trials)
    }
    logger = optuna.logging.get_logger("optuna")
    logger.setLevel(max(logger.level, optuna.logging.WARNING))
    direction = optuna.study.StudyDirection[material.lead.direction.upper()]
    study = optuna.create_study(direction=direction)
    for trial in trials:
        params = {name: trial.result.params[name] for name in sorted(varied)}
        study.add_trial(
            optuna.trial.create_trial(
                params={name: _internal(space[name], value) for name, value in params.items()},
                distributions={name: space[name] for name in params},
                value=trial.value,
            )
        )
    return study


def _internal(distribution: BaseDistribution, value: object) -> object:
    """Gives a value as the distribution itself would: JSON may have made 1.0 of 1."""
    if isinstance(distribution, CategoricalDistribution):
        return value
    return distribution.to_external_repr(float(value))  # type: ignore[arg-type]
