"""Which sampler proposes: the prior's, or the target-only expert when there is no prior."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import optuna
from optuna.samplers import BaseSampler, TPESampler

if TYPE_CHECKING:
    from autometa.learner import Space
    from autometa.meta.prior import Prior


def target_sampler(seed: int) -> BaseSampler:
    """Gives the expert that learns from this task alone.

    Multivariate in groups: without `group`, Optuna's TPE models only the parameters that all
    trials have in common, which in a conditional space is the learner alone.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return TPESampler(multivariate=True, group=True, seed=seed)


def sampler_factory(
    prior: Prior | None, *, cost_exponent: float = 0.0, space: Space | None = None
) -> Callable[[int, int], BaseSampler]:
    """Gives what makes a sampler from a seed and a trial's number, anew for every proposal.

    Args:
        prior: Frozen for the study; None, or one that knows nothing, leaves the target expert.
        cost_exponent: How much cheap configurations are preferred, see `PriorSampler`.
        space: Of the search; when it has steps of compression, good trials are varied.
    """
    plain = _plain_factory(prior, cost_exponent)
    if space is None or not any(name.startswith("compress.") for name in space.params):
        return plain
    from autometa.search.recombine import RecombiningSampler

    return lambda seed, number: RecombiningSampler(
        plain(seed, number), space, seed=seed, number=number
    )


def _plain_factory(prior: Prior | None, cost_exponent: float) -> Callable[[int, int], BaseSampler]:
    if prior is None or not prior.n_sources:
        return lambda seed, _: target_sampler(seed)
    from autometa.meta.sampler import PriorSampler

    return lambda seed, number: PriorSampler(
        prior, seed=seed, position=number, cost_exponent=cost_exponent
    )
