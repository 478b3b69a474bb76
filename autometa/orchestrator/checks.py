"""The checks before a search: run once on prepared data, told when a study begins."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autometa.checking.finding import SAID_BEFORE, Finding, lines, refuse
from autometa.execution import Executor, Job, JobOutcome
from autometa.orchestrator.data import PreparedData
from autometa.orchestrator.delivery import run_job
from autometa.orchestrator.setting import first_objective
from autometa.task import Task

if TYPE_CHECKING:
    from autometa.orchestrator.loop import Progress
    from autometa.search.study import SearchStudy

_log = logging.getLogger(__name__)

CHECKS = "autometa_checks"
"""Attribute of a study: `Finding.to_json` of what was found when it began."""

RUN = "autometa.checks:run_checks"
FILE = "checks.json"
SECONDS = 30.0


def find(prepared: PreparedData, executor: Executor, task: Task) -> list[Finding]:
    """Gives what the checks find in prepared data, gravest first; [] when they could not run.

    They run once: what they found is kept in the prepared folder, for the objective asked about.
    """
    file = prepared.folder / FILE
    objective = first_objective(task, prepared.problem)
    try:
        kept = json.loads(file.read_bytes())
        if kept["objective"] == objective:
            return [Finding.from_json(item) for item in kept["findings"]]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    payload = {"prepared": str(prepared.folder), "seed": task.seed, "objective": objective}
    report = run_job(
        executor, Job(id="checks", function=RUN, payload=payload, wall_seconds=SECONDS)
    )
    if report.outcome is not JobOutcome.OK or report.value is None:
        _log.warning("the data could not be checked: %s", report.reason)
        return []
    found = {**report.value, "objective": objective}
    file.write_text(json.dumps(found), encoding="utf-8")
    return [Finding.from_json(item) for item in found["findings"]]


def check(prepared: PreparedData, executor: Executor, task: Task) -> list[Finding]:
    """Gives what `find` does.

    Raises:
        DataError: If scores on this data would mean nothing.
    """
    findings = find(prepared, executor, task)
    refuse(findings)
    return findings


def tell(study: SearchStudy, findings: Sequence[Finding], progress: Progress) -> None:
    """Keeps the findings with a new study, and shows those that matter."""
    if not study.is_new:
        return
    study.set_attr(CHECKS, [finding.to_json() for finding in findings])
    for line in lines(finding for finding in findings if finding.check not in SAID_BEFORE):
        progress.note(line)


def kept(study: SearchStudy) -> list[dict[str, Any]]:
    """Gives what was found when the study began, as ``checks`` of the report."""
    return list(study.attr(CHECKS) or [])
