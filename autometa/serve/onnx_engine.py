"""Computes predictions with a model's ONNX file in this process: some microseconds a row."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from autometa.columns import Column
from autometa.encoding.columns import to_float32
from autometa.errors import NotApplicable
from autometa.export.file import write_onnx
from autometa.export.rows import edge_rows
from autometa.export.verify import compare
from autometa.modelfolder import Predictor
from autometa.onnxgraph.feeds import OnnxFile, columns_of, open_session, run_batches
from autometa.serve.engine import Engine, NativeEngine
from autometa.serve.inputs import Array, Rows

_log = logging.getLogger(__name__)

Feed = Callable[[Rows], Array]


class OnnxEngine:
    """A file of `export.write_onnx`.

    Args:
        path: Of the file; not needed afterwards.
        columns: Of the model's schema, without dropped ones.
    """

    name = "onnx"
    is_quick = True

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self._session = open_session(str(path))
        self._feeds: dict[str, Feed] = {}
        self._numbers: dict[str, int] = {}  # by input: which column it is
        places = {column.name: index for index, column in enumerate(columns)}
        for entry in columns_of(self._session):
            index = places[entry["column"]]
            if entry["kind"] == "number":
                self._numbers[entry["input"]] = index
            else:
                self._feeds[entry["input"]] = _FEEDS[entry["kind"]](index, columns[index])
        kinds = [columns[index].kind for index in self._numbers.values()]
        self._booleans = np.flatnonzero([kind == "boolean" for kind in kinds])
        outputs = [output.name for output in self._session.get_outputs()]
        self._output = "probabilities" if "probabilities" in outputs else "value"

    def predict(self, rows: Rows) -> Array:
        """See `Engine`."""
        feeds = {name: feed(rows) for name, feed in self._feeds.items()} | self._read_numbers(rows)
        (found,) = run_batches(self._session, [self._output], feeds)
        outputs = np.asarray(found, dtype=np.float64)
        return outputs if self._output == "probabilities" else outputs[:, 0]

    def _read_numbers(self, rows: Rows) -> dict[str, Array]:
        """Gives the inputs of number columns; all are converted in the time of one."""
        if not self._numbers:
            return {}
        values = np.array([rows.values[i] for i in self._numbers.values()], dtype=np.float64)
        if len(self._booleans):
            truths = values[self._booleans]
            truths[truths < 0] = np.nan
            values[self._booleans] = truths
        return dict(zip(self._numbers, to_float32(values)[:, :, None], strict=True))


def _texts_of(index: int, column: Column) -> Feed:
    texts = np.array([*column.categories, ""], dtype=object)  # code -1 reads the last one
    return lambda rows: texts[rows.values[index]][:, None]


def _dates_of(index: int, column: Column) -> Feed:
    return lambda rows: rows.values[index].astype("datetime64[us]").astype(np.int64)[:, None]


_FEEDS = {"text": _texts_of, "date": _dates_of}


def choose_engine(predictor: Predictor, columns: Sequence[Column], wanted: str) -> Engine:
    """Gives what computes.

    Args:
        predictor: Loaded and verified.
        columns: Of its schema, without dropped ones.
        wanted: ``native``; ``onnx``; or ``auto``: ONNX where the whole model can be written as a
            file and the file gives the same on missing, unseen and extreme values.

    Raises:
        NotApplicable: If ``onnx`` is wanted and cannot be had.
    """
    if wanted == "native":
        return NativeEngine(predictor, columns)
    try:
        return _onnx_engine(predictor, columns)
    except NotApplicable as exc:
        if wanted == "onnx":
            raise
        _log.info("the models themselves compute: %s", exc.reason)
    return NativeEngine(predictor, columns)


def _onnx_engine(predictor: Predictor, columns: Sequence[Column]) -> OnnxEngine:
    # Written anew from what was verified: a file that lies somewhere need not belong to the model.
    with tempfile.TemporaryDirectory(prefix="autometa-serve-") as folder:
        path = Path(folder) / "model.onnx"
        try:
            write_onnx(predictor, path)
            compare(predictor, OnnxFile(path), edge_rows(predictor.schema, None))
        except ImportError as exc:
            raise NotApplicable(f"{exc.name} is not installed") from exc
        return OnnxEngine(path, columns)
