"""CPU seconds until something useful happens: help, errors, and the first saved model.

    python benchmarks/startup.py

Each row is one call. `first_model` counts the main process, the process that forks workers, and the
first worker, at the moment the first model folder is complete; the tracker is not counted.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import common
import proctree
from common import AUTOMETA, DATA, Results, Row, Workspace

BOUNDS = {"help": 0.3, "version": 0.3, "plugins_list": 0.5, "task_error": 0.5, "first_model": 4.0}
N_ROWS = 1000
POLL_SECONDS = 0.01
BUDGET = {"trials": 5, "seconds": 60}


def write_table(path: Path, n_rows: int = N_ROWS, seed: int = 0) -> None:
    """Writes a CSV table like those of an office: numbers, categories, gaps, a noisy target."""
    rng = random.Random(seed)
    lines = [",".join([*(f"number_{i}" for i in range(8)), "city", "plan", "paid", "left"])]
    for _ in range(n_rows):
        numbers = [rng.gauss(0, 1) * 10 ** (i % 4) for i in range(8)]
        city, plan = rng.choice("ABCDEFGH"), rng.choice(["free", "basic", "full"])
        odds = numbers[0] + numbers[1] / 10 + (city in "AB") - (plan == "full") + rng.gauss(0, 1)
        cells = [f"{number:.4g}" for number in numbers] + [city, plan, rng.choice(["yes", "no"])]
        cells = ["" if rng.random() < 0.05 else cell for cell in cells]
        lines.append(",".join([*cells, "gone" if odds > 0 else "stays"]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def real_table(data: Path) -> Mapping[str, str] | None:
    """Gives the row of the index whose table is nearest to 1,000 rows, if the folder is there."""
    if not (data / "index.csv").is_file():
        return None
    rows = Results(data / "index.csv").rows
    return min(rows, key=lambda row: (abs(int(row["n_rows"]) - N_ROWS), row["name"]))


def commands(place: Workspace) -> dict[str, tuple[list[str | Path], int]]:
    """Gives the light commands, with the exit code that each must have."""
    wrong = place.write_task({"name": "wrong", "data": {"source": "x.csv", "tagret": "y"}})
    return {
        "help": ([AUTOMETA, "--help"], 0),
        "version": ([AUTOMETA, "--version"], 0),
        "plugins_list": ([AUTOMETA, "plugins", "list"], 0),
        "task_error": ([AUTOMETA, "optimize", wrong], 2),
    }


def measure_commands(repeats: int, results: Results) -> None:
    with common.workspace() as place:
        for name, (command, code) in commands(place).items():
            place.run(command)  # fills the caches of bytecode and files
            for repeat in range(repeats):
                done = place.run(command)
                if done.code != code:
                    sys.exit(f"{name}: exit {done.code} instead of {code}\n{done.stderr}")
                results.add(_row(name, repeat, done.cpu_seconds, done.wall_seconds))


def measure_first_model(
    name: str, data: Mapping[str, Any], repeats: int, results: Results, rows: int
) -> None:
    for repeat in range(repeats):
        with common.workspace() as place:
            if data["source"] == "table.csv":
                write_table(place.folder / "table.csv")
            task = place.write_task({"name": "start", "data": data, "budget": BUDGET})
            cpu, wall = first_model(place, task)
            parts: dict[str, Any] = {
                role: round(getattr(cpu, role), 3) for role in proctree.Split.__slots__
            }
            counted = cpu.main + cpu.nursery + cpu.first_worker
            parts |= {"table": name, "n_rows": rows}
            results.add(_row("first_model", repeat, counted, wall, **parts))


def first_model(place: Workspace, task: Path) -> tuple[proctree.Split, float]:
    """Gives CPU seconds by role and wall seconds when the first model folder is complete."""
    manifest = place.study("start") / "model" / "manifest.json"
    started = time.monotonic()
    process, output = place.start([AUTOMETA, "optimize", task, "--json"])
    while not manifest.exists():
        if process.poll() is not None:
            error = output.with_suffix(".err").read_text(encoding="utf-8")
            sys.exit(f"no model, exit {process.returncode}\n{error}")
        time.sleep(POLL_SECONDS)
    cpu, wall = proctree.split(process.pid), time.monotonic() - started
    done = place.finish(process, output, started)
    if done.code:
        sys.exit(f"exit {done.code}\n{done.stderr}")
    return cpu, wall


def _row(what: str, repeat: int, cpu: float, wall: float, **more: Any) -> Row:
    return {
        "what": what,
        "table": "",
        "n_rows": "",
        "repeat": repeat,
        "cpu_seconds": round(cpu, 3),
        "wall_seconds": round(wall, 3),
        **dict.fromkeys(proctree.Split.__slots__, ""),
        **more,
    }


def measure(options: argparse.Namespace, results: Results) -> None:
    measure_commands(options.repeats, results)
    data = {"source": "table.csv", "target": "left"}
    measure_first_model("generated", data, options.repeats, results, N_ROWS)
    real = real_table(options.data)
    if real is not None:
        source = str(options.data / f"{real['name']}.parquet")
        data = {"source": source, "target": real["target"]}
        measure_first_model(real["name"], data, options.repeats, results, int(real["n_rows"]))


def report(rows: Sequence[Row]) -> str:
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["what"], row["table"]), []).append(row)
    table = []
    for (what, name), group in groups.items():
        cpu = statistics.median(common.number(row, "cpu_seconds") for row in group)
        table.append(
            {
                "what": f"{what} ({name}, {group[0]['n_rows']} rows)" if name else what,
                "CPU s (median)": f"{cpu:.2f}",
                "wall s (median)": _median(group, "wall_seconds"),
                "main": _median(group, "main"),
                "forking process": _median(group, "nursery"),
                "first worker": _median(group, "first_worker"),
                "n": len(group),
                "must be below": BOUNDS[what],
                "kept": common.verdict(cpu, BOUNDS[what]),
            }
        )
    return common.markdown(table)


def _median(group: Sequence[Row], column: str) -> str:
    value = statistics.median(common.number(row, column) for row in group)
    return "" if math.isnan(value) else f"{value:.2f}"


if __name__ == "__main__":
    options = common.parser(__doc__, "startup.csv")
    options.add_argument("--repeats", type=int, default=7, help="of everything (default: 7)")
    options.add_argument("--data", type=Path, default=DATA, help="folder of tables with index.csv")
    common.main(options.parse_args(), measure, report)
