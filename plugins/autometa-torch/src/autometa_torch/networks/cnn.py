"""Convolutional networks for small images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from autometa_torch.networks.base import Network, Rate, draw, linear, undrawn
from autometa_torch.onnx import write_convolution, write_linear, write_mean, write_shrink
from autometa_torch.onnx_images import Graph


def convolution(n_in: int, n_out: int, size: int, stride: int = 1) -> nn.Conv2d:
    """Gives a layer without bias (a norm follows) and without drawing its weights."""
    with undrawn():
        return nn.Conv2d(n_in, n_out, size, stride=stride, padding=size // 2, bias=False)


_VECTOR = 8


class ImageNetwork(Network):
    """What networks for images share: how they start and how they are trained.

    Args:
        reduce: Images are averaged over squares of so many pixels first.
    """

    def __init__(self, reduce: int) -> None:
        super().__init__()
        self.reduce = reduce
        self.shrink: nn.Module = nn.AvgPool2d(reduce) if reduce > 1 else nn.Identity()

    def prepared(self, x: Tensor) -> Tensor:
        """Gives what the first convolution takes: (n, channels, h, w), shrunk.

        Images come pixel by pixel, which is a third faster than channel by channel. But there the
        backward pass of layers whose channels fill no vector, as pruning leaves them, writes beyond
        its memory on processors without AVX-512 (torch 2.13) and ends the process.
        """
        layers = [module for module in self.modules() if isinstance(module, nn.Conv2d)]
        if any(layer.out_channels % _VECTOR for layer in layers):
            x = x.clone(memory_format=torch.contiguous_format)
        shrunk: Tensor = self.shrink(x)
        return shrunk

    def initialise(self, generator: torch.Generator) -> None:
        """Draws the weights (He et al. 2015); norms start as the identity."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan_in = module.weight[0].numel()
                draw(module.weight, math.sqrt(2.0 / fan_in), generator)
        draw(self.head.weight, 1.0 / math.sqrt(self.head.in_features), generator)
        nn.init.zeros_(self.head.bias)

    def rates(self) -> dict[Tensor, Rate]:
        """Gives plain rates; biases and norms do not decay."""
        return {p: Rate(1.0, float(p.ndim > 1)) for p in self.parameters()}


