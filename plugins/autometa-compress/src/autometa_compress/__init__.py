"""Compressors: distillation into smaller models, pruning, ONNX, quantization.

This module is imported to list plugins, so it stays light. A compressor is offered only where
what it works with is installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from autometa import CompressorSpec, hookimpl

_TREES = frozenset({"trees", "lightgbm"})
_NETWORK = frozenset({"torch"})
_TABLES = frozenset({"tabular"})
_TABLES_ONLY = ("distill_boosting", "distill_linear")


@hookimpl
def autometa_compressors() -> Sequence[CompressorSpec]:
    """Gives the compressors of this plugin."""
    has_torch = find_spec("autometa_torch") is not None
    has_pruning = has_torch and find_spec("torch_pruning") is not None
    has_onnx = find_spec("onnx") is not None and find_spec("onnxruntime") is not None
    specs = [
        _spec("distill_boosting", "distill", {"*"}, "lightgbm", "distill:DistillBoosting"),
        _spec("distill_linear", "distill", {"*"}, "linear", "distill:DistillLinear"),
    ]
    if has_torch:
        specs.append(_spec("distill_network", "distill", {"*"}, "torch", "distill:DistillNetwork"))
        specs += [
            _spec("distill_features", "distill", _NETWORK, "torch", "hints:DistillFeatures"),
            _spec("distill_gradients", "distill", _NETWORK, "torch", "hints:DistillGradients"),
        ]
    takes = _TREES | _NETWORK if has_pruning else _TREES
    specs.append(_spec("prune", "prune", takes, "*", "prune:Prune"))
    if has_torch:
        specs.append(_spec("sparsify", "prune", _NETWORK, "*", "sparse:Sparsify"))
    if has_torch and has_onnx:
        specs.append(_spec("to_onnx", "export", _NETWORK, "onnx", "onnx_export:ToOnnx"))
        specs.append(_spec("quantize", "quantize", {"onnx"}, "onnx", "quantize:Quantize"))
    return specs


_SUMMARIES = {
    "distill_boosting": "trains a few boosted trees on the model's own predictions",
    "distill_linear": "trains a linear model on the model's own predictions",
    "distill_network": "trains a small network on the model's own predictions",
    "distill_features": "trains a small network on a network's predictions and inner features",
    "distill_gradients": "trains a small network on a network's predictions and their gradients",
    "prune": "keeps fewer trees, or fewer hidden units, and fits what is left to the model",
    "sparsify": "sets weights of a network to 0, so that its download shrinks",
    "to_onnx": "writes a network as an ONNX graph",
    "quantize": "keeps the weights of an ONNX graph in fewer bits",
}


def _spec(
    name: str, stage: str, consumes: set[str] | frozenset[str], produces: str, home: str
) -> CompressorSpec:
    module, cls = home.split(":")
    return CompressorSpec(
        name=name,
        stage=stage,
        consumes=frozenset(consumes),
        produces=produces,
        factory=f"autometa_compress.{module}:{cls}",
        space=f"autometa_compress.{module}:{cls}.space",
        modalities=_TABLES if name in _TABLES_ONLY else _TABLES | {"image"},
        summary=_SUMMARIES[name],
    )
