"""Networks of torch as ONNX graphs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from autometa import CompressContext, Compressor, Model, NotApplicable, Space
from autometa_compress.onnx_model import INPUT, OUTPUT, OnnxImages, OnnxModel

_OPSET = 17
"""Old enough for every device whose opset a task may name."""


class ToOnnx(Compressor):
    """Writes a network as an ONNX graph, which what quantizes takes."""

    @staticmethod
    def space() -> Space:
        """Gives the space: there is nothing to choose."""
        return Space({})

    def compress(self, model: Model, context: CompressContext) -> Model:
        """Gives the same network for another runtime.

        Raises:
            NotApplicable: If it is no network for tables or images, or has a layer that cannot be
                written.
        """
        network: Any = model
        if hasattr(network, "plan") and hasattr(network, "module"):
            core = _graph(network, context)
            return OnnxModel(network.plan, core, asdict(network.outputs))
        if hasattr(network, "normalisation") and hasattr(network, "module"):
            own = network.normalisation
            inputs = {"shape": network.shape, "mean": own.mean, "spread": own.spread}
            return OnnxImages(inputs, _graph(network, context), asdict(network.outputs))
        raise NotApplicable(f"a {model.format} model has no network over encoded rows")


def _graph(network: Any, context: CompressContext) -> bytes:
    """Gives the graph of a network's module, weights inside."""
    from autometa_torch import PlainGraph

    shape = network.encode(context.data.X[:1]).shape[1:]
    graph = PlainGraph(opset=_OPSET)
    raw = network.module.to_onnx(graph, INPUT)
    inputs = (INPUT, np.float32, shape)
    return graph.to_bytes(inputs, raw, OUTPUT, network.n_classes or 1)
