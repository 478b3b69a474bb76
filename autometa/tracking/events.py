"""What happens in a study, as the JSON events of the spool.

::

    start     the study begins or goes on     the parent run; a later one reopens it
    trial     a trial was told                a child run, and one step of the parent's curves
    artifact  a file worth keeping            copied to the parent run
    model     the winner                      a logged model of the parent run
    register  the winner gets a name          a version of a registered model
    end       the study ends                  final metrics, tags and status of the parent run

An event is all that its replay needs: names and values are made fit for MLflow here, moments are
fixed here, so replaying an event twice says the same thing twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from autometa.chains import NO_STEP, steps
from autometa.tracking import keys
from autometa.tracking.spool import Event
from autometa.trial import Outcome, ParamValue, TrialResult


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetInfo:
    """The data of a study, shown as the dataset of its run.

    Args:
        name: What the user calls it.
        digest: Of its content; MLflow shows 36 characters.
        source: Path or URI as the user wrote it.
        n_rows: Rows, the test part included.
        n_features: Columns without the target.
        target: Name of the target column.
    """

    name: str
    digest: str
    source: str = ""
    n_rows: int = 0
    n_features: int = 0
    target: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyInfo:
    """A study, shown as the parent run.

    Args:
        study: Its name.
        run_name: Title of the run; the study's name when empty.
        params: What the task fixes; shown as params, so it may not change on a resume.
        tags: What may change, such as the budget.
        dataset: Its data, or None.
        description: Markdown for the top of the run's page.
    """

    study: str
    run_name: str = ""
    params: Mapping[str, object] = field(default_factory=dict)
    tags: Mapping[str, object] = field(default_factory=dict)
    dataset: DatasetInfo | None = None
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """The winner, logged as a model that plain MLflow loads.

    Args:
        path: The model folder; it must stay until the event was replayed.
        inputs: Kind by column: ``numeric``, ``categorical``, ``boolean``, ``date``, ``text``.
        example: A CSV file of one or a few rows, or None.
        requirements: Pip requirements that the model needs to load.
        metadata: JSON kept in the model's description.
        output: MLflow's type of a prediction: ``string``, ``long``, ``double``, ``boolean``; or "".
        name: Its name within the run: ``runs:/<run id>/<name>`` loads it.
        loader_module: Module with ``_load_pyfunc(path)``.
    """

    path: Path
    inputs: Mapping[str, str] = field(default_factory=dict)
    example: Path | None = None
    requirements: Sequence[str] = ()
    metadata: Mapping[str, ParamValue] = field(default_factory=dict)
    output: str = ""
    name: str = "model"
    loader_module: str = "autometa.modelfolder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a trial's page needs besides its `TrialResult`.

    Args:
        objectives: Names, in the task's order.
        started_ms: Unix time of its start.
        ended_ms: Unix time of its end.
        best_so_far: Best feasible first objective once it was told, or None.
        tags: Further tags.
    """

    objectives: Sequence[str]
    started_ms: int
    ended_ms: int
    best_so_far: float | None = None
    tags: Mapping[str, object] = field(default_factory=dict)


def start(info: StudyInfo, where: Mapping[str, object], time_ms: int) -> Event:
    """Gives the event of a study that begins or goes on.

    Args:
        info: The study.
        where: ``uid``, ``tracking_uri``, ``experiment``, ``artifacts``, ``pid``, ``pid_start``
            and, after a reset, ``replaces``.
        time_ms: Unix time now.
    """
    tags = {"autometa.study": info.study, "autometa.uid": where["uid"], **info.tags}
    tags |= keys.renamed({**info.params, **info.tags})
    if info.description:
        tags["mlflow.note.content"] = info.description
    return {
        "type": "start",
        "time_ms": time_ms,
        **where,
        "run_name": keys.text(info.run_name or info.study, keys.MAX_NAME),
        "params": keys.texts(info.params, keys.MAX_PARAM),
        "tags": keys.texts(tags, keys.MAX_TAG),
        "dataset": asdict(info.dataset) if info.dataset else None,
    }


def trial(study: str, result: TrialResult, told: Told, shown_best: float | None) -> Event:
    """Gives the event of a finished trial.

    Args:
        study: Name of the study.
        result: The trial.
        told: What else its page needs.
        shown_best: What the parent's curve of the best value shows at its number.
    """
    metrics = _metrics(result, told.objectives)
    lead = result.values[0] if result.values else None
    curves = {
        "best_so_far": shown_best,
        "value": lead if result.outcome is Outcome.COMPLETE else None,
        "cost_seconds": result.cost_seconds,
    }
    return {
        "type": "trial",
        "number": result.number,
        "name": keys.text(_title(result), keys.MAX_NAME),
        "status": result.outcome.mlflow_status,
        "start_ms": told.started_ms,
        "end_ms": max(told.ended_ms, told.started_ms),
        "params": keys.texts({**_story(result), **result.params}, keys.MAX_PARAM),
        "metrics": keys.finite(metrics),
        "folds": [list(keys.finite({"fold": score}).values()) for score in result.fold_scores],
        "curves": keys.finite(curves),
        "best": keys.finite({"best": told.best_so_far}).get("best"),
        "tags": keys.texts(_tags(study, result, told, metrics), keys.MAX_TAG),
    }


