"""How the scores of a model become values or probabilities, and how models are averaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

LINKS = ("identity", "clip", "exp", "sigmoid", "softmax", "shares")


@dataclass(frozen=True, slots=True)
class OnnxScores:
    """Columns of a graph that hold what a model computes before its link.

    Args:
        bank: Which part of the graph computes them.
        columns: Their positions there.
    """

    bank: str
    columns: tuple[int, ...]

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.columns)


@dataclass(frozen=True, slots=True, eq=False)
class OnnxOutput:
    """What `Model.to_onnx` gives: ``link(scores) @ matrix + shift``.

    Use `values` or `probabilities` to make one.

    Args:
        scores: (n, k) columns.
        link: One of `LINKS`. ``shares`` divides by the sum of the k columns, ``clip`` and ``exp``
            hold scores within `bounds` first.
        matrix: (k, m) float64; m is 1 or the number of classes.
        shift: (m,) float64.
        bounds: Lowest and highest score.
    """

    scores: OnnxScores
    link: str
    matrix: Array
    shift: Array
    bounds: tuple[float, float] = (-1e300, 1e300)

    @classmethod
    def constant(cls, value: Sequence[float]) -> OnnxOutput:
        """Gives the output of a model that predicts the same for every row.

        Args:
            value: The value alone, or the probability of each class.
        """
        shift = np.asarray(value, dtype=np.float64)
        return cls(OnnxScores("none", ()), "identity", np.zeros((0, len(shift))), shift)

    @classmethod
    def values(
        cls,
        scores: OnnxScores,
        *,
        scale: float = 1.0,
        shift: float = 0.0,
        bounds: tuple[float, float] | None = None,
        is_log: bool = False,
    ) -> OnnxOutput:
        """Gives the output of a regression: ``scale * f(score) + shift``.

        Args:
            scores: (n, 1).
            scale: Factor.
            shift: Summand.
            bounds: What scores are held within, before all else.
            is_log: Whether f is exp; else it is the identity.
        """
        link = "exp" if is_log else "identity" if bounds is None else "clip"
        matrix, shifts = np.array([[scale]]), np.array([shift])
        return cls(scores, link, matrix, shifts, bounds or (-1e300, 1e300))

    @classmethod
    def probabilities(
        cls,
        scores: OnnxScores,
        *,
        link: str = "softmax",
        n_classes: int,
        present: Sequence[int] | None = None,
        floor: float = 0.0,
    ) -> OnnxOutput:
        """Gives the output of a classification.

        Args:
            scores: (n, k) one column per present class; or (n, 1) the logit or, with the link
                ``identity``, the probability of the second of two.
            link: ``softmax`` for logits, ``shares`` for what sums to anything above 0,
                ``identity`` for probabilities.
            n_classes: How many classes the task has.
            present: Indices of the classes that the model knows, rising; None = all.
            floor: Probability of each class that it does not know.
        """
        known = list(range(n_classes) if present is None else present)
        share = 1.0 - (n_classes - len(known)) * floor
        own, shift = np.eye(len(known)), np.zeros(len(known))
        if scores.width == 1 and len(known) == 2:
            link = "sigmoid" if link == "softmax" else link
            own, shift = np.array([[-1.0, 1.0]]), np.array([1.0, 0.0])
        matrix = np.zeros((len(own), n_classes))
        matrix[:, known] = share * own
        shifts = np.full(n_classes, float(floor))
        shifts[known] = share * shift
        return cls(scores, link, matrix, shifts)
