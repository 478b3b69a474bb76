"""CPU milliseconds that a trial costs beside its own work: 1,000 trials of a learner without any.

    python benchmarks/overhead.py

A run has one worker and tracking. The search runs in a process of its own, whose sampler is wrapped
in a clock; the tracker is watched from outside. Each row is a window of 100 trials.
"""

from __future__ import annotations

import argparse
import bisect
import cProfile
import csv
import itertools
import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import common
import proctree
from common import Results, Row, Workspace

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

PLUGIN = Path(__file__).with_name("learners") / "constant.py"
WINDOW = 100
MOST_OWN_MS, MOST_ALL_MS, MOST_GROWTH = 30.0, 70.0, 1.5
N_ROWS = 200
WATCH_SECONDS = 0.2
DRAIN_SECONDS = 120.0


# In the process of the search.


class Told(NamedTuple):
    """What was known when a trial was told; CPU seconds since the process began."""

    n: int
    cpu: float
    sampler: float
    folds: int


class Clock:
    """CPU seconds inside the sampler, and the state at each told trial."""

    def __init__(self) -> None:
        self.sampler_seconds = 0.0
        self.rows: list[Told] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """Counts what the block takes."""
        started = time.thread_time()
        try:
            yield
        finally:
            self.sampler_seconds += time.thread_time() - started

    # What `autometa.optimize` calls a Progress.

    def note(self, text: str) -> None:
        """Drops a line."""

    def trial(self, told: Any, best: Any, n_told: int) -> None:
        """Notes how much CPU time this process had used when the trial was told."""
        folds = len(told.result.fold_scores)
        self.rows.append(Told(n_told, time.process_time(), self.sampler_seconds, folds))

    def tick(self, remaining: float, running: Sequence[str]) -> None:
        """Drops a moment."""


def clocked(make: Callable[..., Any], clock: Clock) -> Callable[..., Any]:
    """Wraps what gives a maker of samplers, so that all their methods are timed."""
    from optuna.samplers import BaseSampler

    class Clocked(BaseSampler):
        """A sampler whose methods run on the clock."""

        def __init__(self, inner: BaseSampler) -> None:
            self._inner = inner

        def infer_relative_search_space(self, study: Any, trial: Any) -> Any:
            with clock.running():
                return self._inner.infer_relative_search_space(study, trial)

        def sample_relative(self, study: Any, trial: Any, search_space: Any) -> Any:
            with clock.running():
                return self._inner.sample_relative(study, trial, search_space)

        def sample_independent(self, study: Any, trial: Any, name: str, distribution: Any) -> Any:
            with clock.running():
                return self._inner.sample_independent(study, trial, name, distribution)

        def before_trial(self, study: Any, trial: Any) -> None:
            with clock.running():
                self._inner.before_trial(study, trial)

        def after_trial(self, study: Any, trial: Any, state: Any, values: Any) -> None:
            with clock.running():
                self._inner.after_trial(study, trial, state, values)

    def factory(*arguments: Any, **named: Any) -> Callable[..., BaseSampler]:
        inner = make(*arguments, **named)

        def sampler(*seeds: int) -> BaseSampler:
            with clock.running():
                return Clocked(inner(*seeds))

        return sampler

    return factory


def search(task: Path, output: Path, profile: Path | None) -> None:
    """Runs the search in this process and writes a row per trial."""
    from autometa import defaults
    from autometa.search import sampler

    clock = Clock()
    sampler.sampler_factory = clocked(sampler.sampler_factory, clock)
    profiler = cProfile.Profile() if profile else None
    if profiler is not None:
        profiler.enable()
    defaults.optimize(task, plugins=[PLUGIN], progress=clock)
    if profiler is not None:
        profiler.disable()
        profiler.dump_stats(profile)
    if not clock.sampler_seconds:
        sys.exit("the sampler was not found: nothing was timed in it")
    with output.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(clock.rows)


# In the process that watches.


def write_inputs(place: Workspace, trials: int, validation: str) -> Path:
    """Writes a regression table of 200 rows and its task."""
    rng = random.Random(0)
    rows = [(rng.gauss(0, 1), rng.choice("abc"), rng.gauss(0, 1)) for _ in range(N_ROWS)]
    lines = ["x,group,y", *(f"{x:.5f},{group},{y:.5f}" for x, group, y in rows)]
    (place.folder / "table.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return place.write_task(
        {
            "name": "overhead",
            "data": {"source": "table.csv", "target": "y"},
            "budget": {"trials": trials, "seconds": None},
            "limits": {"workers": 1},
            "validation": {"kind": validation},
            "search": {"learners": ["benchmark_constant"]},
        }
    )


def watch(place: Workspace, pid: int, is_over: Callable[[], bool]) -> list[tuple[float, float]]:
    """Gives how many events the tracker had replayed, and its CPU seconds by then."""
    state = place.study("overhead") / "tracker.json"
    seen: list[tuple[float, float]] = []
    tracker = 0
    give_up = float("inf")
    while time.monotonic() < give_up:
        if not tracker:
            tracker = next((p.pid for p in proctree.tree(pid) if p.is_tracker), 0)
        process = proctree.read(tracker) if tracker else None
        if process is not None and process.is_tracker and (n := _replayed(state)) is not None:
            seen.append((n, process.cpu_seconds))
        if is_over():
            give_up = min(give_up, time.monotonic() + DRAIN_SECONDS)
            if process is None or not process.is_tracker:
                break
        time.sleep(WATCH_SECONDS)
    return seen


