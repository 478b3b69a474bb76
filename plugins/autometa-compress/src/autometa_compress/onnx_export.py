"""Networks of torch as ONNX graphs."""

from __future__ import annotations

import io
import logging
import warnings
from dataclasses import asdict
from typing import Any

from autometa import CompressContext, Compressor, Model, NotApplicable, Space
from autometa_compress.onnx_model import INPUT, OUTPUT, OnnxModel

_OPSET = 17


class ToOnnx(Compressor):
    """Writes a network as an ONNX graph, which what quantizes takes."""

    @staticmethod
    def space() -> Space:
        """Gives the space: there is nothing to choose."""
        return Space({})

    def compress(self, model: Model, context: CompressContext) -> Model:
        """Gives the same network for another runtime.

        Raises:
            NotApplicable: If it is not a network for tables.
        """
        network: Any = model
        if not hasattr(network, "plan") or not hasattr(network, "module"):
            raise NotApplicable(f"a {model.format} model has no network over encoded columns")
        sample = network.encode(context.data.X[:2])
        return OnnxModel(network.plan, _graph(network.module, sample), asdict(network.outputs))


def _graph(module: Any, sample: Any) -> bytes:
    """Gives the graph of a module, weights inside and shapes of single tensors left out."""
    import onnx
    import torch

    buffer: Any = io.BytesIO()
    with warnings.catch_warnings():
        # The exporter that follows needs a package of 200 MB for the same graph.
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        torch.onnx.export(
            module.eval(),
            (sample,),
            buffer,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: {0: "n"}, OUTPUT: {0: "n"}},
            opset_version=_OPSET,
            dynamo=False,
        )
    graph = onnx.load_from_string(buffer.getvalue())
    del graph.graph.value_info[:]
    return bytes(graph.SerializeToString(deterministic=True))
