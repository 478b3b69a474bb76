"""What the tracker is told about a study, in its own words."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autometa.chains import LEARNER
from autometa.checking.finding import Finding
from autometa.checking.finding import tags as check_tags
from autometa.orchestrator.data import PreparedData
from autometa.orchestrator.delivery import Delivery
from autometa.orchestrator.setting import Setting
from autometa.report import FIGURES
from autometa.sources import without_password
from autometa.task import Task
from autometa.tracking.events import DatasetInfo, ModelInfo, StudyInfo, Told
from autometa.trial import TrialResult

if TYPE_CHECKING:
    from autometa.search.study import SearchStudy, ToldTrial
    from autometa.tracking.interface import StudyTracker

_log = logging.getLogger(__name__)

GRACE_SECONDS = 0.9
"""How long after its budget a command may wait for the tracker."""

PATIENCE_SECONDS = 20.0
"""How long a command without a time budget waits for the tracker."""


DRAIN_SECONDS = 0.5
"""After which it is asked whether waiting makes sense."""


class Shown:
    """Passes on what happens in a study to its tracker.

    Args:
        tracker: Of the study's folder.
        task: The task.
        study: The study.
        setting: What it searches.
        prepared: Its data.
    """

    def __init__(
        self,
        tracker: StudyTracker,
        task: Task,
        study: SearchStudy,
        setting: Setting,
        prepared: PreparedData,
    ) -> None:
        self._tracker = tracker
        self._task = task
        self._study = study
        self._setting = setting
        self._info = prepared.info

    @property
    def _objectives(self) -> list[str]:
        return [metric.name for metric in self._setting.objectives]

    def start(self) -> None:
        """Opens the parent run, and tells trials that the tracker has not heard of."""
        task, info = self._task, self._info
        self._tracker.start(
            StudyInfo(
                study=task.name,
                run_name=task.name,
                params={
                    "problem": info["problem"],
                    "objectives": ", ".join(self._objectives),
                    "seed": task.seed,
                    "learners": ", ".join(self._setting.space.params[LEARNER].choices),  # type: ignore[attr-defined]
                    "n_folds": info["n_folds"],
                    "n_train": info["n_train"],
                    "n_test": info["n_test"],
                    "n_features": info["n_features"],
                    **({"n_unlabelled": n} if (n := info.get("n_unlabelled")) else {}),
                },
                tags={"autometa.kind": "study", "autometa.workers": task.limits.workers},
                description=self._description(),
                dataset=DatasetInfo(
                    name=task.name,
                    digest=str(info["digest"])[:36],
                    source=without_password(task.data.source[0]),
                    n_rows=int(info["n_rows"]),
                    n_features=int(info["n_features"]),
                    target=task.data.target,
                ),
            )
        )
        self._catch_up()

    def _predicts(self) -> str:
        """Says what was asked, and of what."""
        from autometa.images import data_size  # imports pandas, which this process starts without

        task, info = self._task, self._info
        source = ", ".join(Path(name).name for name in task.data.source)
        return (
            f"Predicts **{task.data.target}** of `{source}`: {info['problem']}, {data_size(info)}."
        )

    def _description(self) -> str:
        """Gives the top of the run's page."""
        info = self._info
        lines = [
            self._predicts(),
            (
                f"Searched for the best **{self._objectives[0]}** with {info['n_folds']} validation"
                f" fold(s) on {info['n_train']} rows; {info['n_test']} rows were set aside for"
                " the final score."
            ),
            *_spare(info),
            (
                "Each child run is a trial; `best_so_far` is charted on this run, with the trial's"
                " number as its step."
            ),
        ]
        return "\n\n".join(lines)

    def _catch_up(self) -> None:
        """A kill between telling the study and the tracker leaves the tracker behind.

        What it has heard of it leaves out by itself.
        """
        best: float | None = None
        direction = self._setting.objectives[0].direction
        for told in self._study.told:
            values = told.result.values
            if values and told.result.outcome == "complete":
                pick = min if direction == "minimize" else max
                best = values[0] if best is None else pick(best, values[0])
            self._tell(told, best)

    def trial(self, told: ToldTrial, best: TrialResult | None) -> None:
        """Shows a told trial."""
        self._tell(told, best.values[0] if best is not None and best.values else None)
        self._tracker.ensure_running()

    def _tell(self, told: ToldTrial, best: float | None) -> None:
        self._tracker.trial(
            told.result,
            Told(
                objectives=self._objectives,
                started_ms=told.started_ms,
                ended_ms=told.ended_ms,
                best_so_far=best,
                tags=_explained(told.explanation),
            ),
        )

    def rebuild(self) -> None:
        """Forgets all tracked runs of the study; `start` then derives them anew."""
        self._tracker.reset()

    def model(self, delivery: Delivery) -> None:
        """Shows the delivered model, if there is one."""
        if delivery.exists:
            self._tracker.model(self._model(delivery))

    def link(self) -> dict[str, Any]:
        """Gives where the study can be seen, as far as that is known already."""
        return self._tracker.status().to_json()

    def end(self, report: Mapping[str, Any], figures: Sequence[Path]) -> None:
        """Shows the end of the command: the page on it, final scores and status.

        Args:
            report: What ``optimize --json`` prints.
            figures: Files of the page's drawings.
        """
        if report.get("report"):
            self._tracker.artifact(Path(report["report"]))
            for file in figures:
                self._tracker.artifact(file, FIGURES)
        best = report["best"] or {"values": {}, "number": ""}
        metrics: dict[str, float | None] = {
            **{f"best_{name}": value for name, value in best["values"].items()},
            **{f"test_{name}": value for name, value in report.get("test", {}).items()},
            **{f"baseline_{name}": value for name, value in report.get("baseline", {}).items()},
            **{f"n_{name}": float(value) for name, value in report["trials"].items()},
        }
        tags = {
            "autometa.status": report["status"],
            "autometa.best_trial": best["number"],
            "autometa.best_learner": (best.get("params") or {}).get("learner", ""),
            "autometa.model": report["model"] or "",
            "autometa.prior.n_sources": len(report["prior"]["sources"]),
            "autometa.prior.digest": report["prior"]["digest"] or "",
            "autometa.prior.gain": (report["prior"].get("gain") or {}).get("text", ""),
            **check_tags([Finding.from_json(found) for found in report.get("checks", ())]),
        }
        if not report["best"]:
            self._tracker.finish("FAILED", metrics, tags)
            return
        answer = _answer(report)
        page = " See `report.html` among the artifacts." if report.get("report") else ""
        tags["mlflow.note.content"] = f"{answer}{page}\n\n{self._description()}"
        status = "KILLED" if report["status"] == "interrupted" else "FINISHED"
        summary = f"{self._predicts()}\n\n{answer}"
        self._tracker.finish(status, metrics, tags, summary=summary)

    def _model(self, delivery: Delivery) -> ModelInfo:
        schema = self._info["schema"]
        columns = schema["columns"] if isinstance(schema, Mapping) else schema
        return ModelInfo(
            path=delivery.folder,
            inputs={column["name"]: column["kind"] for column in columns},
            requirements=delivery.requirements(),
            example=delivery.example if delivery.example.is_file() else None,
            output=_OUTPUTS[str(self._info["class_kind"] if self._info["classes"] else "float")],
            metadata={
                "task": self._task.name,
                "problem": str(self._info["problem"]),
                # Without it another winner at the same place would be taken for the same model.
                "digest": delivery.digest,
            },
        )

    def wait(self, left: float | None) -> dict[str, Any]:
        """Waits a little for the tracker; gives ``tracking_uri`` and the ids and link it has.

        What the tracker has not replayed by then it replays after this process ended.

        Args:
            left: Seconds of the budget that are left; None without such a budget.
        """
        patience = PATIENCE_SECONDS
        if left is not None:
            patience = min(patience, left + GRACE_SECONDS)
        end = time.monotonic() + patience
        status = self._tracker.drain(0.0)
        # A store that is away may be so for hours.
        while status.pending and not status.last_error and time.monotonic() < end:
            status = self._tracker.drain(min(DRAIN_SECONDS, end - time.monotonic()))
        self._tracker.close()
        if status.pending and status.last_error:
            _log.warning("MLflow is behind by %d events: %s", status.pending, status.last_error)
        return status.to_json()


