"""What computes predictions: the models of a folder, or its ONNX file in this process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from autometa.columns import Column, ReadColumn, typed_array
from autometa.modelfolder import Predictor
from autometa.schema import frame_of
from autometa.serve.inputs import Array, Rows


class Engine(Protocol):
    """Computes predictions; called by one thread at a time."""

    name: str

    @property
    def is_quick(self) -> bool:
        """Whether a few rows take less than handing them to another thread."""
        ...

    def predict(self, rows: Rows) -> Array:
        """Gives (n,) values or (n, n_classes) probabilities, float64."""
        ...


class NativeEngine:
    """The models of a folder.

    Args:
        predictor: Loaded.
        columns: Of its schema, without dropped ones.
    """

    name = "native"
    is_quick = False

    def __init__(self, predictor: Predictor, columns: Sequence[Column]) -> None:
        self._predictor = predictor
        self._columns = columns

    def predict(self, rows: Rows) -> Array:
        """See `Engine`."""
        read = [
            ReadColumn(column, typed_array(column, values))
            for column, values in zip(self._columns, rows.values, strict=True)
        ]
        return self._predictor.average(frame_of(read, len(rows)))


def answer(predictor: Predictor, outputs: Array, notes: Sequence[str]) -> Mapping[str, Any]:
    """Gives the body of an answer.

    Args:
        predictor: Knows the classes.
        outputs: (n,) values or (n, n_classes) probabilities.
        notes: What the client should know.
    """
    if predictor.problem == "regression":
        # JSON has no word for what is no number.
        values = [value if np.isfinite(value) else None for value in outputs.tolist()]
        return {"predictions": values, "notes": list(notes)}
    labels = predictor.labels
    return {
        "predictions": [labels[index] for index in outputs.argmax(axis=1).tolist()],
        "classes": labels,
        "probabilities": outputs.tolist(),
        "notes": list(notes),
    }
