"""Runs every method on every target of every suite; goes on where it stopped.

    python -m benchmarks.prior.run [oboe mindware-joint mindware-single wrong] [--methods a,b]

Results grow in `results/`, `python -m benchmarks.prior.report` prints them. The data folder is
`../shared/data` beside the repository, or `AUTOMETA_BENCHMARK_DATA`.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

from autometa.meta.knowledge import KnowledgeBase
from autometa.meta.landscape import Landscape
from autometa.meta.prior import Prior
from autometa.meta.retrieval import remoteness
from benchmarks.prior import data
from benchmarks.prior.competitors import COMPETITORS, NEEDS_FEATURES, RANDOM_RUNS, Problem
from benchmarks.prior.ours import search
from benchmarks.prior.rows import Rows

BUDGET = 50
WRONG_BUDGET = 25
OURS = "autometa"
WRONG = ("shuffled", "permuted", "reversed", "half-permuted")
WRONG_SEEDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "suites", nargs="*", default=["oboe", "mindware-joint", "mindware-single", "wrong"]
    )
    parser.add_argument("--methods", default=",".join([OURS, *COMPETITORS]))
    options = parser.parse_args()
    if not (data.DATA / "hpo").is_dir():
        sys.exit(
            f"skipped: no data at {data.DATA}; AUTOMETA_BENCHMARK_DATA names the folder of hpo/."
        )
    methods = options.methods.split(",")
    for name in options.suites:
        if name == "oboe":
            run_suite(data.oboe(), methods)
        elif name == "mindware-joint":
            run_suite(data.mindware_joint(), methods)
        elif name == "mindware-single":
            for suite in data.mindware_single():
                run_suite(suite, methods)
        elif name == "wrong":
            run_wrong(data.oboe())


def run_suite(suite: data.Suite, methods: list[str]) -> None:
    """Runs what is missing, cheapest methods first, fold by fold."""
    rows = Rows(suite.name)
    for method in methods:
        for fold in np.unique(suite.folds):
            targets = [
                t
                for t in np.flatnonzero(suite.folds == fold)
                if (method, suite.tasks[t].name) not in rows.done
            ]
            if not targets:
                continue
            prior = fold_prior(suite, int(targets[0]))
            for t in targets:
                run_target(suite, int(t), method, prior, rows)
        print(suite.name, method, "done", flush=True)


_kept: dict[tuple[str, int], Prior] = {}


def fold_prior(suite: data.Suite, target: int) -> Prior:
    """Fits the sources of a fold once; meta-features come in per target."""
    key = suite.name, int(suite.folds[target])
    if key not in _kept:
        _kept.clear()
        _kept[key] = Prior.fit([suite.tasks[s].record for s in suite.sources(target)])
    return _kept[key]


def run_target(suite: data.Suite, t: int, method: str, prior: Prior, rows: Rows) -> None:
    task = suite.tasks[t]
    landscape = prior.landscape_of(task.candidates)
    distances = feature_distances(suite, t)
    if method in NEEDS_FEATURES and not len(distances):
        return
    runs, start = [], time.process_time()
    if method == OURS:
        runs = [search(landscape, task.losses, min(BUDGET, len(task.losses)))]
    else:
        problem = Problem(
            task.losses,
            landscape.points,
            task.candidates,
            task.record.space,
            landscape.roots.values**2,
            distances,
        )
        for seed in range(RANDOM_RUNS.get(method, 1)):
            rng = np.random.default_rng([seed, t])
            runs.append(COMPETITORS[method](problem, min(BUDGET, len(task.losses)), rng))
    seconds = time.process_time() - start
    rows.add(method, task, development=bool(suite.development[t]), runs=runs, seconds=seconds)


def feature_distances(suite: data.Suite, t: int) -> np.ndarray:
    features = suite.tasks[t].record.metafeatures
    if not features:
        return np.empty(0)
    return np.sqrt(remoteness([suite.tasks[s].record for s in suite.sources(t)], features))


def corrupted(errors: np.ndarray, kind: str, rng: np.random.Generator) -> np.ndarray:
    """Gives a past that is wrong in one of four ways."""
    n_tasks, n_points = errors.shape
    if kind == "shuffled":
        return np.stack([row[rng.permutation(n_points)] for row in errors])
    if kind == "permuted":
        return errors[:, rng.permutation(n_points)]
    if kind == "reversed":
        return errors.max(axis=1, keepdims=True) + errors.min(axis=1, keepdims=True) - errors
    wrong = errors.copy()
    half = rng.permutation(n_tasks)[: n_tasks // 2]
    wrong[half] = wrong[half][:, rng.permutation(n_points)]
    return wrong


def run_wrong(suite: data.Suite) -> None:
    """OBOE with a wrong past, five seeds of each kind."""
    rows = Rows("oboe-wrong")
    for seed in range(WRONG_SEEDS):
        for kind in WRONG:
            for fold in np.unique(suite.folds):
                _run_wrong_fold(suite, kind, seed, int(fold), rows)
            print("oboe-wrong", kind, seed, "done", flush=True)


def _run_wrong_fold(suite: data.Suite, kind: str, seed: int, fold: int, rows: Rows) -> None:
    method = f"{kind}/{seed}"
    targets = [
        t
        for t in np.flatnonzero(suite.folds == fold)
        if (method, suite.tasks[t].name) not in rows.done
    ]
    if not targets:
        return
    sources = suite.sources(int(targets[0]))
    errors = np.stack([suite.tasks[s].losses for s in sources])
    wrong = corrupted(errors, kind, np.random.default_rng([seed, fold]))
    prior = Prior.fit(KnowledgeBase.from_table(suite.tasks[0].candidates, wrong).records)
    landscape: Landscape = prior.landscape_of(suite.tasks[0].candidates)
    for t in targets:
        task, start = suite.tasks[t], time.process_time()
        tried = search(landscape, task.losses, WRONG_BUDGET)
        seconds = time.process_time() - start
        rows.add(
            method, task, development=bool(suite.development[t]), runs=[tried], seconds=seconds
        )


if __name__ == "__main__":
    main()
