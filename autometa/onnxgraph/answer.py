"""From the scores of all models to what the file gives: label and probabilities, or value."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autometa.onnxgraph.nodes import Array, Nodes
from autometa.onnxgraph.output import OnnxOutput

Result = tuple[str, str, int | None]
_BIGGEST = 1e300  # so that the difference of two scores stays finite


@dataclass(frozen=True, slots=True)
class Answer:
    """What a file gives.

    Args:
        labels: The classes in the type that the user wrote them in; None for regression.
        probabilities_only: Whether it gives no label.
    """

    labels: tuple[Any, ...] | None
    probabilities_only: bool = False

    @classmethod
    def of_values(cls) -> Answer:
        """Gives the answer of a regression: ``value``, (n, 1) float32."""
        return cls(None)

    @classmethod
    def of_labels(cls, labels: Sequence[Any]) -> Answer:
        """Gives the answer of a classification.

        ``label`` (n,) in the labels' own type, and ``probabilities`` (n, n_classes) float32.

        Args:
            labels: All of one type: str, int, float or bool.
        """
        return cls(tuple(labels))

    @classmethod
    def of_probabilities(cls, n_classes: int) -> Answer:
        """Gives the answer of a model that knows class indices only: ``probabilities``."""
        return cls(tuple(range(n_classes)), probabilities_only=True)

    @property
    def label_kind(self) -> str:
        """Type of the output ``label``."""
        labels = self.labels or ()
        if all(isinstance(label, bool) for label in labels):
            return "bool"
        if all(isinstance(label, int) and abs(label) < 2**63 for label in labels):
            return "int64"
        return "double" if all(isinstance(label, float) for label in labels) else "string"

    @property
    def outputs(self) -> list[Result]:
        """Name, type and width of each output; None is (n,)."""
        if self.labels is None:
            return [("value", "float", 1)]
        probabilities: Result = ("probabilities", "float", len(self.labels))
        if self.probabilities_only:
            return [probabilities]
        return [("label", self.label_kind, None), probabilities]

    @property
    def properties(self) -> dict[str, str]:
        """What the metadata says about it."""
        if self.labels is None:
            return {"problem": "regression"}
        return {"problem": "classification", "classes": json.dumps(list(self.labels))}


def write_answer(
    nodes: Nodes,
    banks: Mapping[str, tuple[str, int]],
    outputs: Sequence[tuple[float, OnnxOutput]],
    answer: Answer,
) -> list[Result]:
    """Writes links, the weighted average and the label; gives the outputs."""
    mean = _write_mean(nodes, banks, outputs)
    if answer.labels is None:
        nodes.add("Cast", [mean], outputs=["value"], to=1)
        return answer.outputs
    nodes.add("Cast", [mean], outputs=["probabilities"], to=1)
    if not answer.probabilities_only:
        best = nodes.add("ArgMax", [mean], axis=1, keepdims=0)
        kind: Any = {"int64": np.int64, "bool": np.bool_, "double": np.float64}.get(
            answer.label_kind, object
        )
        texts = answer.label_kind == "string"
        labels = [str(label) if texts else label for label in answer.labels]
        names = nodes.constant(np.array(labels, dtype=kind))
        nodes.add("Gather", [names, best], outputs=["label"], axis=0)
    return answer.outputs


def _write_mean(
    nodes: Nodes,
    banks: Mapping[str, tuple[str, int]],
    outputs: Sequence[tuple[float, OnnxOutput]],
) -> str:
    """Gives the weighted average of all models, (n, m) float64."""
    scores = nodes.concat([tensor for tensor, _ in banks.values()])
    ends = np.cumsum([width for _, width in banks.values()]).tolist()
    starts = dict(zip(banks, [0, *ends], strict=False))
    groups: dict[tuple[str, int], list[tuple[float, OnnxOutput]]] = {}
    for weight, output in outputs:
        if output.scores.width:
            width = output.scores.width if output.link in ("softmax", "shares") else 1
            groups.setdefault((output.link, width), []).append((weight, output))
    shift = np.sum([weight * output.shift for weight, output in outputs], axis=0)
    tensors: list[str] = []
    matrices: list[Array] = []
    for (link, _), members in groups.items():
        own = [output for _, output in members]
        columns = [starts[o.scores.bank] + c for o in own for c in o.scores.columns]
        tensors.append(_write_link(nodes, nodes.gather(scores, columns, ends[-1]), link, own))
        matrices.extend(weight * output.matrix for weight, output in members)
    if not tensors:
        tensors, matrices = [nodes.gather(scores, [0], ends[-1])], [np.zeros((1, len(shift)))]
    matrix: Array = np.concatenate(matrices)
    mean = nodes.add("MatMul", [nodes.concat(tensors), nodes.constant(matrix, np.float64)])
    return nodes.add("Add", [mean, nodes.constant(shift[None, :], np.float64)])


def _write_link(nodes: Nodes, scores: str, link: str, own: Sequence[OnnxOutput]) -> str:
    """Applies a link to the scores of several models, (n, models * k) float64."""
    if link == "identity":
        return scores
    if link in ("clip", "exp"):
        low, high = np.array([output.bounds for output in own], dtype=np.float64).T
        scores = nodes.add("Max", [scores, nodes.constant(low[None, :])])
        scores = nodes.add("Min", [scores, nodes.constant(high[None, :])])
        return nodes.add("Exp", [scores]) if link == "exp" else scores
    if link == "sigmoid":
        return nodes.add("Sigmoid", [scores])
    k = own[0].scores.width
    scores = nodes.add("Reshape", [scores, nodes.constant([0, len(own), k], np.int64)])
    if link == "softmax":
        ends = [nodes.constant(end, np.float64) for end in (-_BIGGEST, _BIGGEST)]
        scores = nodes.add("Softmax", [nodes.add("Clip", [scores, *ends])], axis=-1)
    else:
        axis = nodes.constant([2], np.int64)
        scores = nodes.add("Div", [scores, nodes.add("ReduceSum", [scores, axis], keepdims=1)])
    return nodes.add("Reshape", [scores, nodes.constant([0, len(own) * k], np.int64)])
