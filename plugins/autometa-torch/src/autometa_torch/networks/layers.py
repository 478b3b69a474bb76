"""Layers that torch does not have."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

ACTIVATIONS = {"relu": nn.ReLU, "selu": nn.SELU, "silu": nn.SiLU, "mish": nn.Mish}


class NumberEmbedding(nn.Module):
    """Replaces each of some columns by itself and a few periodic features of it.

    ``x -> [x, W2 cos(2π (w1 x + b1)) + b2]`` with weights of its own for each column; the other
    columns pass unchanged, behind the embedded ones.

    Source: Holzmüller et al. 2024, "Better by default", section 3 (PBLD), after Gorishniy et al.
    2022, "On embeddings for numerical features".

    Args:
        width: Columns that come in.
        columns: Indices of those that are embedded.
        n_frequencies: Cosines per column.
        n_features: Outputs per column, itself included, >= 2.
    """

    def __init__(
        self, width: int, columns: Sequence[int], n_frequencies: int = 16, n_features: int = 4
    ) -> None:
        super().__init__()
        d = len(columns)
        rest = sorted(set(range(width)) - set(columns))
        self.width = width
        self.register_buffer("embedded", torch.tensor(list(columns), dtype=torch.int64))
        self.register_buffer("rest", torch.tensor(rest, dtype=torch.int64))
        self.frequency = nn.Parameter(torch.empty(d, 1, n_frequencies))
        self.phase = nn.Parameter(torch.empty(d, 1, n_frequencies))
        self.weight = nn.Parameter(torch.empty(d, n_frequencies, n_features - 1))
        self.bias = nn.Parameter(torch.empty(d, 1, n_features - 1))
        self.embedded: Tensor
        self.rest: Tensor

    @property
    def n_outputs(self) -> int:
        """Columns that go out."""
        return len(self.embedded) * (1 + self.weight.shape[2]) + len(self.rest)

    def initialise(self, spread: float, generator: torch.Generator) -> None:
        """Draws the weights; `spread` is the standard deviation of the frequencies."""
        bound = 1.0 / math.sqrt(self.weight.shape[1])
        with torch.no_grad():
            self.frequency.normal_(0.0, spread, generator=generator)
            self.phase.uniform_(-0.5, 0.5, generator=generator)
            self.weight.uniform_(-bound, bound, generator=generator)
            self.bias.uniform_(-bound, bound, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """Gives (n, n_outputs) of (n, width)."""
        own = x[:, self.embedded]  # (n, d)
        columns = own.T.unsqueeze(2)  # (d, n, 1)
        waves = torch.cos(2.0 * math.pi * (columns * self.frequency + self.phase))  # (d, n, k)
        features = torch.baddbmm(self.bias, waves, self.weight)  # (d, n, m)
        flat = features.permute(1, 0, 2).flatten(1)  # (n, d * m)
        return torch.cat([own, flat, x[:, self.rest]], dim=1)


class Scale(nn.Module):
    """Multiplies each column with a learnt factor, 1 at first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Gives (n, width)."""
        return x * self.factor


class Dropout(nn.Module):
    """Dropout that draws from a generator of its own, never from torch's global one.

    Args:
        share: Of the values set to 0, in [0, 1); the training may change it.
        generator: What is drawn from.
    """

    def __init__(self, share: float, generator: torch.Generator) -> None:
        super().__init__()
        self.share = share
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        """Gives the shape of x; x itself outside training."""
        if not self.training or self.share <= 0.0:
            return x
        keep = torch.empty_like(x).bernoulli_(1.0 - self.share, generator=self.generator)
        return x * keep.div_(1.0 - self.share)