def _spare(info: Mapping[str, Any]) -> list[str]:
    """Says what becomes of rows without a target that are used, if there are some."""
    if not info.get("n_unlabelled"):
        return []
    line = (
        f"{info['n_unlabelled']} more rows have no target: trials may give them labels and learn"
        " from them (`unlabelled`; how many got one: `pseudo_labelled`), and none is ever scored."
    )
    return [line]


def _answer(report: Mapping[str, Any]) -> str:
    """Gives the result in one line."""
    best, lead = report["best"], next(iter(report["best"]["values"]))
    parts = [f"trial {best['number']}, {best['params']['learner']}: {best['values'][lead]:.4g}"]
    for name, text in (("test", "on the test part"), ("baseline", "of a constant prediction")):
        if (value := (report.get(name) or {}).get(lead)) is not None:
            parts.append(f"{value:.4g} {text}")
    return f"**Best {lead}**: {', '.join(parts)}."


_OUTPUTS: Mapping[str, str] = {"str": "string", "int": "long", "float": "double", "bool": "boolean"}
"""MLflow's type of a label, by what it is in the data."""


def _explained(explanation: Mapping[str, Any]) -> dict[str, object]:
    """Gives tags that say who proposed a configuration, from what, and what was expected of it."""
    if not explanation:
        return {}
    known: dict[str, object] = {
        key: explanation[key]
        for key in ("expert", "expected_value", "expected_regret", "past_trusted")
        if explanation.get(key) is not None
    }
    known["sources"] = _weighted(explanation.get("sources", ()))
    known["experts"] = _weighted(dict(explanation.get("experts", {})).items())
    return {f"autometa.prior.{key}": value for key, value in known.items() if value != ""}


def _weighted(pairs: Iterable[Sequence[Any]]) -> str:
    """Gives names with their weights, such as ``iris 0.62, wine 0.21``."""
    return ", ".join(f"{name} {float(weight):.2f}" for name, weight in pairs)
