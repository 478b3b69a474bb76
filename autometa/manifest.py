"""What a manifest must hold, and which files it vouches for.

Everything here distrusts what it reads: a manifest whose digest fits may still come from somebody
who computed that digest on purpose.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from autometa.errors import ModelFolderError

if TYPE_CHECKING:
    from autometa.dataset import Schema

MAX_BYTES = 256 * 2**20
"""A manifest that is larger is refused; 10,000 columns of 1,000 categories take 100 MiB."""

MAX_FILE_BYTES = 16 * 2**30
"""Of all files of a model folder; more are not read. A sparse file claims any size for nothing."""

MAX_ENTRIES, MAX_DEPTH = 100_000, 32
"""Files and folders of a model folder, and levels of them; an ensemble of 50 has some hundreds."""

RETRAIN = "Restore the folder from where it came, or run `autometa optimize` again."
CLASS_KINDS: Mapping[str, Callable[[str], Any]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": lambda text: text.lower() == "true",
}
"""The types that the labels of a target may have, and how their texts become them."""

_KINDS: Mapping[str, tuple[type, str]] = {
    "problem": (str, "text"),
    "classes": (list, "list"),
    "schema": (dict, "mapping"),
    "members": (list, "list"),
    "files": (dict, "mapping"),
}


def parse(path: Path) -> dict[str, Any]:
    """Reads the JSON object of a manifest.

    Raises:
        FileNotFoundError: If there is no such file.
        ModelFolderError: If it is no file, too large, or holds anything but one JSON object.
    """
    try:
        if path.is_symlink():
            raise ModelFolderError(f"{path} is a link, which a model folder must not hold.")
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ModelFolderError(f"{path} is no file.", hint=RETRAIN)
        if (size := status.st_size) > MAX_BYTES:
            raise ModelFolderError(f"{path} has {size} bytes, more than any manifest.")
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as exc:
        raise ModelFolderError(f"cannot read {path}: {exc}.", hint=RETRAIN) from exc
    if not isinstance(data, dict) or "format" not in data:
        raise ModelFolderError(f"{path} is not a manifest of autometa.")
    return data


def digest_of(manifest: Mapping[str, Any]) -> str:
    """Gives the SHA-256 (hex) of all keys but ``digest``."""
    content = {key: value for key, value in manifest.items() if key != "digest"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def files_of(folder: Path, manifest: Path) -> dict[str, Path]:
    """Gives every file but the manifest, by its path within the folder, in order.

    Raises:
        ModelFolderError: If something is neither a file nor a folder: what a link points to can
            change after it was verified, and a pipe never ends; or if there is more of it, or it is
            deeper, than in any folder of ours. Nothing of a file is read, so that what a stranger
            made takes bounded time.
    """
    found = {}
    waiting = [(folder, "")]
    n_entries = 0
    while waiting:
        place, prefix = waiting.pop()
        for entry in _entries(place):
            name = f"{prefix}{entry.name}"
            shown = name.encode("utf-8", "backslashreplace").decode()
            n_entries += 1
            if n_entries > MAX_ENTRIES or name.count("/") >= MAX_DEPTH:
                raise ModelFolderError(
                    f"{folder} holds more than {MAX_ENTRIES} entries or {MAX_DEPTH} levels:"
                    f" {shown[-80:]}.",
                    hint=RETRAIN,
                )
            if entry.is_symlink():
                raise ModelFolderError(f"{folder} holds the link {shown}.", hint=_COPY)
            if entry.is_dir(follow_symlinks=False):
                waiting.append((Path(entry.path), f"{name}/"))
            elif not entry.is_file(follow_symlinks=False):
                raise ModelFolderError(f"{folder} holds {shown}, which is no file.", hint=RETRAIN)
            elif (path := Path(entry.path)) != manifest:
                found[name] = path
    return dict(sorted(found.items()))


def _entries(place: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(place) as entries:
            yield from entries
    except OSError as exc:
        raise ModelFolderError(f"cannot read {place}: {exc.strerror}.", hint=RETRAIN) from exc


def hashes_of(folder: Path, manifest: Path) -> dict[str, str]:
    """Gives the SHA-256 (hex) of every file of `files_of`.

    Raises:
        ModelFolderError: See `files_of`.
        OSError: If a file cannot be read.
    """
    return {name: sha256_of(path) for name, path in files_of(folder, manifest).items()}


def sizes_of(folder: Path, manifest: Path) -> dict[str, int]:
    """Gives the bytes of every file of `files_of`.

    Raises:
        ModelFolderError: See `files_of`.
        OSError: If a file is gone.
    """
    return {name: path.stat().st_size for name, path in files_of(folder, manifest).items()}


_COPY = "Copy it with its links resolved, such as with `cp -rL`."


def sha256_of(path: Path) -> str:
    """Gives the SHA-256 (hex) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify_files(folder: Path, path: Path, manifest: Mapping[str, Any]) -> None:
    """Checks that a folder holds the files of its manifest, unchanged, and nothing else.

    Compares names first, then bytes: nothing is read of what nobody vouches for.

    Args:
        folder: The model folder.
        path: Of its manifest.
        manifest: As `check` wants it.

    Raises:
        ModelFolderError: Names the first file that is lacking, unknown, changed or too large.
    """
    expected, sizes = manifest["files"], manifest.get("sizes", {})
    found = files_of(folder, path)
    for name in sorted({*expected, *found}):
        if name not in found:
            raise ModelFolderError(f"{folder} lacks {name}.", hint=RETRAIN)
        if name not in expected:
            raise ModelFolderError(f"{folder} holds {name}, unknown to it.", hint=RETRAIN)
    try:
        _check_sizes(folder, found, sizes)
        changed = next(
            (name for name, file in found.items() if sha256_of(file) != expected[name]), ""
        )
    except OSError as exc:
        raise ModelFolderError(
            f"cannot read {exc.filename}: {exc.strerror}.", hint=RETRAIN
        ) from exc
    if changed:
        raise ModelFolderError(f"{folder}: checksum of {changed} differs.", hint=RETRAIN)


