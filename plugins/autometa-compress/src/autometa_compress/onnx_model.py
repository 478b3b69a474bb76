"""A network as an ONNX graph, run by onnxruntime."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from autometa import EncodingPlan, Model, NotApplicable, OnnxGraph, OnnxOutput
from autometa_compress.teaching import Array

if TYPE_CHECKING:
    import pandas as pd

INPUT, OUTPUT = "x", "y"
_CORE, _META = "core.onnx", "outputs.json"
_PLAN, _IMAGES = "plan.json", "images.json"
_BATCH = 1024  # rows whose inner values are held together
_KEYS = {"n_classes", "center", "spread", "lowest", "highest"}


class OnnxNetwork(Model):
    """A graph from encoded rows to logits or standardised values, and how rows are encoded.

    Args:
        core: The graph: input ``x``, encoded rows, output ``y`` (n, k), both float32.
        outputs: What its numbers mean: ``n_classes`` (null for regression), and for values
            ``center``, ``spread``, ``lowest``, ``highest``.
    """

    format: ClassVar[str] = "onnx"

    def __init__(self, core: bytes, outputs: Mapping[str, Any]) -> None:
        self.core = core
        self.outputs = dict(outputs)
        self._session: Any = None

    @property
    def session(self) -> Any:
        """What runs the graph on one thread, made when it is first used."""
        if self._session is None:
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            options.log_severity_level = 3
            self._session = onnxruntime.InferenceSession(
                self.core, options, providers=["CPUExecutionProvider"]
            )
        return self._session

    @abstractmethod
    def encode(self, X: Any) -> Array:
        """Gives what the graph takes, float32, of rows as `predict` takes them."""

    @abstractmethod
    def encoded_in(self, graph: OnnxGraph) -> str:
        """Gives the name of what `encode` gives in a graph over raw rows."""

    @abstractmethod
    def with_core(self, core: bytes) -> Self:
        """Gives this model with another graph; itself it stays as it was."""

    def raw(self, Z: Array) -> Array:
        """Gives (n, k) what the graph says of encoded rows.

        What a dynamic graph makes of a row would depend on the rows beside it.
        """
        step = 1 if len(Z) and b"DynamicQuantizeLinear" in self.core else _BATCH
        parts = [Z[start : start + step] for start in range(0, max(len(Z), 1), step)]
        raw: Array = np.concatenate([self.session.run([OUTPUT], {INPUT: Z})[0] for Z in parts])
        return raw

    def predict(self, X: pd.DataFrame | Array) -> Array:
        """Predicts rows, see `Model.predict`."""
        raw = self.raw(self.encode(X)).astype(np.float64)
        if self.outputs["n_classes"] is None:
            values = self.outputs["center"] + self.outputs["spread"] * raw[:, 0]
            clipped: Array = np.clip(values, self.outputs["lowest"], self.outputs["highest"])
            return clipped
        shares: Array = np.exp(raw - raw.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        return shares

    def to_onnx(self, graph: OnnxGraph) -> OnnxOutput:
        """Writes itself into a graph, see `Model.to_onnx`."""
        raw = copied(self.core, graph, self.encoded_in(graph))
        n_classes = self.outputs["n_classes"]
        scores = graph.scores(raw, n_classes or 1)
        if n_classes is not None:
            return OnnxOutput.probabilities(scores, n_classes=n_classes)
        center, spread = self.outputs["center"], self.outputs["spread"]
        ends = [(self.outputs[end] - center) / spread for end in ("lowest", "highest")]
        bounds = (ends[0], ends[1])
        return OnnxOutput.values(scores, scale=spread, shift=center, bounds=bounds)

    def save(self, folder: Path) -> None:
        """Writes ``core.onnx``, ``outputs.json`` and how rows are encoded."""
        (folder / _CORE).write_bytes(self.core)
        (folder / _META).write_text(json.dumps(self.outputs), encoding="utf-8")


class OnnxModel(OnnxNetwork):
    """An encoding plan, then a graph.

    Args:
        plan: From typed columns to (n, plan.width) float32.
        core: See `OnnxNetwork`.
        outputs: See `OnnxNetwork`.
    """

    def __init__(self, plan: EncodingPlan, core: bytes, outputs: Mapping[str, Any]) -> None:
        super().__init__(core, outputs)
        self.plan = plan

    def encode(self, X: pd.DataFrame | Array) -> Array:
        """Gives (n, plan.width), see `OnnxNetwork.encode`."""
        if isinstance(X, np.ndarray):
            raise TypeError("a network for tables predicts a DataFrame of typed columns")
        return self.plan.transform(X)

    def with_core(self, core: bytes) -> Self:
        """See `OnnxNetwork.with_core`."""
        return type(self)(self.plan, core, self.outputs)

    def save(self, folder: Path) -> None:
        """Writes ``plan.json`` too, see `OnnxNetwork.save`."""
        super().save(folder)
        (folder / _PLAN).write_text(self.plan.to_json(), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote."""
        core, outputs = _read(folder)
        try:
            plan = EncodingPlan.from_json((folder / _PLAN).read_text(encoding="utf-8"))
        except OSError as exc:
            raise ValueError(f"cannot read {_PLAN} of an ONNX model: {exc}") from exc
        return cls(plan, core, outputs)

    def encoded_in(self, graph: OnnxGraph) -> str:
        """See `OnnxNetwork.encoded_in`."""
        return graph.encode(self.plan)


