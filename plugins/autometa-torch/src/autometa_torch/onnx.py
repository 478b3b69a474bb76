"""Writes layers as ONNX nodes, straight from their weights."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor, nn

from autometa import NotApplicable
from autometa_torch.networks.layers import NumberEmbedding, Scale
from autometa_torch.onnx_images import Graph

Shape = tuple[int, ...]


def write_linear(graph: Graph, x: str, layer: nn.Linear) -> str:
    """Gives (n, out) of (n, in)."""
    weight = graph.constant(layer.weight.detach().numpy())
    bias = [graph.constant(layer.bias.detach().numpy())] if layer.bias is not None else []
    return graph.node("Gemm", x, weight, *bias, transB=1)


def write_activation(graph: Graph, x: str, layer: nn.Module) -> str:
    """Gives the shape of x.

    Raises:
        NotApplicable: If the layer is no activation that is known here.
    """
    if isinstance(layer, nn.ReLU):
        return graph.node("Relu", x)
    if isinstance(layer, nn.SELU):
        return graph.node("Selu", x)
    if isinstance(layer, nn.SiLU):
        return graph.node("Mul", x, graph.node("Sigmoid", x))
    if isinstance(layer, nn.Mish):
        return graph.node("Mul", x, graph.node("Tanh", graph.node("Softplus", x)))
    raise NotApplicable(f"the layer {type(layer).__name__} has no onnx export")


def write_norm(graph: Graph, x: str, layer: nn.BatchNorm1d) -> str:
    """Gives (n, d) of (n, d): one product and one sum."""
    factor, shift = _affine(layer)
    scaled = graph.node("Mul", x, graph.constant(factor.detach().numpy()))
    return graph.node("Add", scaled, graph.constant(shift.detach().numpy()))


def _affine(layer: nn.BatchNorm1d | nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Gives factor and shift of each column or channel."""
    assert layer.running_var is not None
    assert layer.running_mean is not None
    factor = layer.weight / (layer.running_var + layer.eps).sqrt()
    return factor, layer.bias - layer.running_mean * factor


def write_scale(graph: Graph, x: str, layer: nn.Module) -> str:
    """Gives (n, d) of (n, d)."""
    if not isinstance(layer, Scale):
        return x
    return graph.node("Mul", x, graph.constant(layer.factor.detach().numpy()))


def write_embedding(graph: Graph, x: str, layer: nn.Module) -> str:
    """Gives (n, layer.n_outputs) of (n, layer.width)."""
    if not isinstance(layer, NumberEmbedding):
        return x
    d, k, m = layer.weight.shape
    frequency, phase, weight, bias = (
        p.detach().numpy() for p in (layer.frequency, layer.phase, layer.weight, layer.bias)
    )
    own = graph.node("Gather", x, graph.constant(layer.embedded.numpy()), axis=1)  # (n, d)
    columns = _reshaped(graph, own, (0, d, 1))
    waves = graph.node("Mul", columns, graph.constant(frequency[:, 0]))  # (n, d, k)
    waves = graph.node("Add", waves, graph.constant(phase[:, 0]))
    turns = graph.constant(2.0 * math.pi, np.float32)
    waves = _reshaped(graph, graph.node("Cos", graph.node("Mul", waves, turns)), (0, d, 1, k))
    features = graph.node("MatMul", waves, graph.constant(weight))  # (n, d, 1, m)
    features = graph.node("Add", features, graph.constant(bias))
    parts = [own, _reshaped(graph, features, (0, d * m))]
    if len(layer.rest):
        parts.append(graph.node("Gather", x, graph.constant(layer.rest.numpy()), axis=1))
    return graph.node("Concat", *parts, axis=1)


def _reshaped(graph: Graph, x: str, shape: Shape) -> str:
    """Reshapes; 0 keeps the number of rows."""
    return graph.node("Reshape", x, graph.constant(shape, np.int64))


def write_convolution(graph: Graph, x: str, layer: nn.Conv2d, norm: nn.BatchNorm2d) -> str:
    """Gives (n, out, h, w): a convolution with the norm behind it folded into its weights."""
    factor, shift = _affine(norm)
    weight = layer.weight * factor[:, None, None, None]
    padding = [int(p) for p in layer.padding]
    return graph.node(
        "Conv",
        x,
        graph.constant(weight.detach().numpy()),
        graph.constant(shift.detach().numpy()),
        kernel_shape=list(layer.kernel_size),
        strides=list(layer.stride),
        pads=[*padding, *padding],
    )


def write_shrink(graph: Graph, x: str, reduce: int) -> str:
    """Gives the image averaged over squares of so many pixels."""
    if reduce == 1:
        return x
    return graph.node("AveragePool", x, kernel_shape=[reduce] * 2, strides=[reduce] * 2)


def write_mean(graph: Graph, x: str) -> str:
    """Gives (n, c) of (n, c, h, w)."""
    return graph.node("Flatten", graph.node("GlobalAveragePool", x), axis=1)
