"""The data of a task: prepared once in a worker, recognised when the same command comes again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autometa import errors
from autometa.errors import AutometaError, DataError
from autometa.execution import Executor, Job, JobOutcome, JobReport
from autometa.measure import RESOURCES
from autometa.orchestrator.delivery import run_job
from autometa.registry import Registry
from autometa.sources import resolve_sources
from autometa.task import Task

PREPARE = "autometa.prepare:prepare"
FOLDER = "data"
STAMP = "stamp.json"


@dataclass(frozen=True, slots=True)
class PreparedData:
    """What the preparation of the data found.

    Args:
        folder: Of the prepared files.
        info: As `autometa.prepare.prepare` gives it.
    """

    folder: Path
    info: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """SHA-256 of the data's content as it was read."""
        return str(self.info["digest"])

    @property
    def problem(self) -> str:
        """``classification`` or ``regression``, or a plugin's own."""
        return str(self.info["problem"])

    @property
    def modality(self) -> str:
        """``tabular`` or ``image``."""
        return str(self.info.get("modality", "tabular"))

    @property
    def n_unlabelled(self) -> int:
        """Rows without a target that folds may learn from."""
        return int(self.info.get("n_unlabelled", 0))

    @property
    def warnings(self) -> list[str]:
        """One line each."""
        return [str(line) for line in self.info["warnings"]]


def prepare_data(
    task: Task, registry: Registry, executor: Executor, study_folder: Path
) -> PreparedData:
    """Prepares the data of a task in its study folder, or finds it prepared already.

    When the files are untouched since the last run, they are not read again.

    Raises:
        DataError: If the data cannot be used.
        PluginError: If there is no adapter for it.
    """
    payload = _payload(task, registry)
    stamp = _stamp(task, payload)
    folder = study_folder / FOLDER
    if stamp is not None and (known := _read(folder / STAMP)) and known["stamp"] == stamp:
        return PreparedData(folder, known["info"])
    new = study_folder / f"{FOLDER}.new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    job = Job(
        id="prepare",
        function=PREPARE,
        payload={**payload, "folder": str(new)},
        log=study_folder / "prepare.log",
    )
    info = dict(value_of(run_job(executor, job)))
    text = json.dumps({"stamp": stamp, "info": info})
    (new / STAMP).write_text(text, encoding="utf-8")
    return PreparedData(new, info)


def adopt(prepared: PreparedData, study_folder: Path) -> PreparedData:
    """Puts freshly prepared data in the place of the former; running jobs keep what they mapped."""
    folder = study_folder / FOLDER
    if prepared.folder == folder:
        return prepared
    shutil.rmtree(folder, ignore_errors=True)
    prepared.folder.rename(folder)
    return PreparedData(folder, prepared.info)


def _payload(task: Task, registry: Registry) -> dict[str, Any]:
    data = task.data
    located = [task.locate(source) for source in data.source]
    sources, adapter = resolve_sources(registry, located, data.adapter)
    payload: dict[str, Any] = {
        "source": sources,
        "adapter": adapter.spec.factory,
        "options": dict(data.options),
        "target": data.target,
        "positive_class": data.positive_class,
        "problem": task.problem,
        "test": None,
        "validation": _validation(task),
        "seed": task.seed,
    }
    if data.ignore:
        payload["ignore"] = list(data.ignore)
    if data.unlabelled != "ignore":
        payload["unlabelled"] = data.unlabelled
    if data.test is not None:
        payload["test"] = _test(task, registry, data.test)
    return payload


def _validation(task: Task) -> dict[str, Any]:
    """A small deliverable is one model, not one per fold, unless the task says how to validate."""
    wanted = task.validation.model_dump()
    is_open = wanted["kind"] == "auto" and not wanted["group"] and not wanted["time"]
    if is_open and wanted["folds"] is None and (wants_small(task) or task.search.compressors):
        wanted["kind"] = "single"
    return wanted


def wants_small(task: Task) -> bool:
    """Whether the task asks for a small or a fast deliverable, so that compressing may pay."""
    named = {objective.metric for objective in task.objectives or ()} | set(task.constraints)
    return bool(named & set(RESOURCES)) or task.target is not None


def _test(task: Task, registry: Registry, test: str) -> dict[str, Any]:
    """A file when one stands there or the name looks like one, else a column."""
    place = task.locate(test)
    if Path(place).exists() or Path(test).suffix:
        sources, adapter = resolve_sources(registry, [place], task.data.adapter)
        return {"source": sources, "adapter": adapter.spec.factory}
    return {"column": test}


def _stamp(task: Task, payload: Mapping[str, Any]) -> Any:
    """Gives what must be unchanged for prepared data to be used again; None = cannot be told."""
    places = list(payload["source"])
    if payload["test"] and "source" in payload["test"]:
        places.extend(payload["test"]["source"])
    try:
        stats = [Path(place).stat() for place in places]
    except OSError:
        return None
    if any(not Path(place).is_file() for place in places):
        return None
    files = [[place, s.st_size, s.st_mtime_ns] for place, s in zip(places, stats, strict=True)]
    return json.loads(json.dumps([files, payload]))


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def value_of(report: JobReport) -> Mapping[str, Any]:
    """Gives a job's value; an error in the worker is raised here as what it was there.

    Raises:
        AutometaError: As the worker had it; anything else becomes a DataError.
    """
    if report.outcome is JobOutcome.OK and report.value is not None:
        return report.value
    if report.outcome is JobOutcome.MEMORY:
        raise DataError(
            "the data does not fit into the memory of a worker.",
            hint="Raise limits.trial_memory_mib, or read less with data.options.",
        )
    kind = getattr(errors, report.error_type.rpartition(".")[2], None)
    if isinstance(kind, type) and issubclass(kind, AutometaError):
        raise kind(report.error_data["message"], hint=report.error_data.get("hint", ""))
    raise DataError(f"the data could not be read: {report.reason}", hint="See prepare.log.")
