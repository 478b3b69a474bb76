"""What a task file says, frozen: `load_task` reads one.

The models below are the reference of the task file: every key, its default and its range.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)

from autometa.devices import Device
from autometa.errors import TaskError
from autometa.taskerrors import to_task_error
from autometa.tasktypes import Number, Text, Texts, Whole, as_list, as_text, check_unique, meaning
from autometa.yamlfile import Document, KeyPath, Plain, read_yaml, to_plain_data

PRESETS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "quick": {"budget": {"seconds": 20}},
    "thorough": {"budget": {"seconds": 600}, "validation": {"folds": 10}},
}
"""Defaults that a preset puts under the user's own values."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_SQLITE = re.compile(r"(sqlite(?:\+\w+)?:///)([^/:].*)")


def _check_name(name: str) -> str:
    if not re.fullmatch(r"\w[\w .+-]*", name) or name != name.strip():
        raise ValueError("must be letters, digits, spaces and any of _ - + . after the first")
    if len(name.encode()) > 120:
        raise ValueError("must be at most 120 bytes long")
    return name


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)


class Data(_Section):
    """Where the rows are.

    Args:
        source: Files, or ``scheme:rest``; several are read one after the other.
        target: The column to predict.
        adapter: Name of the data adapter; None = by scheme, then by the longest suffix.
        options: Passed to the adapter as they stand.
        test: A file with the test rows, or the column that marks them; None = split off.
        positive_class: The label that counts as positive in two-class metrics.
        ignore: Columns that are there and shall not be learned from.
        unlabelled: What becomes of rows without a target: ``ignore`` leaves them out; ``use``
            lets the search try self-training and label spreading on them, beside the training
            rows and never in a score. For classification.
    """

    source: Annotated[Texts, Field(min_length=1)]
    target: Text
    adapter: Annotated[Text | None, BeforeValidator(as_text)] = None
    options: Annotated[Mapping[str, Any], BeforeValidator(to_plain_data)] = {}
    test: Annotated[Text | None, BeforeValidator(as_text)] = None
    positive_class: Annotated[Text | None, BeforeValidator(as_text)] = None
    ignore: Texts = ()
    unlabelled: Annotated[Literal["ignore", "use"], BeforeValidator(as_text)] = "ignore"


class Objective(_Section):
    """A metric to optimise.

    Args:
        metric: A metric's name, or ``module:function`` of one's own.
        direction: ``maximize`` or ``minimize``; needed for one's own, else known.
    """

    metric: Text
    direction: Annotated[Literal["maximize", "minimize"] | None, BeforeValidator(as_text)] = None

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        name = as_text(value)
        return {"metric": name} if isinstance(name, str) else value

    @model_validator(mode="after")
    def _check_direction(self) -> Objective:
        if (":" in self.metric) != (self.direction is not None):
            need = "needs a direction" if ":" in self.metric else "has a direction of its own"
            raise ValueError(
                f"{self.metric} {need}; only a metric 'module:function' takes 'direction: "
                "maximize' or 'direction: minimize'"
            )
        return self

    def __str__(self) -> str:
        return self.metric


