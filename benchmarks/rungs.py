"""What ending fits at rungs brings: the same CPU seconds with and without.

    python benchmarks/rungs.py [--tasks digits,satimage] [--fits 24] [--report]

Fits a learner's default and random configurations once each, whole, and keeps what they reported at
each step and when. The report then replays searches: configurations in a random order, the default
first, until the CPU seconds of ten whole fits are spent; with rungs a fit ends at the first rung at
which the rule of the search would have ended it. Both arms so see the same fits, in 600 orders.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import common
import numpy as np
from common import AUTOMETA, DATA, Results, Row

TASKS = {
    "digits": "cnn",
    "satimage": "mlp",
    "omniglot_alphabets": "cnn",
    "bank_marketing": "lightgbm",
}
BUDGET_FITS = 10
ORDERS = 600


def benchmark(options: Any, results: Results) -> None:
    for task in options.tasks.split(","):
        done = sum(row["task"] == task for row in results.rows)
        for row in (
            fits(task, options.data, range(done, options.fits)) if options.fits > done else ()
        ):
            results.add(row)


def fits(task: str, data: Path, numbers: Sequence[int]) -> Iterator[Row]:
    """Fits the configurations of these numbers, each on the training rows of one holdout."""
    from autometa.evaluate import training_data
    from autometa.images import take
    from autometa.learner import FitContext
    from autometa.measure import find_metric, score
    from autometa.plugins import load_plugins
    from autometa.prepared import open_prepared
    from autometa.resolve import resolve
    from autometa.testing.subject import random_configs

    learner = TASKS[task]
    spec = load_plugins().learner(learner).spec
    space = resolve(spec.space)()
    configs = [dict(space.defaults), *random_configs(space, max(numbers))]
    with common.workspace() as place:
        file = place.write_task({**task_of(task, data, place.folder), "budget": {"trials": 1}})
        place.run([AUTOMETA, "optimize", file, "--no-report"])
        prepared = open_prepared(place.study(task) / "data")
        rows = prepared.split.valid_rows(0)
        is_regression = prepared.n_classes is None
        problem = "regression" if is_regression else "classification"
        metric = find_metric("rmse" if is_regression else "log_loss", problem=problem)
        for number in numbers:
            training, rng = training_data(prepared, 0, 1.0, number)
            started = time.process_time()
            reports: list[tuple[int, float, float]] = []

            def report(step: int, loss: float, started: float = started, to: Any = reports) -> None:
                to.append((step, round(loss, 5), round(time.process_time() - started, 3)))

            model = resolve(spec.factory)(configs[number]).fit(
                training, FitContext(rng=rng, report=report)
            )
            spent = time.process_time() - started
            yield {
                "task": task,
                "learner": learner,
                "number": number,
                "loss": metric.loss(
                    score(metric, prepared.y[rows], model.predict(take(prepared.X, rows)))
                ),
                "cpu_seconds": round(spent, 3),
                "reports": json.dumps(_at_rungs(reports), separators=(",", ":")),
            }


def _at_rungs(reports: Sequence[tuple[int, float, float]]) -> list[tuple[int, float, float]]:
    """Gives rung, loss and CPU seconds so far of the reports that count for a rung."""
    from autometa.rungs import rung_of

    found: dict[int, tuple[int, float, float]] = {}
    for step, loss, seconds in reports:
        if (rung := rung_of(step)) and rung not in found:
            found[rung] = (rung, loss, seconds)
    return list(found.values())


def task_of(name: str, data: Path, folder: Path) -> dict[str, Any]:
    """Gives the task file of a set of images, or of a table of part ``dev``."""
    source, target = folder / f"{name}.npz", "label"
    if name == "digits":
        from sklearn.datasets import load_digits

        images, labels = load_digits(return_X_y=True)
        np.savez(source, images=(images * 15).astype(np.uint8).reshape(-1, 8, 8), label=labels)
    elif name == "omniglot_alphabets":
        with np.load(data.parent / "images" / "omniglot_small_28.npz") as stored:
            np.savez(source, images=stored["images"], label=stored["alphabet_id"])
    else:
        row = next(row for row in Results(data / "index.csv").rows if row["name"] == name)
        source, target = data / f"{name}.parquet", row["target"]
    return {
        "name": name,
        "data": {"source": str(source), "target": target},
        "validation": {"kind": "holdout"},
        "search": {"learners": ["cnn" if source.suffix == ".npz" else "logistic"]},
        "knowledge": [],
        "tracking": "none",
    }


def replayed(
    fitted: Sequence[Mapping[str, Any]], order: Sequence[int], budget: float, *, with_rungs: bool
) -> tuple[float, int]:
    """Gives the best loss of the fits that ended within the budget, and how many were started."""
    from autometa.rungs import FIRST
    from autometa.search.pruning import rung_limits

    history: list[dict[int, float]] = []
    best, spent, n = math.inf, 0.0, 0
    for position, index in enumerate(order):
        fit = fitted[index]
        limits = dict(rung_limits(history)) if with_rungs and position else {}
        reached: dict[int, float] = {}
        cost, loss = fit["cpu_seconds"], fit["loss"]
        for rung, value, seconds in fit["reports"]:
            if rung < FIRST:
                continue
            reached[rung] = value
            if value > limits.get(rung, math.inf):
                cost, loss = seconds, math.inf
                break
        spent += cost
        if spent > budget:
            break
        history.append(reached)
        best, n = min(best, loss), n + 1
    return best, n


def report(rows: Sequence[Row]) -> str:
    shown = []
    for task in dict.fromkeys(row["task"] for row in rows):
        own = [row for row in rows if row["task"] == task]
        fitted = [
            {
                "loss": common.number(row, "loss"),
                "cpu_seconds": common.number(row, "cpu_seconds"),
                "reports": json.loads(row["reports"]),
            }
            for row in own
        ]
        budget = BUDGET_FITS * statistics.fmean(fit["cpu_seconds"] for fit in fitted)
        rng = np.random.default_rng(0)
        orders = [[0, *rng.integers(1, len(fitted), size=200)] for _ in range(ORDERS)]
        arms = [
            [replayed(fitted, order, budget, with_rungs=with_rungs) for order in orders]
            for with_rungs in (False, True)
        ]
        plain, rungs = ([found[0] for found in arm] for arm in arms)
        pairs = list(zip(plain, rungs, strict=True))
        shown.append(
            {
                "task": task,
                "learner": own[0]["learner"],
                "fits": len(own),
                "CPU s of a fit": budget / BUDGET_FITS,
                "tried": statistics.fmean(found[1] for found in arms[0]),
                "tried, rungs": statistics.fmean(found[1] for found in arms[1]),
                "best loss": statistics.fmean(plain),
                "best loss, rungs": statistics.fmean(rungs),
                "better": f"{sum(b < a for a, b in pairs) / len(pairs):.0%}",
                "worse": f"{sum(b > a for a, b in pairs) / len(pairs):.0%}",
            }
        )
    return common.markdown(shown)


if __name__ == "__main__":
    options = common.parser(__doc__, "rungs.csv")
    options.add_argument("--data", type=Path, default=DATA, help="folder of tables with index.csv")
    options.add_argument("--tasks", default=",".join(TASKS), help="some of the tasks, by name")
    options.add_argument("--fits", type=int, default=24, help="configurations of each task")
    common.main(options.parse_args(), benchmark, report)
