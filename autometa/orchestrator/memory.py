"""What past tasks teach a study at its start, and what it teaches those to come."""

from __future__ import annotations

import logging
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from autometa import __version__
from autometa.errors import StorageError
from autometa.execution import Executor, Job, JobOutcome, JobReport
from autometa.measure import DEFAULT_METRIC, METRICS, RESOURCES
from autometa.meta.attrs import MACHINE, METAFEATURES
from autometa.orchestrator.data import PreparedData
from autometa.orchestrator.delivery import run_job
from autometa.orchestrator.setting import Setting
from autometa.registry import Registry
from autometa.search.unlabelled import without_labelling
from autometa.trial import TrialResult

if TYPE_CHECKING:
    from autometa.meta.feasible import Bounds
    from autometa.meta.knowledge import KnowledgeBase
    from autometa.meta.prior import Prior
    from autometa.meta.record import Fingerprint, TaskRecord
    from autometa.search.study import SearchStudy

OpenKnowledge: TypeAlias = "Callable[[], KnowledgeBase | None]"

_log = logging.getLogger(__name__)

DESCRIBE = "autometa.describe:describe"
PACK = "knowledge.pack"
FROZEN = "autometa_knowledge"
DESCRIBE_JOB = "describe"
DESCRIBE_SECONDS = 30.0


def fingerprint_of(prepared: PreparedData) -> Fingerprint:
    """Gives by what the data is recognised later."""
    from autometa.meta.record import Fingerprint

    return Fingerprint(str(prepared.info["column_signature"]), tuple(prepared.info["row_minhash"]))


def describe_job(prepared: PreparedData, registry: Registry, seed: int) -> Job:
    """Gives the job that computes the meta-features of the data."""
    further = [[name, entry.spec.factory] for name, entry in registry.metafeatures.items()]
    payload = {"prepared": str(prepared.folder), "seed": seed, "further": further}
    return Job(id=DESCRIBE_JOB, function=DESCRIBE, payload=payload, wall_seconds=DESCRIBE_SECONDS)


def keep_description(study: SearchStudy, report: JobReport) -> dict[str, float]:
    """Keeps the meta-features with the study; {} when they could not be computed."""
    found: dict[str, float] = {}
    if report.outcome is JobOutcome.OK and report.value is not None:
        found = {name: float(value) for name, value in report.value["metafeatures"].items()}
        study.set_attr(MACHINE, report.value["machine"])
    else:
        _log.warning("the data could not be described for the prior: %s", report.reason)
    study.set_attr(METAFEATURES, found)
    return found


def is_described(study: SearchStudy) -> bool:
    """Whether the meta-features of a study's data are known."""
    return study.attr(METAFEATURES) is not None


def described(
    study: SearchStudy, prepared: PreparedData, registry: Registry, executor: Executor, seed: int
) -> dict[str, float]:
    """Gives the meta-features of a study's data, computed once."""
    if is_described(study):
        return dict(study.attr(METAFEATURES))
    report = run_job(executor, describe_job(prepared, registry, seed))
    return keep_description(study, report)


def freeze_knowledge(
    folder: Path, open_knowledge: OpenKnowledge, fingerprint: Fingerprint
) -> KnowledgeBase | None:
    """Gives what a new study may know, and keeps a copy of it with the study.

    Args:
        folder: Of the study.
        open_knowledge: Opens the user's knowledge; None = none is wanted.
        fingerprint: Of the study's own data, from which it must not learn.

    Raises:
        StorageError: If a named source does not exist, or the copy cannot be written.
    """
    knowledge = open_knowledge()
    if knowledge is None:
        return None
    known = knowledge.exclude(fingerprint)
    if len(known):
        known.pack(folder / PACK)
    return known


