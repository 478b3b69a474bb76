"""Rows of results in CSV files that only grow, so that a rerun goes on where it stopped."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np

from benchmarks.prior.data import Task, regrets

RESULTS = Path(__file__).resolve().parent / "results"
BUDGETS = (1, 2, 3, 5, 8, 10, 12, 15, 20, 25, 35, 50)
SCALINGS = ("worst", "p95")
_FIELDS = [
    "method",
    "task",
    "family",
    "development",
    "scaling",
    "seconds",
    *(f"r{b}" for b in BUDGETS),
]


class Rows:
    """The results of one suite."""

    def __init__(self, suite: str) -> None:
        self.path = RESULTS / f"{suite}.csv"
        self.done: set[tuple[str, str]] = set()
        if self.path.exists():
            self.done = {(row["method"], row["task"]) for row in self.read()}

    def read(self) -> list[dict[str, str]]:
        """Gives all rows, as text."""
        with self.path.open(newline="") as file:
            return list(csv.DictReader(file))

    def add(
        self,
        method: str,
        task: Task,
        *,
        development: bool,
        runs: list[list[int]],
        seconds: float,
    ) -> None:
        """Appends one task's mean over runs, in both scalings."""
        RESULTS.mkdir(exist_ok=True)
        is_new = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, _FIELDS)
            if is_new:
                writer.writeheader()
            for scaling in SCALINGS:
                curve = mean_curve(task.losses, runs, scaling)
                row = {f"r{b}": f"{curve[b - 1]:.5f}" for b in BUDGETS}
                writer.writerow(
                    {
                        "method": method,
                        "task": task.name,
                        "family": task.family,
                        "development": int(development),
                        "scaling": scaling,
                        "seconds": f"{seconds:.3f}",
                        **row,
                    }
                )
        self.done.add((method, task.name))

    def table(self, scaling: str, part: str = "all") -> dict[str, dict[str, np.ndarray]]:
        """Gives regrets at `BUDGETS` by method and task.

        Args:
            scaling: One of `SCALINGS`.
            part: ``all``, ``development`` or ``rest``.
        """
        wanted = {"all": "01", "development": "1", "rest": "0"}[part]
        found: dict[str, dict[str, np.ndarray]] = defaultdict(dict)
        for row in self.read():
            if row["scaling"] == scaling and row["development"] in wanted:
                found[row["method"]][row["task"]] = np.array([float(row[f"r{b}"]) for b in BUDGETS])
        return dict(found)


def mean_curve(losses: np.ndarray, runs: list[list[int]], scaling: str) -> np.ndarray:
    """Gives (50,) the mean over runs of the least regret so far."""
    scaled = regrets(losses, scaling)
    curves = []
    for run in runs:
        best = np.minimum.accumulate(scaled[run])
        curves.append(
            np.pad(best, (0, max(0, BUDGETS[-1] - len(best))), mode="edge")[: BUDGETS[-1]]
        )
    return np.mean(curves, axis=0)
