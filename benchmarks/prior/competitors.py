"""What the prior is compared with, each in its own words, on the same pools.

A competitor is a function ``(problem, budget, rng) -> points in the order of trial``. Those that
need past tasks on points that these never tried get the same interpolated regrets as the prior.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import optuna

from autometa.learner import Space
from autometa.meta.kernel import Kernel, fit_kernel
from autometa.meta.normal import expected_improvement
from autometa.meta.portfolio import greedy


@dataclass(frozen=True, eq=False)
class Problem:
    """One target with its pool and its past.

    Args:
        losses: (m,) of the candidates.
        points: (m, p) encoded candidates.
        candidates: (m,) configurations.
        space: Of the candidates.
        regrets: (T, m) of past tasks, in [0, 1].
        distances: (T,) of meta-features, NaN or empty where unknown.
    """

    losses: np.ndarray
    points: np.ndarray
    candidates: list[Mapping[str, object]]
    space: Space
    regrets: np.ndarray
    distances: np.ndarray


Competitor = Callable[[Problem, int, np.random.Generator], list[int]]


def random_search(problem: Problem, budget: int, rng: np.random.Generator) -> list[int]:
    """Every order equally likely."""
    return rng.permutation(len(problem.losses))[:budget].tolist()


def trees(problem: Problem, budget: int, rng: np.random.Generator) -> list[int]:
    """Three random points, then expected improvement of 30 extra trees (as SMAC, without prior)."""
    return _with_trees(problem, budget, rng, random_search(problem, 3, rng))


def _with_trees(
    problem: Problem, budget: int, rng: np.random.Generator, tried: list[int]
) -> list[int]:
    from sklearn.ensemble import ExtraTreesRegressor

    tried = list(tried)
    while len(tried) < budget:
        model = ExtraTreesRegressor(
            30, min_samples_leaf=1, max_features=0.8, random_state=int(rng.integers(2**31))
        )
        y = problem.losses[tried]
        y = (y - y.mean()) / (y.std() or 1.0)
        model.fit(problem.points[tried], y)
        X = problem.points.astype(np.float32)
        votes = np.stack([tree.predict(X, check_input=False) for tree in model.estimators_])
        scores = expected_improvement(votes.mean(0), np.sqrt(votes.var(0) + 0.01), y.min())
        tried.append(_best_new(scores, tried))
    return tried


def _best_new(scores: np.ndarray, tried: list[int]) -> int:
    scores = scores.copy()
    scores[tried] = -np.inf
    return int(scores.argmax())


def process(problem: Problem, budget: int, rng: np.random.Generator) -> list[int]:
    """Three random points, then expected improvement of a Gaussian process on them alone."""
    return _with_process(problem, budget, random_search(problem, 3, rng))


def _with_process(problem: Problem, budget: int, tried: list[int]) -> list[int]:
    tried, kernel = list(tried), Kernel(np.full(problem.points.shape[1], 0.33), 0.05)
    while len(tried) < budget:
        y = problem.losses[tried]
        y = (y - y.mean()) / (y.std() or 1.0)
        X = problem.points[tried]
        if len(tried) >= 5 and len(tried) % 5 == 0:
            kernel = fit_kernel([(X, y)], X.shape[1])
        gram = kernel(X, X) + kernel.noise * np.eye(len(X))
        cross = kernel(problem.points, X)
        mean = cross @ np.linalg.solve(gram, y)
        variance = 1.0 - np.einsum("ij,ji->i", cross, np.linalg.solve(gram, cross.T))
        scores = expected_improvement(mean, np.sqrt(np.maximum(variance, 1e-6)), y.min())
        tried.append(_best_new(scores, tried))
    return tried


def greedy_portfolio(problem: Problem, budget: int, rng: np.random.Generator) -> list[int]:
    """The fixed complementary list of auto-sklearn 2 and AutoGluon."""
    return greedy(problem.regrets, budget)


def mean_rank(problem: Problem, budget: int, rng: np.random.Generator) -> list[int]:
    """Zero-shot ranking: by mean rank over past tasks, without diversity."""
    ranks = problem.regrets.argsort(axis=1).argsort(axis=1)
    return np.argsort(ranks.mean(axis=0), kind="stable")[:budget].tolist()


def zero_shot(problem: Problem, budget: int, rng: np.random.Generator) -> list[int]:
    """Syne Tune's zero-shot list: greedily the least mean over tasks of the best rank so far."""
    ranks = problem.regrets.argsort(axis=1).argsort(axis=1) / problem.regrets.shape[1]
    return greedy(ranks, budget)


