"""Varies the chains of good trials, so that what they made is used again.

A continuous search never proposes the same learner configuration twice, and a teacher that is
never met again is a teacher kept for nothing. Three of four trials therefore take the learner, and
the chain up to some step, from a trial that is good, and vary the rest. What was tried is not tried
again: trials share their seed here, so it would say nothing new.
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
from autometa.meta.history import is_interrupted
from autometa.meta.mapping import contains, is_active, ordered

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

    from autometa.learner import Space

FREE_EVERY = 4
"""Each so many-th trial is proposed without a look at chains."""

_FEWEST_TRIALS = 3
_DRAWS = 8  # until a trial is left to the other sampler
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
        self._config: dict[str, Any] = {}

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Chooses a configuration; gives the other sampler's space when there is none."""
        good = self._good(study)
        is_free = self._number % FREE_EVERY == 0 or trial.system_attrs.get("fixed_params")
        if not is_free and len(good) >= _FEWEST_TRIALS:
            others = study.get_trials(deepcopy=False)
            # What was interrupted is proposed again, as if nothing had happened.
            tried = {_key(other.params) for other in others if not is_interrupted(other)}
            for _ in range(_DRAWS):
                origin = good[int(self._rng.integers(len(good)))]
                config = self._varied(study, trial, origin.params)
                if _key(config) not in tried:
                    self._config = config
                    return {}
        return self._base.infer_relative_search_space(study, trial)

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
        """Gives what was chosen, or what the other sampler says."""
        chosen = self._config.get(param_name)
        if param_name in self._config and contains(param_distribution, chosen):
            return chosen
        return self._base.sample_independent(study, trial, param_name, param_distribution)

    def _varied(
        self, study: Study, trial: FrozenTrial, params: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Gives a whole configuration near another one."""
        taken, avoided = self._taken(params)
        config: dict[str, Any] = {}
        for name in ordered(self._space):
            if not is_active(self._space, name, config):
                continue
            distribution = self._space.params[name]
            if name in taken and contains(distribution, taken[name]):
                config[name] = taken[name]
            elif name in avoided and isinstance(distribution, CategoricalDistribution):
                others = [c for c in distribution.choices if c != avoided[name]]
                config[name] = others[int(self._rng.integers(len(others)))]
            else:
                config[name] = self._base.sample_independent(study, trial, name, distribution)
        return config

    def _taken(self, params: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Gives everything before one step, and the choice of that step when it is to differ.

        Else the step keeps its compressor and gets other settings.
        """
        steps = [name for name in self._space.params if name.startswith("compress.")]
        there = [name for name in steps if name in params]
        varied = there[int(self._rng.integers(len(there)))] if there else ""
        later = steps[steps.index(varied) :] if varied else steps
        kept_parts = {str(params[name]) for name in there if name not in later}
        kept_parts |= {str(params[LEARNER]), UNLABELLED}
        taken = {
            name: value
            for name, value in params.items()
            if name == LEARNER
            or (name in steps and name not in later)
            or name.partition(".")[0] in kept_parts
        }
        own = f"{params.get(varied)}."
        if not (any(name.startswith(own) for name in params) and self._rng.random() < 0.5):
            return taken, {varied: params.get(varied)}
        return {**taken, varied: params[varied]}, {}

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


def _key(params: Mapping[str, Any]) -> str:
    return repr(sorted(params.items()))
