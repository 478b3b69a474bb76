"""Adam with decoupled weight decay over one flat vector.

A network for tables has a dozen small parameters, and each step of `torch.optim.AdamW` with a
group for each costs more than the network itself: one vector with a rate for each element does the
same in eight calls.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from autometa_torch.networks.base import Rate

_EPSILON = 1e-8


class FlatAdamW:
    """Moves all parameters together.

    Their values and gradients become views of one vector each, until `release`.

    Source: Loshchilov & Hutter 2019, "Decoupled weight decay regularization", algorithm 2; the
    decay is multiplied with the learning rate, as in torch.

    Args:
        rates: How each parameter is trained; others stay as they are.
        beta2: Decay of the second moment.
        beta1: Decay of the first moment.
        kept: By parameter, 1 where an element is trained and 0 where it stays as it is; absent: all
            are.
    """

    def __init__(
        self,
        rates: Mapping[Tensor, Rate],
        beta2: float,
        *,
        beta1: float = 0.9,
        kept: Mapping[Tensor, Tensor] | None = None,
    ) -> None:
        self._parameters = list(rates)
        self._betas = beta1, beta2
        sizes = [parameter.numel() for parameter in self._parameters]
        self.values = torch.cat([p.detach().reshape(-1) for p in self._parameters])
        self._gradient = torch.zeros_like(self.values)
        self._first = torch.zeros_like(self.values)
        self._second = torch.zeros_like(self.values)
        self._factor = self._spread([rate.factor for rate in rates.values()], sizes)
        self._decay = self._spread([r.factor * r.decay for r in rates.values()], sizes)
        for parameter, factor, decay in zip(
            self._parameters,
            torch.split(self._factor, sizes),
            torch.split(self._decay, sizes),
            strict=True,
        ):
            if kept and parameter in kept:
                factor.mul_(kept[parameter].reshape(-1))
                decay.mul_(kept[parameter].reshape(-1))
        self.n_steps = 0
        pieces = zip(
            torch.split(self.values, sizes), torch.split(self._gradient, sizes), strict=True
        )
        for parameter, (value, gradient) in zip(self._parameters, pieces, strict=True):
            parameter.data = value.view_as(parameter)
            parameter.grad = gradient.view_as(parameter)

    def _spread(self, numbers: list[float], sizes: list[int]) -> torch.Tensor:
        repeats = torch.tensor(sizes, device=self.values.device)
        return torch.tensor(numbers, device=self.values.device).repeat_interleave(repeats)

    @property
    def state(self) -> dict[str, Tensor]:
        """The vectors that change from step to step: what is copied into them is gone on from."""
        return {"values": self.values, "first": self._first, "second": self._second}

    def clear(self) -> None:
        """Sets all gradients to 0."""
        self._gradient.zero_()

    @torch.no_grad()
    def step(self, rate: float, decay: float) -> None:
        """Moves along the gradients.

        Args:
            rate: Learning rate of this step.
            decay: Weight decay of this step, before the rate.
        """
        self.n_steps += 1
        beta1, beta2 = self._betas
        self._first.lerp_(self._gradient, 1.0 - beta1)
        self._second.mul_(beta2).addcmul_(self._gradient, self._gradient, value=1.0 - beta2)
        unbias = 1.0 - beta2**self.n_steps
        spread = self._second.div(unbias).sqrt_().add_(_EPSILON)
        if decay > 0.0:
            self.values.addcmul_(self.values, self._decay, value=-rate * decay)
        step = self._first.div(spread).mul_(self._factor)
        self.values.add_(step, alpha=-rate / (1.0 - beta1**self.n_steps))

    def release(self) -> None:
        """Gives every parameter memory of its own again, and no gradient."""
        for parameter in self._parameters:
            parameter.data = parameter.data.clone()
            parameter.grad = None
