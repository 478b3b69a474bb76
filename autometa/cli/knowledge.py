"""``autometa knowledge``: what past tasks taught, and how to add to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autometa.cli import output
from autometa.cli.options import Command, LazyGroup, Settings, examples
from autometa.errors import StorageError

if TYPE_CHECKING:
    from autometa.meta.knowledge import KnowledgeBase
    from autometa.meta.record import TaskRecord

knowledge = LazyGroup(
    "knowledge",
    {
        "list": ("autometa.cli.knowledge:list_records", "Show the records of past tasks."),
        "add": ("autometa.cli.knowledge:add", "Copy records into your own folder."),
        "import": ("autometa.cli.knowledge:import_studies", "Make records of Optuna studies."),
        "build": ("autometa.cli.knowledge:build", "Derive records again from finished studies."),
        "evaluate": ("autometa.cli.evaluate:evaluate", "Estimate what your records are worth."),
        "pack": ("autometa.cli.knowledge:pack", "Write records into one file."),
    },
    help="Show what past tasks taught, and add to it.",
    examples=("autometa knowledge list", "autometa knowledge import sqlite:///studies.db"),
)


@examples("autometa knowledge list", "autometa knowledge list records.pack")
@click.command("list", cls=Command)
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.pass_obj
def list_records(settings: Settings, sources: tuple[str, ...]) -> None:
    """Show the records of folders, files, packs or URLs; without any, of what a search uses."""
    known = _open(sources)
    output.print_result(settings, to_json(known), to_text(known))


@examples("autometa knowledge add colleague/records")
@click.command("add", cls=Command)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.pass_obj
def add(settings: Settings, sources: tuple[str, ...]) -> None:
    """Copy the records of folders, files, packs or URLs into your own folder."""
    records = _open(sources).records
    if not records:
        raise StorageError("there is no record to add.", hint="Check the sources.")
    _add(settings, records)


@examples("autometa knowledge import sqlite:///studies.db --study 'churn-*'")
@click.command("import", cls=Command)
@click.argument("storage", metavar="STORAGE")
@click.option("--study", "pattern", metavar="PATTERN", help="Only studies whose name matches.")
@click.pass_obj
def import_studies(settings: Settings, storage: str, pattern: str | None) -> None:
    """Make a record of each study in an Optuna storage: a database URL or a journal file."""
    from autometa.meta.studies import import_storage

    records = list(import_storage(storage, pattern))
    if not records:
        which = f"that matches {pattern!r}" if pattern else "with a finished trial"
        raise StorageError(f"there is no study {which}.", hint="Check the storage and --study.")
    _add(settings, records)


@examples("autometa knowledge build", "autometa knowledge build path/to/project")
@click.command("build", cls=Command)
@click.argument("folder", default=".", metavar="[FOLDER]", type=click.Path())
@click.pass_obj
def build(settings: Settings, folder: str) -> None:
    """Write the records of a workspace's finished studies again, where they are missing."""
    from autometa.defaults import knowledge_home, relearn

    place = Path(folder).absolute()
    found = relearn(place)
    folder_of_records = str(knowledge_home())
    data = {"workspace": str(place), "folder": folder_of_records, **found}
    text = (
        f"{len(found['written'])} records written to {output.printable(folder_of_records)}, "
        f"{len(found['known'])} known already, {len(found['left_out'])} studies not finished or "
        "not to be learned from"
    )
    output.print_result(settings, data, text)


@examples("autometa knowledge pack team.pack default")
@click.command("pack", cls=Command)
@click.argument("file", metavar="FILE")
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.pass_obj
def pack(settings: Settings, file: str, sources: tuple[str, ...]) -> None:
    """Write the records of all sources into one file that can be shipped or served."""
    known, path = _open(sources), Path(file).absolute()
    if not len(known):
        raise StorageError("there is no record to pack.", hint="Check the sources.")
    known.pack(path)
    data = {"file": str(path), "records": len(known), "bytes": path.stat().st_size}
    text = f"{len(known)} records in {output.printable(str(path))}, {data['bytes']} bytes"
    output.print_result(settings, data | {"digest": known.digest}, text)


def _open(sources: Sequence[str]) -> KnowledgeBase:
    from autometa.defaults import knowledge_home
    from autometa.meta.knowledge import KnowledgeBase

    return KnowledgeBase.open(*sources, own=knowledge_home())


def _add(settings: Settings, records: Sequence[TaskRecord]) -> None:
    from autometa.defaults import knowledge_home
    from autometa.meta.knowledge import KnowledgeBase
    from autometa.meta.sources import read_own

    folder = knowledge_home()
    own = KnowledgeBase(read_own(folder), own=folder)
    added = [record for record in records if own.add(record) is not None]
    n_known = len(records) - len(added)
    data = {
        "added": [_summary(record) for record in added],
        "known": n_known,
        "folder": str(folder),
        "digest": own.digest,
    }
    known = f", {n_known} known already" if n_known else ""
    text = f"{len(added)} records added to {output.printable(str(folder))}{known}"
    output.print_result(settings, data, text)


def to_json(known: KnowledgeBase) -> dict[str, Any]:
    """Gives ``records``, ``trials`` (their sum) and ``digest``."""
    return {
        "records": [_summary(record) for record in known],
        "trials": sum(len(record) for record in known),
        "digest": known.digest,
    }


def _summary(record: TaskRecord) -> dict[str, Any]:
    best = record.best()
    return {
        "name": record.name,
        "created": record.created,
        "trials": len(record),
        "objectives": [list(objective) for objective in record.objectives],
        "best": None if best is None else record.values[best].tolist(),
        "params": None if best is None else dict(record.configs[best]),
        "space": record.signature,
        "digest": record.digest,
    }


def to_text(known: KnowledgeBase) -> str:
    """Gives a table, newest last."""
    if not len(known):
        return "No task has been recorded yet."
    rows = [_row(record) for record in known]
    total = f"{len(rows)} tasks, digest {known.digest}"
    return f"{output.table(['CREATED', 'TRIALS', 'BEST', 'NAME'], rows)}\n{total}"


def _row(record: TaskRecord) -> list[str]:
    best = record.best()
    metric = record.objectives[0][0]
    value = "" if best is None else f"{metric} {record.values[best, 0]:.5g}"
    return [record.created[:10], str(len(record)), value, record.name]
