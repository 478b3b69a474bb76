"""CPU milliseconds of a proposal, by number of past tasks and of observations.

    OPENBLAS_NUM_THREADS=1 python -m benchmarks.prior.cost

One thread, as `autometa optimize` proposes: the matrices are small, and threads that wait for each
other double the CPU time of every proposal.
"""

from __future__ import annotations

import time
import warnings

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution

from autometa import KnowledgeBase, PriorSampler
from autometa.learner import Space
from autometa.search.space import suggest

LEARNERS, DIMENSIONS, TRIALS = 5, 4, 100


def space() -> Space:
    params = {"learner": CategoricalDistribution([f"l{i}" for i in range(LEARNERS)])}
    conditions = {}
    for i in range(LEARNERS):
        for d in range(DIMENSIONS):
            params[f"l{i}.x{d}"] = FloatDistribution(0.0, 1.0)
            conditions[f"l{i}.x{d}"] = ("learner", (f"l{i}",))
    return Space(params, conditions)


def configurations(rng: np.random.Generator, n: int) -> list[dict[str, object]]:
    return [
        {"learner": f"l{i}"} | {f"l{i}.x{d}": float(rng.random()) for d in range(DIMENSIONS)}
        for i in rng.integers(LEARNERS, size=n).tolist()
    ]


def loss(config: dict[str, object], centre: np.ndarray) -> float:
    x = np.array([v for k, v in config.items() if k != "learner"], float)
    return float(((x - centre) ** 2).sum()) + 0.1 * int(str(config["learner"])[1:])


def knowledge(n_tasks: int, *, shared: bool) -> KnowledgeBase:
    """Past tasks on one table of configurations, or each with configurations of its own."""
    rng = np.random.default_rng(0)
    centres = rng.random((n_tasks, DIMENSIONS))
    if shared:
        configs = configurations(rng, TRIALS)
        return KnowledgeBase.from_table(configs, [[loss(c, x) for c in configs] for x in centres])
    records = []
    for centre in centres:
        configs = configurations(rng, TRIALS)
        table = KnowledgeBase.from_table(configs, [[loss(c, centre) for c in configs]])
        records += table.records
    return KnowledgeBase(records)


def proposal_ms(sampler: optuna.samplers.BaseSampler, n_seen: int) -> tuple[float, float]:
    """Gives the median and the largest CPU ms of the ten proposals after `n_seen`."""
    study, times = optuna.create_study(sampler=sampler), []
    target, centre = space(), np.full(DIMENSIONS, 0.4)
    for number in range(n_seen + 10):
        start = time.process_time()
        trial = study.ask()
        config = suggest(trial, target)
        if number >= n_seen:
            times.append(1000 * (time.process_time() - start))
        study.tell(trial, loss(config, centre))
    return float(np.median(times)), max(times)


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    tpe = optuna.samplers.TPESampler(multivariate=True, group=True, seed=0)
    print("| past tasks | configurations | fit, CPU s | @25 ms | @100 ms | largest @100 |")
    print("|---|---|---|---|---|---|")
    print(
        "| none (TPE) | | | {:.1f} | {:.1f} | {:.1f} |".format(
            proposal_ms(tpe, 25)[0], *proposal_ms(tpe, 100)
        )
    )
    for shared in (True, False):
        for n_tasks in (10, 100, 1000, 10000):
            if n_tasks == 10000 and not shared:
                continue
            base = knowledge(n_tasks, shared=shared)
            start = time.process_time()
            prior = base.prior(space())
            prior.grid  # noqa: B018 - computed on first use
            fit = time.process_time() - start
            few, _ = proposal_ms(PriorSampler(prior, seed=0), 25)
            many, most = proposal_ms(PriorSampler(prior, seed=0), 100)
            kind = "shared" if shared else "own"
            print(
                f"| {n_tasks} | {kind} | {fit:.2f} | {few:.1f} | {many:.1f} | {most:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
