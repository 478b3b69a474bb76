"""A bare network as an ONNX graph, and what stands before a network for images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from autometa import NotApplicable

OPSET, IR = 21, 10


class Graph(Protocol):
    """What layers are written into: a `PlainGraph`, or `autometa.OnnxGraph`."""

    def constant(self, values: Any, dtype: Any = None) -> str:
        """Gives the name of a constant."""

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Adds an operator; gives the name of its output."""

    def nodes(self, op: str, *inputs: str, n_outputs: int, **attributes: Any) -> tuple[str, ...]:
        """Adds an operator with several outputs; gives their names."""


class PlainGraph:
    """Nodes and constants of one file with one input and one output.

    Args:
        opset: Of ai.onnx.

    Raises:
        NotApplicable: If onnx is not installed.
    """

    def __init__(self, opset: int = OPSET) -> None:
        try:
            import onnx  # noqa: F401
        except ImportError as exc:
            raise NotApplicable(
                "onnx is not installed: pip install 'autometa-core[export]'"
            ) from exc
        self._opset = opset
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._count = 0

    def constant(self, values: Any, dtype: Any = None) -> str:
        """Gives the name of a constant."""
        from onnx import numpy_helper

        name = f"@constant{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(values, dtype=dtype), name))
        return name

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Adds an operator; gives the name of its output."""
        return self.nodes(op, *inputs, n_outputs=1, **attributes)[0]

    def nodes(self, op: str, *inputs: str, n_outputs: int, **attributes: Any) -> tuple[str, ...]:
        """Adds an operator with several outputs; gives their names."""
        names = tuple(f"@{self._count + index}" for index in range(n_outputs))
        self._count += n_outputs
        self._add(op, inputs, names, attributes)
        return names

    def _add(
        self, op: str, inputs: Sequence[str], outputs: Sequence[str], attributes: Mapping[str, Any]
    ) -> None:
        from onnx import helper

        name = f"node{len(self._nodes)}"
        self._nodes.append(helper.make_node(op, inputs, outputs, name=name, **attributes))

    def to_bytes(
        self, inputs: tuple[str, type, Sequence[int]], answer: str, name: str, width: int
    ) -> bytes:
        """Ends the graph.

        Args:
            inputs: Name, NumPy type and shape of the input, rows left out.
            answer: Name of what is given, (n, width) float32.
            name: What the output is called.
            width: Number of columns.
        """
        import onnx
        from onnx import TensorProto, helper

        self._add("Identity", [answer], [name], {})
        source, kind, shape = inputs
        elements = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
        graph = helper.make_graph(
            self._nodes,
            "autometa",
            [helper.make_tensor_value_info(source, elements, ["n", *shape])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width])],
            self._constants,
        )
        model = helper.make_model(
            graph,
            producer_name="autometa",
            opset_imports=[helper.make_opsetid("", self._opset)],
            ir_version=IR if self._opset >= OPSET else 8,
        )
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))


def write_normalised(
    graph: Graph, images: str, mean: Sequence[float], spread: Sequence[float]
) -> str:
    """Gives (n, c, h, w) float32 of (n, h, w, c) uint8: channels first, normalised.

    Args:
        graph: See `Graph`.
        images: As `autometa.OnnxGraph.images` names them.
        mean: Of each channel.
        spread: Of each channel, > 0.
    """
    x = graph.node("Transpose", graph.node("Cast", images, to=1), perm=[0, 3, 1, 2])
    centers, spreads = (
        graph.constant(np.reshape(values, (1, -1, 1, 1)), np.float32) for values in (mean, spread)
    )
    return graph.node("Div", graph.node("Sub", x, centers), spreads)
