"""A stream of real tasks: does what the first ones taught help the later ones?

30 tables of part ``dev``, one per family, in a random but fixed order, of regression or two
classes (LightGBM takes as many times longer as there are more classes). Each is searched twice with
real fits: *cold* (``prior: none``: learner defaults, cheapest first, then TPE) and *warm* (``prior:
auto``, with the records of the tables before it and nothing else). Asked is how many trials the
warm search needs to reach the loss that the cold one had after 50.

Both arms search the same rows (at most 400, drawn with one seed), the same five folds and the same
space with the same seed. Only complete trials count, by their validation loss. The first trial is
the same default in both, which is checked. The boosting of scikit-learn is left out: it takes 70 %
of the time and does what LightGBM does. Beside the exact loss, the tables give the trials to within
1 % of it (of its way to the constant predictor's).

    python -m benchmarks.prior.stream            # goes on where it stopped
    python -m benchmarks.prior.stream --report   # the table of results
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from autometa import KnowledgeBase, load_task
from autometa.defaults import NeverStop, Quiet
from autometa.execution import InlineExecutor
from autometa.orchestrator import Result, optimize
from autometa.plugins import load_plugins
from autometa.tracking.tracker import NullTracker
from autometa.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data" / "tabular"
RESULTS = Path(__file__).with_name("results") / "stream.csv"
N_TABLES, N_TRIALS, N_ROWS, SEED = 30, 50, 400, 0
TREES = ("extra_trees", "lightgbm")
ARMS = ("cold", "warm")
AFTER = (2, 3, 5, 10, 25, 50)
NEAR = 0.01
"""Of the way from the cold search's best to the constant's loss: as good for most purposes."""
FIELDS = (
    "seed",
    "position",
    "table",
    "arm",
    "trial",
    "outcome",
    "value",
    "baseline",
    "cost_seconds",
    "expert",
    "learner",
)


def tables(data: Path, seed: int) -> list[Mapping[str, Any]]:
    """Gives the tables in their order: one per family, drawn at random."""
    index = pd.read_csv(data / "index.csv")
    index = index[(index["part"] == "dev") & (index["task"] != "multiclass")].sort_values("name")
    rng = np.random.default_rng(seed)
    shuffled = index.iloc[rng.permutation(len(index))].drop_duplicates("family")
    return list(shuffled.head(N_TABLES).to_dict("records"))


def sample(data: Path, table: Mapping[str, Any], place: Path) -> Path:
    """Writes at most `N_ROWS` rows of a table."""
    path = place / f"{table['name']}.parquet"
    if not path.exists():
        frame = pd.read_parquet(data / f"{table['name']}.parquet")
        frame.sample(min(N_ROWS, len(frame)), random_state=SEED).to_parquet(path)
    return path


def task_of(table: Mapping[str, Any], source: Path, seed: int, **changed: Any) -> dict[str, Any]:
    """Gives the task of one search, without a past unless `changed` says so."""
    linear = ["ridge", "elastic_net"] if table["task"] == "regression" else ["logistic"]
    task: dict[str, Any] = {
        "name": str(table["name"]),
        "data": {"source": str(source), "target": str(table["target"])},
        "problem": "regression" if table["task"] == "regression" else "classification",
        "validation": {"test_fraction": 0.0},
        "budget": {"trials": N_TRIALS},
        "limits": {"workers": 1},
        "search": {"prior": "none", "compressors": [], "learners": [*linear, *TREES]},
        "tracking": "none",
        "knowledge": ["own"],
        "seed": seed,
    }
    task["search"] |= changed.pop("search", {})
    return task | changed


def search(task: Mapping[str, Any], folder: Path, home: Path) -> Result:
    """Runs one search in this process, which saves the start of workers.

    Args:
        task: From `task_of`.
        folder: Its workspace, new or of an interrupted run.
        home: Folder of records; the search reads them if it may, and leaves its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "task.yaml"
    path.write_text(json.dumps(task), encoding="utf-8")
    loaded = load_task(str(path))
    workspace = Workspace.of(loaded.folder)
    workspace.create(workspace.folder)
    with InlineExecutor() as executor:
        return optimize(
            loaded,
            registry=load_plugins(),
            workspace=workspace,
            executor=executor,
            make_tracker=lambda _: NullTracker(),
            open_knowledge=lambda: KnowledgeBase.open(*loaded.knowledge, own=home),
            progress=Quiet(),
            stop=NeverStop(),
            started=time.monotonic(),
        )


