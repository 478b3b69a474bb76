"""``autometa schema``: what editors need to help with task files."""

from __future__ import annotations

import json
from pathlib import Path

import click

from autometa.cli import output
from autometa.cli.files import write_text
from autometa.cli.options import Command, Settings, examples


@examples("autometa schema", "autometa schema --output task.schema.json")
@click.command(
    "schema",
    cls=Command,
    epilog="Editors with the YAML language server take the file from the first line of a task "
    "file: # yaml-language-server: $schema=task.schema.json",
)
@click.option("--output", "target", type=click.Path(), help="Write it here instead of stdout.")
@click.pass_obj
def schema(settings: Settings, *, target: str | None) -> None:
    """Print the JSON schema of the task file."""
    from autometa.taskschema import task_schema

    content = task_schema()
    text = json.dumps(content, indent=2)
    if target is None:
        output.print_result(settings, content, text)
        return
    place = Path(target)
    write_text(place, f"{text}\n")
    output.print_result(settings, {"file": str(place.absolute())}, f"schema in {place}")
