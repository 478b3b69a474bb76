"""Fewer bits per weight of an ONNX graph."""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from autometa import CompressContext, Compressor, Model, NotApplicable, Space
from autometa_compress.onnx_model import INPUT, OnnxNetwork
from autometa_compress.teaching import Array

KINDS = ("int8_static", "int8_dynamic", "float16")
_CALIBRATION_ROWS = 512
_PRODUCTS = ["MatMul", "Gemm", "Conv"]


class Quantize(Compressor):
    """Keeps weights in 8 or 16 bits.

    * ``int8_static``: weights per channel and activations, ranges measured on training rows.
    * ``int8_dynamic``: weights of matrix products only; activations as they come. On convolutions
      it was measured five times slower than float32.
    * ``float16``: half the size; computed in float32 on most processors.
    """

    DEFAULTS: ClassVar[Mapping[str, Any]] = {"kind": "int8_static"}

    @staticmethod
    def space() -> Space:
        """Gives the space."""
        from optuna.distributions import CategoricalDistribution

        return Space({"kind": CategoricalDistribution(KINDS)}, {}, dict(Quantize.DEFAULTS))

    def compress(self, model: Model, context: CompressContext) -> Model:
        """Gives the same graph with fewer bits.

        Raises:
            NotApplicable: If it is no graph of ours, or the graph was quantized before.
        """
        if not isinstance(model, OnnxNetwork):
            raise NotApplicable(f"needs a graph that to_onnx wrote, got {type(model).__name__}")
        if self.config["kind"] == "float16":
            return model.with_core(_halved(model.core))
        if self.config["kind"] == "int8_dynamic":
            return model.with_core(_dynamic(model.core))
        X: Any = context.data.X
        n = min(len(X), _CALIBRATION_ROWS)
        rows = np.sort(context.fit.rng.choice(len(X), size=n, replace=False))
        Z = model.encode(X.iloc[rows] if isinstance(X, pd.DataFrame) else X[rows])
        return model.with_core(_static(model.core, Z))


class _Rows:
    """Gives rows to the calibration, all at once."""

    def __init__(self, Z: Array) -> None:
        self._batches = iter([{INPUT: Z}])

    def get_next(self) -> Mapping[str, Array] | None:
        """Gives the next batch, None at the end."""
        return next(self._batches, None)


def _quantization() -> Any:
    """Imports onnxruntime's quantizer.

    Its modules import others by plain names, from a folder that their package adds to ``sys.path``
    when it is first imported; a worker takes such an entry away at the end of the job, and the
    next one would fail.
    """
    place = str(Path(str(import_module("onnxruntime.transformers").__file__)).parent)
    if place not in sys.path:
        sys.path.append(place)
    return import_module("onnxruntime.quantization")


def _static(core: bytes, Z: Array) -> bytes:
    q = _quantization()
    with _files(core) as (source, target):
        q.quantize_static(
            source,
            target,
            _reader(Z),
            quant_format=q.QuantFormat.QDQ,
            per_channel=True,
            activation_type=q.QuantType.QUInt8,
            weight_type=q.QuantType.QInt8,
            op_types_to_quantize=_PRODUCTS,
        )
        return _cleared(target.read_bytes())


def _dynamic(core: bytes) -> bytes:
    q = _quantization()
    with _files(_without_gemm(core)) as (source, target):
        q.quantize_dynamic(
            source,
            target,
            weight_type=q.QuantType.QInt8,
            per_channel=True,
            op_types_to_quantize=["MatMul"],
            nodes_to_quantize=_products(source),
        )
        return _cleared(target.read_bytes())


def _without_gemm(core: bytes) -> bytes:
    """Writes ``x B' + c`` as a product and a sum: the quantizer knows no Gemm."""
    import onnx

    model = onnx.load_from_string(core)
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes = []
    for node in model.graph.node:
        given = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        is_plain = given.get("alpha", 1.0) == 1.0 == given.get("beta", 1.0)
        if node.op_type != "Gemm" or node.input[1] not in weights or not is_plain:
            nodes.append(node)
            continue
        x, b, c = node.input
        matrix = onnx.numpy_helper.to_array(weights[b])
        matrix = np.ascontiguousarray(matrix.T if given.get("transB") else matrix)
        weights[b].CopyFrom(onnx.numpy_helper.from_array(matrix, b))
        product = f"{node.output[0]}_product"
        nodes.append(onnx.helper.make_node("MatMul", [x, b], [product], name=product))
        nodes.append(onnx.helper.make_node("Add", [product, c], list(node.output)))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return bytes(model.SerializeToString(deterministic=True))


def _products(source: Path) -> list[str]:
    """Names the products with one matrix of weights; batches of matrices run only unquantized.

    Raises:
        NotApplicable: If there is none.
    """
    import onnx

    graph = onnx.load(source).graph
    matrices = {tensor.name for tensor in graph.initializer if len(tensor.dims) == 2}
    found = [
        node.name for node in graph.node if node.op_type == "MatMul" and matrices & set(node.input)
    ]
    if not found:
        raise NotApplicable("the graph has no product with a matrix of weights")
    return found


def _halved(core: bytes) -> bytes:
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    half = convert_float_to_float16(onnx.load_from_string(core), keep_io_types=True)
    return _cleared(half.SerializeToString(deterministic=True))


def _reader(Z: Array) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    reader = type("Reader", (_Rows, CalibrationDataReader), {})
    return reader(Z)


@contextmanager
def _files(core: bytes) -> Iterator[tuple[Path, Path]]:
    """Gives a file that holds the graph and one for the result; quiet about what is logged."""
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)
    try:
        with tempfile.TemporaryDirectory(prefix="autometa-") as name:
            source = Path(name) / "core.onnx"
            source.write_bytes(_cleared(core))
            yield source, Path(name) / "quantized.onnx"
    finally:
        logging.root.setLevel(level)


def _cleared(core: bytes) -> bytes:
    """Leaves out shapes of inner tensors: stale ones make the quantizer fail or lie."""
    import onnx

    graph = onnx.load_from_string(core)
    del graph.graph.value_info[:]
    return bytes(graph.SerializeToString(deterministic=True))
