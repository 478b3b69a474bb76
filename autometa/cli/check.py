"""``autometa check``: what would make scores misleading, before anything is searched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from autometa.cli import output
from autometa.cli.options import Command, Settings, examples
from autometa.cli.overrides import parse_overrides, set_option

DATA_ERROR = 3


@examples(
    "autometa check task.yaml",
    "autometa check task.yaml --json",
    "autometa check task.yaml --set data.target=price",
)
@click.command(
    "check",
    cls=Command,
    epilog="Exit code 0, or 3 when an error is found; optimize does the same checks.",
)
@click.argument("task_file", metavar="TASK.yaml", type=click.Path())
@set_option
@click.pass_obj
def check(settings: Settings, task_file: str, *, overrides: tuple[str, ...]) -> None:
    """Read the data of a task as a search would, and look for what makes scores misleading.

    Nothing is kept: the data is prepared in a temporary folder.
    """
    from autometa.task import load_task

    task = load_task(task_file, parse_overrides(overrides))
    from autometa import defaults

    report = defaults.check(task, plugins=settings.plugins)
    output.print_result(settings, report, to_text(report))
    if report["status"] == "error":
        raise click.exceptions.Exit(DATA_ERROR)


def to_text(report: Mapping[str, Any]) -> str:
    """Gives what the data is, what its preparation said, and a table of the findings."""
    from autometa.images import data_size

    rows = data_size(report)
    parts = f"{report['n_train']} to search on, {report['n_test']} for the test"
    if report["n_unlabelled"]:
        rows += f" and {report['n_unlabelled']} rows without a target"
    lines = [
        f"{report['task']}: {rows} ({parts}, split: {report['split']})",
        f"problem {report['problem']}: {report['reason']}",
        *(f"note    {output.printable(line)}" for line in report["warnings"]),
    ]
    findings = report["findings"]
    if not findings:
        return "\n".join([*lines, "checks  nothing found"])
    cells = [
        [item["severity"], item["check"], f"{item['message']} {item['advice']}"]
        for item in findings
    ]
    return "\n".join([*lines, "", output.table(["SEVERITY", "CHECK", "FINDING"], cells)])
