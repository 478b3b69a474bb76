"""Which learners an ensemble of all defaults takes: what each is worth beside the others.

    python benchmarks/chosen.py --data FOLDER
    python benchmarks/chosen.py --data FOLDER --rows 150 --tables all --problem classification
    python benchmarks/chosen.py --data TEXTS --tables all

Three-fold predictions of every learner's default on the first rows of twelve dev tables (or of all,
or of the texts of a folder without an index), then the greedy choice of `autometa.select` over
them; prints loss, CPU seconds of a fit, and the weights, and at the end for each learner how often
it leads, its mean weight, what the best ensemble loses without it, and its cost over the cheapest
linear one's.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from common import DATA, Results, markdown

from autometa import FitContext, NotApplicable, TrainingData
from autometa.dataset import Dataset
from autometa.measure import METRICS, score
from autometa.plugins import load_plugins
from autometa.resolve import resolve
from autometa.select.evidence import Evidence
from autometa.select.pools import greedy

TABLES = [
    "haberman",
    "credit_g",
    "heart_cleveland",
    "ionosphere",
    "vehicle_silhouettes",
    "vowel",
    "ecoli",
    "auto_mpg",
    "sk_diabetes",
    "hitters_salary",
    "pima_diabetes",
    "abalone",
]
N_FOLDS = 3


@dataclass(frozen=True, slots=True)
class Measured:
    """What the learners' defaults gave on one table.

    Args:
        losses: By learner; lower is better.
        seconds: CPU seconds of a fit with its predictions, by learner.
        weights: Of the greedy ensemble, by learner and ``constant``.
        without: By learner, the loss of the ensemble that lacks it.
        loss: Of the whole ensemble.
        constant: Of the constant prediction.
    """

    losses: dict[str, float]
    seconds: dict[str, float]
    weights: dict[str, float]
    without: dict[str, float]
    loss: float
    constant: float


def tables(folder: Path) -> list[dict[str, str]]:
    """Gives the rows of the folder's index; without one, its files with the target last."""
    if (folder / "index.csv").exists():
        return Results(folder / "index.csv").rows
    frames = {path.stem: pd.read_parquet(path) for path in sorted(folder.glob("*.parquet"))}
    return [
        {"name": name, "part": "dev", "task": "multiclass", "target": str(frame.columns[-1])}
        for name, frame in frames.items()
    ]


def read(
    folder: Path, row: dict[str, str], n_rows: int
) -> tuple[pd.DataFrame, np.ndarray[Any, Any], int]:
    """Gives typed columns, target and number of classes (0 for values)."""
    frame = pd.read_parquet(folder / f"{row['name']}.parquet").sample(frac=1, random_state=0)
    frame = frame.head(n_rows)
    target = frame.pop(row["target"])
    X = Dataset.from_frame(frame).frame
    if row["task"] == "regression":
        return X, target.to_numpy(float), 0
    codes = pd.Categorical(target).codes.astype(np.int64)
    return X, codes, int(codes.max()) + 1


def held_out(spec: Any, X: pd.DataFrame, y: Any, k: int, folds: Any) -> tuple[Any, float]:
    """Gives out-of-fold predictions and the CPU seconds of a fit with its predictions."""
    predictions, started = np.zeros((len(y), k) if k else len(y)), time.process_time()
    for fold in range(N_FOLDS):
        train, valid = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        data = TrainingData(X.iloc[train], y[train], k or None)
        model = resolve(spec.factory)({}).fit(data, FitContext(np.random.default_rng(0)))
        predictions[valid] = model.predict(X.iloc[valid])
    return predictions, (time.process_time() - started) / N_FOLDS


