"""What kill -9 costs: of the main process, of a worker, of the tracker, at random moments.

    python benchmarks/kill.py

Each row is one search with two workers and MLflow tracking, in which one process is killed. A
killed search is run again. Afterwards every trial that was told must be there unchanged, nothing
may be left running in Optuna or MLflow, every trial must have one run in MLflow, and no process
may be left, not even those that a learner started.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import common
import proctree
from common import AUTOMETA, ROOT, Results, Row, Workspace

PENGUINS = ROOT / "examples" / "quickstart" / "penguins.csv"
PLUGIN = ROOT / "benchmarks" / "learners" / "parent.py"
NAME = "killed"
MARK = "AUTOMETA_BENCHMARK_KILL"
VICTIMS = ("main", "worker", "tracker")
MORE_VICTIMS = ("nursery", "all")  # what forks the workers; everything at once
PATIENCE = 60.0
"""Seconds until a process that should have ended counts as an orphan, or MLflow as incomplete."""

History = dict[int, dict[str, Any]]


def write_task(place: Workspace, trials: int) -> Path:
    return place.write_task(
        {
            "name": NAME,
            "data": {"source": str(PENGUINS), "target": "species"},
            "budget": {"trials": trials, "seconds": None},
            "limits": {"workers": 2},
            "search": {"learners": ["logistic", "parent"]},
            "knowledge": [],
        }
    )


def optimize(task: Path) -> list[str | Path]:
    return [AUTOMETA, "-p", PLUGIN, "optimize", task, "--json"]


def marked(mark: str) -> list[int]:
    """Gives the processes that have the mark in their environment, zombies apart."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdigit() and wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def find(victim: str, main: int, rng: random.Random) -> list[int]:
    """Gives the processes to kill, [] while there are none."""
    processes = list(proctree.tree(main))
    trackers = [p.pid for p in processes if p.is_tracker]
    nurseries = [p.pid for p in processes if p.parent == main and not p.is_tracker]
    workers = [p.pid for p in processes if p.parent in nurseries]
    if victim == "all":
        return [p.pid for p in processes]
    found = {"main": [main], "tracker": trackers, "nursery": nurseries, "worker": workers}[victim]
    return [rng.choice(found)] if found else []


def kill(pids: Sequence[int]) -> bool:
    """Kills; gives whether the first one was still there."""
    for pid in pids[:1]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
    for pid in pids[1:]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return bool(pids)


def told(place: Workspace, task: Path) -> History:
    """Gives every told trial by number."""
    done = place.run([AUTOMETA, "status", task, "--json"])
    if done.code:
        sys.exit(f"status: exit {done.code}\n{done.stderr}")
    rows = done.report["history"]
    assert len({row["number"] for row in rows}) == len(rows)
    return {row["number"]: row for row in rows}


def running_in_optuna(place: Workspace) -> int:
    """Counts the trials that Optuna takes for unfinished."""
    from optuna import load_study
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    storage = JournalStorage(JournalFileBackend(str(place.study(NAME) / "journal.log")))
    study = load_study(study_name=NAME, storage=storage)
    return sum(not trial.state.is_finished() for trial in study.get_trials(deepcopy=False))


def in_mlflow(place: Workspace) -> tuple[list[str], list[str], int]:
    """Gives the trials' names, one per run, the parents' ids, and how many runs are unfinished."""
    database = place.folder / ".autometa" / "mlflow.db"
    query = (
        "SELECT name, runs.run_uuid, status, value FROM runs LEFT JOIN tags"
        " ON tags.run_uuid = runs.run_uuid AND key = 'mlflow.parentRunId'"
        " WHERE lifecycle_stage = 'active'"
    )
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        rows = connection.execute(query).fetchall()
    children = [name for name, _, _, parent in rows if parent]
    parents = [run for _, run, _, parent in rows if not parent]
    return children, parents, sum(status in ("RUNNING", "SCHEDULED") for _, _, status, _ in rows)


def wait(condition: Callable[[], bool]) -> float:
    """Gives the seconds until a condition holds; `PATIENCE` when it does not."""
    started = time.monotonic()
    while time.monotonic() - started < PATIENCE:
        with contextlib.suppress(sqlite3.Error):
            if condition():
                return time.monotonic() - started
        time.sleep(0.05)
    return PATIENCE


