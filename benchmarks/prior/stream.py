"""A stream of real tasks: does what the first ones taught help the later ones?

30 tables of part ``dev``, one per family, in a random but fixed order. Each is searched twice with
real fits: *cold* (``prior: none``: learner defaults, cheapest first, then TPE) and *warm* (``prior:
auto``, with the records of the tables before it and nothing else). Asked is how many trials the
warm search needs to reach the loss that the cold one had after 50.

    python benchmarks/prior/stream.py            # goes on where it stopped
    python benchmarks/prior/stream.py --report   # the table of results
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data" / "tabular"
RESULTS = Path(__file__).with_name("results") / "stream.csv"
N_TABLES, N_TRIALS, N_ROWS, SEED = 30, 50, 500, 0
FIELDS = ("seed", "position", "table", "arm", "trial", "outcome", "value", "cost_seconds", "expert")


def tables(data: Path, seed: int) -> list[Mapping[str, Any]]:
    """Gives the tables in their order: one per family, drawn at random."""
    index = pd.read_csv(data / "index.csv")
    index = index[index["part"] == "dev"].sort_values("name")
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


def search(
    table: Mapping[str, Any], source: Path, arm: str, work: Path, seed: int
) -> list[dict[str, Any]]:
    """Runs one search as a user would; gives its trials."""
    folder = work / arm / str(table["name"])
    folder.mkdir(parents=True, exist_ok=True)
    task = {
        "name": str(table["name"]),
        "data": {"source": str(source), "target": str(table["target"])},
        "budget": {"trials": N_TRIALS},
        "limits": {"workers": 1, "trial_seconds": 60},
        "search": {"prior": "auto" if arm == "warm" else "none", "compressors": []},
        "knowledge": ["default"] if arm == "warm" else [],
        "tracking": "none",
        "seed": seed,
    }
    path = folder / "task.yaml"
    path.write_text(json.dumps(task), encoding="utf-8")
    command = [str(Path(sys.executable).with_name("autometa"))]
    environment = {**os.environ, "AUTOMETA_HOME": str(work / "home")}
    for name in ("optimize", "status"):
        done = subprocess.run(
            [*command, name, str(path), "--json"],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{table['name']} {arm}: {done.stderr[-2000:]}")
    return list(json.loads(done.stdout)["history"])


def rows_of(position: int, table: str, arm: str, seed: int, history: list[dict[str, Any]]) -> Any:
    """Gives the rows of one search."""
    for trial in history:
        yield {
            "seed": seed,
            "position": position,
            "table": table,
            "arm": arm,
            "trial": trial["number"],
            "outcome": trial["outcome"],
            "value": trial["values"][0] if trial["outcome"] == "complete" else "",
            "cost_seconds": trial["cost_seconds"],
            "expert": trial["proposer"],
        }


def run(data: Path, work: Path, arm: str, seed: int) -> None:
    """Runs what is missing of one arm; the warm one needs its records of before in `work`."""
    RESULTS.parent.mkdir(exist_ok=True)
    done = {(row["table"], row["arm"], row["seed"]) for row in read()}
    work.mkdir(parents=True, exist_ok=True)
    for position, table in enumerate(tables(data, seed)):
        name = str(table["name"])
        if (name, arm, str(seed)) in done:
            continue
        history = search(table, sample(data, table, work), arm, work, seed)
        is_new = not RESULTS.exists()
        with RESULTS.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, FIELDS)
            if is_new:
                writer.writeheader()
            writer.writerows(rows_of(position, name, arm, seed, history))
        print(position, name, arm, flush=True)


def read() -> list[dict[str, str]]:
    """Gives all rows so far."""
    if not RESULTS.exists():
        return []
    with RESULTS.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def reached(data: Path, seed: int) -> Iterator[tuple[int, str, int | None, int]]:
    """Gives position, table, trials of the warm search (None = not in 50), of the cold one."""
    frame = pd.DataFrame(read()).query(f"seed == '{seed}'")
    frame["value"] = pd.to_numeric(frame["value"], errors="coerce")
    frame["trial"] = frame["trial"].astype(int)
    for position, table in enumerate(tables(data, seed)):
        of = frame[frame["table"] == table["name"]].sort_values("trial")
        cold, warm = (of[of["arm"] == arm]["value"] for arm in ("cold", "warm"))
        if len(cold) and len(warm):
            # Both minimise: the default objectives are log_loss and rmse.
            limit = cold.min()
            yield position, str(table["name"]), _first(warm, limit), _first(cold, limit) or 0


def _first(values: pd.Series[float], limit: float) -> int | None:
    hits = np.flatnonzero((values <= limit * (1 + 1e-9)).to_numpy())
    return int(hits[0]) + 1 if len(hits) else None


def report(data: Path, seed: int) -> str:
    """Gives the table by position, and the medians by ten."""
    rows = list(reached(data, seed))
    lines = ["| position | table | warm: trials to the cold search's 50-trial loss | cold |"]
    lines.append("|---|---|---|---|")
    lines += [f"| {p + 1} | {name} | {warm or '> 50'} | {cold} |" for p, name, warm, cold in rows]
    for start in range(0, len(rows), 10):
        part = rows[start : start + 10]
        warm = statistics.median(w or N_TRIALS + 1 for _, _, w, _ in part)
        cold = statistics.median(c for *_, c in part)
        lines.append(f"| {start + 1} to {start + len(part)} | median | {warm:g} | {cold:g} |")
    return "\n".join(lines)


def main() -> None:
    """Runs both arms, or reports."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--work", type=Path, default=Path(".stream"))
    parser.add_argument("--arm", choices=("cold", "warm"))
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    if not options.data.exists():
        sys.exit(f"no tables at {options.data}; say where they are with --data")
    if not options.report:
        for arm in (options.arm,) if options.arm else ("cold", "warm"):
            run(options.data, options.work.absolute(), arm, options.seed)
    print(report(options.data, options.seed))


if __name__ == "__main__":
    main()
