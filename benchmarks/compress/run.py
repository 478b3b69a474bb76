"""Compression searched jointly, against searching first, and against no compression.

    python benchmarks/compress/run.py [--seconds 300] [--trials N] [--seeds 0,1,2] [--tasks a,b]

Twelve tables with at least 6,000 rows: six searched over trees and linear models, six over the
networks of autometa-torch. A row per task, seed and arm; what has a row is left out, so an
interrupted call goes on where it was. Quality is that of the untouched test part; sizes and
latencies of the hypervolume are those of the trials' model folders, the ratios those of float32
and compressed ONNX files over the same raw columns.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import common
import numpy as np
from common import AUTOMETA, DATA, Results, Row, Workspace
from measuring import Measured, hypervolume, measure, upper_difference

ARMS = ("joint", "search then compress", "no compressors")
TREES, NETWORKS = None, ["mlp", "resnet"]
TASKS: Mapping[str, Any] = {
    "bike_sharing_hour": TREES,
    "satimage": TREES,
    "pendigits": TREES,
    "adult_census": TREES,
    "hotel_rates": TREES,
    "diamonds_gg": TREES,
    "facebook_live": NETWORKS,
    "wine_quality": NETWORKS,
    "nba_raptor_war": NETWORKS,
    "letter": NETWORKS,
    "california_housing_cat": NETWORKS,
    "credit_default_taiwan": NETWORKS,
}
TEST_ROWS = 2000
MANY = 1_000_000
WITHIN = 1.01
"""The smallest file is chosen among trials whose validation loss is at most so many times the
best."""


def benchmark(options: Any, results: Results) -> None:
    index = {row["name"]: row for row in Results(options.data / "index.csv").rows}
    done = {(row["task"], row["seed"], row["arm"]) for row in results.rows}
    for seed in options.seeds.split(","):
        for name in options.tasks.split(","):
            for arm in ARMS:
                if (name, seed, arm) not in done:
                    results.add(run_arm(index[name], arm, int(seed), options))


def run_arm(entry: Mapping[str, str], arm: str, seed: int, options: Any) -> Row:
    """Searches one task in one way and gives what came of it."""
    learners = TASKS[entry["name"]]
    known = {"task": entry["name"], "seed": seed, "arm": arm, "budget_seconds": options.seconds}
    known |= {
        "budget_trials": options.trials or "",
        "learners": "networks" if learners else "trees",
    }
    lead = "rmse" if entry["task"] == "regression" else "error"
    share = min(0.4, TEST_ROWS / int(entry["n_rows"]) + 0.001)
    task = {
        "name": entry["name"],
        "data": {
            "source": str(options.data / f"{entry['name']}.parquet"),
            "target": entry["target"],
        },
        "objectives": [lead, "size_kib", "latency_ms"],
        "limits": {"workers": 2},
        "validation": {"test_fraction": share},
        "search": {"learners": learners, **({} if arm == "joint" else {"compressors": []})},
        "knowledge": [],
        "tracking": "none",
        "seed": seed,
    }
    half = 0.5 if arm == "search then compress" else 1.0
    with common.workspace() as place:
        found = search(place, task, options, half)
        if found and half < 1.0:
            best = min(found, key=lambda m: m.values[0])
            plugin = place.folder / "winner_plugin.py"
            plugin.write_text(winner(best, entry["task"]), encoding="utf-8")
            second = {**task, "name": f"{entry['name']}-second", "search": {"learners": ["winner"]}}
            found += search(place, second, options, half, plugin)
        return {**known, "metric": lead, **outcome(found)}


def search(
    place: Workspace, task: Mapping[str, Any], options: Any, share: float, *plugins: Path
) -> list[Measured]:
    """Runs one search and gives its complete trials."""
    n_trials = int(options.trials * share) if options.trials else MANY
    budget = {"trials": n_trials, "seconds": options.seconds * share}
    file = place.write_task({**task, "budget": budget})
    flags = [flag for plugin in plugins for flag in ("-p", str(plugin))]
    done = place.run([AUTOMETA, *flags, "optimize", file, "--json"], timeout=options.seconds + 300)
    if done.code:
        print(done.stderr, file=sys.stderr)
        return []
    status = place.run([AUTOMETA, "status", file, "--json"]).report
    study = place.study(str(task["name"]))
    told = [t for t in status["history"] if t["outcome"] == "complete"]
    return [Measured(trial, study) for trial in told]


def winner(best: Measured, problem: str) -> str:
    """Gives a plugin whose one learner is the winner's, with its configuration fixed."""
    learner = best.params["learner"]
    config = {k.partition(".")[2]: v for k, v in best.params.items() if k.startswith(f"{learner}.")}
    kind = "regression" if problem == "regression" else "classification"
    return f'''"""The winner of a search, as a learner with nothing to choose."""
from autometa import Learner, LearnerSpec, Space, hookimpl
from autometa.plugins import load_plugins
from autometa.resolve import resolve

SPEC = load_plugins().learners[{learner!r}].spec


class Winner(Learner):
    def fit(self, data, context):
        return resolve(SPEC.factory)({config!r}).fit(data, context)


def space():
    return Space({{}})


@hookimpl
def autometa_learners():
    return [LearnerSpec(name="winner", problems=frozenset({{{kind!r}}}), format=SPEC.format,
                        factory=f"{{__file__}}:Winner", space=f"{{__file__}}:space",
                        capabilities=SPEC.capabilities - {{"opt_in"}}, preload=SPEC.preload)]
'''


