"""Rows on their way into a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

Array = np.ndarray[Any, Any]


def _unchanged(x: Tensor) -> Tensor:
    return x


@dataclass(frozen=True, slots=True)
class Samples:
    """Inputs, targets and weights.

    Args:
        x: (n, ...) what `encode` takes.
        y: (n,) int64 class indices, (n, k) float32 soft labels, or (n, 1) float32 values.
        weight: (n,) float32, mean 1.
        n_classes: None for regression.
        encode: From a batch of x to what the network takes, such as bytes to numbers.
        hints: (n, d) float32 features of a larger network that are learnt too; None = none.
        hint_weight: Of their loss beside that of y, >= 0.
        slopes: (n, ...) float32, of the shape of what `encode` gives: the gradient, by that, of
            what a larger network answers along `directions`, which is learnt too; None = none.
        directions: (n, k) float32, one direction in the outputs for each row.
        slope_weight: Of their loss beside that of y, >= 0.
    """

    x: Tensor
    y: Tensor
    weight: Tensor
    n_classes: int | None
    encode: Callable[[Tensor], Tensor] = _unchanged
    hints: Tensor | None = None
    hint_weight: float = 1.0
    slopes: Tensor | None = None
    directions: Tensor | None = None
    slope_weight: float = 1.0

    @classmethod
    def of(
        cls,
        x: Array,
        y: Array,
        n_classes: int | None,
        weight: Array | None = None,
        encode: Callable[[Tensor], Tensor] = _unchanged,
    ) -> Samples:
        """Takes arrays; of values they must be standardised already.

        Args:
            x: (n, ...) array.
            y: (n,) values or class indices, or (n, n_classes) soft labels.
            n_classes: None for regression.
            weight: (n,) positive, or None.
            encode: See the class.
        """
        weights = np.ones(len(y)) if weight is None else np.asarray(weight, dtype=np.float64)
        if n_classes is None:
            target = torch.from_numpy(np.asarray(y, dtype=np.float32)[:, None].copy())
        else:
            kind = np.float32 if y.ndim == 2 else np.int64
            target = torch.from_numpy(np.array(y, dtype=kind))
        mean = torch.from_numpy((weights / weights.mean()).astype(np.float32))
        return cls(torch.from_numpy(np.ascontiguousarray(x)), target, mean, n_classes, encode)

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: Tensor) -> Samples:
        """Gives some of the rows."""
        return self._with(lambda tensor: tensor[rows])

    def to(self, device: torch.device) -> Samples:
        """Gives the rows on a device."""
        return self._with(lambda tensor: tensor.to(device))

    def _with(self, change: Callable[[Tensor], Tensor]) -> Samples:
        names = ("x", "y", "weight", "hints", "slopes", "directions")
        tensors = {name: getattr(self, name) for name in names}
        changed: dict[str, Any] = {k: change(t) for k, t in tensors.items() if t is not None}
        return replace(self, **changed)

    def shares(self) -> Tensor:
        """Gives the (k,) weighted frequency of each class."""
        assert self.n_classes is not None
        soft = self.y if self.y.ndim == 2 else functional.one_hot(self.y, self.n_classes)
        total: Tensor = self.weight @ soft.to(self.weight.dtype)
        return total / total.sum()


def loss_of(outputs: Tensor, samples: Samples, smoothing: Tensor | None = None) -> Tensor:
    """Gives the mean weighted loss: cross-entropy, or half the squared error.

    Args:
        outputs: (n, k) logits or (n, 1) values; with hints d features more.
        samples: The same n rows.
        smoothing: (k,) shares of each class that are mixed into every label; their sum is how
            much.
    """
    hints = samples.hints
    if hints is not None:
        outputs, felt = outputs[:, : -hints.shape[1]], outputs[:, -hints.shape[1] :]
    if samples.n_classes is None:
        losses = 0.5 * (outputs - samples.y).square().sum(dim=1)
    else:
        logs = functional.log_softmax(outputs, dim=1)
        if samples.y.ndim == 2:
            losses = -(samples.y * logs).sum(dim=1)
        else:
            losses = -logs.gather(1, samples.y[:, None])[:, 0]
        if smoothing is not None:
            losses = losses * (1.0 - smoothing.sum()) - logs @ smoothing
    if hints is not None:
        losses = losses + 0.5 * samples.hint_weight * (felt - hints).square().mean(dim=1)
    return (losses * samples.weight).mean()


def slope_loss(outputs: Tensor, x: Tensor, samples: Samples) -> Tensor:
    """Gives the mean weighted loss of slopes: half the squared error, mean over inputs.

    Source: Czarnecki et al. 2017, "Sobolev training for neural networks", equation 1, with one
    direction for each row instead of all outputs.

    Args:
        outputs: (n, k) of a network, without hints.
        x: (n, ...) what they were computed from; requires a gradient.
        samples: The same n rows, with slopes and directions.
    """
    assert samples.slopes is not None
    assert samples.directions is not None
    along = (outputs * samples.directions).sum()
    own = torch.autograd.grad(along, x, create_graph=True)[0]  # (n, ...)
    losses = 0.5 * (own - samples.slopes).square().flatten(1).mean(dim=1)
    return samples.slope_weight * (losses * samples.weight).mean()


def split(samples: Samples, share: float, rng: np.random.Generator) -> tuple[Samples, Samples]:
    """Deals rows into those to fit and those to stop on, of each class about the same share.

    Every class keeps at least one row to fit; soft labels count as their largest class. The
    second part may be empty.
    """
    n = len(samples)
    order = rng.permutation(n)
    if samples.n_classes is None:
        held_out = order[: round(share * n)]
    else:
        y = samples.y.numpy()
        labels = y.argmax(axis=1) if y.ndim == 2 else y
        parts = []
        for label in np.unique(labels):
            members = order[labels[order] == label]
            # Rounding by chance, so that small classes are held out at their share too.
            n_out = min(int(share * len(members) + rng.random()), len(members) - 1)
            parts.append(members[:n_out])
        held_out = np.concatenate(parts)
    valid = np.sort(held_out)
    fit = np.setdiff1d(np.arange(n), valid)
    return samples.take(torch.from_numpy(fit)), samples.take(torch.from_numpy(valid))
