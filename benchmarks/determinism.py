"""Whether the same seed gives the same trials in another process, and after interruptions.

    python benchmarks/determinism.py

Per table four searches with one worker and a budget of trials: a reference, one with another
PYTHONHASHSEED, one that is stopped by SIGINT and one that is killed, each at random moments; the
last two are resumed until they end. All fields but times must be equal.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import common
from common import AUTOMETA, ROOT, Results, Row, Workspace

PENGUINS = ROOT / "examples" / "quickstart" / "penguins.csv"
TABLES: Mapping[str, Mapping[str, str]] = {
    "penguins": {"source": str(PENGUINS), "target": "species"},
    "breast_cancer": {"source": "sklearn:breast_cancer", "target": "target"},
    "diabetes": {"source": "sklearn:diabetes", "target": "target"},
}
TIMES = ("cost_seconds", "latency_ms")
STOPS = 4
LATEST_STOP = 0.9
SIGNALLED = {signal.SIGINT: (130,), signal.SIGKILL: (-signal.SIGKILL,)}

History = list[dict[str, Any]]


def history(place: Workspace, task: Path) -> History:
    """Gives all told trials without what is measured in time."""
    done = place.run([AUTOMETA, "status", task, "--json"])
    if done.code:
        sys.exit(f"status: exit {done.code}\n{done.stderr}")
    rows = done.report["history"]
    return [{key: value for key, value in row.items() if key not in TIMES} for row in rows]


def write_task(place: Workspace, table: str, trials: int) -> Path:
    return place.write_task(
        {
            "name": table,
            "data": TABLES[table],
            "budget": {"trials": trials, "seconds": None},
            "limits": {"workers": 1},
            "tracking": "none",
            "seed": 7,
        }
    )


def plain(hash_seed: str) -> Callable[[Workspace, Path, float, random.Random], int]:
    """Gives a search that nobody interrupts."""

    def search(place: Workspace, task: Path, seconds: float, rng: random.Random) -> int:
        done = place.run([AUTOMETA, "optimize", task, "--json"], PYTHONHASHSEED=hash_seed)
        if done.code:
            sys.exit(f"exit {done.code}\n{done.stderr}")
        return 0

    return search


def interrupted(number: signal.Signals) -> Callable[[Workspace, Path, float, random.Random], int]:
    """Gives a search that is stopped a few times at random moments, and resumed."""

    def search(place: Workspace, task: Path, seconds: float, rng: random.Random) -> int:
        for stop in range(STOPS):
            moment = seconds * LATEST_STOP * rng.random() / STOPS * (1 if stop else 2)
            if not _stopped(place, task, number, moment + seconds * 0.1):
                return stop
        plain("0")(place, task, seconds, rng)
        return STOPS

    return search


def _stopped(place: Workspace, task: Path, number: signal.Signals, moment: float) -> bool:
    """Runs until `moment`; gives whether the search was still going on then."""
    started = time.monotonic()
    process, output = place.start([AUTOMETA, "optimize", task, "--json"], PYTHONHASHSEED="random")
    while process.poll() is None and time.monotonic() - started < moment:
        time.sleep(0.01)
    if process.returncode is not None:
        return False
    os.kill(process.pid, number)
    done = place.finish(process, output, started)
    if done.code not in (0, *SIGNALLED[number]):
        sys.exit(f"after {number.name}: exit {done.code}\n{done.stderr}")
    return done.code != 0


SEARCHES = {
    "hash_seed": plain("12345"),
    "SIGINT": interrupted(signal.SIGINT),
    "SIGKILL": interrupted(signal.SIGKILL),
}


def n_equal(expected: History, got: History) -> int:
    """Gives how many trials are equal before the first that is not."""
    pairs = zip(expected, got, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(expected), len(got)))


def differences(expected: Mapping[str, Any], got: Mapping[str, Any]) -> str:
    """Names the fields in which two trials differ."""
    return ", ".join(key for key in expected if expected[key] != got.get(key))


def measure(options: argparse.Namespace, results: Results) -> None:
    done = {(row["table"], row["search"]) for row in results.rows}
    for table in options.tables:
        if all((table, name) in done for name in SEARCHES):
            continue
        with common.workspace() as place:
            task = write_task(place, table, options.trials)
            started = time.monotonic()
            plain("0")(place, task, math.inf, random.Random(0))
            seconds = time.monotonic() - started
            expected = history(place, task)
            for name, search in SEARCHES.items():
                if (table, name) not in done:
                    shutil.rmtree(place.folder / ".autometa")
                    rng = random.Random(f"{options.seed} {table} {name}")
                    n_stops = search(place, task, seconds, rng)
                    got = history(place, task)
                    results.add(_compared(table, name, n_stops, expected, got))


def _compared(table: str, name: str, n_stops: int, expected: History, got: History) -> Row:
    equal = n_equal(expected, got)
    pairs = list(zip(expected, got, strict=False))
    first = differences(*pairs[equal]) if equal < len(pairs) else ""
    if first:
        print(json.dumps(pairs[equal], indent=1), file=sys.stderr)
    return {
        "table": table,
        "search": name,
        "n_stops": n_stops,
        "n_expected": len(expected),
        "n_got": len(got),
        "n_equal": equal,
        "first_difference": first,
    }


def report(rows: Sequence[Row]) -> str:
    table = []
    for row in rows:
        is_same = row["n_equal"] == row["n_expected"] == row["n_got"]
        table.append(
            {
                "table": row["table"],
                "against the reference": row["search"],
                "stops": row["n_stops"],
                "trials": row["n_got"],
                "equal trials": f"{row['n_equal']} of {row['n_expected']}",
                "first difference": row["first_difference"],
                "same": "yes" if is_same else "NO",
            }
        )
    return common.markdown(table)


if __name__ == "__main__":
    options = common.parser(__doc__, "determinism.csv")
    options.add_argument("--trials", type=int, default=60, help="of each search (default: 60)")
    options.add_argument("--seed", type=int, default=0, help="of the moments of the stops")
    options.add_argument("--tables", nargs="+", default=list(TABLES), choices=list(TABLES))
    common.main(options.parse_args(), measure, report)
