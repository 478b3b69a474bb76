"""Fewer hidden units, then a short training on the answers of the whole network."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autometa import CompressContext, Model, NotApplicable
from autometa_compress.teaching import taught

_FEWEST_STEPS, _MOST_STEPS = 100, 600


def fewer_units(model: Any, ratio: float, refit: float, context: CompressContext) -> Model:
    """Takes hidden units out, those with the smallest weights, and trains what is left.

    Source: Fang et al. 2023, "DepGraph: towards any structural pruning" (groups), with the mean
    magnitude of a group as its importance; Hinton et al. 2015 (training on answers).

    Args:
        model: With ``module``, ``encode``, ``samples`` and ``with_module``, as
            `autometa_torch.NetworkModel`.
        ratio: Share of the units, or channels, of every hidden layer that goes, in (0, 1).
        refit: Length of the training, in units of some 200 steps, > 0.
        context: The rows that are trained on, and invented ones.

    Raises:
        NotApplicable: If no unit would go.
    """
    module = _narrower(model.module, ratio, model.encode(context.data.X[:2]))
    if module is None:
        raise NotApplicable(f"no unit goes at a ratio of {ratio:.3g}")
    return refitted(model, module, refit, context)


def refitted(
    model: Any, module: Any, refit: float, context: CompressContext, kept: Any = None
) -> Model:
    """Trains a network on the answers of a whole model; gives the model with it.

    Args:
        model: See `fewer_units`.
        module: What is left of its network.
        refit: See `fewer_units`.
        context: See `fewer_units`.
        kept: See `autometa_torch.train`.
    """
    import autometa_torch

    rows = taught(model, context, temperature=1.0, extra=0.5, hard=0.1)
    steps = int(np.clip(200 * refit, _FEWEST_STEPS, _MOST_STEPS))
    recipe = autometa_torch.Recipe(
        learning_rate=0.01, max_steps=steps, min_epochs=1, schedule="decay"
    )
    fit = replace(context.fit, init=None)
    trained = autometa_torch.train(module, model.samples(rows), recipe, fit, kept=kept)
    return model.with_module(trained)  # type: ignore[no-any-return]


def _narrower(module: Any, ratio: float, sample: Any) -> Any:
    """Gives a copy with fewer units per hidden layer, or None when none would go."""
    import torch
    import torch_pruning

    copied = copy.deepcopy(module).eval()
    for parameter in copied.parameters():
        parameter.requires_grad_(True)
    before = sum(p.numel() for p in copied.parameters())
    kept = _kept(copied, sample)
    with warnings.catch_warnings():
        # Parameters outside known layers stay as they are: they are among the ignored ones.
        warnings.simplefilter("ignore", UserWarning)
        pruner = torch_pruning.pruner.BasePruner(
            copied,
            (sample,),
            importance=torch_pruning.importance.GroupMagnitudeImportance(),
            pruning_ratio=min(ratio, _largest_ratio(copied, kept)),
            ignored_layers=kept,
        )
        pruner.step()
    with torch.no_grad():
        copied(sample)
    return copied if sum(p.numel() for p in copied.parameters()) < before else None


def _largest_ratio(module: Any, kept: Sequence[Any]) -> float:
    """Gives the ratio at which the narrowest layer keeps one unit; at more it would lose none."""
    from torch import nn

    widths = [
        layer.weight.shape[0]
        for layer in module.modules()
        if isinstance(layer, nn.Linear | nn.Conv2d) and not any(layer is k for k in kept)
    ]
    return 1.0 - 1.001 / min(widths, default=1)


def _kept(module: Any, sample: Any) -> list[Any]:
    """Gives the layers and parameters that keep their width: the answer, and what is no layer."""
    from torch import nn

    kept: list[Any] = _last_layers(module, sample)
    for layer in module.modules():
        own = list(layer.parameters(recurse=False))
        if own and not isinstance(layer, nn.Linear | nn.Conv2d | nn.BatchNorm1d | nn.BatchNorm2d):
            kept += [layer, *own]
    return kept


def _last_layers(module: Any, sample: Any) -> list[Any]:
    """Gives the layers whose width is that of the answer: they keep all outputs."""
    import torch
    from torch import nn

    with torch.no_grad():
        width = module(sample).shape[1]
    linear = [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
    return [layer for layer in linear[-1:] if layer.out_features == width]