def attempt(victim: str, repeat: int, moment: float, trials: int) -> Row | None:
    """Kills once; gives None when the search had ended before.

    Args:
        victim: Whom.
        repeat: Row number.
        moment: Seconds after the start.
        trials: Of the search.
    """
    rng = random.Random(f"{victim} {repeat}")
    with common.workspace() as place:
        task, mark = write_task(place, trials), str(place.folder)
        process, output = place.start(optimize(task), **{MARK: mark})
        started = time.monotonic()
        pids: list[int] = []
        while process.poll() is None and not pids:
            time.sleep(0.002)
            if time.monotonic() - started >= moment:
                pids = find(victim, process.pid, rng)
        killed_after = time.monotonic() - started
        ends_search = victim in ("main", "all")
        before = told(place, task) if not ends_search and _has_study(place) else {}
        if not kill(pids):
            return None
        done = place.finish(process, output, started)
        gone_seconds = wait(lambda: not marked(mark))
        orphans = len(marked(mark))
        if ends_search and _has_study(place):
            before = told(place, task)
        again = place.run(optimize(task), **{MARK: mark})
        after = told(place, task)
        names = {str(number) for number in after}
        drained = wait(lambda: _is_complete(place, len(names)))
        gone_again = wait(lambda: not marked(mark))
        children, parents, unfinished = in_mlflow(place)
        return {
            "victim": victim,
            "repeat": repeat,
            "moment_seconds": round(killed_after, 3),
            "told_before": len(before),
            "told_after": len(after),
            "lost": sum(number not in after for number in before),
            "changed": sum(after.get(number) != row for number, row in before.items()),
            "died": sum(row["outcome"] == "died" for row in after.values()),
            "running_optuna": running_in_optuna(place),
            "running_mlflow": unfinished,
            "parents_mlflow": len(parents),
            "children_mlflow": len(children),
            "doubled_mlflow": len(children) - len(set(children)),
            "orphans": orphans + len(marked(mark)),
            "gone_seconds": round(max(gone_seconds, gone_again), 3),
            "drain_seconds": round(drained, 3),
            "exit": done.code,
            "exit_again": again.code,
            "model": int((place.study(NAME) / "model" / "manifest.json").is_file()),
        }


def _has_study(place: Workspace) -> bool:
    return (place.study(NAME) / "journal.log").exists()


def _is_complete(place: Workspace, n_trials: int) -> bool:
    children, parents, unfinished = in_mlflow(place)
    return len(set(children)) == n_trials and len(parents) == 1 and not unfinished


def duration(trials: int) -> float:
    """Gives the seconds of a search that nobody kills."""
    with common.workspace() as place:
        task = write_task(place, trials)
        done = place.run(optimize(task), **{MARK: str(place.folder)})
        if done.code:
            sys.exit(f"exit {done.code}\n{done.stderr}")
        return done.wall_seconds


def measure(options: argparse.Namespace, results: Results) -> None:
    done = {(row["victim"], int(row["repeat"])) for row in results.rows}
    wanted = [(v, r) for r in range(options.kills) for v in options.victims if (v, r) not in done]
    if not wanted:
        return
    seconds = duration(options.trials)
    for victim, repeat in wanted:
        rng = random.Random(f"{options.seed} {victim} {repeat}")
        row = None
        while row is None:
            row = attempt(victim, repeat, rng.uniform(0.0, seconds), options.trials)
        results.add(row)


DEATHS = {"main": 0, "worker": 1, "tracker": 0, "nursery": 2, "all": 0}
"""How many trials a kill may cost."""


def is_right(row: Row) -> bool:
    """Whether a row shows what is claimed."""
    zero = ("lost", "changed", "running_optuna", "running_mlflow", "doubled_mlflow", "orphans")
    n_trials = int(row["told_after"])
    codes = (-signal.SIGKILL,) if row["victim"] in ("main", "all") else (0,)
    return (
        all(int(row[column]) == 0 for column in zero)
        and int(row["children_mlflow"]) == n_trials > 0
        and int(row["parents_mlflow"]) == int(row["model"]) == 1
        and int(row["exit"]) in codes
        and int(row["exit_again"]) == 0
        and int(row["died"]) <= DEATHS[row["victim"]]
    )


def report(rows: Sequence[Row]) -> str:
    table = []
    for victim in dict.fromkeys(row["victim"] for row in rows):
        own = [row for row in rows if row["victim"] == victim]
        total = {key: sum(int(row[key]) for row in own) for key in COUNTED}
        table.append(
            {
                "killed": victim,
                "kills": len(own),
                "told before": total["told_before"],
                "lost or changed": total["lost"] + total["changed"],
                "left running (Optuna, MLflow)": total["running_optuna"] + total["running_mlflow"],
                "doubled runs": total["doubled_mlflow"],
                "orphans": total["orphans"],
                "gone after, at most (s)": max(common.number(row, "gone_seconds") for row in own),
                "rerun exits 0": sum(int(row["exit_again"]) == 0 for row in own),
                "all as it should": "yes" if all(map(is_right, own)) else "NO",
            }
        )
    return common.markdown(table)


COUNTED = (
    "told_before",
    "lost",
    "changed",
    "running_optuna",
    "running_mlflow",
    "doubled_mlflow",
    "orphans",
)


if __name__ == "__main__":
    options = common.parser(__doc__, "kill.csv")
    options.add_argument("--kills", type=int, default=20, help="of each victim (default: 20)")
    options.add_argument("--trials", type=int, default=30, help="of each search (default: 30)")
    options.add_argument("--seed", type=int, default=0, help="of the moments")
    options.add_argument(
        "--victims", nargs="+", default=list(VICTIMS), choices=VICTIMS + MORE_VICTIMS
    )
    common.main(options.parse_args(), measure, report)