class Budget(_Section):
    """How long to search: whichever bound comes first. Neither given = 200 trials, 60 seconds.

    Args:
        trials: Told trials without interrupted ones; None = no bound.
        seconds: Wall-clock seconds from the start of the command to the complete model folder,
            summed over resumes; None = no bound.
    """

    trials: Annotated[Annotated[Whole, Field(ge=1)] | None, BeforeValidator(meaning)] = None
    seconds: Annotated[Annotated[Number, Field(gt=0)] | None, BeforeValidator(meaning)] = None

    @model_validator(mode="before")
    @classmethod
    def _default(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and not {"trials", "seconds"} & value.keys():
            return {"trials": 200, "seconds": 60.0, **value}
        return value

    @model_validator(mode="after")
    def _check_bounded(self) -> Budget:
        if self.trials is None and self.seconds is None:
            raise ValueError("needs trials or seconds, both are null")
        return self


class Limits(_Section):
    """What one trial and the machine may use.

    Args:
        trial_seconds: Wall-clock seconds per trial; what it gives is measured in as many again.
        trial_memory_mib: Address space per worker above its start, MiB.
        workers: Jobs side by side.
        threads_per_trial: Threads per job.
    """

    trial_seconds: Annotated[Number, Field(gt=0)] = 30.0
    trial_memory_mib: Annotated[Whole, Field(ge=64)] = 4096
    workers: Annotated[Whole, Field(ge=1, le=1024)] = 2
    threads_per_trial: Annotated[Whole, Field(ge=1, le=1024)] = 1


class Validation(_Section):
    """How configurations are compared, and what is set aside.

    Args:
        kind: ``auto``, ``holdout``, ``kfold``, ``group`` or ``time``.
        test_fraction: Share of rows set aside for the final score, in [0, 0.9]; 0 = none. Not
            used when `Data.test` is given.
        folds: Number of folds, at least 2; None = by the size of the table.
        group: Column whose values never stand on both sides of a split.
        time: Column by which rows are ordered; later rows are predicted from earlier ones.
    """

    kind: Annotated[
        Literal["auto", "holdout", "kfold", "group", "time"], BeforeValidator(as_text)
    ] = "auto"
    test_fraction: Annotated[Number, Field(ge=0, le=0.9)] = 0.2
    folds: Annotated[Annotated[Whole, Field(ge=2, le=1000)] | None, BeforeValidator(meaning)] = None
    group: Annotated[Text | None, BeforeValidator(as_text)] = None
    time: Annotated[Text | None, BeforeValidator(as_text)] = None

    @model_validator(mode="after")
    def _check_columns(self) -> Validation:
        if self.group is not None and self.time is not None:
            raise ValueError("takes group or time, not both")
        for kind in ("group", "time"):
            column = getattr(self, kind)
            if self.kind == kind and column is None:
                raise ValueError(f"kind {kind} needs the column: '{kind}: COLUMN'")
            if column is not None and self.kind not in ("auto", kind):
                raise ValueError(f"{kind} is used by kind {kind}, not by kind {self.kind}")
        if self.kind == "holdout" and self.folds is not None:
            raise ValueError("folds is used by every kind but holdout")
        return self


class Search(_Section):
    """Which part of the space is searched.

    Args:
        learners: Names; None = every installed one that fits.
        compressors: Names; None = every installed one that fits, [] = none.
        prior: ``auto`` = what past tasks taught, ``none`` = start from nothing.
        export: ``onnx`` = only learners whose models can become an ONNX file, as with a target;
            ``any`` = all.
    """

    learners: Annotated[Annotated[Texts, Field(min_length=1)] | None, BeforeValidator(as_list)] = (
        None
    )
    compressors: Annotated[Texts | None, BeforeValidator(as_list)] = None
    prior: Annotated[Literal["auto", "none"], BeforeValidator(as_text)] = "auto"
    export: Annotated[Literal["any", "onnx"], BeforeValidator(as_text)] = "any"


class Task(_Section):
    """A whole task file.

    Args:
        name: Of the task, its study and its folders.
        data: See `Data`.
        problem: ``auto`` = from the target, or ``classification``, ``regression``...
        objectives: The first leads, more make a Pareto search; None = by problem.
        constraints: Upper bounds by metric name, ``size_kib`` (KiB) or ``latency_ms`` (ms).
        target: The device to deliver one ONNX file for; see `Device`.
        budget: See `Budget`.
        limits: See `Limits`.
        validation: See `Validation`.
        search: See `Search`.
        preset: ``quick`` or ``thorough``: other defaults, see `PRESETS`.
        knowledge: Folders or URLs of records of past tasks; ``default`` = the user's own and
            the shipped pack; [] = none.
        storage: ``auto`` = a journal file in the workspace, or an Optuna storage URL.
        tracking: ``auto`` = MLflow in the workspace, ``none``, or an MLflow tracking URI.
        seed: All randomness derives from it, in [0, 2**32).

    Example:
        >>> task = Task.model_validate({"name": "a", "data": {"source": "a.csv", "target": "y"}})
        >>> task.budget.trials, task.data.source
        (200, ('a.csv',))
    """

    name: Annotated[Text, AfterValidator(_check_name)]
    data: Data
    problem: Text = "auto"
    objectives: (
        Annotated[tuple[Objective, ...], Field(min_length=1), AfterValidator(check_unique)] | None
    ) = None
    constraints: Mapping[str, Annotated[Number, Field(gt=0)]] = {}
    target: Annotated[Device | None, BeforeValidator(meaning)] = None
    budget: Budget = Budget(trials=200, seconds=60.0)
    limits: Limits = Limits()
    validation: Validation = Validation()
    search: Search = Search()
    preset: Annotated[Literal["quick", "thorough"] | None, BeforeValidator(as_text)] = None
    knowledge: Texts = ("default",)
    storage: Text = "auto"
    tracking: Text = "auto"
    seed: Annotated[Whole, Field(ge=0, lt=2**32)] = 0

    _path: Path | None = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _apply_preset(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        data = {key: {} if _is_empty(key, item) else item for key, item in value.items()}
        for section, defaults in PRESETS.get(str(as_text(data.get("preset"))), {}).items():
            own = data.get(section, {})
            if isinstance(own, Mapping) and own.get("kind") != "holdout":
                data[section] = {**defaults, **own}
        return data

    @field_validator("objectives", mode="before")
    @classmethod
    def _list_objectives(cls, value: Any) -> Any:
        value = as_list(value)
        return [value] if isinstance(value, Mapping) else value

    @property
    def path(self) -> Path | None:
        """The task file, absolute; None when the task was not read from a file."""
        return self._path

    @property
    def bounds(self) -> dict[str, float]:
        """Upper bounds by metric: the constraints and the target's, the lower where both bound."""
        device = {} if self.target is None else self.target.bounds
        own = self.constraints
        return {**device, **{k: min(v, device.get(k, v)) for k, v in own.items()}}

    @property
    def folder(self) -> Path:
        """Against which relative paths resolve: the task file's folder."""
        return Path.cwd() if self._path is None else self._path.parent

    def locate(self, source: str) -> str:
        """Gives a source as adapters take it: an absolute path, or ``scheme:rest`` unchanged.

        Args:
            source: As the task file has it. Whatever exists as a file is one.
        """
        return locate(source, self.folder)

    def to_json(self) -> dict[str, Any]:
        """Gives every key with its value as JSON types; `from_json` reads it."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, data: Mapping[str, Any], *, path: Path | None = None) -> Task:
        """Reads what `to_json` gave.

        Args:
            data: The JSON object.
            path: The task file it came from.

        Raises:
            TaskError: If it is not a task.
        """
        return _build(Document(dict(data)), path)


def locate(source: str, folder: Path) -> str:
    """Gives a source as adapters take it; see `Task.locate`.

    Args:
        source: A path, a pattern, or ``scheme:rest``.
        folder: Against which relative paths resolve, also that of ``sqlite:///relative.db``.
    """
    path = Path(os.path.expanduser(source))  # noqa: PTH111 - never raises without a home
    absolute = folder / path
    if _SCHEME.match(source) and not absolute.exists():
        relative = _SQLITE.fullmatch(source)
        return f"{relative[1]}{os.path.abspath(folder / relative[2])}" if relative else source  # noqa: PTH100
    return os.path.normpath(absolute)


def _is_empty(key: str, value: Any) -> bool:
    """Whether a section was begun and left empty, which means its defaults."""
    sections = ("data", "constraints", "budget", "limits", "validation", "search")
    return key in sections and meaning(value) is None


def load_task(path: str | Path, overrides: Mapping[str, Any] | None = None) -> Task:
    """Reads a task file.

    Args:
        path: The YAML file.
        overrides: Values by dotted key (``budget.trials``) that replace the file's. Text is
            read like an unquoted value of the file.

    Raises:
        TaskError: If the file or an override is wrong; names file, line and key, what must
            hold, what was got and the nearest valid key or value.
    """
    document = read_yaml(Path(path), file=str(path))
    changed = {_override(document.data, key, value) for key, value in (overrides or {}).items()}
    lines = {key: line for key, line in document.lines.items() if key not in changed}
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - keeps symlinks as the user wrote them
    return _build(Document(document.data, lines, document.file), absolute, frozenset(changed))


def _override(data: dict[str, Any], key: str, value: Any) -> KeyPath:
    """Puts one override into `data`; gives its path."""
    *parents, last = parts = tuple(key.split("."))
    for part in parents:
        child = data.get(part)
        if child is None or meaning(child) is None:
            child = data[part] = {}
        if not isinstance(child, dict):
            raise TaskError(f"cannot be set inside {part}, which is not a mapping.", key=key)
        data = child
    data[last] = Plain(value) if isinstance(value, str) else value
    return parts


def _build(
    document: Document, path: Path | None, changed: frozenset[KeyPath] = frozenset()
) -> Task:
    try:
        task = Task.model_validate(document.data)
    except ValidationError as exc:
        raise to_task_error(exc, document, SECTIONS, changed) from exc
    task._path = path
    return task


SECTIONS: Mapping[KeyPath, type[BaseModel]] = {
    (): Task,
    ("data",): Data,
    ("objectives",): Objective,
    ("budget",): Budget,
    ("limits",): Limits,
    ("validation",): Validation,
    ("search",): Search,
    ("target",): Device,
}
"""The model of each part of a task file, by its path."""
