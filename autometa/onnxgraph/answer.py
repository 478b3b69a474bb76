"""From the scores of all models to what the file gives: label and probabilities, or value."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autometa.combination import Combination
from autometa.onnxgraph.nodes import Array, Nodes
from autometa.onnxgraph.output import OnnxOutput
from autometa.onnxgraph.pools import (
    is_linear,
    linear_shift,
    member_weights,
    write_pools,
    write_temperature,
)

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
    members: Sequence[Sequence[OnnxOutput]],
    combination: Combination,
    answer: Answer,
) -> list[Result]:
    """Writes links, averages, the combination and the label; gives the outputs."""
    width = len(members[0][0].shift)
    if is_linear(combination):
        mixed = _write_means(nodes, banks, members, member_weights(combination)[None, :])
        mixed = nodes.add("Add", [mixed, nodes.constant([linear_shift(combination, width)])])
    else:
        means = _write_means(nodes, banks, members, np.eye(len(members)))
        mixed = write_pools(nodes, means, combination, len(members), width)
    if answer.labels is None:
        nodes.add("Cast", [mixed], outputs=["value"], to=1)
        return answer.outputs
    mixed = write_temperature(nodes, mixed, combination.temperature)
    nodes.add("Cast", [mixed], outputs=["probabilities"], to=1)
    if not answer.probabilities_only:
        best = nodes.add("ArgMax", [mixed], axis=1, keepdims=0)
        kinds: dict[str, Any] = {"int64": np.int64, "bool": np.bool_, "double": np.float64}
        kind = kinds.get(answer.label_kind, object)
        labels = [str(label) if kind is object else label for label in answer.labels]
        names = nodes.constant(np.array(labels, dtype=kind))
        nodes.add("Gather", [names, best], outputs=["label"], axis=0)
    return answer.outputs


def _write_means(
    nodes: Nodes,
    banks: Mapping[str, tuple[str, int]],
    members: Sequence[Sequence[OnnxOutput]],
    weights: Array,
) -> str:
    """Gives weighted sums of the members, each the mean of its models, (n, r * m) float64.

    Args:
        nodes: Takes them.
        banks: Tensor and width of each bank.
        members: Outputs of the models of each.
        weights: (r, members).
    """
    scores = nodes.concat([tensor for tensor, _ in banks.values()])
    ends = np.cumsum([width for _, width in banks.values()]).tolist()
    starts = dict(zip(banks, [0, *ends], strict=False))
    groups: dict[tuple[str, int], list[tuple[Array, OnnxOutput]]] = {}
    shift = np.zeros((len(weights), len(members[0][0].shift)))
    for index, outputs in enumerate(members):
        weight = weights[:, index] / len(outputs)  # (r,)
        for output in outputs:
            shift += weight[:, None] * output.shift
            if k := output.scores.width:
                k = k if output.link in ("softmax", "shares") else 1
                groups.setdefault((output.link, k), []).append((weight, output))
    tensors: list[str] = []
    matrices: list[Array] = []
    for (link, _), found in groups.items():
        own = [output for _, output in found]
        columns = [starts[o.scores.bank] + c for o in own for c in o.scores.columns]
        tensors.append(_write_link(nodes, nodes.gather(scores, columns, ends[-1]), link, own))
        matrices.extend(np.kron(weight, output.matrix) for weight, output in found)
    if not tensors:
        tensors, matrices = [nodes.gather(scores, [0], ends[-1])], [np.zeros((1, shift.size))]
    matrix = nodes.constant(np.concatenate(matrices), np.float64)
    sums = nodes.add("MatMul", [nodes.concat(tensors), matrix])
    return nodes.add("Add", [sums, nodes.constant(shift.reshape(1, -1), np.float64)])


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
