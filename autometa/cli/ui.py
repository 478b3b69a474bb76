"""``autometa ui``: MLflow's page on a task's runs."""

from __future__ import annotations

from contextlib import suppress

import click

from autometa.cli import output
from autometa.cli.options import Command, Settings, examples


@examples("autometa ui task.yaml")
@click.command("ui", cls=Command)
@click.argument("task_file", metavar="TASK.yaml", type=click.Path())
@click.option("--port", default=5000, show_default=True, help="Taken? Then the next free one.")
@click.pass_obj
def ui(settings: Settings, task_file: str, *, port: int) -> None:
    """Serve the MLflow page of a task's runs until Ctrl-C; print the link to them first."""
    from autometa import defaults
    from autometa.task import load_task

    task = load_task(task_file)
    with defaults.open_ui(task, port) as (url, server):
        output.print_result(settings, {"url": url}, url)
        if server is not None:
            output.note(settings, "serving until Ctrl-C")
            with suppress(KeyboardInterrupt):
                server.wait()
