"""Tells clients what a model takes and gives: the metadata, and the parts of the OpenAPI page."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from autometa.columns import Column
from autometa.modelfolder import Predictor
from autometa.serve.table import CSV, JSON
from autometa.text_values import ISO

MAX_CATEGORIES = 100
"""Categories of a column that are listed; of more, the number is told."""

_TYPES: Mapping[str, list[str]] = {
    "numeric": ["number", "null"],
    "boolean": ["boolean", "null"],
    "categorical": ["string", "null"],
    "date": ["string", "null"],
    "text": ["string", "null"],
}
_FAULTS = {
    400: "The body cannot be read.",
    401: "A token is needed.",
    408: "The body did not come in time.",
    413: "The body, or its number of rows, is too large.",
    415: "The content type is not known.",
    422: "The rows do not fit the model; each problem is listed.",
    429: "Too many requests from this address.",
    500: "The model failed.",
    503: "Too many rows are waiting.",
}


def metadata(
    predictor: Predictor, columns: Sequence[Column], engine: str, limits: Mapping[str, float]
) -> dict[str, Any]:
    """Gives what ``/metadata`` answers."""
    manifest = predictor.manifest
    return {
        "name": manifest.get("name", ""),
        "problem": predictor.problem,
        "target": manifest.get("target", ""),
        "classes": predictor.labels,
        "columns": [_column(column) for column in columns],
        "metrics": manifest.get("values", {}),
        "versions": {
            "autometa": manifest.get("autometa", ""),
            "python": manifest.get("python", ""),
            **manifest.get("requires", {}),
        },
        "engine": engine,
        "digest": manifest["digest"],
        "limits": dict(limits),
    }


def _column(column: Column) -> dict[str, Any]:
    known = column.categories
    entries: dict[str, Any] = {"name": column.name, "kind": column.kind}
    if column.kind == "date":
        entries["format"] = column.format
    if column.kind == "categorical":
        entries["n_categories"] = len(known)
        entries["categories"] = list(known[:MAX_CATEGORIES])
    return entries


def operation(predictor: Predictor, columns: Sequence[Column], max_rows: int) -> dict[str, Any]:
    """Gives the request body and the answers of ``/predict`` for the OpenAPI document."""
    row = {
        "type": "object",
        "properties": {column.name: _value(column) for column in columns},
        "required": [column.name for column in columns],
    }
    rows = {"type": "array", "items": row, "maxItems": max_rows}
    body = {
        "type": "object",
        "properties": {"rows": rows},
        "required": ["rows"],
        "additionalProperties": False,
    }
    table = {"type": "string", "description": "A header line with the columns, then the rows."}
    example = {column.name: _example(column) for column in columns}
    return {
        "requestBody": {
            "required": True,
            "content": {
                JSON: {"schema": body, "example": {"rows": [example]}},
                CSV: {"schema": table, "example": _csv(example)},
            },
        },
        "responses": {
            "200": _answer("Predictions, in the order of the rows.", _prediction(predictor)),
            **{str(status): _answer(text, FAULT) for status, text in _FAULTS.items()},
        },
    }


def _value(column: Column) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": _TYPES[column.kind]}
    if column.kind == "categorical":
        entry["examples"] = list(column.categories[:3])
    if column.kind == "date":
        entry["description"] = f"Format: {column.format}"
    return entry


def _example(column: Column) -> Any:
    """Gives a value that the column takes."""
    match column.kind:
        case "numeric":
            return 1.5
        case "boolean":
            return True
        case "categorical":
            return column.categories[0] if column.categories else None
        case "date":
            moment = datetime(2024, 2, 29, 12, 30)
            return moment.isoformat(" ") if column.format == ISO else moment.strftime(column.format)
        case _:
            return "some words"


def _csv(row: Mapping[str, Any]) -> str:
    """Gives a header line and the values of a row."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(row)
    writer.writerow("" if value is None else value for value in row.values())
    return out.getvalue()


def _answer(text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": text, "content": {JSON: {"schema": schema}}}


def _prediction(predictor: Predictor) -> dict[str, Any]:
    notes = {"type": "array", "items": {"type": "string"}}
    number: dict[str, Any] = {"type": "number"}
    if predictor.problem == "regression":
        values = {"type": "array", "items": {"type": ["number", "null"]}}
        return _object(predictions=values, notes=notes)
    labels = {"type": "array", "items": {"enum": predictor.labels}}
    shares = {"type": "array", "items": {"type": "array", "items": number}}
    return _object(predictions=labels, classes=labels, probabilities=shares, notes=notes)


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


FAULT: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "error": {"type": "string"},
        "problems": {"type": "array", "items": {"type": "object"}},
        "n_problems": {"type": "integer"},
    },
    "required": ["error"],
}
"""The schema of every refusal."""