def nearest_datasets(problem: Problem, budget: int, rng: np.random.Generator) -> list[int]:
    """auto-sklearn 1: the best configuration of each of the 25 nearest data sets, then trees."""
    order = np.argsort(np.nan_to_num(problem.distances, nan=np.inf), kind="stable")[:25]
    chosen = list(dict.fromkeys(problem.regrets[order].argmin(axis=1).tolist()))[:budget]
    return _with_trees(problem, budget, rng, chosen)


def one_nearest(problem: Problem, budget: int, rng: np.random.Generator) -> list[int]:
    """FLAML: a small portfolio, ordered by the nearest data set, then trees."""
    portfolio = np.array(greedy(problem.regrets, 10))
    nearest = int(np.argmin(np.nan_to_num(problem.distances, nan=np.inf)))
    ordered = portfolio[np.argsort(problem.regrets[nearest, portfolio], kind="stable")]
    return _with_trees(problem, budget, rng, ordered[:budget].tolist())


def rank_adaptive(problem: Problem, budget: int, rng: np.random.Generator) -> list[int]:
    """Greedy improvement on past tasks weighted by exp(-misordered share sqrt(n) / .3)."""
    regrets = problem.regrets
    tried = [int(regrets.mean(axis=0).argmin())]
    while len(tried) < budget:
        weights = _misorder_weights(regrets[:, tried], problem.losses[tried])
        gains = np.maximum(regrets[:, tried].min(axis=1)[:, None] - regrets, 0.0)
        tried.append(_best_new(weights @ gains, tried))
    return tried


def _misorder_weights(seen: np.ndarray, losses: np.ndarray) -> np.ndarray:
    n = len(losses)
    if n < 2:
        return np.full(len(seen), 1 / len(seen))
    i, j = np.triu_indices(n, 1)
    signs = np.sign(losses[i] - losses[j])
    wrong = (np.sign(seen[:, i] - seen[:, j]) * signs < 0).sum(axis=1) / max((signs != 0).sum(), 1)
    weights = np.exp(-(wrong - wrong.min()) * np.sqrt(n) / 0.3)
    return 0.85 * weights / weights.sum() + 0.15 / len(weights)


def rgpe(problem: Problem, budget: int, rng: np.random.Generator) -> list[int]:
    """Ranking-weighted Gaussian process ensemble (Feurer et al. 2018), compact.

    Base models are the past tasks' interpolated, standardised responses; the target's is a
    Gaussian process, judged by leave-one-out. Weights: how often, of 64 bootstraps of the pairs,
    a model misorders least; models that lose to the target's 95th percentile are dropped.
    """
    F = np.sqrt(problem.regrets)
    F = (F - F.mean(axis=1, keepdims=True)) / np.maximum(F.std(axis=1, keepdims=True), 1e-9)
    kernel = Kernel(np.full(problem.points.shape[1], 0.33), 0.05)
    tried = [int(F.mean(axis=0).argmin())]
    while len(tried) < budget:
        X, y = problem.points[tried], problem.losses[tried]
        y = (y - y.mean()) / (y.std() or 1.0)
        inverse = np.linalg.inv(kernel(X, X) + kernel.noise * np.eye(len(X)))
        cross = kernel(problem.points, X)
        mean = cross @ (inverse @ y)
        variance = np.maximum(1.0 - np.einsum("ij,jk,ik->i", cross, inverse, cross), 1e-6)
        if len(tried) < 3:
            weights = np.append(np.full(len(F), 1 / len(F)), 0.0)
        else:
            left_out = y - (inverse @ y) / np.diag(inverse)
            weights = _rgpe_weights(np.vstack([F[:, tried], left_out]), y, rng)
        mixed = weights[:-1] @ F + weights[-1] * mean
        spread = (weights[:-1] ** 2).sum() * 0.25 + weights[-1] ** 2 * variance
        best = float(mixed[tried].min())
        tried.append(_best_new(expected_improvement(mixed, np.sqrt(spread), best), tried))
    return tried


