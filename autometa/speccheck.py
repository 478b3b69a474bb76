"""What must hold for the specs that plugins give. Records of strings are easily wrong."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import autometa
from autometa.compressor import STAGES
from autometa.learner import API_VERSION

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_REFERENCE = re.compile(r"(/.*\.py|[^\W\d][\w.]*):[^\W\d][\w.]*", re.DOTALL)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+")


def check_spec(spec: Any) -> str:
    """Gives what is wrong with a spec, or "" when it is valid.

    Args:
        spec: An instance of one of the spec classes; its fields may be anything.
    """
    if spec.api != API_VERSION:
        return _version_problem(spec.api)
    for name, (is_valid, must) in _RULES.items():
        value = getattr(spec, name, _ABSENT)
        if value is not _ABSENT and not is_valid(value):
            return f"{name} must be {must}, got {value!r}"
    return ""


_ABSENT = object()


def _version_problem(api: object) -> str:
    is_newer = isinstance(api, int) and api > API_VERSION
    remedy = "upgrade autometa-core" if is_newer else "upgrade the plugin"
    return (
        f"it is written for plugin API {api}, autometa-core {autometa.__version__} has "
        f"API {API_VERSION}: {remedy}"
    )


def _is_texts(value: Any) -> bool:
    return isinstance(value, frozenset | set | tuple | list) and all(
        isinstance(item, str) and item for item in value
    )


def _matches(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_cost(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and value > 0


def _is_summary(value: Any) -> bool:
    return isinstance(value, str) and "\n" not in value


def _is_format(value: Any) -> bool:
    return isinstance(value, str) and value != "*" and "\n" not in value


def _are_suffixes(value: Any) -> bool:
    return _is_texts(value) and all(end[0] == "." and end == end.lower() for end in value)


def _are_schemes(value: Any) -> bool:
    return _is_texts(value) and all(_SCHEME.fullmatch(scheme) for scheme in value)


_Rule = tuple[Callable[[Any], bool], str]
_REFERENCE_RULE: _Rule = (_matches(_REFERENCE), 'a string "package.module:name"')
_RULES: Mapping[str, _Rule] = {
    "name": (_matches(_NAME), "lower-case letters, digits and underscores"),
    "factory": _REFERENCE_RULE,
    "space": _REFERENCE_RULE,
    "problems": (lambda value: _is_texts(value) and bool(value), "a non-empty frozenset of text"),
    "modalities": (lambda value: _is_texts(value) and bool(value), "a non-empty frozenset of text"),
    "capabilities": (_is_texts, "a frozenset of text"),
    "preload": (_is_texts, "a tuple of module names"),
    "cost": (_is_cost, "a positive number"),
    "format": (_is_format, "the name of a format, or empty"),
    "stage": (lambda value: value in STAGES, f"one of {', '.join(STAGES)}"),
    "consumes": (lambda value: _is_texts(value) and bool(value), "a non-empty frozenset of text"),
    "produces": (lambda value: isinstance(value, str) and bool(value), "the name of a format"),
    "schemes": (_are_schemes, "a frozenset of lower-case schemes of two or more letters"),
    "suffixes": (_are_suffixes, "a frozenset of lower-case endings with their dot"),
    "summary": (_is_summary, "one line of text"),
}
