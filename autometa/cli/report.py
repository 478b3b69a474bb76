"""``autometa report``: the page on a search."""

from __future__ import annotations

import click

from autometa.cli import output
from autometa.cli.options import Command, Settings, examples


@examples(
    "autometa report task.yaml",
    "autometa report task.yaml --output report.html --learning-curve",
)
@click.command(
    "report",
    cls=Command,
    epilog="The page works offline, on a phone and on paper. `autometa optimize` writes it too.",
)
@click.argument("task_file", metavar="TASK.yaml", type=click.Path())
@click.option(
    "--output",
    "target",
    metavar="FILE",
    type=click.Path(),
    help="Where the page is to stand; by default report.html in the study's folder.",
)
@click.option(
    "--learning-curve",
    is_flag=True,
    help="Also fit the best configuration on parts of the rows: would more rows help?",
)
@click.pass_obj
def report(settings: Settings, task_file: str, *, target: str | None, learning_curve: bool) -> None:
    """Write one HTML page on a task's search, also while it runs."""
    from autometa import defaults
    from autometa.task import load_task

    done = defaults.report(
        load_task(task_file),
        output=target,
        learning_curve=learning_curve,
        plugins=settings.plugins,
    )
    output.print_result(settings, done, f"report  {done['report']}")
