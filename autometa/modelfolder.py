"""The deliverable: a folder with a manifest, readable without a pickle, verified on load.

``manifest.json`` names every file with its SHA-256 and bytes, the classes, the input schema, the
plugin distributions that are needed, and the members: weighted trials, each the mean of its models.
A ``combination`` says how members become one prediction; without it, it is their weighted average.
The manifest's own ``digest`` covers all other keys. A class is imported only from an installed
autometa plugin (or from a file given with ``-p``), whatever a manifest says.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from autometa.combination import combination_of
from autometa.errors import AutometaError, ModelFolderError, StorageError
from autometa.manifest import (
    CLASS_KINDS,
    RETRAIN,
    check,
    digest_of,
    hashes_of,
    parse,
    schema_of,
    sizes_of,
    verify_files,
)
from autometa.resolve import resolve
from autometa.workspace import link_or_copy, replace_folder

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from autometa.model import Model

FORMAT = 1
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Member:
    """One weighted trial of a model folder.

    Args:
        trial: Its number.
        weight: Share in the average; all weights sum to 1.
        learner: Its name.
        models: Folders that `Model.save` wrote, with the string of their class.
    """

    trial: int
    weight: float
    learner: str
    models: Sequence[tuple[Path, str]]


def write(
    folder: Path,
    header: Mapping[str, Any],
    members: Iterable[Member],
    *,
    extras: Path | None = None,
) -> Path:
    """Writes a model folder in one step; an existing one is replaced only when all is there.

    Args:
        folder: Where it shall stand.
        header: ``name``, ``problem``, ``classes``, ``class_kind``, ``target``, ``schema``,
            ``requires`` (distribution: version), ``combination`` (`Combination.to_json`, where it
            is more than the average of the members), and whatever else is worth knowing.
        members: What it predicts with. Files are linked where the file system can.
        extras: A folder whose files go into it as they are.

    Returns:
        `folder`.

    Raises:
        StorageError: If it cannot be written; what stood there before is untouched.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as exc:
        raise StorageError(f"cannot write the model folder {folder}: {exc.strerror}.") from exc
    try:
        if extras is not None:
            shutil.copytree(extras, new, copy_function=link_or_copy, dirs_exist_ok=True)
        listed = [_copy_member(new, member) for member in members]
        manifest = {
            "format": FORMAT,
            **header,
            "members": listed,
            "files": hashes_of(new, new / MANIFEST),
            "sizes": sizes_of(new, new / MANIFEST),
        }
        manifest["digest"] = digest_of(manifest)
        with (new / MANIFEST).open("w", encoding="utf-8") as file:
            json.dump(manifest, file, indent=1, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        new.chmod(0o755)
        replace_folder(new, folder)
    except OSError as exc:
        raise StorageError(
            f"cannot write the model folder {folder}: {exc.strerror}.",
            hint="Free some space or make it writable, then run the same command again.",
        ) from exc
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return folder


def _copy_member(new: Path, member: Member) -> dict[str, Any]:
    models = []
    for index, (source, class_name) in enumerate(member.models):
        place = f"trial-{member.trial}/{index}"
        shutil.copytree(source, new / place, copy_function=link_or_copy)
        models.append({"folder": place, "class": class_name})
    return {
        "trial": member.trial,
        "weight": member.weight,
        "learner": member.learner,
        "models": models,
    }


def size_kib(folder: Path) -> float:
    """Gives the size of all files in KiB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1024


def gzip_kib(folder: Path) -> float:
    """Gives in KiB what a download of all files weighs, each compressed with gzip."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return sum(len(gzip.compress(path.read_bytes(), mtime=0)) for path in paths) / 1024


def read_manifest(folder: Path) -> dict[str, Any]:
    """Reads and verifies a model folder, without importing anything it names.

    Raises:
        ModelFolderError: If it is missing, foreign, of a newer format, or any file was changed,
            added or removed.
    """
    path = folder / MANIFEST
    try:
        manifest = parse(path)
    except FileNotFoundError as exc:
        raise ModelFolderError(
            f"{folder} is not a model folder: it has no {MANIFEST}.",
            hint="Give the folder that `autometa optimize` printed as model.",
        ) from exc
    if manifest["format"] != FORMAT:
        raise ModelFolderError(
            f"{folder} has format {manifest['format']}, this autometa reads {FORMAT}.",
            hint="Install the version that wrote it.",
        )
    if manifest.get("digest") != digest_of(manifest):
        raise ModelFolderError(f"{path} was changed: its digest does not fit.", hint=RETRAIN)
    check(folder, manifest)
    verify_files(folder, folder / MANIFEST, manifest)
    return manifest


class Predictor:
    """What a model folder is once it is loaded.

    Args:
        manifest: Verified.
        members: Weight and models of each member.

    Example:
        >>> predictor = load_model("model")  # doctest: +SKIP
        >>> predictor.predict(frame)  # doctest: +SKIP
    """

    def __init__(
        self, manifest: Mapping[str, Any], members: Sequence[tuple[float, Sequence[Model]]]
    ) -> None:
        self.manifest = manifest
        self.problem: str = manifest["problem"]
        self.classes: tuple[str, ...] = tuple(manifest["classes"])
        self.schema = schema_of(manifest)
        self.members = members
        self._combination = combination_of(manifest)

    def predict(self, frame: pd.DataFrame | np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Predicts rows.

        Args:
            frame: (n, d) raw columns as in the training file, in any order; further ones are
                ignored. Of a model for images: (n, h, w) or (n, h, w, c) uint8.

        Returns:
            (n,) labels as the user wrote them, or (n,) float64 values.

        Raises:
            DataError: If a column is missing.
        """
        import numpy as np

        raw = self.average(self.canonical(frame))
        if self.problem == "regression":
            return raw
        labels: np.ndarray[Any, Any] = np.asarray(self.labels)[raw.argmax(axis=1)]
        return labels

    def predict_proba(self, frame: pd.DataFrame | np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Gives (n, n_classes) probabilities in the order of `classes`.

        Raises:
            DataError: If a column is missing, or the problem has no classes.
        """
        from autometa.errors import DataError

        if self.problem == "regression":
            raise DataError("a regression model has no probabilities.", hint="Use predict.")
        return self.average(self.canonical(frame))

    @property
    def labels(self) -> list[Any]:
        """The classes in the type that the target had in the data."""
        convert = CLASS_KINDS[self.manifest.get("class_kind", "str")]
        return [convert(label) for label in self.classes]

    @property
    def image_shape(self) -> tuple[int, ...] | None:
        """(h, w, c) of the images that it predicts; None: it predicts a table."""
        shape = self.manifest.get("image_shape")
        return None if shape is None else tuple(shape)

    def canonical(self, frame: pd.DataFrame | np.ndarray[Any, Any]) -> Any:
        """Gives rows, as `predict` takes them, as `average` takes them.

        Raises:
            DataError: If a column is missing, or images are of another shape.
        """
        import pandas as pd

        from autometa.errors import DataError
        from autometa.images import require_shape

        if self.image_shape is not None:
            return require_shape(frame, self.image_shape)
        if not isinstance(frame, pd.DataFrame):
            raise DataError(f"the model predicts a table, but got {type(frame).__name__}.")
        return self.schema.apply(frame)

    def average(self, X: pd.DataFrame | np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Gives (n,) values or (n, n_classes) probabilities of rows in canonical columns.

        Args:
            X: (n, d) as `Schema.apply` gives it, or (n, h, w, c) images.

        Raises:
            ModelFolderError: If a model of the folder cannot predict, or gives what is no
                prediction.
        """
        import numpy as np

        parts = [
            np.asarray(np.mean([self._outputs(model, X) for model in models], axis=0))
            for _, models in self.members
        ]
        if self._combination is not None:
            return self._combination(parts)
        weights = [weight for weight, _ in self.members]
        return np.asarray(np.sum([w * p for w, p in zip(weights, parts, strict=True)], axis=0))

    def _outputs(
        self, model: Model, X: pd.DataFrame | np.ndarray[Any, Any]
    ) -> np.ndarray[Any, Any]:
        """Gives what one model says, once it is known to be what a model may say."""
        import numpy as np

        try:
            outputs = np.asarray(model.predict(X), dtype=np.float64)
        except (AutometaError, MemoryError):
            raise
        # This runs a plugin on parts that anybody may have written: it may raise anything.
        except Exception as exc:
            reason = f"{type(model).__name__} cannot predict: {exc or type(exc).__name__}"
            raise ModelFolderError(f"{reason}.", hint=RETRAIN) from exc
        shape = (len(X), len(self.classes)) if self.classes else (len(X),)
        if outputs.shape != shape or (self.classes and np.isnan(outputs).any()):
            raise ModelFolderError(
                f"{type(model).__name__} gave {outputs.shape} numbers, not {shape} that are none"
                " of them missing.",
                hint=RETRAIN,
            )
        return outputs


def load_model(
    path: str | os.PathLike[str], *, packages: frozenset[str] | None = None
) -> Predictor:
    """Loads a model folder.

    Args:
        path: What `optimize` gave as model.
        packages: Top-level packages (or absolute files) that may be imported; None = those of
            the installed plugins.

    Raises:
        ModelFolderError: If the folder is missing, foreign or changed.
        PluginError: If a plugin that it needs is not installed.
    """
    folder = Path(path)
    manifest = read_manifest(folder)
    if packages is None:
        from autometa.plugins import load_plugins

        packages = load_plugins().packages
    members = [
        (
            float(member["weight"]),
            [_load_part(folder, model, packages, manifest) for model in member["models"]],
        )
        for member in manifest["members"]
    ]
    return Predictor(manifest, members)


def _load_part(
    folder: Path, model: Mapping[str, str], packages: frozenset[str], manifest: Mapping[str, Any]
) -> Model:
    home = model["class"].rpartition(":")[0]
    package = home if home.startswith("/") else home.partition(".")[0]
    if package not in packages:
        wanted = " ".join(f"{name}=={v}" for name, v in manifest.get("requires", {}).items() if v)
        raise ModelFolderError(
            f"{folder} needs {model['class']}, which no installed plugin provides.",
            hint=f"Give it with -p {home}." if home.startswith("/") else f"pip install {wanted}",
        )
    place = folder / model["folder"]
    if not place.is_dir():
        raise ModelFolderError(f"{folder} lacks the folder {model['folder']}.", hint=RETRAIN)
    kind = _model_class(folder, model["class"])
    try:
        return kind.load(place)
    except AutometaError:
        raise
    # This runs a plugin on files that anybody may have written: it may raise anything.
    except Exception as exc:
        raise ModelFolderError(
            f"{place} cannot be read by {model['class']}: {exc or type(exc).__name__}",
            hint=RETRAIN,
        ) from exc


def _model_class(folder: Path, reference: str) -> type[Model]:
    """Gives a class of models; nothing else that a plugin's modules can reach may be called."""
    from autometa.model import Model

    found = resolve(reference)
    if not (isinstance(found, type) and issubclass(found, Model)):
        raise ModelFolderError(f"{folder} names {reference}, which is no model.", hint=RETRAIN)
    return found


class PyfuncModel:
    """What MLflow's ``python_function`` flavour calls."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor

    def predict(self, model_input: pd.DataFrame, params: Any = None) -> np.ndarray[Any, Any]:
        """Gives `Predictor.predict`."""
        return self.predictor.predict(model_input)

    @classmethod
    def of(cls, path: str) -> Self:
        """Loads a model folder."""
        return cls(load_model(path))


def _load_pyfunc(data_path: str) -> PyfuncModel:
    """Is what MLflow looks for in a ``loader_module``."""
    return PyfuncModel.of(data_path)
