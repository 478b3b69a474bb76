"""Random changes to images that leave what they show."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from autometa_torch.training.recipe import Recipe


def augmented(x: Tensor, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """Mirrors and moves images, each its own way; gives anything else as it is.

    Args:
        x: (n, channels, height, width), or rows.
        recipe: Says what is done.
        generator: Draws it.
    """
    if x.ndim != 4:
        return x
    if recipe.flips:
        is_mirrored = torch.rand(len(x), generator=generator).to(x.device) < 0.5
        x = torch.where(is_mirrored[:, None, None, None], x.flip(3), x)
    return _moved(x, recipe.shift, generator) if recipe.shift else x


def _moved(x: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """Moves each image by whole pixels; what comes in repeats the edge."""
    n, _, height, width = x.shape
    padded = functional.pad(x, (most, most, most, most), mode="replicate")
    offsets = torch.randint(0, 2 * most + 1, (2, n), generator=generator).to(x.device)
    rows = offsets[0][:, None] + torch.arange(height, device=x.device)  # (n, h)
    columns = offsets[1][:, None] + torch.arange(width, device=x.device)  # (n, w)
    image = torch.arange(n, device=x.device)[:, None, None]
    # Indices around a slice put the sliced axis last.
    taken = padded[image, :, rows[:, :, None], columns[:, None, :]]  # (n, h, w, c)
    return taken.permute(0, 3, 1, 2)
