"""Turns what pydantic says about a task file into one line that a person can act on."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from autometa.errors import TaskError
from autometa.yamlfile import Document, KeyPath, Plain, dotted

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

    Sections = Mapping[KeyPath, type[BaseModel]]

_MUST = {
    "missing": "is required",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "model_type": "must be a mapping (key: value)",
    "mapping_type": "must be a mapping (key: value)",
    "dict_type": "must be a mapping (key: value)",
    "tuple_type": "must be a list",
    "too_short": "must name at least one",
    "greater_than": "must be greater than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be less than {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "literal_error": "must be {expected}",
}

_EXAMPLES = {
    "name": "name: my-task",
    "data": "data: {source: table.csv, target: column}",
    "data.source": "source: table.csv",
    "data.target": "target: column",
}


def to_task_error(
    exc: ValidationError,
    document: Document,
    sections: Sections,
    overridden: frozenset[KeyPath] = frozenset(),
) -> TaskError:
    """Gives the first error in the file's order; it names the keys of the others.

    Args:
        exc: What the models raised.
        document: What was validated.
        sections: The model of each part of a task file, by its path.
        overridden: Paths whose values came from the command line instead of the file.
    """
    details = _causes(exc.errors(include_url=False))
    details.sort(key=lambda detail: document.line(detail["loc"]) or 0)
    first, others = details[0], [dotted(_path(d, document)) for d in details[1:]]
    path = _path(first, document)
    message, hint = _explain(first, path, document, sections)
    if path in overridden:
        message = f"{message[:-1]} (given on the command line)."
    if others:
        names = ", ".join(dict.fromkeys(others))
        hint = f"{hint} ({len(others)} more: {names})".strip()
    return TaskError(
        message,
        file=None if path in overridden else document.file,
        line=None if path in overridden else document.line(path),
        key=dotted(path),
        hint=hint,
    )


def _causes(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Drops what only follows from another error.

    A list is "too short" because its items are wrong; a key is missing because it is misspelled.
    """
    paths = [detail["loc"] for detail in details]
    misspelled = [path for path, d in zip(paths, details, strict=True) if _is_unknown(d)]

    def follows(detail: ErrorDetails) -> bool:
        path = detail["loc"]
        if detail["type"] == "too_short":
            return any(other[: len(path)] == path and other != path for other in paths)
        return detail["type"] == "missing" and any(
            other[:-1] == path[:-1] and get_close_matches(str(other[-1]), [str(path[-1])])
            for other in misspelled
        )

    return [detail for detail in details if not follows(detail)]


def _is_unknown(detail: ErrorDetails) -> bool:
    return detail["type"] == "extra_forbidden"


def _path(detail: ErrorDetails, document: Document) -> KeyPath:
    """Gives the path as the user wrote it: one text that stands for a list has no index."""
    path = detail["loc"]
    is_index = bool(path) and isinstance(path[-1], int)
    return path[:-1] if is_index and not isinstance(_at(document, path[:-1]), list) else path


def _at(document: Document, path: KeyPath) -> Any:
    """Gives the value that was written at `path`, or None."""
    value: Any = document.data
    for part in path:
        if isinstance(value, dict):
            value = value.get(str(part))
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def _explain(
    detail: ErrorDetails, path: KeyPath, document: Document, sections: Sections
) -> tuple[str, str]:
    """Gives the message and the hint."""
    kind, context = detail["type"], detail.get("ctx", {})
    written = _at(document, path)
    value = detail["input"] if written is None else written
    if kind == "extra_forbidden":
        return "is not a known key.", _near_key(path, sections)
    if kind == "missing":
        example = _EXAMPLES.get(dotted(path))
        return "is required.", f"Add '{example}'." if example else ""
    if kind == "value_error":
        return f"{context['error']}.", ""
    must = _MUST.get(kind, detail["msg"]).format(**context)
    hint = ""
    if kind == "literal_error":
        hint = _near(str(value), [part.strip("'") for part in _choices(context["expected"])])
    elif kind in ("int_type", "float_type") and _is_quoted_number(value):
        hint = "Remove the quotes."
    return f"{must}, got {_show(value)}.", hint


def _choices(expected: str) -> list[str]:
    return expected.replace(" or ", ", ").split(", ")


def _near(value: str, names: list[str]) -> str:
    close = get_close_matches(value, names, n=1)
    return f"Did you mean {close[0]}?" if close else ""


def _near_key(path: KeyPath, sections: Sections) -> str:
    """Names the nearest key of the same part, else the same key in another part."""
    parent = tuple(part for part in path[:-1] if isinstance(part, str))
    key = str(path[-1])
    own = list(sections[parent].model_fields)
    if hint := _near(key, own):
        return hint
    for place, model in sections.items():
        if key in model.model_fields:
            return f"Did you mean {dotted((*place, key))}?"
    return f"Known keys: {', '.join(own)}."


def _is_quoted_number(value: Any) -> bool:
    return type(value) is str and isinstance(Plain(value).value, int | float)


def _show(value: Any) -> str:
    """Describes what was got, at most 60 characters of it."""
    meaning = value.value if isinstance(value, Plain) else value
    if meaning is None:
        return "nothing"
    if isinstance(meaning, Mapping):
        return "a mapping"
    if isinstance(meaning, list | tuple):
        return "a list" if meaning else "an empty list"
    text = str(value) if len(str(value)) <= 60 else f"{str(value)[:57]}..."
    return repr(text) if isinstance(meaning, str) else text
