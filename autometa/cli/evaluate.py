"""``autometa knowledge evaluate``: what records are worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from autometa.cli import output
from autometa.cli.options import Command, Settings, examples
from autometa.errors import StorageError


@examples("autometa knowledge evaluate", "autometa knowledge evaluate team.pack --tasks 10")
@click.command("evaluate", cls=Command)
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option(
    "--tasks", default=40, show_default=True, type=click.IntRange(1), help="Most tasks to replay."
)
@click.pass_obj
def evaluate(settings: Settings, sources: tuple[str, ...], *, tasks: int) -> None:
    """Estimate how many trials your records save: each task again, with all others as its past."""
    from autometa.defaults import knowledge_home
    from autometa.meta.evaluation import FEWEST, replays, summary
    from autometa.meta.knowledge import OWN, KnowledgeBase

    known = KnowledgeBase.open(*(sources or (OWN,)), own=knowledge_home())
    found = list(replays(known.records, tasks)) if len(known) > 1 else []
    if not found:
        raise StorageError(
            f"{len(known)} records are too few to compare: two are needed, and one of at least "
            f"{FEWEST} configurations.",
            hint="Search more tasks, or add records with autometa knowledge add or import.",
        )
    data = summary(found) | {"digest": known.digest}
    output.print_result(settings, data, to_text(data))


def to_text(data: Mapping[str, Any]) -> str:
    """Gives a row per task, and the medians."""
    rows = [
        [
            str(task["trials_with_past"]),
            f"{task['trials_without_past']:.1f}",
            f"{task['earlier']:+.1f}",
            str(task["candidates"]),
            task["name"],
        ]
        for task in data["tasks"]
    ]
    head = ["WITH", "WITHOUT", "EARLIER", "CONFIGS", "TASK"]
    return (
        f"{output.table(head, rows)}\n"
        f"Estimate: trials until within {data['near']:.0%} of the best configuration that was "
        f"tried; median {data['median_trials_with_past']:g} with the other tasks known, "
        f"{data['median_trials_without_past']:g} without; later on {data['share_later']:.0%}."
    )