def _replayed(state: Path) -> float | None:
    try:
        return float(json.loads(state.read_text(encoding="utf-8"))["replayed"])
    except (OSError, ValueError, KeyError):
        return None


def cpu_at(seen: Sequence[tuple[float, float]], n: float) -> float:
    """Gives the tracker's CPU seconds when it had replayed `n` events, between two looks."""
    index = bisect.bisect_left(seen, (n, 0.0))
    if index == 0 or index == len(seen):
        return seen[min(index, len(seen) - 1)][1]
    (n0, cpu0), (n1, cpu1) = seen[index - 1], seen[index]
    return cpu0 + (cpu1 - cpu0) * (n - n0) / (n1 - n0)


def measure(options: argparse.Namespace, results: Results) -> None:
    with common.workspace() as place:
        task = write_inputs(place, options.trials, options.validation)
        output = place.folder / "trials.csv"
        command = [sys.executable, __file__, "--search", task, "--output", output]
        if options.profile:
            command += ["--profile", options.profile.resolve()]
        started = time.monotonic()
        process, text = place.start(command)
        seen = watch(place, process.pid, lambda: process.poll() is not None)
        if process.returncode:
            sys.exit(text.with_suffix(".err").read_text(encoding="utf-8"))
        wall = time.monotonic() - started
        with output.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            trials = [Told(int(n), float(c), float(s), int(f)) for n, c, s, f in rows]
    for row in windows(trials, seen):
        results.add({"validation": options.validation, **row, "run_seconds": round(wall, 1)})


def windows(trials: Sequence[Told], seen: Sequence[tuple[float, float]]) -> Iterator[Row]:
    """Gives a row per 100 trials; the start of the tracker, up to its first event, stands apart."""
    start = next(cpu for n, cpu in seen if n >= 1)
    bounds = [trials[0], *(told for told in trials if told.n % WINDOW == 0)]
    for a, b in itertools.pairwise(bounds):
        ms = 1000 / (b.n - a.n)
        # The first event is the start of the study.
        tracker = cpu_at(seen, b.n + 1) - max(start, cpu_at(seen, a.n + 1))
        sampler = b.sampler - a.sampler
        yield {
            "until_trial": b.n,
            "folds": round(
                sum(told.folds for told in trials if a.n < told.n <= b.n) * ms / 1000, 2
            ),
            "own_ms": round((b.cpu - a.cpu - sampler) * ms, 2),
            "sampler_ms": round(sampler * ms, 2),
            "tracker_ms": round(tracker * ms, 2),
            "all_ms": round((b.cpu - a.cpu + tracker) * ms, 2),
            "tracker_start_seconds": round(start, 2),
        }


def report(rows: Sequence[Row]) -> str:
    parts = []
    for kind in dict.fromkeys(row["validation"] for row in rows):
        mine = [row for row in rows if row["validation"] == kind]
        last = max(i for i, row in enumerate(mine) if row["until_trial"] == str(WINDOW))
        parts += [
            f"validation: {kind}",
            common.markdown(mine[last:], COLUMNS),
            _claims(mine[last:]),
        ]
    return "\n\n".join(parts)


COLUMNS = ["until_trial", "folds", "own_ms", "sampler_ms", "tracker_ms", "all_ms"]


def _claims(rows: Sequence[Row]) -> str:
    """Gives means over all windows, and the last window against the first."""

    def mean(column: str) -> float:
        return sum(common.number(row, column) for row in rows) / len(rows)

    def growth(*columns: str) -> float:
        first, last = (sum(common.number(row, c) for c in columns) for row in (rows[0], rows[-1]))
        return last / first

    start = 1000 * common.number(rows[0], "tracker_start_seconds")
    tracker = mean("tracker_ms") + start / common.number(rows[-1], "until_trial")
    own, sampler = mean("own_ms"), mean("sampler_ms")
    claims = [
        ("study, hand-over, spool (own)", own, MOST_OWN_MS, "ms"),
        ("own + tracker with its start", own + tracker, MOST_ALL_MS, "ms"),
        ("own + tracker with its start + sampler", own + tracker + sampler, MOST_ALL_MS, "ms"),
        ("last window : first window, own", growth("own_ms"), MOST_GROWTH, ""),
        ("the same, own + tracker", growth("own_ms", "tracker_ms"), MOST_GROWTH, ""),
        ("the same, own + tracker + sampler", growth("all_ms"), MOST_GROWTH, ""),
    ]
    return common.markdown(
        [
            {
                "CPU per trial": name,
                "measured": f"{value:.3g} {unit}".strip(),
                "at most": bound,
                "kept": common.verdict(value, bound),
            }
            for name, value, bound, unit in claims
        ]
    )


if __name__ == "__main__":
    options = common.parser(__doc__, "overhead.csv")
    options.add_argument("--trials", type=int, default=1000, help="a multiple of 100")
    options.add_argument("--validation", default="auto", choices=["auto", "holdout", "kfold"])
    options.add_argument("--profile", type=Path, help="also write a cProfile file (slows it down)")
    options.add_argument("--search", type=Path, help=argparse.SUPPRESS)
    options.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.search:
        search(chosen.search, chosen.output, chosen.profile)
    else:
        common.main(chosen, measure, report)