def _check_sizes(folder: Path, found: Mapping[str, Path], sizes: Mapping[str, int]) -> None:
    total = 0
    for name, file in found.items():
        total += (size := file.stat().st_size)
        if size != sizes.get(name, size):
            raise ModelFolderError(
                f"{folder}: {name} has {size} bytes, not {sizes[name]}.", hint=RETRAIN
            )
    if total > MAX_FILE_BYTES:
        raise ModelFolderError(
            f"{folder} holds {total} bytes; no more than {MAX_FILE_BYTES} are read.",
            hint="Make a smaller model, for example with `constraints: {size_kib: ...}`.",
        )


def check(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Checks that a manifest has the keys, types and ranges that `modelfolder.write` gives it.

    Raises:
        ModelFolderError: Names the first key that is wrong.
    """
    for key, (kind, noun) in _KINDS.items():
        _demand(isinstance(manifest.get(key), kind), folder, f"{key} must be a {noun}")
    _check_classes(folder, manifest)
    _check_columns(folder, manifest["schema"].get("columns"))
    _check_shape(folder, manifest.get("image_shape"))
    for key in ("files", "requires"):
        texts = manifest.get(key, {})  # what is only measured requires nothing
        is_text = isinstance(texts, dict) and all(isinstance(v, str) for v in texts.values())
        _demand(is_text, folder, f"{key} must map names to texts")
    sizes = manifest.get("sizes", {})  # folders of former versions have none
    is_counted = isinstance(sizes, dict) and all(type(v) is int for v in sizes.values())
    _demand(is_counted, folder, "sizes must map names to bytes")
    for member in manifest["members"]:
        _check_member(folder, member)
    total = math.fsum(member["weight"] for member in manifest["members"])
    _demand(abs(total - 1.0) < 1e-6, folder, "the weights of the members must sum to 1")


def _demand(condition: bool, folder: Path, rule: str) -> None:
    if not condition:
        raise ModelFolderError(f"{folder} has a foreign manifest: {rule}.", hint=RETRAIN)


def _check_classes(folder: Path, manifest: Mapping[str, Any]) -> None:
    classes, kind = manifest["classes"], manifest.get("class_kind", "str")
    _demand(_are_unique_texts(classes), folder, "classes must be unique texts")
    is_known = isinstance(kind, str) and kind in CLASS_KINDS
    _demand(is_known, folder, f"class_kind must be one of {', '.join(CLASS_KINDS)}")
    if manifest["problem"] == "classification":
        _demand(len(classes) > 1, folder, "a classification must have two classes or more")
    try:
        for label in classes:
            CLASS_KINDS[kind](label)
    except ValueError:
        _demand(False, folder, f"classes must be of the kind {kind}")


def _check_columns(folder: Path, columns: Any) -> None:
    is_list = isinstance(columns, list) and all(isinstance(column, dict) for column in columns)
    _demand(is_list, folder, "schema must list columns")
    names = [column.get("name", "") for column in columns]
    _demand(_are_unique_texts(names), folder, "columns must have unique names")
    for column in columns:
        texts = [column.get("kind"), column.get("format", ""), column.get("reason", "")]
        _demand(all(isinstance(text, str) for text in texts), folder, "columns must have a kind")
        categories = column.get("categories", [])
        is_known = isinstance(categories, list) and _are_unique_texts(categories)
        _demand(is_known, folder, "categories must be unique texts")


def _check_shape(folder: Path, shape: Any) -> None:
    """Checks height, width and channels of a model for images; None is a table's."""
    is_shape = isinstance(shape, list) and len(shape) == 3 and all(map(_is_positive, shape))
    _demand(shape is None or is_shape, folder, "image_shape must be three positive numbers")


def _is_positive(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _are_unique_texts(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values) and len(set(values)) == len(values)


def _check_member(folder: Path, member: Any) -> None:
    is_member = isinstance(member, dict) and isinstance(member.get("models"), list)
    _demand(is_member and len(member["models"]) > 0, folder, "members must have models")
    weight = member.get("weight")
    is_real = isinstance(weight, int | float) and not isinstance(weight, bool)
    _demand(is_real and 0 <= weight <= 1, folder, "weights must lie between 0 and 1")
    for model in member["models"]:
        keys = ("folder", "class")
        is_model = isinstance(model, dict) and all(isinstance(model.get(k), str) for k in keys)
        _demand(is_model, folder, "models must have a folder and a class")
        place = PurePosixPath(model["folder"])
        if place.is_absolute() or ".." in place.parts:
            raise ModelFolderError(f"{folder} points outside itself: {model['folder']}.")


def schema_of(manifest: Mapping[str, Any]) -> Schema:
    """Gives the input schema.

    Raises:
        ModelFolderError: If a column is of no known kind, or its dates of no possible format.
    """
    import pyarrow as pa

    from autometa.dataset import Schema
    from autometa.text_values import parse_dates

    try:
        schema = Schema.from_json(manifest["schema"])
        for column in schema:
            if column.kind == "date":
                parse_dates(pa.array(["x"], pa.large_string()), column.format)
    except (ValueError, KeyError, TypeError) as exc:
        raise ModelFolderError(f"the schema of the model is none: {exc}.", hint=RETRAIN) from exc
    return schema
