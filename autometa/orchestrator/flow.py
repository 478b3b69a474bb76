"""The data flow, from a task to a model folder: `optimize` reads like the picture."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from autometa.execution import Executor
from autometa.orchestrator import checks
from autometa.orchestrator.data import PreparedData, adopt, prepare_data
from autometa.orchestrator.loop import Progress, Stop
from autometa.orchestrator.memory import OpenKnowledge
from autometa.orchestrator.result import Result, no_model
from autometa.orchestrator.resume import (
    check_data,
    check_task,
    failed_report,
    finished_report,
    frozen_setting,
    header,
)
from autometa.orchestrator.searching import MODEL, Searching
from autometa.orchestrator.session import Session
from autometa.orchestrator.setting import Setting, setting_of
from autometa.orchestrator.show import Shown
from autometa.registry import Registry
from autometa.search.lease import LOCK, StudyLock
from autometa.sources import without_password
from autometa.task import Task
from autometa.workspace import Workspace

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

    from autometa.search.study import SearchStudy
    from autometa.tracking.interface import StudyTracker

MakeTracker: TypeAlias = "Callable[[Path], StudyTracker]"


def optimize(
    task: Task,
    *,
    registry: Registry,
    workspace: Workspace,
    executor: Executor,
    make_tracker: MakeTracker,
    open_knowledge: OpenKnowledge,
    progress: Progress,
    stop: Stop,
    started: float,
    fresh: bool = False,
    rebuild_tracking: bool = False,
    tell_again: bool = False,
    report: bool = True,
) -> Result:
    """Searches, or goes on searching, and delivers.

    Args:
        task: What is asked.
        registry: What plugins offer.
        workspace: Where everything is kept.
        executor: Where jobs run; the caller closes it.
        make_tracker: Gives the tracker of a study folder.
        open_knowledge: Opens what past tasks taught; gives None when nothing is wanted.
        progress: Shows what happens.
        stop: Says when somebody wants it to end.
        started: Moment of `time.monotonic` at which the command began.
        fresh: Whether to forget an earlier study of this name.
        rebuild_tracking: Whether to derive the tracked runs from the study again.
        tell_again: Whether the winner of a finished study is told to the tracker once more.
        report: Whether to write the page on the search.

    Returns:
        The delivered model with all trials; of an earlier run when its budget is used up.

    Raises:
        AutometaError: For every expected failure, with its exit code.
    """
    session = Session(
        task=task,
        registry=registry,
        folder=workspace.create(workspace.study(task.name)),
        executor=executor,
        open_knowledge=open_knowledge,
        progress=progress,
        stop=stop,
        started=started,
        wants_report=report,
    )
    with ExitStack() as at_end:
        study, shown, searching = _ready(session, make_tracker, at_end, fresh=fresh)
        if rebuild_tracking:
            shown.rebuild()
        if done := finished_report(study, task, session.folder / MODEL):
            if rebuild_tracking or tell_again:
                searching.show_again(done)
            return _unchanged(session, study, done, shown)
        if failed := failed_report(study, task):
            if rebuild_tracking:
                searching.show_again(failed)
            raise no_model(study.results, task.bounds)
        shown.start()
        return searching.finish(searching.search())


def _ready(
    session: Session, make_tracker: MakeTracker, at_end: ExitStack, *, fresh: bool
) -> tuple[SearchStudy, Shown, Searching]:
    """Locks the study, prepares and checks the data, and gives what searches."""
    task, folder, executor = session.task, session.folder, session.executor
    at_end.callback(StudyLock(folder, task.name).release)
    for line in session.registry.warnings:
        session.progress.note(f"warning: {line}")
    storage = _open_storage(session, at_end, fresh=fresh)
    tracker = make_tracker(folder)  # after --fresh has emptied the folder
    prepared = prepare_data(task, session.registry, executor, folder)
    findings = checks.check(prepared, executor, task)
    study, setting = _open_study(session, storage, prepared)
    at_end.callback(study.release)
    checks.tell(study, findings, session.progress)
    prepared = adopt(prepared, folder)
    shown = Shown(tracker, task, study, setting, prepared)
    return study, shown, Searching(session, study, setting, prepared, shown)


def _open_storage(session: Session, at_end: ExitStack, *, fresh: bool) -> BaseStorage:
    """Opens where the study is kept; with `fresh`, without anything of a former study.

    Optuna is imported here, while the workers start up.
    """
    from autometa.search.sampler import target_sampler
    from autometa.search.storage import open_storage, opened
    from autometa.search.study import delete_study

    target_sampler(0)

    place, folder = session.task.storage, session.folder
    if fresh and place == "auto":
        _empty(folder)
    storage = at_end.enter_context(opened(open_storage(place, folder)))
    if fresh and place != "auto":
        delete_study(storage, session.task.name)
        _empty(folder)
    return storage


def _open_study(
    session: Session, storage: BaseStorage, prepared: PreparedData
) -> tuple[SearchStudy, Setting]:
    """Begins a study, or goes on with it when nothing has changed that decides results."""
    from autometa.search.study import SearchStudy

    task = session.task
    setting = setting_of(task, prepared, session.registry)
    study = SearchStudy(
        storage,
        task.name,
        [metric.direction for metric in setting.objectives],
        header(task, setting, prepared, uuid.uuid4().hex),
    )
    if study.is_new:
        for line in (*prepared.warnings, *setting.notes):
            session.progress.note(line)
        return study, setting
    check_task(task, study.header, str(task.path or task.name), session.folder)
    check_data(prepared, study.header, without_password(task.data.source[0]))
    return study, frozen_setting(task, study.header, session.registry, setting)


def _unchanged(
    session: Session, study: SearchStudy, done: Mapping[str, Any], shown: Shown
) -> Result:
    """Gives what the finished search gave: nothing is left to do."""
    session.progress.note(
        "nothing to do: the budget is used up; raise budget.trials or budget.seconds to go on,"
        " or start anew with --fresh"
    )
    report = {**done, "mlflow": shown.wait(None)}
    number = (done["best"] or {}).get("number")
    best = next((result for result in study.results if result.number == number), None)
    return Result(model=Path(done["model"]), best=best, trials=study.results, report=report)


def _empty(folder: Path) -> None:
    """Removes everything of a former study but the lock."""
    for path in folder.iterdir():
        if path.name == LOCK:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