def _title(result: TrialResult) -> str:
    """Tells the trial in one line, since the table of runs shows no metrics at first."""
    end = result.outcome.value
    if result.outcome is Outcome.COMPLETE and result.values:
        end = f"{result.values[0]:.4g}"
    learner = str(result.params.get("learner") or "")
    return " ".join(part for part in (f"#{result.number}", learner, end) if part)


def _story(result: TrialResult) -> dict[str, object]:
    """Gives what was tried, how it ended and who proposed it as parameters too.

    MLflow's page that compares runs begins with the first three parameters by name that differ:
    with these, not with three of some learner that most trials do not have.
    """
    is_chosen = any(name.startswith("compress.") for name in result.params)
    known = {
        "autometa.chain": _chain(result) or (NO_STEP if is_chosen else ""),
        "autometa.learner": result.params.get("learner"),
        "autometa.outcome": result.outcome.value,
        "autometa.proposer": result.proposer,
    }
    return {name: value for name, value in known.items() if value}


def _chain(result: TrialResult) -> str:
    return " > ".join(name for _, name in steps(result.params))


def _metrics(result: TrialResult, objectives: Sequence[str]) -> dict[str, float | None]:
    """Gives the numbers, those that decide first: MLflow compares runs by the first of them."""
    errors = result.standard_errors or ()
    values = dict(zip(objectives, result.values or (), strict=False))
    return {
        **values,
        **result.metrics,
        "cost_seconds": result.cost_seconds,
        "size_kib": result.size_kib,
        "latency_ms": result.latency_ms,
        "fidelity": result.fidelity,
        **{f"{name}_se": error for name, error in zip(objectives, errors, strict=False)},
        **values,
    }


def _tags(
    study: str, result: TrialResult, told: Told, metrics: Mapping[str, float | None]
) -> dict[str, object]:
    known = {
        "autometa.study": study,
        "autometa.trial": result.number,
        "autometa.outcome": result.outcome.value,
        "autometa.proposer": result.proposer,
        "autometa.learner": result.params.get("learner") or "",
        "autometa.seed": result.seed,
        "autometa.reason": result.reason,
        "autometa.step": result.step,
        "autometa.chain": _chain(result),
        "autometa.not_finite": keys.not_finite(metrics),
    }
    shown = {name: value for name, value in known.items() if value != ""}
    return {**shown, **told.tags, **keys.renamed({**result.params, **metrics, **told.tags})}


def artifact(path: Path, folder: str = "") -> Event:
    """Gives the event of a file that the run's page shall show.

    Args:
        path: The file; it must stay until the event was replayed.
        folder: Where it is put among the artifacts of the run.
    """
    return {"type": "artifact", "path": str(path.absolute()), "folder": folder}


def model(info: ModelInfo) -> Event:
    """Gives the event of the winner."""
    return {
        "type": "model",
        "path": str(info.path.absolute()),
        "inputs": dict(info.inputs),
        "example": str(info.example.absolute()) if info.example else None,
        "requirements": list(info.requirements),
        "metadata": dict(info.metadata),
        "output": info.output,
        "name": info.name,
        "loader_module": info.loader_module,
    }


def register(model: Event, name: str, alias: str, description: str = "") -> Event:
    """Gives the event of a winner that gets a name.

    Args:
        model: Its own event.
        name: Of the registered model.
        alias: That shall point to it, or "".
        description: What the version's page says, Markdown.
    """
    return {
        "type": "register",
        "model": model,
        "name": name,
        "alias": alias,
        "description": description,
    }


def end(
    status: str,
    metrics: Mapping[str, float | None],
    tags: Mapping[str, object],
    time_ms: int,
    *,
    best: tuple[int, float] | None = None,
) -> Event:
    """Gives the event of a study that ends.

    Args:
        status: MLflow's: FINISHED, KILLED or FAILED.
        metrics: Final numbers.
        tags: Further tags.
        time_ms: Unix time now.
        best: Step and value at which the curve of the best value ends, if it does not yet.
    """
    tags = {**tags, **keys.renamed({**metrics, **tags})}
    return {
        "type": "end",
        "status": status,
        "time_ms": time_ms,
        "metrics": keys.finite(metrics),
        "tags": keys.texts(tags, keys.MAX_TAG),
        "best": list(best) if best else None,
    }