def prior_of(
    study: SearchStudy,
    setting: Setting,
    prepared: PreparedData,
    *,
    folder: Path,
    open_knowledge: OpenKnowledge,
    describe: Callable[[], Mapping[str, float]],
    of_file: bool,
) -> Prior | None:
    """Gives what a study may learn from past tasks, the same whenever it goes on.

    Args:
        study: New, or one that goes on.
        setting: What it searches.
        prepared: Its data.
        folder: Of the study; holds the copy of the knowledge.
        open_knowledge: Opens the user's knowledge; only asked for a new study.
        describe: Gives the meta-features; only asked when there is something to compare with.
        of_file: Whether the setting's bounds are of the file of a target.

    Returns:
        The prior, None without past tasks.
    """
    if study.attr(FROZEN) is None:
        knowledge = freeze_knowledge(folder, open_knowledge, fingerprint_of(prepared))
        n_records = 0 if knowledge is None else len(knowledge)
        digest = knowledge.digest if knowledge is not None and n_records else None
        study.set_attr(FROZEN, {"digest": digest, "n_records": n_records})
    else:
        knowledge = frozen_knowledge(folder)
    if knowledge is None:
        return None
    suiting = [r for r in knowledge if _suits(r, prepared.problem)]
    if not suiting:
        return None
    features = describe()
    allowed = _bounds(setting, study.attr(MACHINE), of_file=of_file)
    kept = type(knowledge)(allowed.applied(record) for record in suiting)
    prior = kept.prior(without_labelling(setting.space), features)
    return prior if prior.n_sources else None


def _bounds(setting: Setting, machine: Sequence[Any] | None, *, of_file: bool) -> Bounds:
    from autometa.meta.feasible import Bounds

    upper = {name: bound for name, bound in setting.bounds.items() if name in RESOURCES}
    return Bounds(upper, of_file, float(machine[1]) if machine else float("nan"))


def _suits(record: TaskRecord, problem: str) -> bool:
    """Whether a record may be of the same problem: its metric is unknown here, or has it.

    What regressions taught made the first trials of a classification worse than its defaults.
    """
    metric = METRICS.get(record.objectives[0][0])
    return metric is None or problem not in DEFAULT_METRIC or problem in metric.problems


def frozen_knowledge(folder: Path) -> KnowledgeBase | None:
    """Gives what the study knew when it began."""
    path = folder / PACK
    if not path.exists():
        return None
    from autometa.meta.knowledge import KnowledgeBase

    return KnowledgeBase.open(path)


def remember(
    *,
    name: str,
    setting: Setting,
    prepared: PreparedData,
    metafeatures: Mapping[str, float],
    machine: Sequence[Any] | None,
    baseline: Mapping[str, float],
    results: Sequence[TrialResult],
    open_knowledge: OpenKnowledge,
    former: str | None,
    versions: Mapping[str, str],
    ended_ms: int,
) -> str | None:
    """Writes the record of a finished study into the user's own knowledge.

    A folder that cannot be written costs the record, not the result: it is said in a warning.

    Args:
        name: Of the task.
        setting: What was searched.
        prepared: The data.
        metafeatures: Of the data.
        machine: Processor and CPU seconds of the fixed workload, or None.
        baseline: Scores of the constant predictor, by metric.
        results: All counted trials.
        open_knowledge: Opens the user's knowledge.
        former: File of the record that this study wrote before; it is replaced.
        versions: Of what shaped the values.
        ended_ms: When the last trial ended, milliseconds since the epoch.

    Returns:
        The file, or None.
    """
    from autometa.meta.record import Machine, TaskRecord
    from autometa.meta.studies import moment

    record = TaskRecord.from_results(
        results,
        name=name,
        objectives=tuple((metric.name, metric.direction) for metric in setting.objectives),
        space=setting.space,
        metafeatures=metafeatures,
        fingerprint=fingerprint_of(prepared),
        versions=versions,
        machine=Machine(*machine) if machine else Machine(),
        baseline=baseline.get(setting.objectives[0].name),
        created=moment(ended_ms),
    )
    try:
        knowledge = open_knowledge()
        path = None if knowledge is None else knowledge.add(record)
    except StorageError as exc:
        _log.warning("what this task taught is not kept: %s", exc)
        return None
    if path is not None and former is not None and former != str(path):
        Path(former).unlink(missing_ok=True)
    return None if path is None else str(path)


def versions_of(registry: Registry) -> dict[str, str]:
    """Gives the versions of whatever shapes the values of trials."""
    versions = {"autometa-core": __version__, "python": platform.python_version()}
    versions |= {e.distribution: e.version for e in registry.learners.values() if e.version}
    return versions
