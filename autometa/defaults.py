"""Where the parts are put together: the only composition root and reader of the environment."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from autometa.errors import StorageError, TaskError
from autometa.execution import WorkerPool
from autometa.orchestrator import Result
from autometa.orchestrator import optimize as run
from autometa.orchestrator.looking import check_report, look_at
from autometa.orchestrator.loop import Progress, Stop
from autometa.orchestrator.reportlater import report_later
from autometa.orchestrator.status import read_status
from autometa.plugins import load_plugins
from autometa.registry import Registry
from autometa.select.rules import Rule
from autometa.sources import resolve_sources
from autometa.task import Limits, Task, load_task
from autometa.tracking.reference import Registration
from autometa.tracking.tracker import NullTracker, StudyTracker, Tracker
from autometa.tracking.ui import UiServer, serve
from autometa.tracking.uris import default_uris, is_server
from autometa.workspace import ACCESS_FAULTS, DISK_FAULTS, Workspace, writing

if TYPE_CHECKING:
    from autometa.meta.knowledge import KnowledgeBase
    from autometa.search.study import ToldTrial
    from autometa.trial import TrialResult

PRELOAD = ("autometa.prepare", "autometa.evaluate")
"""Imported once and shared by all workers, with what the searched learners ask for."""
LIGHT_PRELOAD = PRELOAD[:1]
"""For workers that only read data."""


UI_PATIENCE_SECONDS = 5.0


class Quiet:
    """Shows nothing."""

    def note(self, text: str) -> None:
        """Drops a line."""

    def trial(self, told: ToldTrial, best: TrialResult | None, n_told: int) -> None:
        """Drops a trial."""

    def tick(self, remaining: float, running: Sequence[str]) -> None:
        """Drops a moment."""


class NeverStop:
    """Nobody asks the search to end."""

    signal: int | None = None


def optimize(
    task: Task | str | os.PathLike[str],
    *,
    plugins: Iterable[str | Path] = (),
    fresh: bool = False,
    rebuild_tracking: bool = False,
    report: bool = True,
    register: str | None = None,
    progress: Progress | None = None,
    stop: Stop | None = None,
    started: float | None = None,
) -> Result:
    """Searches for a task and delivers a model; goes on where an earlier call stopped.

    Args:
        task: From `load_task`, or the path of a task file.
        plugins: One-file plugins beside the installed ones.
        fresh: Whether to forget an earlier study of this name.
        rebuild_tracking: Whether to derive the tracked runs from the study again.
        report: Whether to write the page on the search, see `report`.
        register: ``NAME`` or ``NAME@ALIAS``: as which version a finished search's model is kept.
        progress: Shows what happens; None = nothing.
        stop: Says when to end early; None = never.
        started: Moment of `time.monotonic` from which the budget counts; None = now.

    Returns:
        `Result.model` (folder), `Result.best`, `Result.trials`.

    Raises:
        AutometaError: For every expected failure; see `autometa.errors`.

    Example:
        >>> optimize("task.yaml").best.values  # doctest: +SKIP
        (0.086,)
    """
    started = time.monotonic() if started is None else started
    task = task if isinstance(task, Task) else load_task(os.fspath(task))
    registration = _registration(task, register)
    registry = load_plugins(plugins)
    workspace = Workspace.of(task.folder)
    workspace.create(workspace.folder)
    with (
        closing(make_executor(task.limits, preload_of(task, registry))) as executor,
        writing(workspace.folder, DISK_FAULTS | ACCESS_FAULTS),
    ):
        return run(
            task,
            registry=registry,
            workspace=workspace,
            executor=executor,
            make_tracker=lambda folder: make_tracker(task, workspace, folder, registration),
            open_knowledge=lambda: open_knowledge(task),
            progress=progress or Quiet(),
            stop=stop or NeverStop(),
            started=started,
            fresh=fresh,
            rebuild_tracking=rebuild_tracking,
            tell_again=registration is not None,
            report=report,
        )


def _registration(task: Task, register: str | None) -> Registration | None:
    """Reads ``NAME`` or ``NAME@ALIAS``.

    Raises:
        TaskError: If it is neither, or nothing is tracked.
    """
    registration = None if register is None else Registration.parse(register)
    if registration is not None and task.tracking == "none":
        raise TaskError(
            "a model is registered where it is tracked, and tracking is none.",
            hint="Remove `tracking: none` from the task file.",
        )
    return registration


def preload_of(task: Task, registry: Registry) -> list[str]:
    """Gives the modules that the workers of a search share."""
    wanted = task.search.learners or registry.default_learners()
    specs = [registry.learners[name].spec for name in wanted if name in registry.learners]
    return list(dict.fromkeys([*PRELOAD, *(module for spec in specs for module in spec.preload)]))


def make_executor(limits: Limits, preload: Sequence[str] = PRELOAD) -> WorkerPool:
    """Gives the pool of workers that a task's limits ask for.

    Args:
        limits: Of the task.
        preload: Modules that the workers share.

    Raises:
        StorageError: If no process can be started.
    """
    try:
        return WorkerPool(
            limits.workers,
            limits.trial_memory_mib,
            n_threads=limits.threads_per_trial,
            preload=preload,
        )
    except OSError as exc:
        raise StorageError(
            f"cannot start worker processes: {exc.strerror}.",
            hint="Raise the limits of processes and open files (ulimit), or lower limits.workers.",
        ) from exc


def make_tracker(
    task: Task,
    workspace: Workspace,
    study_folder: Path,
    registration: Registration | None = None,
) -> StudyTracker:
    """Gives the tracker that a task asks for, which may register the winner."""
    if task.tracking == "none":
        return NullTracker()
    uri, artifacts = default_uris(workspace.root)
    if task.tracking != "auto":
        uri = tracking_uri(task, workspace)
    return Tracker(
        study_folder,
        uri,
        experiment=task.name,
        artifacts=artifacts,
        registration=registration,
    )


def tracking_uri(task: Task, workspace: Workspace) -> str:
    """Gives where the runs of a task are tracked; relative paths are relative to the task file."""
    if task.tracking in ("auto", "none"):
        return default_uris(workspace.root)[0]
    return task.tracking if "://" in task.tracking else task.locate(task.tracking)


def status(task: Task, rule: str | None = None) -> dict[str, Any]:
    """Gives how the search of a task stands; it may be running in another process.

    Args:
        task: The task.
        rule: Such as ``fastest within 1 % of the best``; see `autometa.select.rules`.

    Returns:
        ``task``, ``status`` (``none``, ``running``, ``interrupted``, ``finished``, or ``failed``:
        the budget is used up without a usable trial), ``trials``, ``best``, ``failure``,
        ``model``, ``prior``, ``checks``, and ``history`` (`TrialResult.to_json` of all);
        with a rule also ``chosen``, None while there is no usable trial. ``failure`` is None but
        of a failed search: ``message`` and ``hint`` as `optimize` raised them, and ``reasons``,
        the number of trials by why they are not complete.

    Raises:
        StorageError: If the study cannot be read.
        TaskError: If the rule cannot be understood, or needs what was not measured.
    """
    workspace = Workspace.of(task.folder)
    parsed = None if rule is None else Rule.parse(rule)
    return read_status(task, workspace.study(task.name), parsed)


def report(
    task: Task,
    *,
    output: str | Path | None = None,
    learning_curve: bool = False,
    plugins: Iterable[str | Path] = (),
) -> dict[str, Any]:
    """Writes the page on a task's search: one HTML file that works offline.

    Args:
        task: The task; its search may be running in another process.
        output: Where it is to stand; None = ``report.html`` in the study's folder.
        learning_curve: Whether to fit the best configuration on parts of the rows too.
        plugins: One-file plugins beside the installed ones.

    Returns:
        ``task``, ``status`` (of the search), ``report`` (absolute path), ``size_kib``.

    Raises:
        StorageError: If there is no trial to report on, or the page cannot be written.
    """
    registry = load_plugins(plugins)
    folder = Workspace.of(task.folder).study(task.name)
    place = None if output is None else Path(output).absolute()
    with closing(make_executor(task.limits, preload_of(task, registry))) as executor:
        return report_later(
            task,
            folder=folder,
            registry=registry,
            executor=executor,
            output=place,
            learning_curve=learning_curve,
        )


def check(task: Task, *, plugins: Iterable[str | Path] = ()) -> dict[str, Any]:
    """Prepares the data of a task in a temporary folder and checks it.

    Returns:
        ``task``; ``status`` (``ok``, ``warning`` or ``error``: the gravest finding); what the
        preparation found (``problem``, ``reason``, ``n_rows``, ``n_train``, ``n_test``,
        ``n_features``, of images ``image_shape``, ``n_folds``, ``split``, ``dropped``,
        ``warnings``); ``n_unlabelled`` (rows
        without a target that the search may use); and ``findings``.

    Raises:
        AutometaError: If the data cannot be prepared, or the task names what there is not.
    """
    registry = load_plugins(plugins)
    with (
        TemporaryDirectory(prefix="autometa-") as folder,
        closing(make_executor(task.limits, LIGHT_PRELOAD)) as executor,
    ):
        return check_report(task, registry, executor, Path(folder))


def look(
    source: str,
    *,
    adapter: str | None = None,
    options: Mapping[str, Any] | None = None,
    target: str | None = None,
    plugins: Iterable[str | Path] = (),
) -> dict[str, Any]:
    """Reads data and guesses what its columns are for; see `autometa.look`.

    Args:
        source: An absolute path (a file, a folder, a pattern), or ``scheme:rest``.
        adapter: Name of the data adapter; None = by scheme, then by suffix.
        options: ``data.options`` of the task file to come.
        target: The column to predict; None = guessed.
        plugins: One-file plugins.

    Raises:
        AutometaError: If the data cannot be read, or has no such target.
    """
    parts, entry = resolve_sources(load_plugins(plugins), [source], adapter)
    with closing(make_executor(Limits(workers=1), LIGHT_PRELOAD)) as executor:
        return look_at(parts, entry.spec.factory, options or {}, target, executor)


@contextmanager
def open_ui(task: Task, port: int) -> Iterator[tuple[str, UiServer | None]]:
    """Serves the page of a task's runs while the block lasts.

    Args:
        task: The task.
        port: The first one to try.

    Yields:
        The link to the study's run, and the server; None when the tracking URI is a server with
        pages of its own.

    Raises:
        StorageError: If nothing was tracked, or no server can be started.
    """
    workspace = Workspace.of(task.folder)
    folder = workspace.study(task.name)
    if task.tracking == "none" or not folder.is_dir():
        raise StorageError(
            f"nothing was tracked for task {task.name!r}.",
            hint="Run autometa optimize first, with tracking.",
        )
    uri = tracking_uri(task, workspace)
    tracker = make_tracker(task, workspace, folder)
    tracker.ensure_running()
    shown = tracker.drain(UI_PATIENCE_SECONDS)
    tracker.close()
    if is_server(uri):
        yield shown.url, None
        return
    with serve(uri, artifacts=default_uris(workspace.root)[1], port=port) as server:
        yield server.link(shown.experiment_id, shown.run_id), server


def open_knowledge(task: Task) -> KnowledgeBase | None:
    """Gives what a task may know; None when it wants to know nothing and to teach nothing.

    Raises:
        StorageError: If a source that it names does not exist.
    """
    if not task.knowledge:
        return None
    from autometa.meta.knowledge import DEFAULT, OWN, KnowledgeBase

    sources = [s if s in (DEFAULT, OWN) or "://" in s else task.locate(s) for s in task.knowledge]
    return KnowledgeBase.open(*sources, own=knowledge_home())


def relearn(folder: Path) -> dict[str, list[str]]:
    """Derives the records of a workspace's finished studies again, see `orchestrator.relearn`.

    Raises:
        StorageError: If the folder holds no workspace, or a record cannot be written.
    """
    from autometa.meta.knowledge import KnowledgeBase
    from autometa.meta.sources import read_own
    from autometa.orchestrator.relearn import relearn as derive

    workspace = Workspace.of(folder)
    if not workspace.folder.is_dir():
        raise StorageError(
            f"{folder} is in no workspace.",
            hint="Name the folder of a task file that has been searched.",
        )
    own = knowledge_home()
    return derive(workspace, KnowledgeBase(read_own(own), own=own))


def knowledge_home() -> Path:
    """Gives the user's own folder of records: under ``AUTOMETA_HOME``, else the user's data folder.

    Without a home folder it lies in the temporary folder's place of the workspace user: callers
    that cannot write there go on without.
    """
    if home := os.environ.get("AUTOMETA_HOME"):
        return Path(home).expanduser() / "knowledge"
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(os.path.expanduser(data)) / "autometa" / "knowledge"  # noqa: PTH111


def as_json(result: Result) -> dict[str, Any]:
    """Gives what ``autometa optimize --json`` prints."""
    return dict(result.report)
