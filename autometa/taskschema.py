"""The JSON schema of the task file, for editors: completion, help on hover, mistakes underlined.

It describes the YAML text, not only the model: one text stands for a list of one, an unquoted
number is a name where a name is due, and a section may be left empty.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from autometa.measure import METRICS
from autometa.task import SECTIONS, Task

DIALECT = "http://json-schema.org/draft-07/schema#"
"""The dialect that every editor understands."""

_KEYWORDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
}
"""pydantic leaves the bounds of converted values under its own names, which no editor knows."""

_TEXT = {"type": ["string", "number", "boolean"]}
_OWN_METRIC = {"type": "string", "pattern": "^.+:.+$"}


def task_schema() -> dict[str, Any]:
    """Gives the schema as a JSON object.

    Example:
        >>> schema = task_schema()
        >>> schema["required"], schema["additionalProperties"]
        (['name', 'data'], False)
    """
    schema = Task.model_json_schema(mode="validation")
    definitions = schema.pop("$defs")
    for path, model in SECTIONS.items():
        part = definitions[model.__name__] if path else schema
        _describe(part, model)
    for key, entry in schema["properties"].items():
        if (key,) in SECTIONS and key != "objectives":
            entry["description"] = definitions[SECTIONS[(key,)].__name__]["description"]
    _loosen(schema, definitions)
    return {
        "$schema": DIALECT,
        "title": "autometa task file",
        **{key: value for key, value in schema.items() if key != "title"},
        "$defs": definitions,
    }


def _describe(part: dict[str, Any], model: type[BaseModel]) -> None:
    """Takes descriptions from the docstring; a title would only repeat the key."""
    doc = inspect.getdoc(model) or ""
    part["description"] = _plain(doc.partition("\n\n")[0])
    part.pop("title", None)
    texts = _arguments(doc)
    for key, entry in part["properties"].items():
        entry.pop("title", None)
        entry["description"] = texts[key]


def _arguments(doc: str) -> dict[str, str]:
    """Gives the text of each argument in a Google docstring."""
    section = re.search(r"^Args:\n((?:^[ ]+.*\n?|^\n)+)", doc, re.MULTILINE)
    found: dict[str, str] = {}
    name = ""
    for line in section[1].splitlines() if section else ():
        start = re.match(r"^ {4}(\w+): (.*)", line)
        if start:
            name = start[1]
            found[name] = start[2]
        elif name and line.strip():
            found[name] += f" {line.strip()}"
    return {key: _plain(text) for key, text in found.items()}


def _plain(text: str) -> str:
    words = " ".join(text.replace("`", "").split())
    return re.sub(r"\bNone\b", "null", words)


def _loosen(schema: dict[str, Any], definitions: dict[str, Any]) -> None:
    """Allows what the reader of task files allows beyond the models' own types."""
    for part in (schema, *definitions.values()):
        part["properties"] = {key: _loose(entry) for key, entry in part["properties"].items()}
    properties = schema["properties"]
    sections = [path[0] for path in SECTIONS if path and path != ("objectives",)]
    for section in map(str, sections):
        properties[section] = _section(properties[section], SECTIONS[(section,)].__name__)
    properties["constraints"]["type"] = ["object", "null"]
    metric = definitions["Objective"]["properties"]["metric"]
    named = [{"enum": sorted(METRICS)}, _OWN_METRIC]
    definitions["Objective"]["properties"]["metric"] = {**_kept(metric), "anyOf": named}
    objective = [*named, _reference("Objective")]
    listed = {"type": "array", "items": {"anyOf": objective}, "minItems": 1, "uniqueItems": True}
    properties["objectives"] = {
        **_kept(properties["objectives"]),
        "anyOf": [*objective, listed, {"type": "null"}],
    }


def _section(entry: Mapping[str, Any], model: str) -> dict[str, Any]:
    """A section that was begun and left empty has its defaults; data has none."""
    is_needed = model == "Data"
    options = [_reference(model)] if is_needed else [_reference(model), {"type": "null"}]
    return {**_kept(entry), "anyOf": options}


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}


def _kept(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: entry[key] for key in ("description", "default") if key in entry}


def _loose(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Gives an entry that takes any scalar as a text, and one text for a list of texts."""
    if "anyOf" in entry:
        options = [_loose(option) for option in entry["anyOf"]]
        flat = [o for option in options for o in option.get("anyOf", [option])]
        return {**entry, "anyOf": flat}
    own = {_KEYWORDS.get(key, key): value for key, value in entry.items()}
    if own.get("type") == "string" and "enum" not in own:
        return {**own, **_TEXT}
    if own.get("type") == "array" and own["items"].get("type") == "string":
        least = own.get("minLength", 0)
        texts = {"type": "array", "items": {**own["items"], **_TEXT}, "uniqueItems": True}
        one_or_more = [{**_TEXT, "minLength": 1}, {**texts, "minItems": least}]
        return {**_kept(own), "anyOf": one_or_more}
    if own.get("type") == "object" and isinstance(own.get("additionalProperties"), dict):
        own["additionalProperties"] = _loose(own["additionalProperties"])
    return own
