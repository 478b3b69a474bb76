"""A network as an ONNX graph, run by onnxruntime."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from autometa import EncodingPlan, Model, NotApplicable, OnnxGraph, OnnxOutput
from autometa_compress.teaching import Array

if TYPE_CHECKING:
    import pandas as pd

INPUT, OUTPUT = "x", "y"
_CORE, _PLAN, _META = "core.onnx", "plan.json", "outputs.json"
_KEYS = {"n_classes", "center", "spread", "lowest", "highest"}


class OnnxModel(Model):
    """An encoding plan, then a graph from encoded rows to logits or standardised values.

    Args:
        plan: From typed columns to (n, plan.width) float32.
        core: The graph: input ``x`` (n, width), output ``y`` (n, k) float32.
        outputs: What its numbers mean: ``n_classes`` (null for regression), and for values
            ``center``, ``spread``, ``lowest``, ``highest``.
    """

    format: ClassVar[str] = "onnx"

    def __init__(self, plan: EncodingPlan, core: bytes, outputs: Mapping[str, Any]) -> None:
        self.plan = plan
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

    def raw(self, Z: Array) -> Array:
        """Gives (n, k) what the graph says of encoded rows."""
        raw: Array = self.session.run([OUTPUT], {INPUT: Z})[0]
        return raw

    def predict(self, X: pd.DataFrame | Array) -> Array:
        """Predicts rows, see `Model.predict`."""
        if isinstance(X, np.ndarray):
            raise TypeError("a network for tables predicts a DataFrame of typed columns")
        raw = self.raw(self.plan.transform(X)).astype(np.float64)
        if self.outputs["n_classes"] is None:
            values = self.outputs["center"] + self.outputs["spread"] * raw[:, 0]
            clipped: Array = np.clip(values, self.outputs["lowest"], self.outputs["highest"])
            return clipped
        shares: Array = np.exp(raw - raw.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        return shares

    def save(self, folder: Path) -> None:
        """Writes ``plan.json``, ``core.onnx`` and ``outputs.json``."""
        (folder / _PLAN).write_text(self.plan.to_json(), encoding="utf-8")
        (folder / _CORE).write_bytes(self.core)
        (folder / _META).write_text(json.dumps(self.outputs), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote."""
        try:
            plan = EncodingPlan.from_json((folder / _PLAN).read_text(encoding="utf-8"))
            outputs = json.loads((folder / _META).read_text(encoding="utf-8"))
            core = (folder / _CORE).read_bytes()
        except OSError as exc:
            raise ValueError(f"cannot read an ONNX model from {folder.name}: {exc}") from exc
        if not isinstance(outputs, dict) or set(outputs) != _KEYS:
            raise ValueError(f"{_META} of a model must hold {', '.join(sorted(_KEYS))}")
        return cls(plan, core, outputs)

    def to_onnx(self, graph: OnnxGraph) -> OnnxOutput:
        """Writes itself into a graph, see `Model.to_onnx`."""
        import onnx

        core = onnx.load_from_string(self.core).graph
        names = {INPUT: graph.encode(self.plan), "": ""}
        for tensor in core.initializer:
            names[tensor.name] = graph.constant(onnx.numpy_helper.to_array(tensor))
        for node in _in_order(core.node, names):
            if len(node.output) > 1:
                raise NotApplicable(f"{node.op_type} of a quantized graph has several outputs")
            given = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            if node.op_type == "Constant":
                names[node.output[0]] = graph.constant(onnx.numpy_helper.to_array(given["value"]))
                continue
            inputs = [names[name] for name in node.input]
            names[node.output[0]] = graph.node(node.op_type, *inputs, domain=node.domain, **given)
        n_classes = self.outputs["n_classes"]
        scores = graph.scores(names[OUTPUT], n_classes or 1)
        if n_classes is not None:
            return OnnxOutput.probabilities(scores, n_classes=n_classes)
        center, spread = self.outputs["center"], self.outputs["spread"]
        ends = [(self.outputs[end] - center) / spread for end in ("lowest", "highest")]
        bounds = (ends[0], ends[1])
        return OnnxOutput.values(scores, scale=spread, shift=center, bounds=bounds)


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
