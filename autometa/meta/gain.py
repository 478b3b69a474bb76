"""How far ahead of a cold start a search was: an estimate, from past tasks alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from autometa.learner import Space
from autometa.meta.columns import FloatArray
from autometa.meta.mapping import is_active, ordered
from autometa.meta.prior import Prior
from autometa.meta.surrogate import Surrogate
from autometa.trial import ParamValue

N_DRAWS = 512
MOST_TASKS = 40
"""The nearest past tasks by meta-features; 100 would cost more than a second."""
# Keeps a tried point from being recognised: both sides must be guesses of the same smoothness.
_ASIDE = 1e-6


def gain(prior: Prior, configs: Sequence[Mapping[str, ParamValue]]) -> dict[str, Any] | None:
    """Estimates how many trials a cold random search needs to come as far.

    On every past task the surrogate says how good the best of `configs` is, and what share p of
    random configurations is at least as good; a random search needs 1 / p trials on average.
    What the present task showed does not enter. On cold searches of ten regressions of the stream
    benchmark, each with the other nine as past, the median said 17 to 171 where 23 to 50 were
    needed, and the interval held all ten.

    Args:
        prior: That the search started from.
        configs: What it tried, in order, up to its best trial.

    Returns:
        ``is_estimate`` (True), ``against``, ``trials`` (of this search), ``cold_trials`` (median
        over past tasks), ``interval`` (10 to 90 % of them), ``at_least`` (whether the median is
        at the end of what can be told), ``text``; None without past tasks or trials.
    """
    if not prior.n_sources or not configs:
        return None
    rng = np.random.default_rng(len(configs))
    space = prior.encoder.space
    surrogate = _surrogate(prior)
    reached = _regrets(surrogate, prior, configs).min(axis=1, keepdims=True)  # (T, 1)
    random = _regrets(surrogate, prior, [draw(space, rng) for _ in range(N_DRAWS)])  # (T, draws)
    as_good = (random <= reached + 1e-12).sum(axis=1)
    needed = (N_DRAWS + 1) / (as_good + 1)
    low, middle, high = np.quantile(needed, [0.1, 0.5, 0.9])
    found = {
        "is_estimate": True,
        "against": "random search",
        "trials": len(configs),
        "cold_trials": round(float(middle), 1),
        "interval": [round(float(low), 1), round(float(high), 1)],
        "at_least": bool(middle > N_DRAWS / 2),
    }
    return found | {"text": _says(found)}


def _says(found: Mapping[str, Any]) -> str:
    """Gives a gain in words."""
    low, high = found["interval"]
    more = "at least " if found["at_least"] else ""
    return (
        f"best after {found['trials']} trials; on past tasks a cold {found['against']} needs "
        f"{more}{found['cold_trials']:.0f} ({low:.0f} to {high:.0f}) to come as far, an estimate"
    )


def _surrogate(prior: Prior) -> Surrogate:
    nearest = np.sort(np.argsort(prior.remoteness, kind="stable")[:MOST_TASKS])
    sources = [prior.surrogate.sources[t] for t in nearest.tolist()]
    return Surrogate(sources, prior.surrogate.kernel)


def _regrets(
    surrogate: Surrogate, prior: Prior, configs: Sequence[Mapping[str, ParamValue]]
) -> FloatArray:
    """Gives (T, n) guesses of f on every past task."""
    points = prior.encoder.encode(configs)
    roots = surrogate.predict(points + _ASIDE, prior.encoder.branches(points))[0]
    return np.asarray(np.clip(roots, 0.0, 1.0))


def draw(space: Space, rng: np.random.Generator) -> dict[str, ParamValue]:
    """Draws a complete configuration, as Optuna's random sampler would."""
    config: dict[str, ParamValue] = {}
    for name in ordered(space):
        if is_active(space, name, config):
            config[name] = _draw(space.params[name], rng)
    return config


def _draw(distribution: BaseDistribution, rng: np.random.Generator) -> ParamValue:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[int(rng.integers(len(distribution.choices)))]
    if isinstance(distribution, FloatDistribution):
        value = _between(distribution.low, distribution.high, rng, log=distribution.log)
        return value if distribution.step is None else _stepped(value, distribution)
    if isinstance(distribution, IntDistribution):
        half = 0.5 if distribution.log else 0.5 * distribution.step
        low, high = distribution.low - half, distribution.high + half
        value = _between(low, high, rng, log=distribution.log)
        return int(np.clip(_stepped(value, distribution), distribution.low, distribution.high))
    raise TypeError(f"unknown distribution {type(distribution).__name__}")


def _between(low: float, high: float, rng: np.random.Generator, *, log: bool) -> float:
    if log:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))).clip(low, high))
    return float(rng.uniform(low, high))


def _stepped(value: float, distribution: FloatDistribution | IntDistribution) -> float:
    step = distribution.step or 1.0
    steps = round((value - distribution.low) / step)
    return float(min(distribution.low + steps * step, distribution.high))
