"""Trains a network, and keeps the weights of the best epoch."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from autometa import FitContext
from autometa_torch.networks.base import Network
from autometa_torch.networks.hinted import HintedNetwork
from autometa_torch.networks.layers import Dropout
from autometa_torch.training import state
from autometa_torch.training.augment import augmented
from autometa_torch.training.clock import Clock
from autometa_torch.training.optimiser import FlatAdamW
from autometa_torch.training.recipe import Recipe
from autometa_torch.training.samples import Samples, loss_of, slope_loss, split
from autometa_torch.training.threads import best_device, generator_of, threads

_TRIAL_STEPS = 20  # after which the schedule is fitted into the time that there is
_SCORED_TOGETHER = 4096


def train(
    network: Network,
    samples: Samples,
    recipe: Recipe,
    context: FitContext,
    *,
    kept: Mapping[str, Tensor] | None = None,
) -> Network:
    """Trains a network from the weights it has.

    Args:
        network: Left as it is; what comes back is a copy.
        samples: All rows; a part of them is held out to tell the best epoch. With hints a linear
            projector from the network's features to them is trained beside it, without dropout.
            Slopes are those of rows as they are: with them nothing may move or mirror images.
        recipe: How.
        context: Randomness, deadline, threads, and who is told of each epoch's held-out loss.
        kept: By name of a parameter, of its shape, 1 where an element is trained and 0 where it
            stays as it is, such as 0.

    Returns:
        The network with the weights of its best epoch, on the CPU, in evaluation mode. When the
        deadline nears it is the best so far.
    """
    with threads(context.n_threads):
        if samples.hints is None:
            return _Training(network, samples, recipe, context, kept or {}).run()
        # The projector is needed while it is trained, and by nobody afterwards.
        width, generator = samples.hints.shape[1], generator_of(context.seed)
        hinted = HintedNetwork(network, width, generator)
        own = {f"network.{name}": mask for name, mask in (kept or {}).items()}
        trained = _Training(hinted, samples, replace(recipe, dropout=0.0), context, own).run()
        assert isinstance(trained, HintedNetwork)
        return trained.network


class _Training:
    """One training: what changes from step to step."""

    def __init__(
        self,
        network: Network,
        samples: Samples,
        recipe: Recipe,
        context: FitContext,
        kept: Mapping[str, Tensor],
    ) -> None:
        self.clock = Clock(context)
        self.recipe, self.context = recipe, context
        device = best_device()
        fit, valid = split(samples, recipe.held_out, context.rng)
        self.fit, self.valid = fit.to(device), valid.to(device)
        self.generator = generator_of(context.seed)
        self.network: Network = copy.deepcopy(network).to(device).train()
        self.network.noise = self.dropout = Dropout(
            recipe.dropout, generator_of(context.seed, device)
        )
        own: dict[str, Tensor] = dict(self.network.named_parameters())
        masks = {own[name]: mask.to(device) for name, mask in kept.items()}
        self.optimiser = FlatAdamW(self.network.rates(), recipe.beta2, kept=masks)
        self.smoothing = self._smoothing()
        self.batch = recipe.batch(len(fit))
        self.n_batches = max(1, len(fit) // self.batch)
        self.n_steps = self.n_batches * recipe.epochs(len(fit))
        self.done = self.epoch = self.best_at = 0
        self.best_loss = float("inf")
        self.best = self._weights()
        self._go_on()

    def _smoothing(self) -> Tensor | None:
        if self.fit.n_classes is None or self.recipe.label_smoothing <= 0.0:
            return None
        return self.recipe.label_smoothing * self.fit.shares()

    def run(self) -> Network:
        while self.done < self.n_steps and not self.clock.expired() and not self._is_stale():
            self._epoch()
            self.epoch += 1
            loss = self._held_out_loss()
            if loss <= self.best_loss or not len(self.valid):
                self.best, self.best_loss, self.best_at = self._weights(), loss, self.done
            self.context.checkpoint.keep(self._save)
            if np.isfinite(loss):
                self.context.report(self.epoch, loss)
        self._restore(self.best)
        return self._finished()

    def _is_stale(self) -> bool:
        """Whether the best epoch is long past."""
        patience = max(self.recipe.patience * self.n_steps, 2 * self.n_batches)
        return self.done - self.best_at > patience

    def _epoch(self) -> None:
        order = torch.randperm(len(self.fit), generator=self.generator).to(self.fit.x.device)
        for rows in torch.split(order[: self.n_batches * self.batch], self.batch):
            self._step(self.fit.take(rows))
            if self.done == _TRIAL_STEPS:
                share = self.clock.share_that_fits(self.done / self.n_steps)
                self.n_steps = max(self.done, int(share * self.n_steps))
            if self.done >= self.n_steps or self.clock.expired():
                return

    def _step(self, batch: Samples) -> None:
        progress = self.done / self.n_steps
        self.done += 1
        fade = self.recipe.fade(progress)
        self.dropout.share = self.recipe.dropout * fade
        self.optimiser.clear()
        x = augmented(batch.encode(batch.x), self.recipe, self.generator)
        outputs = self.network(x.requires_grad_(batch.slopes is not None))
        loss = loss_of(outputs, batch, self.smoothing)
        if batch.slopes is not None:
            loss = loss + slope_loss(outputs, x, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step(self.recipe.rate(progress), self.recipe.weight_decay * fade)

    @torch.no_grad()
    def _held_out_loss(self) -> float:
        """Gives the mean loss of the rows held out; inf without any, or where it is not finite."""
        if not len(self.valid):
            return float("inf")
        self.network.eval()
        total = 0.0
        for rows in torch.split(torch.arange(len(self.valid)), _SCORED_TOGETHER):
            part = self.valid.take(rows)
            total += float(loss_of(self.network(part.encode(part.x)), part)) * len(part)
        self.network.train()
        mean = total / len(self.valid)
        return mean if np.isfinite(mean) else float("inf")

    def _weights(self) -> dict[str, Tensor]:
        """Gives copies of what the network has learnt so far."""
        own = {"values": self.optimiser.values, **dict(self.network.named_buffers())}
        return {name: tensor.clone() for name, tensor in own.items()}

    def _restore(self, weights: Mapping[str, Tensor]) -> None:
        self.optimiser.values.copy_(weights["values"])
        for name, buffer in self.network.named_buffers():
            buffer.copy_(weights[name])

    def _numbers(self) -> dict[str, float]:
        return {
            "done": self.done,
            "epoch": self.epoch,
            "n_steps": self.n_steps,
            "optimiser_steps": self.optimiser.n_steps,
            "best_at": self.best_at,
            "best_loss": self.best_loss,
        }

    def _tensors(self) -> dict[str, Tensor]:
        """Gives what changes from step to step, itself; of generators a copy of their state."""
        return {
            **{f"optimiser.{name}": t for name, t in self.optimiser.state.items()},
            **{f"buffer.{name}": t for name, t in self.network.named_buffers()},
            **{f"best.{name}": t for name, t in self.best.items()},
            "order": self.generator.get_state(),
            "noise": self.dropout.generator.get_state(),
        }

    def _save(self, folder: Path) -> None:
        state.write(folder, self._numbers(), self._tensors())

    def _go_on(self) -> None:
        """Goes on where an interrupted training was, if there is a checkpoint of it."""
        folder = self.context.checkpoint.latest()
        own = self._tensors()
        if folder is None or (found := state.read(folder, self._numbers(), own)) is None:
            return
        numbers, tensors = found
        for name, tensor in tensors.items():
            own[name].copy_(tensor)
        self.generator.set_state(tensors["order"])
        self.dropout.generator.set_state(tensors["noise"])
        self.done, self.epoch = numbers["done"], numbers["epoch"]
        self.n_steps, self.optimiser.n_steps = numbers["n_steps"], numbers["optimiser_steps"]
        self.best_at, self.best_loss = numbers["best_at"], numbers["best_loss"]

    def _finished(self) -> Network:
        self.optimiser.release()
        self.network.noise = nn.Identity()
        network = self.network.cpu().eval()
        network.finish()
        return network
