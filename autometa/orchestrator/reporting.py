"""From a study to its report: a job that warms up beside the delivery, and never fails a search."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autometa import __version__
from autometa.execution import Executor, Job, JobOutcome
from autometa.orchestrator.data import FOLDER
from autometa.orchestrator.delivery import overhear
from autometa.registry import Registry
from autometa.report import FIGURES, FILE, JOB
from autometa.task import Task

if TYPE_CHECKING:
    from autometa.search.study import ToldTrial

_log = logging.getLogger(__name__)

INPUT = "report-input.json"
LOG = "report.log"
PREPARED = "prepared.json"
"""Is there when the prepared data is complete; see `autometa.prepared`."""

GRACE_SECONDS = 3.2
"""How long after its budget a command may wait for the report."""

PATIENCE_SECONDS = 60.0
"""How long a command without a time budget waits for it."""

POLL_SECONDS = 0.1
WORTH_SECONDS = 0.8
"""For the importances of columns, after the budget."""


def material(
    task: Task,
    header: Mapping[str, Any],
    told: Sequence[ToldTrial],
    final: Mapping[str, Any],
    *,
    folder: Path,
    registry: Registry,
    curve: Mapping[str, Any] | None = None,
    predictions: Path | None = None,
) -> dict[str, Any]:
    """Gives what `autometa.report.material.Material.from_json` reads.

    Args:
        task: The task.
        header: Of the study.
        told: Its trials.
        final: What ``optimize --json`` prints, as far as it is known.
        folder: Of the study.
        registry: Says from where models may be loaded.
        curve: Learning curve, or None.
        predictions: File of what the delivered model says about the test part; None = the report
            asks it.
    """
    data = folder / FOLDER
    return {
        "task": task.to_json(),
        "task_file": task.path.name if task.path else "TASK.yaml",
        "final": dict(final),
        "told": [{"result": t.result.to_json(), "explanation": dict(t.explanation)} for t in told],
        "objectives": header["metrics"],
        "bounds": task.bounds,
        "space": header["space"],
        "baseline": final.get("baseline") or {},
        "prepared": str(data) if (data / PREPARED).is_file() else None,
        "trials": str(folder / "trials"),
        "model": final.get("model"),
        "packages": sorted(registry.packages),
        "curve": dict(curve or {}),
        "predictions": None if predictions is None else str(predictions),
        "version": __version__,
    }


class ReportJob:
    """Writes the report of a study in a worker.

    Args:
        folder: Takes its input and its log.
        executor: Where it runs.
        output: Where the page is to stand; None = in `folder`, with its figures beside it.
    """

    def __init__(self, folder: Path, executor: Executor, output: Path | None = None) -> None:
        self._input = folder / INPUT
        self._log_file = folder / LOG
        self._executor = executor
        self._output = output or folder / FILE
        self._figures = None if output else folder / FIGURES
        self._is_submitted = False

    def warm_up(self, early: Mapping[str, Any], seconds: float | None) -> None:
        """Lets an idle worker draw what depends on the trials alone, while another one delivers.

        Args:
            early: From `material`, before the delivery.
            seconds: For what may be left out; None = as long as it takes.
        """
        self._input.unlink(missing_ok=True)
        if self._executor.n_workers > 1:
            self._submit(seconds, early)

    def write(
        self, data: Mapping[str, Any], *, patience: float, seconds: float | None
    ) -> dict[str, Any] | None:
        """Writes the page.

        Args:
            data: From `material`.
            patience: Seconds to wait for it; then it is given up.
            seconds: As for `warm_up`.

        Returns:
            ``path``, ``figures``, ``size_kib``; None, with a warning, when it could not be
            written in time.
        """
        end = time.monotonic() + patience
        new = self._input.with_suffix(".new")
        try:
            self._output.unlink(missing_ok=True)
            new.write_text(json.dumps(data), encoding="utf-8")
            new.replace(self._input)
        except OSError as exc:
            _log.warning("no report: %s", exc)
            return None
        if not self._is_submitted:
            self._submit(seconds, None)
        try:
            return self._await(end)
        finally:
            self._input.unlink(missing_ok=True)

    def _submit(self, seconds: float | None, early: Mapping[str, Any] | None) -> None:
        self._is_submitted = True
        payload = {
            "input": str(self._input),
            "output": str(self._output),
            "figures": str(self._figures) if self._figures else None,
            "seconds": seconds,
            "early": early,
        }
        self._executor.submit(Job(id="report", function=JOB, payload=payload, log=self._log_file))

    def _await(self, end: float) -> dict[str, Any] | None:
        while (left := end - time.monotonic()) > 0:
            for report in self._executor.wait(min(POLL_SECONDS, left)):
                if report.id != "report":
                    overhear(report)
                elif report.outcome is JobOutcome.OK and report.value is not None:
                    return dict(report.value)
                else:
                    _log.warning("no report: %s", report.reason or report.outcome)
                    return None
        self._executor.cancel("report")
        _log.warning("the report was not ready in time; write it with: autometa report TASK.yaml")
        return None
