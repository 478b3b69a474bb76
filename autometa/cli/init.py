"""``autometa init``: from a data file to a task file that runs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click

from autometa.cli import output
from autometa.cli.files import write_text
from autometa.cli.options import Command, Settings, examples
from autometa.cli.overrides import adapter_options, parse_options
from autometa.errors import TaskError
from autometa.workspace import FOLDER, Workspace

SCHEMA = "task.schema.json"


@examples(
    "autometa init table.csv",
    "autometa init table.csv --target price --output price.yaml",
    "autometa init sklearn:iris",
    "autometa init parts/ --target price",
    "autometa init sqlite:///shop.db --option table=orders --target price",
)
@click.command("init", cls=Command)
@click.argument("data", metavar="DATA", type=click.Path())
@click.option("--target", metavar="COLUMN", help="What to predict; guessed by default.")
@click.option(
    "--output", "place", default="task.yaml", show_default=True, type=click.Path(), metavar="FILE"
)
@adapter_options
@click.option("--force", is_flag=True, help="Overwrite the task file.")
@click.pass_obj
def init(
    settings: Settings,
    data: str,
    *,
    target: str | None,
    place: str,
    adapter: str | None,
    options: tuple[str, ...],
    force: bool,
) -> None:
    """Read DATA, guess what it is for, and write a commented task file for it.

    Where there is no workspace yet, a folder .autometa is made beside the task file.
    """
    file = Path(place).absolute()
    if file.exists() and not force:
        raise TaskError(f"{place} exists already.", hint="Use --force, or another --output.")
    from autometa import defaults
    from autometa.task import locate

    how = parse_options(options)
    is_named = ":" in data and not Path(data).exists()
    source = locate(data, Path.cwd())
    found = defaults.look(
        source, adapter=adapter, options=how, target=target, plugins=settings.plugins
    )
    report = _write(file, source, found, is_named=is_named, adapter=adapter, options=how)
    output.print_result(settings, report, to_text(report, place))


def _write(
    file: Path,
    source: str,
    found: dict[str, Any],
    *,
    is_named: bool,
    adapter: str | None,
    options: dict[str, Any],
) -> dict[str, Any]:
    """Writes schema and task file; the task file is read again, so what is left surely loads."""
    from autometa.cli.taskfile import render, task_name
    from autometa.task import load_task
    from autometa.taskschema import task_schema

    workspace = Workspace.of(file.parent)
    schema = workspace.create(workspace.folder) / SCHEMA
    write_text(schema, json.dumps(task_schema(), indent=2) + "\n")
    shown = source if is_named else os.path.relpath(source, file.parent)
    name = task_name(source.rpartition(":")[2] if is_named else Path(source).name)
    here = os.path.relpath(schema, file.parent.resolve())
    text = render(name, shown, found, schema=here)
    lines = [] if adapter is None else [f"adapter: {adapter}"]
    if options:  # JSON is YAML
        lines.append(f"options: {json.dumps(options, ensure_ascii=False, default=str)}")
    for line in lines:
        text = text.replace("\n  target:", f"\n  {line}\n  target:", 1)
    write_text(file, text)
    task = load_task(file)
    return {
        "file": str(file),
        "task": task.name,
        "workspace": str(workspace.root / FOLDER),
        "schema": str(schema),
        **found,
    }


def to_text(report: dict[str, Any], place: str) -> str:
    """Gives what was guessed, and what to do next."""
    why = f" (a guess: {report['guess']})" if report["guess"] else ""
    target = output.printable(report["target"])
    lines = [
        f"{place}: {report['problem']} of {target}{why}, {report['n_rows']} rows",
        *(f"note  {output.printable(line)}" for line in report["notes"]),
        *_candidates("time", report["times"]),
        *_candidates("group", report["groups"]),
        f"next  autometa check {output.argument(place)}",
        f"      autometa optimize {output.argument(place)}",
    ]
    return "\n".join(lines)


def _candidates(key: str, names: list[str]) -> list[str]:
    if not names:
        return []
    shown = ", ".join(output.printable(name) for name in names)
    return [f"note  may have to be validation.{key}: {shown}"]