class OnnxImages(OnnxNetwork):
    """A normalisation of images, then a graph.

    Args:
        inputs: ``shape`` (h, w, c) of the images; ``mean`` and ``spread``, of each channel.
        core: See `OnnxNetwork`; it takes (n, c, h, w).
        outputs: See `OnnxNetwork`.
    """

    def __init__(self, inputs: Mapping[str, Any], core: bytes, outputs: Mapping[str, Any]) -> None:
        super().__init__(core, outputs)
        self.inputs = {**inputs, "shape": tuple(inputs["shape"])}

    def encode(self, X: pd.DataFrame | Array) -> Array:
        """Gives (n, c, h, w), see `OnnxNetwork.encode`."""
        if not isinstance(X, np.ndarray) or X.shape[1:] != self.inputs["shape"]:
            raise TypeError(f"this network predicts uint8 images of shape {self.inputs['shape']}")
        mean, spread = (
            np.asarray(self.inputs[key], dtype=np.float32)[:, None, None]
            for key in ("mean", "spread")
        )
        channels = np.ascontiguousarray(X.transpose(0, 3, 1, 2), dtype=np.float32)
        encoded: Array = (channels - mean) / spread
        return encoded

    def with_core(self, core: bytes) -> Self:
        """See `OnnxNetwork.with_core`."""
        return type(self)(self.inputs, core, self.outputs)

    def save(self, folder: Path) -> None:
        """Writes ``images.json`` too, see `OnnxNetwork.save`."""
        super().save(folder)
        (folder / _IMAGES).write_text(json.dumps(self.inputs), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote."""
        core, outputs = _read(folder)
        try:
            inputs = json.loads((folder / _IMAGES).read_text(encoding="utf-8"))
        except OSError as exc:
            raise ValueError(f"cannot read {_IMAGES} of an ONNX model: {exc}") from exc
        if not isinstance(inputs, dict) or set(inputs) != {"shape", "mean", "spread"}:
            raise ValueError(f"{_IMAGES} of a model must hold mean, shape, spread")
        return cls(inputs, core, outputs)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """See `Model.image_shape`."""
        shape: tuple[int, ...] = self.inputs["shape"]
        return shape

    def encoded_in(self, graph: OnnxGraph) -> str:
        """See `OnnxNetwork.encoded_in`."""
        from autometa_torch import write_normalised

        return write_normalised(graph, graph.images(), self.inputs["mean"], self.inputs["spread"])


def _read(folder: Path) -> tuple[bytes, dict[str, Any]]:
    try:
        outputs = json.loads((folder / _META).read_text(encoding="utf-8"))
        core = (folder / _CORE).read_bytes()
    except OSError as exc:
        raise ValueError(f"cannot read an ONNX model from {folder.name}: {exc}") from exc
    if not isinstance(outputs, dict) or set(outputs) != _KEYS:
        raise ValueError(f"{_META} of a model must hold {', '.join(sorted(_KEYS))}")
    return core, outputs


def copied(core: bytes, graph: Any, x: str) -> str:
    """Writes a graph into another one.

    Args:
        core: See `OnnxNetwork`.
        graph: With ``constant``, ``node`` and ``nodes``, as `autometa.OnnxGraph`.
        x: Name in `graph` of what `core` takes.

    Returns:
        The name of what `core` gives.

    Raises:
        NotApplicable: If its nodes read what no node gives.
    """
    import onnx

    own = onnx.load_from_string(core).graph
    names = {INPUT: x, "": ""}
    for tensor in own.initializer:
        names[tensor.name] = graph.constant(onnx.numpy_helper.to_array(tensor))
    for node in _in_order(own.node, names):
        given = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "Constant":
            names[node.output[0]] = graph.constant(onnx.numpy_helper.to_array(given["value"]))
            continue
        inputs = [names[name] for name in node.input]
        found = graph.nodes(
            node.op_type, *inputs, n_outputs=len(node.output), domain=node.domain, **given
        )
        names.update(zip(node.output, found, strict=True))
    return names[OUTPUT]


def _in_order(nodes: Any, known: Mapping[str, str]) -> Iterator[Any]:
    """Gives nodes after what they read; the converter to float16 leaves them unsorted."""
    waiting, ready = list(nodes), set(known)
    while waiting:
        able = [node for node in waiting if ready.issuperset(node.input)]
        if not able:
            raise NotApplicable("the nodes of the graph read what no node gives")
        yield from able
        ready |= {name for node in able for name in node.output}
        waiting = [node for node in waiting if not ready.issuperset(node.output)]
