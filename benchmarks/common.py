"""What all benchmarks share: fresh workspaces, commands, rows in CSV files, tables in Markdown."""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import proctree

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
DATA = ROOT.parent / "shared" / "data" / "tabular"
AUTOMETA = Path(sys.executable).with_name("autometa")

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that ended.

    Args:
        code: Its exit code.
        wall_seconds: From start to end.
        cpu_seconds: User and system, of it and of all children it waited for.
        stdout: What it printed.
        stderr: What it logged.
    """

    code: int
    wall_seconds: float
    cpu_seconds: float
    stdout: str
    stderr: str

    @property
    def report(self) -> dict[str, Any]:
        """What it printed with ``--json``; {} when it printed nothing."""
        return dict(json.loads(self.stdout)) if self.stdout.strip() else {}


@dataclass(frozen=True, slots=True)
class Workspace:
    """A fresh folder with a home of its own, so that no knowledge leaks in or out."""

    folder: Path

    def environment(self, **extra: str) -> dict[str, str]:
        """Gives the environment of commands in here."""
        return {**os.environ, "AUTOMETA_HOME": str(self.folder / "home"), **extra}

    def study(self, name: str) -> Path:
        """Gives where the files of a study are."""
        return self.folder / ".autometa" / "studies" / name

    def write_task(self, task: Row) -> Path:
        """Writes a task file; JSON is YAML."""
        path = self.folder / f"{task['name']}.yaml"
        path.write_text(json.dumps(task, indent=2), encoding="utf-8")
        return path

    def start(
        self, command: Sequence[str | Path], **environment: str
    ) -> tuple[subprocess.Popen[bytes], Path]:
        """Starts a command; its output goes to the files ``<place>.out`` and ``<place>.err``."""
        place = Path(tempfile.mkdtemp(dir=self.folder, prefix="run-")) / "text"
        with place.with_suffix(".out").open("wb") as out, place.with_suffix(".err").open("wb") as e:
            process = subprocess.Popen(
                [str(part) for part in command],
                cwd=self.folder,
                env=self.environment(**environment),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=e,
            )
        return process, place

    def finish(
        self, process: subprocess.Popen[bytes], place: Path, started: float, timeout: float = 600
    ) -> Finished:
        """Waits for what `start` started; kills it after `timeout` seconds."""
        while (ended := os.wait4(process.pid, os.WNOHANG))[0] == 0:
            if time.monotonic() - started > timeout:
                process.kill()
            time.sleep(0.005)
        wall = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(ended[1])
        usage = ended[2]
        return Finished(
            process.returncode,
            wall,
            usage.ru_utime + usage.ru_stime,
            place.with_suffix(".out").read_text(encoding="utf-8"),
            place.with_suffix(".err").read_text(encoding="utf-8"),
        )

    def run(
        self, command: Sequence[str | Path], *, timeout: float = 600, **environment: str
    ) -> Finished:
        """Runs a command to its end."""
        started = time.monotonic()
        return self.finish(*self.start(command, **environment), started, timeout)


@contextmanager
def workspace() -> Iterator[Workspace]:
    """Gives a fresh workspace; afterwards its processes are ended and its files removed."""
    folder = Path(tempfile.mkdtemp(prefix="autometa-benchmark-"))
    try:
        yield Workspace(folder)
    finally:
        proctree.end_all(str(folder))
        shutil.rmtree(folder, ignore_errors=True)


@lru_cache
def facts() -> dict[str, Any]:
    """Gives on what was measured: commit, cores, versions."""
    names = ["optuna", "mlflow", "scikit-learn", "pandas"]
    return {
        "commit": _commit(),
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        **{name: version(name) for name in names},
    }


def _commit() -> str:
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _cpu() -> str:
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    found = re.search(r"^model name\s*:\s*(.*)$", text, re.MULTILINE)
    return found[1] if found else platform.machine()


def load_1min() -> float:
    """Gives how many processes wanted to run on this machine in the last minute."""
    return os.getloadavg()[0]


class Results:
    """Rows of one benchmark in a CSV file, to which every row is added as soon as it is known.

    Args:
        path: The file.
        fresh: Whether to forget the rows of earlier calls.
    """

    def __init__(self, path: Path, *, fresh: bool = False) -> None:
        self.path = path
        if fresh:
            path.unlink(missing_ok=True)

    @property
    def rows(self) -> list[dict[str, str]]:
        """All rows so far; numbers as text."""
        if not self.path.exists():
            return []
        with self.path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def add(self, row: Row) -> None:
        """Adds one row, with when and on what it was measured."""
        when = datetime.now(UTC).isoformat(timespec="seconds")
        full = {**row, "load": round(load_1min(), 2), "when": when, **facts()}
        rows = self.rows
        columns = list(dict.fromkeys([*(rows[0] if rows else ()), *full]))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        with new.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, restval="")
            writer.writeheader()
            writer.writerows([*rows, full])
        new.replace(self.path)
        print("  ".join(f"{key}={_cell(value)}" for key, value in row.items()), flush=True)


def markdown(rows: Sequence[Row], columns: Sequence[str] = ()) -> str:
    """Gives a table; without `columns` all that the first row has."""
    columns = columns or list(rows[0] if rows else ())
    lines = [columns, ["---"] * len(columns)]
    lines += [[_cell(row.get(column, "")) for column in columns] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "-" if value in ("", None) else str(value)


def verdict(value: float, bound: float, *, at_least: bool = False) -> str:
    """Gives ``yes`` when a number keeps its bound."""
    return "yes" if (value >= bound if at_least else value <= bound) else "NO"


def number(row: Row, column: str) -> float:
    """Gives a number of a row that was read; NaN where there is none."""
    return float(row.get(column) or "nan")


def parser(description: str | None, results: str) -> argparse.ArgumentParser:
    """Gives the options of every benchmark.

    Args:
        description: Docstring of the script.
        results: Name of its CSV file.
    """
    options = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    options.add_argument(
        "--results",
        type=lambda name: Path(name).resolve(),
        default=RESULTS / results,
        help="the CSV file (default: benchmarks/results/%s)" % results,  # noqa: UP031
    )
    options.add_argument("--report", action="store_true", help="print the table, measure nothing")
    options.add_argument("--fresh", action="store_true", help="forget earlier rows")
    return options


def main(
    options: argparse.Namespace,
    measure: Callable[[argparse.Namespace, Results], None],
    report: Callable[[Sequence[Row]], str],
) -> None:
    """Measures unless only the report is wanted, then prints the report."""
    results = Results(options.results, fresh=options.fresh and not options.report)
    if not options.report:
        measure(options, results)
    rows = results.rows
    print(report(rows) if rows else f"no rows in {results.path}")
    if rows:
        print(f"\n{_machine(rows)}")


def _machine(rows: Sequence[Row]) -> str:
    last = rows[-1]
    loads = [number(row, "load") for row in rows]
    return (
        f"{last['cores']} cores ({last['cpu']}), Python {last['python']}, Optuna {last['optuna']},"
        f" MLflow {last['mlflow']}, commit {last['commit']}; load {min(loads):g} to {max(loads):g}"
    )