def _rgpe_weights(predicted: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    n, wins = len(y), np.zeros(len(predicted))
    losses = np.empty((64, len(predicted)))
    wrong = (predicted[:, :, None] < predicted[:, None, :]) ^ (
        y[:, None] < y[None, :]
    )  # (T + 1, n, n)
    for s in range(64):
        counts = np.bincount(rng.integers(n, size=n), minlength=n)
        losses[s] = wrong @ counts @ counts
    kept = np.median(losses, axis=0) <= np.quantile(losses[:, -1], 0.95)
    kept[-1] = True
    losses[:, ~kept] = np.inf
    for row in losses:
        best = np.flatnonzero(row == row.min())
        # Ties go to the target model, as in the paper's code.
        wins[len(predicted) - 1 if len(predicted) - 1 in best else rng.choice(best)] += 1
    return wins / wins.sum()


def tpe(problem: Problem, budget: int, rng: np.random.Generator) -> list[int]:
    """Optuna's TPE (multivariate, group); each proposal moves to the nearest untried candidate."""
    return _with_tpe(problem, budget, rng, [])


def portfolio_then_tpe(problem: Problem, budget: int, rng: np.random.Generator) -> list[int]:
    """The first ten of the greedy portfolio, then TPE."""
    return _with_tpe(problem, budget, rng, greedy(problem.regrets, min(10, budget)))


def _with_tpe(
    problem: Problem, budget: int, rng: np.random.Generator, tried: list[int]
) -> list[int]:
    from autometa.meta.points import Encoder

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    encoder, tried = Encoder(problem.space), list(tried)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sampler = optuna.samplers.TPESampler(
            multivariate=True, group=True, seed=int(rng.integers(2**31))
        )
        study = optuna.create_study(sampler=sampler)
        for j in tried:
            study.add_trial(_trial(problem, j))
        while len(tried) < budget:
            trial = study.ask()
            point = encoder.encode([_suggest(trial, problem.space)])
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            gaps = np.abs(problem.points - point).sum(axis=1)
            tried.append(_best_new(-gaps, tried))
            study.add_trial(_trial(problem, tried[-1]))
    return tried


def _suggest(trial: optuna.Trial, space: Space) -> dict[str, object]:
    from autometa.search.space import suggest

    return suggest(trial, space)


def _trial(problem: Problem, j: int) -> optuna.trial.FrozenTrial:
    params = dict(problem.candidates[j])
    distributions = {name: problem.space.params[name] for name in params}
    return optuna.trial.create_trial(
        params=params, distributions=distributions, value=float(problem.losses[j])
    )


COMPETITORS: dict[str, Competitor] = {
    "random": random_search,
    "optuna-tpe": tpe,
    "extra-trees": trees,
    "gaussian-process": process,
    "greedy-portfolio": greedy_portfolio,
    "mean-rank-list": mean_rank,
    "zero-shot": zero_shot,
    "nearest-datasets": nearest_datasets,
    "one-nearest": one_nearest,
    "rank-adaptive": rank_adaptive,
    "rgpe": rgpe,
    "portfolio-then-tpe": portfolio_then_tpe,
}
NEEDS_FEATURES = {"nearest-datasets", "one-nearest"}
RANDOM_RUNS = {"random": 20, "optuna-tpe": 3, "extra-trees": 1, "gaussian-process": 1}
"""How many runs are averaged; 1 where not named: the others draw nothing or little."""
