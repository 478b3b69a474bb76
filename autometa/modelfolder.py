"""The deliverable: a folder with a manifest, readable without a pickle, verified on load.

``manifest.json`` names every file with its SHA-256, the classes, the input schema, the plugin
distributions that are needed, and the members: weighted trials, each the mean of its models. Its
own ``digest`` covers all other keys. A class is imported only from an installed autometa plugin
(or from a file given with ``-p``), whatever a manifest says.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from autometa.errors import ModelFolderError, StorageError
from autometa.resolve import resolve

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


def write(folder: Path, header: Mapping[str, Any], members: Iterable[Member]) -> Path:
    """Writes a model folder in one step; an existing one is replaced only when all is there.

    Args:
        folder: Where it shall stand.
        header: ``name``, ``problem``, ``classes``, ``class_kind``, ``target``, ``schema``,
            ``requires`` (distribution: version), and whatever else is worth knowing.
        members: What it predicts with. Files are linked where the file system can.

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
        listed = [_copy_member(new, member) for member in members]
        manifest = {"format": FORMAT, **header, "members": listed, "files": _hashes(new)}
        manifest["digest"] = _digest(manifest)
        with (new / MANIFEST).open("w", encoding="utf-8") as file:
            json.dump(manifest, file, indent=1, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        new.chmod(0o755)
        _replace(new, folder)
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
        shutil.copytree(source, new / place, copy_function=_link)
        models.append({"folder": place, "class": class_name})
    return {
        "trial": member.trial,
        "weight": member.weight,
        "learner": member.learner,
        "models": models,
    }


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _replace(new: Path, folder: Path) -> None:
    """Puts a new folder in the place of an old one; a reader sees one or the other."""
    if not folder.exists():
        new.rename(folder)
        return
    old = folder.with_name(f".{folder.name}-old-{os.getpid()}")
    folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): _sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(manifest: Mapping[str, Any]) -> str:
    content = {key: value for key, value in manifest.items() if key != "digest"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def size_kib(folder: Path) -> float:
    """Gives the size of all files in KiB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1024


def read_manifest(folder: Path) -> dict[str, Any]:
    """Reads and verifies a model folder, without importing anything it names.

    Raises:
        ModelFolderError: If it is missing, foreign, of a newer format, or any file was changed,
            added or removed.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        raise ModelFolderError(
            f"{folder} is not a model folder: it has no {MANIFEST}.",
            hint="Give the folder that `autometa optimize` printed as model.",
        ) from exc
    except (OSError, ValueError) as exc:
        raise ModelFolderError(f"cannot read {path}: {exc}.") from exc
    if not isinstance(manifest, dict) or "format" not in manifest:
        raise ModelFolderError(f"{path} is not a manifest of autometa.")
    if manifest["format"] != FORMAT:
        raise ModelFolderError(
            f"{folder} has format {manifest['format']}, this autometa reads {FORMAT}.",
            hint="Install the version that wrote it.",
        )
    if manifest.get("digest") != _digest(manifest):
        raise ModelFolderError(f"{path} was changed: its digest does not fit.", hint=_RETRAIN)
    _verify_files(folder, manifest["files"])
    return manifest


_RETRAIN = "Restore the folder from where it came, or run `autometa optimize` again."


def _verify_files(folder: Path, expected: Mapping[str, str]) -> None:
    found = _hashes(folder)
    for name in sorted({*expected, *found}):
        if name not in found:
            raise ModelFolderError(f"{folder} lacks {name}.", hint=_RETRAIN)
        if name not in expected:
            raise ModelFolderError(f"{folder} holds {name}, unknown to it.", hint=_RETRAIN)
        if found[name] != expected[name]:
            raise ModelFolderError(f"{folder}: checksum of {name} differs.", hint=_RETRAIN)


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
        from autometa.dataset import Schema

        self.manifest = manifest
        self.problem: str = manifest["problem"]
        self.classes: tuple[str, ...] = tuple(manifest["classes"])
        self._schema = Schema.from_json(manifest["schema"])
        self._members = members

    def predict(self, frame: pd.DataFrame) -> np.ndarray[Any, Any]:
        """Predicts rows.

        Args:
            frame: (n, d) raw columns as in the training file, in any order; further ones are
                ignored.

        Returns:
            (n,) labels as the user wrote them, or (n,) float64 values.

        Raises:
            DataError: If a column is missing.
        """
        import numpy as np

        raw = self._average(frame)
        if self.problem == "regression":
            return raw
        labels: np.ndarray[Any, Any] = np.asarray(self.labels)[raw.argmax(axis=1)]
        return labels

    def predict_proba(self, frame: pd.DataFrame) -> np.ndarray[Any, Any]:
        """Gives (n, n_classes) probabilities in the order of `classes`.

        Raises:
            DataError: If a column is missing, or the problem has no classes.
        """
        from autometa.errors import DataError

        if self.problem == "regression":
            raise DataError("a regression model has no probabilities.", hint="Use predict.")
        return self._average(frame)

    @property
    def labels(self) -> list[Any]:
        """The classes in the type that the target had in the data."""
        convert = _CLASS_KINDS[self.manifest.get("class_kind", "str")]
        return [convert(label) for label in self.classes]

    def _average(self, frame: pd.DataFrame) -> np.ndarray[Any, Any]:
        return self.average(self._schema.apply(frame))

    def average(self, X: pd.DataFrame) -> np.ndarray[Any, Any]:
        """Gives (n,) values or (n, n_classes) probabilities of rows in canonical columns.

        Args:
            X: (n, d) as `Schema.apply` gives it.
        """
        import numpy as np

        parts = [
            weight * np.mean([model.predict(X) for model in models], axis=0, dtype=np.float64)
            for weight, models in self._members
        ]
        return np.asarray(np.sum(parts, axis=0))


_CLASS_KINDS: Mapping[str, Any] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": lambda text: text.lower() == "true",
}


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
        wanted = " ".join(f"{name}=={v}" for name, v in manifest["requires"].items() if v)
        raise ModelFolderError(
            f"{folder} needs {model['class']}, which no installed plugin provides.",
            hint=f"Give it with -p {home}." if home.startswith("/") else f"pip install {wanted}",
        )
    place = (folder / model["folder"]).resolve()
    if not place.is_relative_to(folder.resolve()):
        raise ModelFolderError(f"{folder} points outside itself: {model['folder']}.")
    try:
        loaded: Model = resolve(model["class"]).load(place)
    except (ValueError, KeyError, TypeError, OSError) as exc:
        raise ModelFolderError(
            f"{place} cannot be read by {model['class']}: {exc}", hint=_RETRAIN
        ) from exc
    return loaded


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
