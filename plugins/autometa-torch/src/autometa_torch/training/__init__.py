"""The training loop: schedules, an optimiser over one flat vector, early stopping."""

from __future__ import annotations

from autometa_torch.training.loop import train
from autometa_torch.training.recipe import Recipe
from autometa_torch.training.samples import Samples

__all__ = ["Recipe", "Samples", "train"]
