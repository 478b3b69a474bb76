"""Logs a model folder as a model that plain MLflow loads. Imports MLflow.

The folder is copied as it is, with a loader module instead of a pickled object, so that
``mlflow.pyfunc.load_model("runs:/<run id>/model")`` in another process runs the same verified
loading as autometa itself.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlflow.pyfunc
from mlflow.entities import LoggedModelOutput, LoggedModelStatus
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, Schema
from mlflow.types.schema import AnyType

from autometa.tracking.answers import translated
from autometa.tracking.faults import EventRefusedError
from autometa.tracking.registry import DIGEST_TAG, REGISTERED_TAG
from autometa.tracking.store import MlflowStore


def log_model(
    store: MlflowStore, experiment_id: str, run_id: str, event: Mapping[str, Any], digest: str
) -> str:
    """Logs the model of an event on a run; what the run had under that name is replaced.

    Args:
        store: An open store.
        experiment_id: Of the run.
        run_id: The parent run.
        event: See `events.model`.
        digest: Of the event; a model that is already there with it is kept.

    Returns:
        The id of the logged model.

    Raises:
        EventRefusedError: If the model folder is gone, or the server knows no models.
        StoreAwayError: If the store cannot be reached.
    """
    if not Path(event["path"]).is_dir():
        raise EventRefusedError(f"there is no model folder {event['path']}")
    model_id = _logged(store, experiment_id, run_id, event["name"], digest)
    if model_id is None:
        model_id = _upload(store, experiment_id, run_id, event, digest)
    outputs = store.ask("get_run", run_id).outputs
    known = {output.model_id for output in outputs.model_outputs} if outputs else set()
    if model_id not in known:
        with translated():
            store.client.log_outputs(run_id, [LoggedModelOutput(model_id, step=0)])
    return model_id


def _logged(
    store: MlflowStore, experiment_id: str, run_id: str, name: str, digest: str
) -> str | None:
    """Finds the model if it is complete; removes what a crash or a worse winner left."""
    wanted = f"name = '{name}' AND source_run_id = '{run_id}'"
    done = None
    for model in store.ask("search_logged_models", [experiment_id], wanted):
        is_ready = model.status == LoggedModelStatus.READY
        if is_ready and done is None and model.tags.get(DIGEST_TAG) == digest:
            done = str(model.model_id)
        elif REGISTERED_TAG not in model.tags:
            store.ask("delete_logged_model", model.model_id)
    return done


def _upload(
    store: MlflowStore, experiment_id: str, run_id: str, event: Mapping[str, Any], digest: str
) -> str:
    with translated():
        logged = store.client.create_logged_model(
            experiment_id, name=event["name"], source_run_id=run_id, tags={DIGEST_TAG: digest}
        )
        with tempfile.TemporaryDirectory(prefix="autometa-") as folder:
            local = Path(folder) / "model"
            _save(local, logged, run_id, event)
            store.ask("log_model_artifacts", logged.model_id, str(local))
    store.ask("finalize_logged_model", logged.model_id, LoggedModelStatus.READY)
    return str(logged.model_id)


def _save(local: Path, logged: Any, run_id: str, event: Mapping[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own, on its use of pandas
        _save_quietly(local, logged, run_id, event)


def _save_quietly(local: Path, logged: Any, run_id: str, event: Mapping[str, Any]) -> None:
    mlflow.pyfunc.save_model(
        str(local),
        loader_module=event["loader_module"],
        data_path=event["path"],
        mlflow_model=Model(
            artifact_path=logged.artifact_location,
            run_id=run_id,
            model_uuid=logged.model_id,
            model_id=logged.model_id,
        ),
        signature=_signature(event["inputs"], event.get("output", "")),
        input_example=_example(event["example"]),
        pip_requirements=event["requirements"],
        metadata={**event["metadata"], "inputs": event["inputs"]},
    )


def _signature(inputs: Mapping[str, str], output: str) -> ModelSignature | None:
    # MLflow refuses whole numbers in a column that it was told holds doubles, and text in one of
    # dates. The model converts by its own schema, so MLflow is told the names alone; the kinds
    # stand in the metadata.
    if not inputs:
        return None
    columns = Schema([ColSpec(AnyType(), name, required=False) for name in inputs])
    return ModelSignature(columns, Schema([ColSpec(output)]) if output else None)


def _example(path: str | None) -> Any:
    if path is None or not Path(path).exists():
        return None
    import pandas as pd

    return pd.read_csv(path, nrows=5)
