"""How many more trials two workers finish than one, with a learner that only computes.

    python benchmarks/workers.py

Pairs of runs, one worker then two, with the same budget in seconds; the figure is the median ratio
over the pairs. For an otherwise idle machine.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import common
import numpy as np
from common import AUTOMETA, Results, Row, Workspace
from learners import burner

PLUGIN = Path(__file__).with_name("learners") / "burner.py"
TRIAL_SECONDS = 0.5
LEAST_RATIO = 1.7


def rounds_for(kind: str, seconds: float) -> int:
    """Gives how many rounds take so many CPU seconds; the same number then serves all runs."""
    rounds, spent = 1000, 0.0
    while spent < 0.2:
        rounds *= 2
        started = time.thread_time()
        burner.BURN[kind](rounds)
        spent = time.thread_time() - started
    return round(rounds * seconds / spent)


def write_inputs(place: Workspace, workers: int, seconds: float) -> Path:
    rng = np.random.default_rng(0)
    lines = ["x,y", *(f"{rng.normal():.5f},{'ab'[i % 2]}" for i in range(200))]
    (place.folder / "table.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return place.write_task(
        {
            "name": f"workers{workers}",
            "data": {"source": "table.csv", "target": "y"},
            "budget": {"trials": 100_000, "seconds": seconds},
            "limits": {"workers": workers},
            "validation": {"kind": "holdout"},
            "search": {"learners": ["benchmark_burner"]},
        }
    )


def n_finished(kind: str, rounds: int, workers: int, seconds: float) -> Row:
    """Gives how many trials a run of so many workers finished."""
    with common.workspace() as place:
        task = write_inputs(place, workers, seconds)
        command = [AUTOMETA, "-p", PLUGIN, "optimize", task, "--json"]
        environment = {burner.KIND: kind, burner.ROUNDS: str(rounds)}
        done = place.run(command, **environment)
        if done.code:
            sys.exit(f"exit {done.code}\n{done.stderr}")
        return {
            "trials": done.report["trials"]["complete"],
            "wall_seconds": round(done.wall_seconds, 2),
            "cpu_seconds": round(done.cpu_seconds, 2),
        }


def measure(options: argparse.Namespace, results: Results) -> None:
    rows = results.rows
    for kind in options.kinds:
        mine = [row for row in rows if row["kind"] == kind]
        rounds = int(mine[0]["rounds"]) if mine else rounds_for(kind, options.trial_seconds)
        for pair in range(len(mine) // 2, options.pairs):
            for workers in (1, 2):
                known = {"kind": kind, "rounds": rounds, "pair": pair, "workers": workers}
                if any(all(row[k] == str(v) for k, v in known.items()) for row in mine):
                    continue
                found = n_finished(kind, rounds, workers, options.seconds)
                results.add({**known, "budget_seconds": options.seconds, **found})


def report(rows: Sequence[Row]) -> str:
    table = []
    for kind in dict.fromkeys(row["kind"] for row in rows):
        trials: dict[str, dict[str, int]] = {}
        for row in rows:
            if row["kind"] == kind:
                trials.setdefault(row["pair"], {})[row["workers"]] = int(row["trials"])
        pairs = [pair for pair in trials.values() if len(pair) == 2]
        if not pairs:
            continue
        ratio = statistics.median(pair["2"] / pair["1"] for pair in pairs)
        table.append(
            {
                "computes in": kind,
                "trials, 1 worker": ", ".join(str(pair["1"]) for pair in pairs),
                "trials, 2 workers": ", ".join(str(pair["2"]) for pair in pairs),
                "median ratio": f"{ratio:.2f}",
                "at least": LEAST_RATIO,
                "kept": common.verdict(ratio, LEAST_RATIO, at_least=True),
            }
        )
    return common.markdown(table)


if __name__ == "__main__":
    options = common.parser(__doc__, "workers.csv")
    options.add_argument("--pairs", type=int, default=5, help="of runs (default: 5)")
    options.add_argument("--seconds", type=float, default=40.0, help="budget of a run")
    options.add_argument(
        "--trial-seconds", type=float, default=TRIAL_SECONDS, help="CPU seconds of a trial"
    )
    options.add_argument("--kinds", nargs="+", default=list(burner.BURN), choices=list(burner.BURN))
    common.main(options.parse_args(), measure, report)
