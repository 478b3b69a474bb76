"""Varies the chains of good trials, so that what they made is used again.

A continuous search never proposes the same learner configuration twice, and a teacher that is
never met again is a teacher kept for nothing. Three of four trials therefore take the learner, and
the chain up to some step, from a trial that is good, and vary the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import TrialState

from autometa.chains import LEARNER
from autometa.labelling import UNLABELLED
from autometa.meta.mapping import contains

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

    from autometa.learner import Space

FREE_EVERY = 4
"""Each so many-th trial is proposed without a look at chains."""

_FEWEST_TRIALS = 3
_LEADERS = 4  # the best in the first objective, among whom every second one varies


class RecombiningSampler(BaseSampler):
    """Takes a part of each proposal from a good trial and leaves the rest to another sampler.

    Args:
        base: Proposes what is not taken.
        space: Of the search; its ``compress.`` parameters are the steps.
        seed: Of this trial.
        number: Of this trial.
    """

    def __init__(self, base: BaseSampler, space: Space, *, seed: int, number: int) -> None:
        self._base = base
        self._space = space
        self._number = number
        self._rng = np.random.default_rng([seed, 3])
        self._taken: dict[str, Any] = {}
        self._avoided: dict[str, Any] = {}

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Chooses what is taken; gives the other sampler's space when nothing is."""
        good = self._good(study)
        is_free = self._number % FREE_EVERY == 0 or trial.system_attrs.get("fixed_params")
        if is_free or len(good) < _FEWEST_TRIALS:
            return self._base.infer_relative_search_space(study, trial)
        self._take(good[int(self._rng.integers(len(good)))].params)
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Asks the other sampler, for its own proposals only."""
        return self._base.sample_relative(study, trial, search_space) if search_space else {}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Gives what was taken, something else where it varies, or what the other one says."""
        taken = self._taken.get(param_name)
        if param_name in self._taken and contains(param_distribution, taken):
            return taken
        if param_name in self._avoided and isinstance(param_distribution, CategoricalDistribution):
            others = [c for c in param_distribution.choices if c != self._avoided[param_name]]
            return others[int(self._rng.integers(len(others)))]
        return self._base.sample_independent(study, trial, param_name, param_distribution)

    def _take(self, params: Mapping[str, Any]) -> None:
        """Takes everything before one step, which gets another compressor or other settings."""
        steps = [name for name in self._space.params if name.startswith("compress.")]
        there = [name for name in steps if name in params]
        varied = there[int(self._rng.integers(len(there)))] if there else ""
        later = steps[steps.index(varied) :] if varied else steps
        kept_parts = {str(params[name]) for name in there if name not in later}
        kept_parts |= {str(params[LEARNER]), UNLABELLED}
        self._taken = {
            name: value
            for name, value in params.items()
            if name == LEARNER
            or (name in steps and name not in later)
            or name.partition(".")[0] in kept_parts
        }
        own = f"{params.get(varied)}."
        if not (any(name.startswith(own) for name in params) and self._rng.random() < 0.5):
            self._avoided = {varied: params.get(varied)}
        else:
            self._taken[varied] = params[varied]

    def _good(self, study: Study) -> list[FrozenTrial]:
        """Gives the trials worth varying: the front, or in every second trial the leaders."""
        if self._rng.random() < 0.5:
            found = [trial for trial in study.best_trials if LEARNER in trial.params]
            if len(found) >= _FEWEST_TRIALS:
                return found
        trials = [
            trial
            for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
            if LEARNER in trial.params
        ]
        sign = -1 if study.directions[0] is StudyDirection.MAXIMIZE else 1
        return sorted(trials, key=lambda trial: sign * trial.values[0])[:_LEADERS]