class CNNNetwork(ImageNetwork):
    """Convolutions of 3 × 3, each with a norm, with pooling between the stages.

    Args:
        channels: Of the images.
        widths: Channels of each convolution.
        pools: Whether the image is halved after each of them.
        n_outputs: Logits, or 1.
        reduce: See `ImageNetwork`.
    """

    kind: ClassVar[str] = "cnn"

    def __init__(
        self,
        channels: int,
        widths: Sequence[int],
        pools: Sequence[bool],
        n_outputs: int,
        *,
        reduce: int = 1,
    ) -> None:
        super().__init__(reduce)
        before = [channels, *widths]
        self.convolutions = nn.ModuleList(
            convolution(n_in, n_out, 3) for n_in, n_out in zip(before, widths, strict=False)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in widths)
        self.pools = list(pools)
        self.activation = nn.ReLU()
        self.pool = nn.MaxPool2d(2)
        self.head = linear(widths[-1], n_outputs)

    def architecture(self) -> dict[str, Any]:
        """Gives the shape, see `Network.architecture`."""
        layers = [layer for layer in self.convolutions if isinstance(layer, nn.Conv2d)]
        return {
            "kind": self.kind,
            "channels": layers[0].in_channels,
            "widths": [layer.out_channels for layer in layers],
            "pools": self.pools,
            "n_outputs": self.head.out_features,
            "reduce": self.reduce,
        }

    def features(self, x: Tensor) -> Tensor:
        """Gives what the head takes, see `Network.features`."""
        x = self.prepared(x)
        for layer, norm, pools in zip(self.convolutions, self.norms, self.pools, strict=True):
            x = self.activation(norm(layer(x)))
            x = self.pool(x) if pools else x
        return x.mean(dim=(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Gives (n, n_outputs) of (n, channels, h, w)."""
        out: Tensor = self.head(self.noise(self.features(x)))
        return out

    def to_onnx(self, graph: Graph, x: str) -> str:
        """Writes itself, see `Network.to_onnx`."""
        x = write_shrink(graph, x, self.reduce)
        for layer, norm, pools in zip(self.convolutions, self.norms, self.pools, strict=True):
            assert isinstance(layer, nn.Conv2d)
            assert isinstance(norm, nn.BatchNorm2d)
            x = graph.node("Relu", write_convolution(graph, x, layer, norm))
            if pools:
                x = graph.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
        return write_linear(graph, write_mean(graph, x), self.head)


class ConvolutionBlock(nn.Module):
    """``relu(shortcut(x) + norm(conv(relu(norm(conv(x))))))``.

    Args:
        n_in: Channels that come in.
        hidden: Channels between the convolutions.
        n_out: Channels that go out.
        stride: 2 halves the image.
        projects: Whether the shortcut is a convolution; None: only where it must be. A block that
            was pruned keeps its own, even if the channels on both sides have become as many.
    """

    def __init__(
        self, n_in: int, hidden: int, n_out: int, stride: int, projects: bool | None = None
    ) -> None:
        super().__init__()
        self.first = convolution(n_in, hidden, 3, stride)
        self.first_norm = nn.BatchNorm2d(hidden)
        self.second = convolution(hidden, n_out, 3)
        self.second_norm = nn.BatchNorm2d(n_out)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or n_in != n_out if projects is None else projects:
            self.shortcut = nn.Sequential(
                convolution(n_in, n_out, 1, stride), nn.BatchNorm2d(n_out)
            )
        self.activation = nn.ReLU()

    def shape(self) -> list[int | bool]:
        """Gives all arguments but the first, as the layers are now."""
        projects = not isinstance(self.shortcut, nn.Identity)
        first, second = self.first, self.second
        return [first.out_channels, second.out_channels, int(first.stride[0]), projects]

    def forward(self, x: Tensor) -> Tensor:
        """Gives (n, n_out, h / stride, w / stride)."""
        inner = self.activation(self.first_norm(self.first(x)))
        out: Tensor = self.activation(self.shortcut(x) + self.second_norm(self.second(inner)))
        return out

    def to_onnx(self, graph: Graph, x: str) -> str:
        """Writes itself, see `Network.to_onnx`."""
        inner = graph.node("Relu", write_convolution(graph, x, self.first, self.first_norm))
        inner = write_convolution(graph, inner, self.second, self.second_norm)
        if isinstance(self.shortcut, nn.Sequential):
            layer, norm = self.shortcut
            assert isinstance(layer, nn.Conv2d)
            assert isinstance(norm, nn.BatchNorm2d)
            x = write_convolution(graph, x, layer, norm)
        return graph.node("Relu", graph.node("Add", x, inner))


class ResidualCNNNetwork(ImageNetwork):
    """A convolution and residual blocks.

    Source: He et al. 2016, "Deep residual learning for image recognition", section 4.2.

    Args:
        channels: Of the images.
        stem: Channels of the first convolution.
        blocks: Arguments of each `ConvolutionBlock` but the first.
        n_outputs: Logits, or 1.
        reduce: See `ImageNetwork`.
    """

    kind: ClassVar[str] = "residual_cnn"

    def __init__(
        self,
        channels: int,
        stem: int,
        blocks: Sequence[Sequence[int]],
        n_outputs: int,
        *,
        reduce: int = 1,
    ) -> None:
        super().__init__(reduce)
        self.stem = convolution(channels, stem, 3)
        self.norm = nn.BatchNorm2d(stem)
        self.activation = nn.ReLU()
        before = [stem, *(block[1] for block in blocks)]
        self.blocks = nn.ModuleList(
            ConvolutionBlock(n_in, *block)  # type: ignore[arg-type]
            for n_in, block in zip(before, blocks, strict=False)
        )
        self.head = linear(before[-1], n_outputs)

    def architecture(self) -> dict[str, Any]:
        """Gives the shape, see `Network.architecture`."""
        blocks = [block for block in self.blocks if isinstance(block, ConvolutionBlock)]
        return {
            "kind": self.kind,
            "channels": self.stem.in_channels,
            "stem": self.stem.out_channels,
            "blocks": [block.shape() for block in blocks],
            "n_outputs": self.head.out_features,
            "reduce": self.reduce,
        }

    def features(self, x: Tensor) -> Tensor:
        """Gives what the head takes, see `Network.features`."""
        x = self.activation(self.norm(self.stem(self.prepared(x))))
        for block in self.blocks:
            x = block(x)
        return x.mean(dim=(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Gives (n, n_outputs) of (n, channels, h, w)."""
        out: Tensor = self.head(self.noise(self.features(x)))
        return out

    def to_onnx(self, graph: Graph, x: str) -> str:
        """Writes itself, see `Network.to_onnx`."""
        x = write_convolution(graph, write_shrink(graph, x, self.reduce), self.stem, self.norm)
        x = graph.node("Relu", x)
        for block in self.blocks:
            assert isinstance(block, ConvolutionBlock)
            x = block.to_onnx(graph, x)
        return write_linear(graph, write_mean(graph, x), self.head)