def rows_of(position: int, arm: str, seed: int, result: Result) -> Iterator[dict[str, Any]]:
    """Gives the rows of one search."""
    constant = next(iter(result.report["baseline"].values()), "")
    for trial in result.trials:
        yield {
            "seed": seed,
            "position": position,
            "table": result.report["task"],
            "arm": arm,
            "trial": trial.number,
            "outcome": trial.outcome.value,
            "value": trial.values[0] if trial.outcome == "complete" and trial.values else "",
            "baseline": constant,
            "cost_seconds": round(trial.cost_seconds, 3),
            "expert": trial.proposer,
            "learner": trial.params.get("learner", ""),
        }


def run(data: Path, work: Path, arms: tuple[str, ...], seed: int, results: Path) -> None:
    """Runs what is missing, table by table; `work` holds the records of the warm arm."""
    done = {(row["table"], row["arm"], row["seed"]) for row in read(results)}
    work.mkdir(parents=True, exist_ok=True)
    for position, table in enumerate(tables(data, seed)):
        name = str(table["name"])
        for arm in arms:
            if (name, arm, str(seed)) in done:
                continue
            prior = {"prior": "auto" if arm == "warm" else "none"}
            task = task_of(table, sample(data, table, work), seed, search=prior)
            found = search(task, work / arm / name, work / "records" / arm)
            append(results, list(rows_of(position, arm, seed, found)))
            print(position, name, arm, flush=True)


def append(results: Path, rows: list[dict[str, Any]]) -> None:
    """Adds the rows of one search."""
    results.parent.mkdir(exist_ok=True, parents=True)
    is_new = not results.exists()
    with results.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS)
        if is_new:
            writer.writeheader()
        writer.writerows(rows)


def read(results: Path) -> list[dict[str, str]]:
    """Gives all rows so far."""
    if not results.exists():
        return []
    with results.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def reached(frame: pd.DataFrame, seed: int, share: float = 0.0) -> Iterator[tuple[int, str, Any]]:
    """Gives position, table, and by arm the trials to the cold search's 50-trial loss.

    Args:
        frame: Of the rows.
        seed: Of the stream.
        share: How far above that loss is near enough, as a share of the way to the constant's.

    Yields:
        Position, table and ``{arm: trials}``, `N_TRIALS` + 1 where 50 were not enough.
    """
    of_seed = frame[frame["seed"] == seed].sort_values("trial")
    for (position, table), rows in of_seed.groupby(["position", "table"]):
        by_arm = {arm: rows[rows["arm"] == arm] for arm in ARMS}
        if any(part.empty for part in by_arm.values()):
            continue
        first = [part["value"].iloc[0] for part in by_arm.values()]
        if not np.allclose(*first, rtol=1e-9, equal_nan=True):
            raise ValueError(f"{table}: the arms do not search the same rows: {first}")
        # Both minimise: the default objectives are log_loss and rmse.
        best = by_arm["cold"]["value"].min()
        limit = best + share * max(rows["baseline"].iloc[0] - best, 0.0) + 1e-9 * abs(best)
        yield int(position), str(table), {arm: _first(r, limit) for arm, r in by_arm.items()}


def _first(rows: pd.DataFrame, limit: float) -> int:
    hits = np.flatnonzero((rows["value"] <= limit).to_numpy())
    return int(hits[0]) + 1 if len(hits) else N_TRIALS + 1


