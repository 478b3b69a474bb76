"""An ONNX graph from bytes of images to the answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from autometa import NotApplicable

_OPSET, _IR = 21, 10
INPUT = "images"


class Graph(Protocol):
    """What layers are written into: `ImageGraph`, or `autometa.OnnxGraph`."""

    def constant(self, values: Any, dtype: Any = None) -> str:
        """Gives the name of a constant."""

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Adds an operator; gives the name of its output."""


class ImageGraph:
    """One file for one model; its input is ``images``, uint8 (n, h, w, c).

    Args:
        shape: (h, w, c).

    Raises:
        NotApplicable: If onnx is not installed.
    """

    def __init__(self, shape: Sequence[int]) -> None:
        try:
            import onnx  # noqa: F401
        except ImportError as exc:
            raise NotApplicable(
                "onnx is not installed: pip install 'autometa-core[export]'"
            ) from exc
        self._shape = list(shape)
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def constant(self, values: Any, dtype: Any = None) -> str:
        """Gives the name of a constant."""
        from onnx import numpy_helper

        name = f"@constant{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(values, dtype=dtype), name))
        return name

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Adds an operator; gives the name of its output."""
        name = f"@{len(self._nodes)}"
        self._add(op, inputs, name, attributes)
        return name

    def _add(self, op: str, inputs: Sequence[str], output: str, attributes: dict[str, Any]) -> None:
        from onnx import helper

        self._nodes.append(helper.make_node(op, inputs, [output], **attributes))

    def numbers(self, mean: Sequence[float], spread: Sequence[float]) -> str:
        """Gives (n, c, h, w) float32: channels first, normalised."""
        x = self.node("Transpose", self.node("Cast", INPUT, to=1), perm=[0, 3, 1, 2])
        centers, spreads = (
            self.constant(np.reshape(values, (1, -1, 1, 1)), np.float32)
            for values in (mean, spread)
        )
        return self.node("Div", self.node("Sub", x, centers), spreads)

    def write(self, path: Path, answer: str, name: str, width: int) -> None:
        """Ends the graph and writes the file.

        Args:
            path: Of the file.
            answer: Name of what is given, (n, width) float32.
            name: What the output is called: ``probabilities`` or ``value``.
            width: Number of columns.
        """
        import onnx
        from onnx import TensorProto, helper

        self._add("Identity", [answer], name, {})
        graph = helper.make_graph(
            self._nodes,
            "autometa",
            [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["n", *self._shape])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width])],
            self._constants,
        )
        model = helper.make_model(
            graph,
            producer_name="autometa",
            opset_imports=[helper.make_opsetid("", _OPSET)],
            ir_version=_IR,
        )
        onnx.checker.check_model(model)
        path.write_bytes(model.SerializeToString(deterministic=True))
