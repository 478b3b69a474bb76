"""Related tasks one after the other: what each teaches makes the next start ahead.

``python examples/stream/stream.py FOLDER`` searches each task twice, once with what the tasks
before it taught and once without, and draws both as FOLDER/stream.png.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

import autometa

N_TASKS, N_TRIALS, N_ROWS = 4, 6, 400


def write_table(digit: int, path: Path) -> None:
    """Writes one task of the stream: is a handwritten number this digit?"""
    X, y = load_digits(return_X_y=True, as_frame=True)
    rng = np.random.default_rng(digit)
    rows = rng.choice(len(X), N_ROWS, replace=False)
    table = X.iloc[rows].assign(is_digit=np.where(y.iloc[rows] == digit, "yes", "no"))
    table.to_csv(path, index=False)


def search(digit: int, folder: Path, *, remembers: bool) -> list[float]:
    """Searches a task; gives the best log loss after each trial."""
    name = f"digit-{digit}-{'with' if remembers else 'without'}-the-past"
    task = folder / f"{name}.yaml"
    task.write_text(
        f"name: {name}\n"
        f"data: {{source: digit-{digit}.csv, target: is_digit}}\n"
        f"budget: {{trials: {N_TRIALS}}}\n"
        "validation: {folds: 3}\n"
        f"search: {{prior: {'auto' if remembers else 'none'}}}\n"
        # The user's own knowledge learns from the arm that remembers.
        f"knowledge: {'[default]' if remembers else '[]'}\n"
        "tracking: none\n",
        encoding="utf-8",
    )
    result = autometa.optimize(str(task), report=False)
    complete = {t.number: t.values[0] for t in result.trials if t.outcome == "complete"}
    curve = [complete.get(number, np.inf) for number in range(N_TRIALS)]
    return [float(value) for value in np.minimum.accumulate(curve)]


def draw(curves: dict[str, Sequence[Sequence[float]]], path: Path) -> None:
    """Draws the mean over the tasks that had a past."""
    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.add_subplot()
    for name, rows in curves.items():
        axes.plot(range(1, N_TRIALS + 1), np.mean(rows, axis=0), "o-", label=f"{name} the past")
    axes.set_xlabel("trials")
    axes.set_ylabel("best log loss, mean over tasks")
    axes.legend()
    figure.savefig(path, dpi=110)


def main(folder: Path) -> None:
    """Runs the stream."""
    curves: dict[str, list[list[float]]] = {"with": [], "without": []}
    for digit in range(N_TASKS):
        write_table(digit, folder / f"digit-{digit}.csv")
        for name, rows in curves.items():
            rows.append(search(digit, folder, remembers=name == "with"))
        print(
            f"digit {digit}: after {N_TRIALS} trials {curves['with'][-1][-1]:.4f} with the past,"
            f" {curves['without'][-1][-1]:.4f} without"
        )
    # The first task has no past in either arm.
    draw({name: rows[1:] for name, rows in curves.items()}, folder / "stream.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
