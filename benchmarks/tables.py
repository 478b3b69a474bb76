"""Real tables, some seconds each: exit codes, wall time, MLflow, and test scores.

    python benchmarks/tables.py
    python benchmarks/tables.py --tables 40 --seconds 20 --results tables40.csv

Needs a folder of parquet tables with an ``index.csv``. A table that has a row already is left out,
so an interrupted call goes on where it was.
"""

from __future__ import annotations

import argparse
import itertools
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import common
import numpy as np
from common import AUTOMETA, DATA, Finished, Results, Row, Workspace

N_TABLES = 20
BUDGET_SECONDS = 30.0
TOLERANCE_SECONDS = 2.0
DRAIN_SECONDS = 30.0
WORKERS = 2
MANY = 1_000_000
SIZES, KINDS = ("S", "M", "L"), ("binary", "multiclass", "regression")


def chosen(index: Path, n_tables: int, part: str = "test") -> list[dict[str, str]]:
    """Gives the tables by rule, so that nobody picks them.

    Of a part, one table per family, the first by name; in turns from the nine cells of size and
    kind, each in the order of names; then the second of each family likewise, and so on until
    there are enough.
    """
    rows = [row for row in Results(index).rows if row["part"] == part]
    rounds: dict[int, list[dict[str, str]]] = {}
    seen: Counter[str] = Counter()
    for row in sorted(rows, key=lambda row: row["name"]):
        rounds.setdefault(seen[row["family"]], []).append(row)
        seen[row["family"]] += 1
    return [row for number in sorted(rounds) for row in _in_turns(rounds[number])][:n_tables]