def measure(folder: Path, row: dict[str, str], n_rows: int, extra: Sequence[str]) -> Measured:
    """Fits every default learner and those of `extra`, and combines what they predict."""
    X, y, k = read(folder, row, n_rows)
    folds = np.sort(np.arange(len(y)) % N_FOLDS)
    metric = METRICS["log_loss" if k else "rmse"]
    problem = "classification" if k else "regression"
    registry, found, seconds = load_plugins(), {}, {}
    for name in dict.fromkeys([*registry.default_learners(), *extra]):
        spec = registry.learner(name).spec
        if problem not in spec.problems:
            continue
        try:
            found[name], seconds[name] = held_out(spec, X, y, k, folds)
        except NotApplicable:
            continue
    shares = np.bincount(y, minlength=k) / len(y) if k else y.mean()
    constant = np.broadcast_to(shares, next(iter(found.values())).shape)

    def combined(names: Sequence[str]) -> tuple[dict[str, float], float]:
        stacked = np.stack([*(found[name] for name in names), constant])
        weights = np.array(greedy(Evidence(metric, stacked, y, folds)).weights)
        loss = score(metric, y, np.tensordot(weights / weights.sum(), stacked, 1))
        return dict(zip([*names, "constant"], weights, strict=True)), loss

    weights, loss = combined([*found])
    without = {name: combined([one for one in found if one != name])[1] for name in found}
    losses = {name: score(metric, y, found[name]) for name in found}
    return Measured(losses, seconds, weights, without, loss, score(metric, y, constant))


def line(name: str, measured: Measured) -> str:
    """Gives what stands on the terminal for one table."""
    told = [f"{one} {loss:.4g} ({measured.seconds[one]:.2f} s)" for one, loss in _ranked(measured)]
    taken = [f"{one} {weight:.2f}" for one, weight in measured.weights.items() if weight]
    return (
        f"{name}: {', '.join(told)}; constant {measured.constant:.4g}\n"
        f"  takes {', '.join(taken)}: {measured.loss:.4g}"
    )


def summary(measured: Sequence[Measured]) -> str:
    """Gives a table of the learners over all tables."""
    rows = []
    for name in dict.fromkeys(name for one in measured for name in one.losses):
        here = [one for one in measured if name in one.losses]
        cheapest = [min(one.seconds.get(x, np.inf) for x in ("ridge", "logistic")) for one in here]
        costs = [one.seconds[name] / base for one, base in zip(here, cheapest, strict=True)]
        losses = [(one.without[name] - one.loss) / one.constant for one in here]
        rows.append(
            {
                "learner": name,
                "tables": len(here),
                "leads": sum(_ranked(one)[0][0] == name for one in here),
                "taken": sum(one.weights[name] > 0 for one in here),
                "mean weight": float(np.mean([one.weights[name] for one in here])),
                "loss without, % of constant's": 100 * float(np.mean(losses)),
                "median cost": float(np.median(costs)),
                "CPU s": float(np.mean([one.seconds[name] for one in here])),
            }
        )
    return markdown(rows)


def _ranked(measured: Measured) -> list[tuple[str, float]]:
    return sorted(measured.losses.items(), key=lambda pair: pair[1])


def main() -> None:
    """Measures the tables that the command line names."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--data", type=Path, default=DATA, help="folder of tables with index.csv")
    options.add_argument("--rows", type=int, default=600, help="how many of each table (600)")
    options.add_argument("--tables", nargs="+", default=TABLES, help="names, or: all")
    options.add_argument(
        "--problem", choices=["all", "classification", "regression"], default="all"
    )
    options.add_argument("--extra", nargs="*", default=[], help="learners that are no defaults")
    given, measured = options.parse_args(), []
    for row in tables(given.data):
        kind = "regression" if row["task"] == "regression" else "classification"
        named = given.tables == ["all"] or row["name"] in given.tables
        if row["part"] != "dev" or not named or given.problem not in ("all", kind):
            continue
        measured.append(measure(given.data, row, given.rows, given.extra))
        print(line(row["name"], measured[-1]), flush=True)
    print(summary(measured))


if __name__ == "__main__":
    main()
