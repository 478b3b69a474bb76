"""The only consumer of a prior: an Optuna sampler for anybody's study."""

from __future__ import annotations

import secrets
import warnings
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, TPESampler

from autometa.meta.history import EXPLANATION, History
from autometa.meta.mapping import contains
from autometa.meta.planner import GridPlanner, Plan, PoolPlanner
from autometa.meta.prior import Prior
from autometa.trial import ParamValue

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial, TrialState

    from autometa.meta.knowledge import KnowledgeBase

CANDIDATE = "candidate"
"""The only parameter of a study with `candidates`."""

_KEPT_PRIORS = 4
_priors: OrderedDict[tuple[str, str], Prior] = OrderedDict()


class PriorSampler(BaseSampler):
    """Proposes what past tasks taught, as long as they are right, and learns from the present one.

    Works in any Optuna study: conditional spaces, all distributions, any storage, several
    workers. Every proposed value is checked against the distribution that the objective asks
    for; what does not fit, and every parameter that no past task knew, is left to the target
    expert, ``TPESampler(multivariate=True, group=True)``. Without past tasks all is left to it.

    * **Trials that run** count with what is expected of them, and are not proposed again.
    * **Failed, pruned and infeasible trials** (`trial.set_constraint`) count as the worst so far.
    * **Several objectives**: trials of even number follow the prior on the first objective,
      those of odd number the target expert, which keeps the front.
    * **When the past is wrong** its experts lose weight with every pair of trials that they
      order wrongly; at odds of 20 to 1 the past is not heard any more.
    * **Repeatable**: a proposal depends on the seed, the trial's number and the trials before it
      alone. A sampler may be made anew for every trial.

    Each trial gets one user attribute, ``autometa_prior``: ``expert`` that proposed it
    (``similar``, ``covariance``, ``level`` or ``target``), ``sources`` (the three past tasks
    that count most, with their weights), ``expected_regret`` (0 = the best, 1 = no better than a
    constant predictor), ``expected_value`` (first objective; None before two trials),
    ``experts`` (their present weights), ``past_trusted`` and ``params``.

    Args:
        knowledge: Past tasks, or the prior made of them.
        candidates: A finite pool. The study then has one parameter, ``candidate``, an integer in
            [0, len(candidates)); none is proposed twice before all are tried. The target expert
            of a pool is a Gaussian process; with several objectives, on a random scalarisation.
        metafeatures: Of the present task's data; used when `knowledge` is a `KnowledgeBase`.
        seed: Of all randomness; None = a fresh one.
        cost_exponent: a in score / cost^a: 0 when trials are counted, 1/2 when seconds are.
        position: What counts as the trial's number, for a sampler that is made anew for every
            trial of a study in which some numbers were lost; None = Optuna's.

    Raises:
        ValueError: If `candidates` is empty.

    Example:
        >>> import optuna
        >>> from autometa import KnowledgeBase, PriorSampler
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> configs = [{"depth": depth} for depth in range(1, 9)]
        >>> past = [[abs(d["depth"] - best) / 8 for d in configs] for best in (5, 6, 6, 7)]
        >>> knowledge = KnowledgeBase.from_table(configs, past)
        >>> study = optuna.create_study(sampler=PriorSampler(knowledge, seed=0))
        >>> study.optimize(lambda trial: abs(trial.suggest_int("depth", 1, 8) - 6), n_trials=3)
        >>> study.trials[0].params, study.trials[0].user_attrs["autometa_prior"]["expert"]
        ({'depth': 6}, 'similar')
    """

    def __init__(
        self,
        knowledge: KnowledgeBase | Prior,
        candidates: Sequence[Mapping[str, ParamValue]] | None = None,
        metafeatures: Mapping[str, float] | None = None,
        seed: int | None = None,
        *,
        cost_exponent: float = 0.0,
        position: int | None = None,
    ) -> None:
        if candidates is not None and not len(candidates):
            raise ValueError("candidates must hold at least one configuration.")
        self.prior = _prior_of(knowledge, metafeatures)
        self._seed = secrets.randbits(31) if seed is None else seed
        self._position = position
        self._is_pool = candidates is not None
        self._planner: GridPlanner | PoolPlanner = (
            GridPlanner(self.prior, cost_exponent)
            if candidates is None
            else PoolPlanner(self.prior, candidates, cost_exponent)
        )
        self._plans: dict[int, Plan] = {}
        self._experts: dict[int, TPESampler] = {}

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Plans the trial; gives the target expert's space when it is the one to propose."""
        plan = self._plan(study, trial)
        if plan is not None:
            self._plans[trial._trial_id] = plan
            self._explain(study, trial, plan)
        if self._is_pool or (plan is not None and plan.params):
            return {}
        return self._expert(trial).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Asks the target expert, when it is its turn; gives every parameter of the space."""
        if not search_space:
            return {}
        expert = self._expert(trial)
        expert.infer_relative_search_space(study, trial)
        params = expert.sample_relative(study, trial, search_space)
        missing = {name: d for name, d in search_space.items() if name not in params}
        return params | {
            name: self.sample_independent(study, trial, name, distribution)
            for name, distribution in missing.items()
        }

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Gives the planned value if the caller's distribution holds it, else the expert's."""
        plan = self._plans.get(trial._trial_id)
        if plan is not None and param_name in plan.params:
            value = plan.params[param_name]
            if contains(param_distribution, value):
                return _typed(value, param_distribution)
        return self._expert(trial).sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Forgets the plan of a finished trial."""
        self._plans.pop(trial._trial_id, None)
        self._experts.pop(trial._trial_id, None)

    def _plan(self, study: Study, trial: FrozenTrial) -> Plan | None:
        if trial.system_attrs.get("fixed_params"):
            return None  # enqueued: somebody else's choice
        history = History.of(study, trial.number)
        number = self._number(trial)
        rng = np.random.default_rng([self._seed, number])
        return self._planner.plan(history, number, len(study.directions), rng)

    def _number(self, trial: FrozenTrial) -> int:
        return trial.number if self._position is None else self._position

    def _explain(self, study: Study, trial: FrozenTrial, plan: Plan) -> None:
        explanation = plan.explanation(study.directions[0].name == "MAXIMIZE")
        study._storage.set_trial_user_attr(trial._trial_id, EXPLANATION, explanation)
        trial.user_attrs[EXPLANATION] = explanation

    def _expert(self, trial: FrozenTrial) -> TPESampler:
        """Gives the target expert of a trial; its randomness is the trial's own."""
        if trial._trial_id not in self._experts:
            sequence = np.random.SeedSequence([self._seed, self._number(trial), 1])
            seed = int(sequence.generate_state(1)[0])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                self._experts[trial._trial_id] = TPESampler(
                    multivariate=True, group=True, seed=seed
                )
        return self._experts[trial._trial_id]


def _prior_of(knowledge: KnowledgeBase | Prior, metafeatures: Mapping[str, float] | None) -> Prior:
    """Fits a prior once per content, since samplers are made often."""
    if isinstance(knowledge, Prior):
        return knowledge
    key = knowledge.digest, repr(sorted((metafeatures or {}).items()))
    if key not in _priors:
        _priors[key] = knowledge.prior(None, metafeatures)
        while len(_priors) > _KEPT_PRIORS:
            _priors.popitem(last=False)
    return _priors[key]


def _typed(value: ParamValue, distribution: BaseDistribution) -> Any:
    """Gives a contained value as the distribution itself would."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[int(distribution.to_internal_repr(value))]
    if isinstance(distribution, IntDistribution):
        return int(value)  # type: ignore[arg-type]  # `contains` lets only numbers pass
    if isinstance(distribution, FloatDistribution):
        return float(value)  # type: ignore[arg-type]  # likewise
    return value
