"""Nodes and constants of a graph in the making; onnx itself is imported when they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autometa.errors import NotApplicable

Array = np.ndarray[Any, Any]

ML = "ai.onnx.ml"
IMAGES = "images"
"""Name of the input of a graph over images."""
DEFAULT_OPSET = 21
OLDEST_OPSET = 15
"""Of ai.onnx. From 21 on (ai.onnx.ml 5) trees are written in less than half the bytes."""


ACROSS_ROWS = frozenset({"DynamicQuantizeLinear"})
"""Operators that look at all rows at once: a file with one takes a single row, so that no answer
depends on the rows beside it."""


@dataclass(slots=True)
class Nodes:
    """What a graph consists of, in the order of its computation.

    Args:
        opset: Version of the operators, 15 or later.
    """

    opset: int = DEFAULT_OPSET
    nodes: list[tuple[str, tuple[str, ...], tuple[str, ...], str, Mapping[str, Any]]] = field(
        default_factory=list
    )
    constants: dict[str, Array] = field(default_factory=dict)
    _known: dict[tuple[str, tuple[int, ...], bytes], str] = field(default_factory=dict)
    _count: int = 0

    def name(self) -> str:
        """Gives a new tensor name; no input or output begins like it."""
        self._count += 1
        return f"@{self._count}"

    def constant(self, values: Any, dtype: Any = None) -> str:
        """Gives the name of a constant; equal ones are written once."""
        array = np.asarray(values, dtype=dtype)
        if array.dtype.kind in "OU":
            key = ("str", array.shape, "\0".join(map(str, array.ravel())).encode("utf-8"))
        else:
            key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._known:
            self._known[key] = self.name()
            self.constants[self._known[key]] = array
        return self._known[key]

    def add(
        self,
        op: str,
        inputs: Sequence[str],
        *,
        domain: str = "",
        outputs: Sequence[str] = (),
        **attributes: Any,
    ) -> str:
        """Adds a node; gives the name of its first output."""
        names = tuple(outputs) or (self.name(),)
        self.nodes.append((op, tuple(inputs), names, domain, attributes))
        return names[0]

    def concat(self, names: Sequence[str]) -> str:
        """Puts tensors of (n, *) side by side."""
        return names[0] if len(names) == 1 else self.add("Concat", names, axis=1)

    def gather(self, tensor: str, columns: Any, width: int) -> str:
        """Takes columns of an (n, width) tensor; the tensor itself when it is all of them."""
        index = np.asarray(columns, dtype=np.int64)
        if np.array_equal(index, np.arange(width)):
            return tensor
        return self.add("Gather", [tensor, self.constant(index)], axis=1)

    def cast(self, tensor: str, kind: str) -> str:
        """Casts to ``float``, ``double`` or ``int64``."""
        return self.add("Cast", [tensor], to={"float": 1, "int64": 7, "double": 11}[kind])

    def to_model(
        self,
        inputs: Sequence[tuple[str, str]],
        outputs: Sequence[tuple[str, str, int | None]],
        properties: Mapping[str, str],
        shapes: Mapping[str, Sequence[int]] | None = None,
    ) -> Any:
        """Gives the ``ModelProto``.

        Args:
            inputs: Name and type (``float``, ``int64``, ``string`` or ``uint8``); of one row where
                an operator is of `ACROSS_ROWS`.
            outputs: Name, type and width; None is (n,).
            properties: Kept as metadata.
            shapes: Of a row of each input that is not (1,).
        """
        from onnx import TensorProto, helper, numpy_helper

        kinds = {
            "float": TensorProto.FLOAT,
            "double": TensorProto.DOUBLE,
            "string": TensorProto.STRING,
            "int64": TensorProto.INT64,
            "bool": TensorProto.BOOL,
            "uint8": TensorProto.UINT8,
        }
        rows = shapes or {}
        n: str | int = 1 if any(op in ACROSS_ROWS for op, *_ in self.nodes) else "n"
        graph = helper.make_graph(
            [
                helper.make_node(op, ins, outs, domain=domain or None, **_attributes(attributes))
                for op, ins, outs, domain, attributes in self.nodes
            ],
            "autometa",
            [
                helper.make_tensor_value_info(name, kinds[kind], [n, *rows.get(name, (1,))])
                for name, kind in inputs
            ],
            [
                helper.make_tensor_value_info(
                    name, kinds[kind], [n] if width is None else [n, width]
                )
                for name, kind, width in outputs
            ],
            [numpy_helper.from_array(value, name) for name, value in self.constants.items()],
        )
        # The old tree node is not allowed in version 5, the only one that has the new one.
        ml = 5 if any(op == "TreeEnsemble" for op, *_ in self.nodes) else 3
        model = helper.make_model(
            graph,
            producer_name="autometa",
            opset_imports=[helper.make_opsetid("", self.opset), helper.make_opsetid(ML, ml)],
            ir_version=10 if self.opset >= 21 else 8,
        )
        helper.set_model_props(model, dict(properties))
        return model


def require_onnx() -> None:
    """Checks that the export can be written.

    Raises:
        NotApplicable: If the package onnx is not installed; names the extra.
    """
    try:
        import onnx  # noqa: F401
    except ImportError as exc:
        raise NotApplicable("onnx is not installed: pip install 'autometa-core[export]'") from exc


def _attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Turns arrays of one axis into lists, as onnx takes them."""
    from onnx import numpy_helper

    return {
        key: numpy_helper.from_array(value.values, key)
        if isinstance(value, TensorAttribute)
        else value.tolist()
        if isinstance(value, np.ndarray)
        else value
        for key, value in attributes.items()
    }


@dataclass(frozen=True, slots=True)
class TensorAttribute:
    """An attribute that is a tensor, not a list."""

    values: Array
