"""The real command on a small table, in a workspace of its own."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from autometa import defaults, load_task

COMMAND = (sys.executable, "-m", "autometa")
SIMPLE = Path(__file__).with_name("simple_plugin.py")
COSTS = ("cost_seconds",)


@dataclass(frozen=True, slots=True)
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """What ``--json`` printed: exactly one object."""
        (line,) = self.out.splitlines()
        result: dict[str, Any] = json.loads(line)
        return result

    @property
    def error(self) -> str:
        """The one line that says what went wrong."""
        assert "Traceback" not in self.err
        (line,) = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert self.err.splitlines()[-1] == line
        return line.removeprefix("error: ")


@dataclass(slots=True)
class Place:
    """A folder with a table and a task file, and the environment of the commands that run there."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def study(self) -> Path:
        return self.folder / ".autometa" / "studies" / "small"

    def table(self, n_rows: int = 120, *, name: str = "table.csv", seed: int = 0) -> Path:
        """Writes rows of two numbers, a category and a label that depends on them."""
        rng = random.Random(seed)
        lines = ["a,b,c,label"]
        for _ in range(n_rows):
            a, b, c = rng.gauss(0, 1), rng.gauss(0, 1), rng.choice("rgb")
            label = "yes" if a + b + (c == "r") + rng.gauss(0, 0.5) > 0.3 else "no"
            lines.append(f"{a:.5f},{b:.5f},{c},{label}")
        path = self.folder / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def task(self, **changes: Any) -> Path:
        """Writes the task file; JSON is YAML."""
        content = {
            "name": "small",
            "data": {"source": "table.csv", "target": "label"},
            "budget": {"trials": 3},
            "limits": {"workers": 1},
            "validation": {"kind": "holdout"},
            "search": {"learners": ["quick"], "prior": "none"},
            "knowledge": [],
            "tracking": "none",
            **changes,
        }
        path = self.folder / "task.yaml"
        path.write_text(json.dumps(content, indent=1), encoding="utf-8")
        return path

    def plugin(self, text: str, *, name: str = "plugin.py") -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def start(self, *args: str | Path, **options: Any) -> subprocess.Popen[str]:
        """Starts the command with the simple plugin; the caller waits for it.

        A search writes no report, which takes a quarter of its time, unless ``report=True``.
        """
        plugin = str(options.pop("plugin", SIMPLE))
        is_brief = args[:1] == ("optimize",) and not options.pop("report", False)
        further = ("--no-report",) if is_brief else ()
        return subprocess.Popen(
            [*options.pop("prefix", ()), *COMMAND, "-p", plugin, *map(str, args), *further],
            cwd=options.pop("cwd", self.folder),
            env={**self.env, **options.pop("env", {})},
            stdin=subprocess.DEVNULL,
            stdout=options.pop("stdout", subprocess.PIPE),
            stderr=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,
            **options,
        )

    def run(self, *args: str | Path, timeout: float = 90, **options: Any) -> Done:
        """Runs the command to its end."""
        process = self.start(*args, **options)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            pytest.fail(f"hangs: {args}\n{out}\n{err}")
        return Done(process.returncode, out or "", err)

    def optimize(self, *args: str | Path, **options: Any) -> dict[str, Any]:
        """Runs ``optimize --json``, which must succeed."""
        done = self.run("optimize", "task.yaml", "--json", *args, **options)
        assert done.code == 0, done.err
        assert "Traceback" not in done.err
        return done.json

    def status(self) -> dict[str, Any]:
        """Gives what ``status --json`` prints, without the time that a command takes."""
        return defaults.status(load_task(self.folder / "task.yaml"))

    def history(self) -> list[dict[str, Any]]:
        """The told trials without what a clock measured."""
        rows = self.status()["history"]
        return [{key: row[key] for key in row if key not in COSTS} for row in rows]

    def wait_for_trials(self, n_trials: int, seconds: float = 60) -> None:
        """Waits until so many trials were told, by the lines of the journal."""
        journal = self.study / "journal.log"
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if journal.exists() and journal.read_bytes().count(b'"fold_scores"') >= n_trials:
                return
            time.sleep(0.02)
        pytest.fail(f"less than {n_trials} trials after {seconds} s")


def clean_environment(home: Path, **variables: str) -> dict[str, str]:
    """Gives the environment of a command that sees nothing of the user's."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return {**own, **threads, "AUTOMETA_HOME": str(home), **variables}


@pytest.fixture(scope="session")
def make_place() -> Callable[[Path], Place]:
    def make(folder: Path) -> Place:
        folder.mkdir(parents=True, exist_ok=True)
        place = Place(folder, clean_environment(folder / "home"))
        place.table()
        place.task()
        return place

    return make


@pytest.fixture
def place(tmp_path: Path, make_place: Callable[[Path], Place]) -> Place:
    """A small table, a task of three trials of the learner ``quick``, no tracking."""
    return make_place(tmp_path / "place")


@pytest.fixture
def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def marked_processes(mark: str) -> list[int]:
    """Gives the processes that have a variable ``MARK=<mark>``, zombies apart."""
    wanted = f"MARK={mark}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                environment = (entry / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if wanted in environment:
                found.append(int(entry.name))
    return found


@pytest.fixture
def processes(place: Place) -> Iterator[Callable[[], list[int]]]:
    """Gives what lists the processes that the place's commands left; ends them at last."""
    place.env["MARK"] = str(place.folder)
    yield lambda: marked_processes(str(place.folder))
    for pid in marked_processes(str(place.folder)):
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool], float], bool]:
    def wait(condition: Callable[[], bool], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if condition():
                return True
            time.sleep(0.05)
        return condition()

    return wait
