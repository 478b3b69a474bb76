"""``autometa status``: how a search stands, also while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from autometa.cli import output
from autometa.cli.options import Command, Settings


@click.command("status", cls=Command)
@click.argument("task_file", metavar="TASK.yaml")
@click.option("--last", default=10, show_default=True, help="How many of the last trials to show.")
@click.pass_obj
def status(settings: Settings, task_file: str, *, last: int) -> None:
    """Show trials, best and model of a task, also while it is being searched."""
    from autometa import defaults
    from autometa.task import load_task

    report = defaults.status(load_task(task_file))
    output.print_result(settings, report, to_text(report, last))


def to_text(report: Mapping[str, Any], last: int) -> str:
    """Gives counts, the best trial, and the last trials as a table."""
    told = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in report["trials"].items())
    lines = [f"{report['task']}: {report['status']} ({told})"]
    if best := report["best"]:
        values = ", ".join(f"{name} {value:.5g}" for name, value in best["values"].items())
        lines.append(f"best   trial {best['number']}, {best['params']['learner']}: {values}")
    if report["model"]:
        lines.append(f"model  {report['model']}")
    rows = [
        [
            str(row["number"]),
            str(row["params"].get("learner", "")),
            row["outcome"],
            " ".join(f"{value:.5g}" for value in row["values"] or []),
            f"{row['cost_seconds']:.2f}",
            row["reason"],
        ]
        for row in report["history"][-last:]
    ]
    if rows:
        header = ["TRIAL", "LEARNER", "OUTCOME", "VALUES", "CPU S", "WHY"]
        lines += ["", output.table(header, rows)]
    return "\n".join(lines)