def _in_turns(rows: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    cells = [
        [row for row in rows if (row["size_bucket"], row["task"]) == cell]
        for cell in itertools.product(SIZES, KINDS)
    ]
    turns = itertools.chain.from_iterable(itertools.zip_longest(*cells))
    return [row for row in turns if row is not None]


def measure(options: argparse.Namespace, results: Results) -> None:
    if not (options.data / "index.csv").is_file():
        sys.exit(f"{options.data} holds no index.csv; say where the tables are with --data")
    done = {row["table"] for row in results.rows}
    for row in chosen(options.data / "index.csv", options.tables, options.part):
        if row["name"] not in done:
            results.add(measure_table(row, options.data, options.seconds))


def measure_table(row: Row, data: Path, seconds: float) -> Row:
    """Searches one table and gives what came of it."""
    with common.workspace() as place:
        task = place.write_task(
            {
                "name": row["name"],
                "data": {"source": str(data / f"{row['name']}.parquet"), "target": row["target"]},
                "budget": {"trials": MANY, "seconds": seconds},
                "limits": {"workers": WORKERS},
            }
        )
        finished = place.run([AUTOMETA, "optimize", task, "--json"], timeout=seconds + 120)
        if finished.code:
            print(finished.stderr, file=sys.stderr)
        known = {"table": row["name"], "size": row["size_bucket"], "kind": row["task"]}
        return {**known, "n_rows": row["n_rows"], **outcome(place, row["name"], finished, seconds)}


def outcome(place: Workspace, name: str, finished: Finished, seconds: float) -> Row:
    report = finished.report
    counts = report.get("trials", {})
    n_trials = sum(counts.values())
    children, drained = drained_children(place, n_trials)
    best = report.get("best") or {"values": {}, "params": {}}
    metric = next(iter(best["values"]), "")
    reference, is_better = against_constant(place.study(name), metric, report.get("test", {}))
    return {
        "exit": finished.code,
        "budget_seconds": seconds,
        "wall_seconds": round(finished.wall_seconds, 2),
        "complete": counts.get("complete", 0),
        "pruned": counts.get("pruned", 0),
        "failed": counts.get("failed", 0),
        "not_applicable": counts.get("not_applicable", 0),
        "children": children,
        "drain_seconds": round(drained, 1),
        "metric": metric,
        "test": report.get("test", {}).get(metric, ""),
        "constant_test": reference,
        "is_better": is_better,
        "best_learner": best["params"].get("learner", ""),
        "ensemble": len((report.get("ensemble") or {}).get("weights", [])),
    }


def drained_children(place: Workspace, n_trials: int) -> tuple[int, float]:
    """Gives how many child runs MLflow has once all are there, and after how many seconds."""
    started = time.monotonic()
    while (found := count_children(place.folder / ".autometa" / "mlflow.db")) < n_trials:
        if time.monotonic() - started > DRAIN_SECONDS:
            break
        time.sleep(0.25)
    return found, time.monotonic() - started


def count_children(store: Path) -> int:
    """Counts the runs with a parent; 0 while there is no store."""
    if not store.exists():
        return 0
    query = "SELECT COUNT(*) FROM tags JOIN runs USING (run_uuid) WHERE key = 'mlflow.parentRunId'"
    query += " AND lifecycle_stage = 'active'"
    try:
        with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
            return int(connection.execute(query).fetchone()[0])
    except sqlite3.OperationalError:  # no tables yet, or locked
        return 0


def against_constant(study: Path, name: str, test: Row) -> tuple[float | str, bool]:
    """Scores class frequencies, or the mean, of the development rows on the test part.

    Returns:
        That score, and whether the delivered model's is better.
    """
    from autometa.measure import find_metric, score
    from autometa.prepared import open_prepared

    if name not in test:
        return "", False
    prepared = open_prepared(study / "data")
    rows = prepared.split.test_rows()
    known = prepared.y[prepared.split.development_rows()]
    prediction: Any = known.mean()
    if prepared.n_classes is not None:
        prediction = np.bincount(known, minlength=prepared.n_classes) / len(known)
    metric = find_metric(name)
    reference = score(metric, prepared.y[rows], np.repeat([prediction], len(rows), axis=0))
    return float(reference), bool(metric.loss(test[name]) < metric.loss(reference))


def _n_trials(row: Row) -> int:
    return sum(int(row[key]) for key in ("complete", "pruned", "failed", "not_applicable"))


def _is_on_time(row: Row) -> bool:
    late = common.number(row, "wall_seconds") - common.number(row, "budget_seconds")
    return abs(late) <= TOLERANCE_SECONDS


def report(rows: Sequence[Row]) -> str:
    shown = [
        {
            "table": row["table"],
            "size, kind": f"{row['size']} {row['kind']} ({row['n_rows']} rows)",
            "exit": row["exit"],
            "wall s": f"{common.number(row, 'wall_seconds'):.1f}",
            "trials (pruned, failed)": f"{_n_trials(row)} ({row['pruned']}, {row['failed']})",
            "MLflow children": row["children"],
            "test": f"{row['metric']} {common.number(row, 'test'):.4g}",
            "constant": f"{common.number(row, 'constant_test'):.4g}",
            "best learner": row["best_learner"],
            "ensemble of": row["ensemble"],
        }
        for row in rows
    ]
    return f"{common.markdown(shown)}\n\n{_claims(rows)}"


def _claims(rows: Sequence[Row]) -> str:
    checks = {
        "exit 0": lambda row: row["exit"] == "0",
        "better than a constant on the test part": lambda row: row["is_better"] == "True",
        "MLflow children = trials": lambda row: int(row["children"]) == _n_trials(row),
        f"wall time within {TOLERANCE_SECONDS:g} s of the budget": _is_on_time,
    }
    lines = []
    for name, check in checks.items():
        wrong = [row["table"] for row in rows if not check(row)]
        lines.append({"of each table": name, "kept": f"{len(rows) - len(wrong)} of {len(rows)}"})
        lines[-1]["not by"] = ", ".join(wrong)
    learners = Counter(row["best_learner"] for row in rows)
    best = ", ".join(f"{name} {n}" for name, n in learners.most_common())
    return f"{common.markdown(lines)}\n\nBest single learner: {best}."


if __name__ == "__main__":
    options = common.parser(__doc__, "tables.csv")
    options.add_argument("--data", type=Path, default=DATA, help="folder of tables with index.csv")
    options.add_argument("--tables", type=int, default=N_TABLES, help="how many (default: 20)")
    options.add_argument("--part", default="test", help="of the index (default: test)")
    options.add_argument("--seconds", type=float, default=BUDGET_SECONDS, help="budget of each")
    common.main(options.parse_args(), measure, report)
