"""What past sizes are worth to a search that must keep a size: trials that break it, and the best.

    python benchmarks/bounds.py

Tables of part dev, one per family, at most 2,000 rows, the first 20 by name. Those of even place
are searched first, with a target of 64 KiB; they are the past. Those of odd place are searched
three times, with the same seed: without a past, with the past without its sizes, and with the past
as it is. A row per table and arm: how many of the first ten trials broke the bound, and the least
loss of a trial that kept it after five and after ten, as share of the constant predictor's; 1 where
there is none.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import common
from common import AUTOMETA, DATA, Results, Row, Workspace, number

SIZE_KIB = 64.0
TRIALS, PAST_TRIALS = 10, 20
MOST_ROWS, N_TABLES = 2000, 20
NONE, BLIND, WHOLE = "no past", "past without sizes", "past"
EARLY = 5


def measure(options: argparse.Namespace, results: Results) -> None:
    tables = chosen(options.data / "index.csv")
    past = results.path.with_name("bounds_past")
    for table in tables[0::2]:
        if not (past / table["name"]).is_dir():
            learn(table, options, past / table["name"])
    done = {(row["table"], row["arm"]) for row in results.rows}
    for table in tables[1::2]:
        for arm in (NONE, BLIND, WHOLE):
            if (table["name"], arm) not in done:
                results.add({"table": table["name"], "arm": arm, **searched(table, arm, options)})


def chosen(index: Path) -> list[dict[str, str]]:
    """Gives the first table of each family that is small enough, by name."""
    families: dict[str, dict[str, str]] = {}
    for row in sorted(Results(index).rows, key=lambda row: row["name"]):
        if row["part"] == "dev" and int(row["n_rows"]) <= MOST_ROWS:
            families.setdefault(row["family"], row)
    return list(families.values())[:N_TABLES]


def learn(table: Row, options: argparse.Namespace, folder: Path) -> None:
    """Searches a table of the past and keeps its record."""
    from autometa.meta.record import SUFFIX

    with common.workspace() as place:
        optimize(place, table, options, PAST_TRIALS)
        records = list((place.folder / "home").rglob(f"*{SUFFIX}"))
        folder.mkdir(parents=True, exist_ok=True)
        for record in records:
            (folder / record.name).write_bytes(record.read_bytes())
    print(f"{table['name']}: {len(records)} record", flush=True)


def searched(table: Row, arm: str, options: argparse.Namespace) -> Row:
    """Searches a table and gives what its trials showed."""
    with common.workspace() as place:
        knowledge = place.folder / "past"
        knowledge.mkdir()
        if arm != NONE:
            for record in records_of(options.results.with_name("bounds_past")):
                (record if arm == WHOLE else without_measures(record)).write(knowledge)
        task, found = optimize(place, table, options, TRIALS, [str(knowledge)])
        history = place.run([AUTOMETA, "status", task, "--json"]).report["history"][:TRIALS]
    metric, constant = next(iter(found.get("baseline", {}).items()), ("", 1.0))
    kept = [t["values"][0] if fits(t) else constant for t in history]
    return {
        "rows": table["n_rows"],
        "metric": metric,
        "trials": len(history),
        "broke": sum(t["metrics"].get("size_kib", 0.0) > SIZE_KIB for t in history),
        **{f"best@{n}": round(min(kept[:n]) / constant, 5) for n in (EARLY, TRIALS)},
        "cpu_seconds": round(sum(t["cost_seconds"] for t in history), 2),
    }


def fits(trial: Row) -> bool:
    """Whether a trial may be delivered, as far as its size goes."""
    size = trial["metrics"].get("size_kib", math.inf)
    return trial["outcome"] == "complete" and size <= SIZE_KIB


def records_of(folder: Path) -> Iterator[Any]:
    from autometa import KnowledgeBase

    for path in sorted(folder.iterdir()):
        yield from KnowledgeBase.open(path).records


def without_measures(record: Any) -> Any:
    """Gives a record as it would be if nothing but the loss had been measured."""
    results = [replace(r, metrics={}, size_kib=None, latency_ms=None) for r in record.results]
    return replace(record, trials=type(record.trials).of(results))


def optimize(
    place: Workspace,
    table: Row,
    options: argparse.Namespace,
    trials: int,
    knowledge: Sequence[str] = ("own",),
) -> tuple[Path, Row]:
    """Runs a search under the bound; gives its task file and what it printed."""
    task = place.write_task(
        {
            "name": table["name"],
            "data": {
                "source": str(options.data / f"{table['name']}.parquet"),
                "target": table["target"],
            },
            "budget": {"trials": trials},
            "target": {"profile": "server-cpu", "size_kib": SIZE_KIB},
            "tracking": "none",
            "knowledge": list(knowledge),
        }
    )
    return task, place.run([AUTOMETA, "optimize", task, "--json", "--no-report"]).report


def report(rows: Sequence[Row]) -> str:
    """Gives means over the tables that all arms have searched."""
    arms = (NONE, BLIND, WHOLE)
    by_arm = {arm: {row["table"]: row for row in rows if row["arm"] == arm} for arm in arms}
    shared = set.intersection(*(set(found) for found in by_arm.values()))
    columns = ("broke", f"best@{EARLY}", f"best@{TRIALS}", "cpu_seconds")
    shown = []
    for arm in arms:
        means = {
            column: sum(number(by_arm[arm][name], column) for name in shared) / len(shared)
            for column in columns
        }
        shown.append({"arm": arm, "tables": len(shared), **means})
    return common.markdown(shown)


if __name__ == "__main__":
    options = common.parser(__doc__, "bounds.csv")
    options.add_argument("--data", type=Path, default=DATA, help="folder of tables with index.csv")
    common.main(options.parse_args(), measure, report)
