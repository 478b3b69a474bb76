"""Loads a model by its folder, or by its name in MLflow's registry."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autometa.modelfolder import Predictor

SCHEME = "models:/"


@contextmanager
def located(model: str | os.PathLike[str], registry: str | None = None) -> Iterator[Path]:
    """Gives a model folder while the block lasts.

    Args:
        model: A folder; or ``models:/name/version``, ``models:/name@alias``,
            ``models:/name/latest``, which is downloaded.
        registry: URI of the tracking server or store; None = what MLflow is configured for by its
            own means, else the store of the current folder's workspace.

    Raises:
        TaskError: If a reference to the registry is none.
        StorageError: If the registry cannot be reached, or has no such model.
    """
    text = os.fspath(model)
    if not text.startswith(SCHEME):
        yield Path(text)
        return
    from autometa.tracking.reference import ModelReference
    from autometa.tracking.uris import default_uris
    from autometa.workspace import Workspace

    reference = ModelReference.parse(text)
    default = default_uris(Workspace.of(Path.cwd()).root)[0]
    from autometa.tracking.registry import fetch  # imports MLflow, which takes seconds

    with TemporaryDirectory(prefix="autometa-model-") as place:
        yield fetch(reference, Path(place), registry=registry, default=default)


def load_model(
    path: str | os.PathLike[str],
    *,
    packages: frozenset[str] | None = None,
    registry: str | None = None,
) -> Predictor:
    """Loads a model.

    Args:
        path: What `optimize` gave as model, or a registered model; see `located`.
        packages: Top-level packages (or absolute files) that may be imported; None = those of
            the installed plugins.
        registry: See `located`.

    Raises:
        ModelFolderError: If the folder is missing, foreign or changed.
        StorageError: If the registry cannot be reached.
        PluginError: If a plugin that it needs is not installed.

    Example:
        >>> load_model("models:/churn@champion").predict(frame)  # doctest: +SKIP
    """
    from autometa import modelfolder

    with located(path, registry) as folder:
        return modelfolder.load_model(folder, packages=packages)