def regrets(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Gives a row per table and arm: (best so far - best of all) / (constant - best of all)."""
    of_seed = frame[frame["seed"] == seed].sort_values("trial")
    rows = []
    for position, part in of_seed.groupby("position"):
        if part["arm"].nunique() < len(ARMS):
            continue
        best, constant = part["value"].min(), part["baseline"].iloc[0]
        for arm, trials in part.groupby("arm"):
            found = trials["value"].cummin().ffill()  # a failed trial leaves the best as it was
            gaps = ((found - best) / (constant - best)).clip(upper=1).to_numpy()
            after = {n: float(np.nan_to_num(gaps[n - 1], nan=1.0)) for n in AFTER}
            rows.append({"position": position, "arm": arm, **after})
    return pd.DataFrame(rows)


def _regret_lines(frame: pd.DataFrame, seed: int) -> list[str]:
    """Gives mean regrets after some trials, of the first ten tables and of those after."""
    table = regrets(frame, seed)
    lines = [
        f"| mean regret after | {' | '.join(map(str, AFTER))} |",
        "|---|" + "---|" * len(AFTER),
    ]
    for name, part in (
        ("first ten", table[table["position"] < 10]),
        ("later", table[table["position"] >= 10]),
    ):
        for arm, rows in part.groupby("arm"):
            means = " | ".join(f"{rows[n].mean():.3f}" for n in AFTER)
            lines.append(f"| {name}, {arm} ({len(rows)} tables) | {means} |")
    return lines


def report(results: Path = RESULTS, seed: int = SEED) -> str:
    """Gives the table by position, and the medians by ten."""
    frame = pd.read_csv(results)
    exact = list(reached(frame, seed))
    near = {table: found for _, table, found in reached(frame, seed, NEAR)}
    lines = [
        f"| position | table | warm | cold | warm, within {NEAR:.0%} | cold, within {NEAR:.0%} |",
        "|---|---|---|---|---|---|",
    ]
    for position, table, found in exact:
        lines.append(f"| {position + 1} | {table} | {_cells(found)} | {_cells(near[table])} |")
    for start in range(0, len(exact), 10):
        part = exact[start : start + 10]
        medians = [_median(found for *_, found in part), _median(near[t] for _, t, _ in part)]
        cells = " | ".join(map(_cells, medians))
        lines.append(f"| {start + 1} to {start + len(part)} | **median** | {cells} |")
    return "\n".join([*lines, "", *_regret_lines(frame, seed)])


def section() -> str:
    """Gives what `benchmarks.prior.report` prints of the stream."""
    return (
        "## A stream of real tasks\n\n"
        "Real fits of tables of part dev, one per family, in a row; at most 400 rows each, five "
        "folds as by default, no boosting of scikit-learn. Trials to the loss that the cold search "
        "(learner defaults, cheapest first, then TPE) had after 50, and to within "
        f"{NEAR:.0%} of its way to the constant predictor's; one seed. The cold search's own count "
        "of the exact loss is at most 50 by construction, the warm one's is not.\n\n" + report()
    )


def _median(found: Iterable[Mapping[str, float]]) -> dict[str, float]:
    table = pd.DataFrame(list(found))
    return {arm: float(table[arm].median()) for arm in ARMS}


def _cells(found: Mapping[str, float]) -> str:
    shown = [found[arm] for arm in ("warm", "cold")]
    return " | ".join(f"> {N_TRIALS}" if n > N_TRIALS else f"{n:g}" for n in shown)


def main() -> None:
    """Runs both arms, or reports."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--work", type=Path, default=Path(".stream"))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--arm", choices=ARMS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    if not options.report:
        if not options.data.exists():
            sys.exit(f"no tables at {options.data}; say where they are with --data")
        arms = (options.arm,) if options.arm else ARMS
        run(options.data, options.work.absolute(), arms, options.seed, options.results)
    print(report(options.results, options.seed))


if __name__ == "__main__":
    main()
