"""Derives records again from the studies of a workspace."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from autometa.errors import StorageError
from autometa.meta.attrs import HEADER, RECORD
from autometa.orchestrator.resume import FINISHED
from autometa.workspace import Workspace

if TYPE_CHECKING:
    from optuna import Study

    from autometa.meta.knowledge import KnowledgeBase
    from autometa.meta.record import TaskRecord

_log = logging.getLogger(__name__)


def relearn(workspace: Workspace, knowledge: KnowledgeBase) -> dict[str, list[str]]:
    """Writes the record of every finished study again, where it is not there as it should be.

    Studies that are not finished, and those of tasks that want to teach nothing
    (``knowledge: []``), leave no record. A damaged study is skipped with a warning.

    Args:
        workspace: Whose studies are read; nothing is written there.
        knowledge: The user's own, with its folder.

    Returns:
        Names of studies by what became of them: ``written``, ``known``, ``left_out``.

    Raises:
        StorageError: If a record cannot be written.
    """
    found: dict[str, list[str]] = {"written": [], "known": [], "left_out": []}
    for study in _studies(workspace):
        if not _teaches(study):
            found["left_out"].append(study.study_name)
            continue
        is_new = _put(knowledge, _record_of(study), study.user_attrs.get(RECORD))
        found["written" if is_new else "known"].append(study.study_name)
    return found


def _studies(workspace: Workspace) -> Iterator[Study]:
    from autometa.search.storage import open_to_read, opened
    from autometa.search.study import all_studies

    for folder in sorted((workspace.folder / "studies").glob("*/")):
        try:
            storage = open_to_read("auto", folder)
            if storage is None:
                continue
            with opened(storage):
                yield from all_studies(storage)
        except StorageError as exc:
            _log.warning("%s is skipped: %s", folder, exc)


def _teaches(study: Study) -> bool:
    header = study.user_attrs.get(HEADER, {})
    return FINISHED in study.user_attrs and bool(header.get("task", {}).get("knowledge", True))


def _record_of(study: Study) -> TaskRecord:
    from autometa.meta.studies import record_of_study

    return record_of_study(study)


def _put(knowledge: KnowledgeBase, record: TaskRecord, former: str | None) -> bool:
    """Gives whether the record had to be written; it takes the place of the study's former one."""
    path = knowledge.add(record)
    if path is None:
        return False
    if former is not None and Path(former).parent == knowledge.own:
        # Under the name that the study knows, so that going on with it replaces this one.
        path.replace(former)
    return True