def outcome(found: Sequence[Measured]) -> Row:
    """Gives the figures of an arm: the best plain trial against the smallest good one."""
    if not found:
        return {"complete": 0}
    plain = min((m for m in found if not m.chain), key=lambda m: m.values[0])
    best = min(m.values[0] for m in found)
    good = [m for m in found if m.values[0] <= WITHIN * best and m.has_files]
    row: dict[str, Any] = {
        "complete": len(found),
        "with_chain": sum(bool(m.chain) for m in found),
        "hypervolume": round(hypervolume(found), 4),
        "best_validation": best,
        "plain_learner": plain.params["learner"],
    }
    if not good or not plain.has_files:
        return row
    small = min(good, key=lambda m: m.values[1])
    before, after = measure(plain), measure(small)
    if not before or not after:
        return {**row, "chosen": small.title}
    return {
        **row,
        "chosen": small.title,
        "plain_test": float(np.mean(before["losses"])) if before else "",
        "chosen_test": float(np.mean(after["losses"])),
        "upper_difference": upper_difference(before["losses"], after["losses"]),
        "plain_kib": before["kib"],
        "chosen_kib": after["kib"],
        "plain_us": before["us"],
        "chosen_us": after["us"],
    }


def report(rows: Sequence[Row]) -> str:
    shown = [
        {
            "task": row["task"],
            "seed": row["seed"],
            "arm": row["arm"],
            "trials (with a chain)": f"{row['complete']} ({row.get('with_chain', '')})",
            "hypervolume": row.get("hypervolume", ""),
            "chosen": row.get("chosen", ""),
            "test loss, plain and chosen": f"{common.number(row, 'plain_test'):.4g}, "
            f"{common.number(row, 'chosen_test'):.4g}",
            "KiB": f"{common.number(row, 'plain_kib'):.4g}, {common.number(row, 'chosen_kib'):.4g}",
            "µs": f"{common.number(row, 'plain_us'):.3g}, {common.number(row, 'chosen_us'):.3g}",
        }
        for row in rows
    ]
    cells: dict[tuple[str, str], dict[str, float]] = {}
    for row in rows:
        cell = cells.setdefault((row["task"], row["seed"]), {})
        cell[row["arm"]] = common.number(row, "hypervolume")
    whole = [cell for cell in cells.values() if set(cell) == set(ARMS)]
    lines = [
        f"joint has more hypervolume than {arm!r} in {sum(c['joint'] > c[arm] for c in whole)} of "
        f"{len(whole)} task-seed pairs"
        for arm in ARMS[1:]
    ]
    return "\n\n".join([common.markdown(shown), *lines])


if __name__ == "__main__":
    parser = common.parser(__doc__, "compress.csv")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of tables with index.csv")
    parser.add_argument("--seconds", type=float, default=300.0, help="budget of a task and arm")
    parser.add_argument("--trials", type=int, default=0, help="budget in trials as well; 0 = none")
    parser.add_argument("--seeds", default="0,1,2", help="of the searches")
    parser.add_argument("--tasks", default=",".join(TASKS), help="some of the twelve")
    common.main(parser.parse_args(), benchmark, report)
