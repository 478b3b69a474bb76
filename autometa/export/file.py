"""Writes a loaded model folder as one ONNX file, from raw rows to labels or values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from autometa import __version__
from autometa.combination import Combination, combination_of
from autometa.errors import NotApplicable
from autometa.modelfolder import Predictor
from autometa.onnxgraph import OnnxGraph, OnnxOutput
from autometa.onnxgraph.answer import Answer
from autometa.onnxgraph.graph import DATE, NUMBER, TEXT
from autometa.onnxgraph.nodes import DEFAULT_OPSET
from autometa.onnxgraph.sources import MISSING_DATE
from autometa.schema import Schema
from autometa.text_values import BOOLEAN_MEANING, MISSING_WORDS, number_reading

DATE_INPUT = f"microseconds since 1970-01-01 UTC, {MISSING_DATE} = missing"
_SPARE_KINDS = {"categorical": TEXT, "numeric": NUMBER, "boolean": NUMBER, "date": DATE}


def write_onnx(predictor: Predictor, path: Path, *, opset: int = DEFAULT_OPSET) -> None:
    """Writes the file.

    Inputs are the columns that a model reads, or images, see `OnnxGraph`. Outputs are ``label``
    (n,), as the user wrote the labels, and ``probabilities`` (n, n_classes); or ``value`` (n, 1).
    Its metadata say which input each column is, and how its texts are read; or the shape of an
    image.

    Args:
        predictor: A loaded model folder.
        path: Of the file.
        opset: Of ai.onnx.

    Raises:
        NotApplicable: If a part cannot be written; names the trial, its learner and the reason.
    """
    schema = predictor.schema
    categories = {c.name: c.categories for c in schema if c.kind == "categorical"}
    graph = OnnxGraph(opset=opset, categories=categories, image_shape=predictor.image_shape)
    members = [_outputs(predictor, graph, index) for index in range(len(predictor.members))]
    is_regression = predictor.problem == "regression"
    graph.write(
        path,
        members,
        Answer.of_values() if is_regression else Answer.of_labels(predictor.labels),
        combination=_combination(predictor),
        spare=next(
            ((c.name, _SPARE_KINDS[c.kind]) for c in schema if c.kind in _SPARE_KINDS),
            None,
        ),
        properties={
            "autometa": __version__,
            "name": str(predictor.manifest.get("name", "")),
            "predicts": str(predictor.manifest.get("target", "")),
            "reading": json.dumps(_reading(schema)),
            "date": DATE_INPUT,
        },
    )


def _reading(schema: Schema) -> dict[str, Any]:
    """Gives what a program that has no schema needs to read texts as the model folder does."""
    marks = {c.name: c.decimal for c in schema if c.kind == "numeric" and c.decimal}
    return {
        "missing": MISSING_WORDS,
        "booleans": [c.name for c in schema if c.kind == "boolean"],
        "words": BOOLEAN_MEANING,
        "numbers": marks,
        "marks": {mark: number_reading(mark) for mark in sorted({*marks.values()})},
        "dates": {c.name: c.format for c in schema if c.kind == "date"},
    }


def _combination(predictor: Predictor) -> Combination:
    found = combination_of(predictor.manifest)
    if found is not None:
        return found
    weights = [weight for weight, _ in predictor.members]
    return Combination.average([*weights, 0.0], [0.0] * max(1, len(predictor.classes)))


def _outputs(predictor: Predictor, graph: OnnxGraph, index: int) -> list[OnnxOutput]:
    try:
        return [model.to_onnx(graph) for model in predictor.members[index][1]]
    except NotApplicable as exc:
        member = predictor.manifest["members"][index]
        raise NotApplicable(f"trial {member['trial']}, {member['learner']}: {exc.reason}") from exc
