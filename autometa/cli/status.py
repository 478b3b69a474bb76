"""``autometa status``: how a search stands, also while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from autometa.cli import output
from autometa.cli.options import Command, Settings, examples


@examples(
    "autometa status task.yaml",
    "autometa status task.yaml --rule 'fastest within 1 % of the best'",
)
@click.command("status", cls=Command)
@click.argument("task_file", metavar="TASK.yaml", type=click.Path())
@click.option("--last", default=10, show_default=True, help="How many of the last trials to show.")
@click.option(
    "--rule",
    metavar="RULE",
    help="Which trial to take instead of the best: 'fastest within 1 % of the best'; also "
    "smallest (KiB), cheapest (CPU seconds).",
)
@click.pass_obj
def status(settings: Settings, task_file: str, *, last: int, rule: str | None) -> None:
    """Show trials, best and model of a task, also while it is being searched."""
    from autometa import defaults
    from autometa.task import load_task

    report = defaults.status(load_task(task_file), rule)
    output.print_result(settings, report, to_text(report, last))


def to_text(report: Mapping[str, Any], last: int) -> str:
    """Gives counts, the best trial, and the last trials as a table."""
    told = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in report["trials"].items())
    lines = [f"{report['task']}: {report['status']} ({told})"]
    if failure := report.get("failure"):
        lines += [f"why    {failure['message']}", f"next   {failure['hint']}"]
    if best := report["best"]:
        values = ", ".join(f"{name} {value:.5g}" for name, value in best["values"].items())
        lines.append(f"best   trial {best['number']}, {best['params']['learner']}: {values}")
    if chosen := report.get("chosen"):
        values = ", ".join(f"{name} {value:.5g}" for name, value in chosen["values"].items())
        taken = f"{chosen['measure']} {chosen['measured']:.5g}"
        learner = chosen["params"]["learner"]
        lines.append(f"rule   trial {chosen['number']}, {learner}: {values}, {taken}")
    if report["model"]:
        lines.append(f"model  {report['model']}")
    known = report.get("prior") or {}
    if sources := known.get("sources"):
        lines.append(f"prior  {len(sources)} past tasks")
    if gain := known.get("gain"):
        lines.append(f"gain   {gain['text']}")
    rows = [
        [
            str(row["number"]),
            str(row["params"].get("learner", "")),
            row["outcome"],
            " ".join("-" if value is None else f"{value:.5g}" for value in row["values"] or []),
            f"{row['cost_seconds']:.2f}",
            row["reason"] or _proposed(row.get("prior") or {}),
        ]
        for row in report["history"][-last:]
    ]
    if rows:
        header = ["TRIAL", "LEARNER", "OUTCOME", "VALUES", "CPU S", "WHY"]
        lines += ["", output.table(header, rows)]
    return "\n".join(lines)


def _proposed(prior: Mapping[str, Any]) -> str:
    """Gives who proposed a trial and from what: ``similar: iris 0.62, expected 0.11``."""
    if not prior:
        return ""
    parts = [f"{name} {weight:.2f}" for name, weight in prior["sources"][:1]]
    if prior.get("expected_value") is not None:
        parts.append(f"expected {prior['expected_value']:.4g}")
    return f"{prior['expert']}: {', '.join(parts)}" if parts else str(prior["expert"])
