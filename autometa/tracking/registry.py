"""Puts winners into MLflow's registry of models, and fetches model folders from it.

Imports MLflow; nothing of what is fetched is loaded here.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

import mlflow.artifacts
from mlflow.models import Model
from mlflow.tracking import is_tracking_uri_set

from autometa.errors import ModelFolderError, StorageError
from autometa.tracking.answers import translated
from autometa.tracking.faults import EventRefusedError
from autometa.tracking.reference import SCHEME, ModelReference
from autometa.tracking.store import MlflowStore
from autometa.tracking.uris import sqlite_path

DIGEST_TAG = "autometa.digest"
REGISTERED_TAG = "autometa.registered"
"""On a logged model that a registered version points to: it is kept when a better one is logged."""

LOADER = "autometa.modelfolder"


def register(
    store: MlflowStore, model_id: str, run_id: str, wanted: Mapping[str, str], digest: str
) -> str:
    """Makes a version of a logged model; twice is once.

    Args:
        store: An open store.
        model_id: Of the logged model.
        run_id: Of the run that logged it.
        wanted: ``name``, ``alias``, which may be "", and ``description`` of a new version.
        digest: Of the model; a version that has it is kept.

    Returns:
        The version.

    Raises:
        EventRefusedError: If the store has no registry, or refuses the name.
        StoreAwayError: If the store cannot be reached.
    """
    name = wanted["name"]
    with suppress(EventRefusedError):  # it is there already
        store.ask("create_registered_model", name)
    found = store.ask("search_model_versions", f"name='{name}'")
    version = next((v.version for v in found if v.tags.get(DIGEST_TAG) == digest), None)
    if version is None:
        store.ask("set_logged_model_tags", model_id, {REGISTERED_TAG: name})
        # A source of models:/ would be looked up where MLflow's own settings point to.
        source = store.ask("get_logged_model", model_id).artifact_location
        with translated():
            version = store.client.create_model_version(
                name,
                source,
                run_id,
                tags={DIGEST_TAG: digest},
                description=wanted.get("description"),
                model_id=model_id,
            ).version
    if wanted["alias"]:
        store.ask("set_registered_model_alias", name, wanted["alias"], str(version))
    return str(version)


def fetch(reference: ModelReference, place: Path, *, registry: str | None, default: str) -> Path:
    """Downloads a registered model.

    Args:
        reference: Which one.
        place: An existing empty folder that takes it.
        registry: URI of the tracking server or store; None = what MLflow is configured for by
            its own means (`mlflow.set_tracking_uri`, ``MLFLOW_TRACKING_URI``), else `default`.
        default: URI of the workspace's store.

    Returns:
        The model folder within, not verified yet.

    Raises:
        ModelFolderError: If there is no such model or version, or autometa did not make it.
        StorageError: If the registry cannot be reached.
    """
    uri = registry or (mlflow.get_registry_uri() if is_tracking_uri_set() else default)
    path = sqlite_path(uri)
    if path is not None and not path.is_file():  # MLflow would make an empty one
        raise StorageError(
            f"there is no registry of models at {uri}.",
            hint="Name one with --registry or MLFLOW_TRACKING_URI.",
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own
        store = MlflowStore(uri)
        try:
            version = _version(store, reference, uri)
            source = store.ask("get_model_version_download_uri", reference.name, version)
            return _download(source, place, uri)
        finally:
            store.close()


def _version(store: MlflowStore, reference: ModelReference, uri: str) -> str:
    """Gives the number of a version that exists."""
    name = reference.name
    try:
        if reference.alias:
            found = store.ask("get_model_version_by_alias", name, reference.alias)
            return str(found.version)
        versions = [int(v.version) for v in store.ask("search_model_versions", f"name='{name}'")]
    except EventRefusedError as exc:
        raise _unknown(store, reference, uri) from exc
    if not versions or (reference.version and int(reference.version) not in versions):
        raise _unknown(store, reference, uri)
    return reference.version or str(max(versions))


def _unknown(store: MlflowStore, reference: ModelReference, uri: str) -> ModelFolderError:
    names = [model.name for model in store.ask("search_registered_models", max_results=1000)]
    if reference.name in names:
        which = f"alias {reference.alias}" if reference.alias else f"version {reference.version}"
        return ModelFolderError(
            f"the registered model {reference.name!r} has no {which or 'version'}.",
            hint=f"Try {SCHEME}{reference.name}/latest.",
        )
    near = get_close_matches(reference.name, names, n=1)
    known = f"Did you mean {near[0]!r}?" if near else f"It has {', '.join(names[:5]) or 'none'}."
    return ModelFolderError(f"{uri} has no registered model {reference.name!r}.", hint=known)


def _download(source: str, place: Path, uri: str) -> Path:
    with translated():
        local = Path(
            mlflow.artifacts.download_artifacts(
                artifact_uri=source, dst_path=str(place), tracking_uri=uri, registry_uri=uri
            )
        )
        flavor = Model.load(str(local)).flavors.get("python_function", {})
    data = flavor.get("data")
    folder = local / str(data)
    if flavor.get("loader_module") != LOADER or not data or not _is_within(folder, local):
        raise ModelFolderError(
            f"the registered model at {source} was not made by autometa.",
            hint="Load it with mlflow.pyfunc.load_model.",
        )
    return folder


def _is_within(folder: Path, home: Path) -> bool:
    return folder.resolve().is_relative_to(home.resolve())
