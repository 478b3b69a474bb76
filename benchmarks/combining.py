"""Ways to combine trials, on rows that neither the trials nor the choice saw.

    python benchmarks/combining.py

Of every table of part dev (one per family) a few rows are for training, 600 others stay untouched.
Defaults and random configurations of all quick learners are fitted on five folds; of some of them
every strategy makes its combination as a search does, and so does the search's own rule, which also
leaves members out. A row per table, number of trials to choose from, and strategy: its loss on the
untouched rows over the constant's, and how many members it has.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import common
import numpy as np
import pandas as pd
from common import DATA, Results, Row

N_FOLDS, N_UNTOUCHED, N_CONFIGS, MOST_CLASSES = 5, 600, 4, 4
N_CANDIDATES = (50, 16, 6)
SLOW = frozenset({"hist_boosting", "xgboost", "catboost"})
RULE, LEAST = "the rule", "least held-out loss"
METRIC = {True: "rmse", False: "log_loss"}
SECONDS = 5.0  # of one fit


def measure(options: argparse.Namespace, results: Results) -> None:
    if not (options.data / "index.csv").is_file():
        sys.exit(f"{options.data} holds no index.csv; say where the tables are with --data")
    done = {(row["table"], row["rows"]) for row in results.rows}
    for table in chosen(options.data / "index.csv", options.rows):
        if (table["name"], str(options.rows)) not in done:
            for row in compared(table, options):
                results.add({"table": table["name"], "rows": options.rows, **row})


def chosen(index: Path, n_rows: int) -> Iterator[dict[str, str]]:
    """Gives the smallest table of each family that has rows enough for both parts."""
    families = set()
    for row in sorted(Results(index).rows, key=lambda row: (int(row["n_rows"]), row["name"])):
        enough = n_rows / 0.6 <= int(row["n_rows"]) < 60 * n_rows
        if row["part"] == "dev" and enough and row["family"] not in families:
            families.add(row["family"])
            yield row


def compared(table: Row, options: argparse.Namespace) -> Iterator[Row]:
    """Gives the losses of one table; none where it has too many classes."""
    raw = pd.read_parquet(options.data / f"{table['name']}.parquet").sample(frac=1, random_state=0)
    raw = raw.iloc[: options.rows + N_UNTOUCHED].dropna(subset=[table["target"]])
    target = raw.pop(table["target"])
    is_regression = table["task"] == "regression"
    y, classes = (target.to_numpy(dtype=np.float64), []) if is_regression else pd.factorize(target)
    n = options.rows
    if len(classes) > MOST_CLASSES or len(np.unique(y[:n])) < len(classes):
        return
    held_out, untouched = predictions(raw, y, n, len(classes) or None)
    rng = np.random.default_rng(0)
    for n_candidates in N_CANDIDATES:
        drawn = rng.permutation(len(held_out))[:n_candidates]
        found = {"metric": METRIC[is_regression], "candidates": n_candidates}
        for strategy, measured in combined(held_out[drawn], untouched[drawn], y, n).items():
            yield {**found, "strategy": strategy, **measured}


def folds_of(y: Any) -> Any:
    """Gives the fold of each row: rows of a fold stand together."""
    return np.arange(len(y)) * N_FOLDS // len(y)


def predictions(raw: pd.DataFrame, y: Any, n: int, n_classes: int | None) -> tuple[Any, Any]:
    """Gives what every configuration says of the held-out and of the untouched rows."""
    from autometa.learner import TrainingData
    from autometa.plugins import load_plugins
    from autometa.schema import Schema
    from autometa.testing import subject

    schema = Schema.infer(raw.iloc[:n].reset_index(drop=True))
    X = schema.apply(raw.iloc[:n].reset_index(drop=True))
    X_new = schema.apply(raw.iloc[n:].reset_index(drop=True))
    folds = folds_of(y[:n])
    problem = "regression" if n_classes is None else "classification"
    found = []
    for name, entry in sorted(load_plugins().learners.items()):
        spec = entry.spec
        suits = problem in spec.problems and "tabular" in spec.modalities
        if not suits or name in SLOW or "torch" in spec.factory:
            continue
        space = subject.space_of(spec.space)
        for config in (space.defaults, *subject.random_configs(space, N_CONFIGS)):
            parts, new = [], []
            for fold in range(N_FOLDS):
                kept = np.flatnonzero(folds != fold)
                train = TrainingData(X.iloc[kept].reset_index(drop=True), y[kept], n_classes)
                learner = subject.learner_of(spec, config)
                try:
                    model = learner.fit(train, subject.context(seconds=SECONDS))
                except Exception:  # a configuration that does not suit these rows is no candidate
                    break
                held = X.iloc[np.flatnonzero(folds == fold)].reset_index(drop=True)
                parts.append(model.predict(held))
                new.append(model.predict(X_new))
            else:
                found.append((np.concatenate(parts), np.mean(new, axis=0)))
    return tuple(np.stack(side).astype(np.float32) for side in zip(*found, strict=True))


def combined(held_out: Any, untouched: Any, y: Any, n: int) -> dict[str, Row]:
    """Gives of each strategy how many members it has and its loss on the untouched rows."""
    from autometa.measure import METRICS, score
    from autometa.select.ensemble import choose
    from autometa.select.evidence import Evidence, mean_loss
    from autometa.select.strategies import fit_all, splits_of
    from autometa.select.strategies import held_out as held_out_losses

    own, new = y[:n], y[n:]
    metric = METRICS[METRIC[held_out.ndim == 2]]
    folds = folds_of(own)
    order = np.argsort([mean_loss(metric, p, own, folds) for p in held_out])
    k = held_out.shape[2] if held_out.ndim == 3 else 0
    means = [_constant(own[folds != fold], k) for fold in range(N_FOLDS)]
    evidence = Evidence(
        metric, np.concatenate([held_out[order], np.stack(means)[folds][None]]), own, folds
    )
    last = np.broadcast_to(_constant(own, k), untouched.shape[1:])[None]
    members = np.concatenate([untouched[order], last])

    def loss(p: Any) -> float:
        return float(metric.loss(score(metric, new, p)))

    splits = splits_of(evidence)
    fits = fit_all([evidence, *(kept for kept, _ in splits)])
    held = {name: held_out_losses(fit[1:], splits).mean() for name, fit in fits.items()}
    found = {name: fit[0] for name, fit in fits.items()}
    found[LEAST] = found[min(held, key=lambda name: held[name])]
    found[RULE] = choose(evidence).combination
    return {
        name: {
            "loss": round(loss(combination.apply(members)) / loss(members[-1]), 6),
            "members": len(combination.members),
        }
        for name, combination in found.items()
    }


def _constant(y: Any, n_classes: int) -> Any:
    if not n_classes:
        return np.asarray(y.mean())
    return (np.bincount(y, minlength=n_classes) + 1) / (len(y) + n_classes)


def report(rows: Sequence[Row]) -> str:
    """Gives means over tables, and of the differences to the rule with their standard errors."""
    if not rows:
        return "no rows yet"
    frame = pd.DataFrame(rows)
    frame["loss"] = frame["loss"].astype(float)
    frame["members"] = [common.number(row, "members") for row in rows]  # not in older rows
    keys = ["rows", "metric", "candidates"]
    shown = []
    for case, part in frame.groupby(keys):
        table = part.pivot(index="table", columns="strategy", values="loss")
        n_members = part.groupby("strategy")["members"].mean()
        for strategy in table:
            gap = table[strategy] - table[RULE]
            shown.append(
                {
                    **dict(zip(keys, case, strict=True)),
                    "tables": len(table),
                    "strategy": strategy,
                    "loss / constant's": round(float(table[strategy].mean()), 4),
                    "more than the rule": round(float(gap.mean()), 4),
                    "standard error": round(float(gap.std()) / math.sqrt(len(gap)), 4),
                    "worse than the constant": int((table[strategy] > 1).sum()),
                    "members": round(float(n_members[strategy]), 1),
                }
            )
    return common.markdown(shown)


if __name__ == "__main__":
    options = common.parser(__doc__, "combining.csv")
    options.add_argument("--data", type=Path, default=DATA, help="folder of tables with index.csv")
    options.add_argument("--rows", type=int, default=230, help="for training (default: 230)")
    common.main(options.parse_args(), measure, report)
