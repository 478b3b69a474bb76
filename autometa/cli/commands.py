"""The table of commands. A line here is all that a new command needs besides its own file."""

from __future__ import annotations

import click

import autometa
from autometa.cli.options import LazyGroup

COMMANDS = {
    "init": ("autometa.cli.init:init", "Write a task file for a data file."),
    "check": ("autometa.cli.check:check", "Look for what would make scores misleading."),
    "optimize": ("autometa.cli.optimize:optimize", "Search, or go on searching, for a model."),
    "status": ("autometa.cli.status:status", "Show how a search stands."),
    "report": ("autometa.cli.report:report", "Write the page on a search."),
    "predict": ("autometa.cli.predict:predict", "Predict rows with a model folder."),
    "export": ("autometa.cli.export:export", "Write a model folder as one ONNX file."),
    "serve": ("autometa.cli.serve:serve", "Answer requests for predictions over HTTP."),
    "ui": ("autometa.cli.ui:ui", "Open the tracked trials in MLflow."),
    "knowledge": ("autometa.cli.knowledge:knowledge", "Show and add to what past tasks taught."),
    "plugins": ("autometa.cli.plugins:plugins", "Show, check and begin plugins."),
    "schema": ("autometa.cli.schema:schema", "Print the JSON schema of the task file."),
    "completion": ("autometa.cli.completion:completion", "Print what completes commands."),
}
"""For each command its ``"module:function"`` and the line that ``--help`` shows."""

root = LazyGroup(
    "autometa",
    COMMANDS,
    help="An optimizer that remembers.",
    examples=(
        "autometa init table.csv",
        "autometa optimize task.yaml",
        "autometa status task.yaml",
    ),
)
root.params.append(
    click.Option(
        ["--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=lambda context, _, value: _show_version(context) if value else None,
        help="Show the version.",
    )
)


def _show_version(context: click.Context) -> None:
    click.echo(f"autometa {autometa.__version__}")
    context.exit()
