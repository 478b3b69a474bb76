"""Weights set to 0: the file stays as large, but its download shrinks."""

from __future__ import annotations

import copy
import gzip
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from autometa import CompressContext, Compressor, Model, NotApplicable, Space

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


_LEAST_GAIN = 0.99
"""Of the download: less is what other digits alone may change."""


class Sparsify(Compressor):
    """Sets single weights of a network to 0, and trains the others on the answers of the whole.

    Which ones is told by the layer-adaptive magnitude: a weight's square over the sum of its own
    and all larger squares of its layer, compared over all layers. Every layer keeps at least one.
    Only `gzip_kib` becomes smaller: matrices are stored and multiplied as they were.

    Source: Lee et al. 2021, "Layer-adaptive sparsity for the magnitude-based pruning", equation 4;
    pruned at once, not in rounds.
    """

    DEFAULTS: ClassVar[Mapping[str, Any]] = {"sparsity": 0.8, "refit": 1.0}

    @staticmethod
    def space() -> Space:
        """Gives the space; sparsity 0 changes nothing."""
        from optuna.distributions import FloatDistribution

        params: dict[str, BaseDistribution] = {
            "sparsity": FloatDistribution(0.0, 0.98),
            "refit": FloatDistribution(0.1, 10.0, log=True),
        }
        return Space(params, {}, dict(Sparsify.DEFAULTS))

    def compress(self, model: Model, context: CompressContext) -> Model:
        """Gives a network of the same shape.

        Raises:
            NotApplicable: If it is no network, no weight goes, or its download does not shrink.
        """
        sparsity, network = float(self.config["sparsity"]), _network(model)
        if sparsity <= 0.0:
            return model
        from autometa_compress.networks import refitted

        module, kept = _sparse(network.module, sparsity)
        result = refitted(network, module, float(self.config["refit"]), context, kept)
        before, after = download_kib(model), download_kib(result)
        if after > _LEAST_GAIN * before:
            raise NotApplicable(
                f"its download does not shrink: {after:.1f} KiB, {before:.1f} KiB before"
            )
        return result


def _network(model: Any) -> Any:
    if not hasattr(model, "module") or not hasattr(model, "with_module"):
        raise NotApplicable(f"a {model.format} model has no weights of layers")
    return model


def _sparse(module: Any, sparsity: float) -> tuple[Any, dict[str, Any]]:
    """Gives a copy with weights set to 0, and by parameter 1 where they are not."""
    import torch
    from torch import nn

    copied = copy.deepcopy(module)
    weights = {
        f"{name}.weight": layer.weight
        for name, layer in copied.named_modules()
        if isinstance(layer, nn.Linear | nn.Conv2d)
    }
    scores = {name: _layer_adaptive(weight.detach()) for name, weight in weights.items()}
    everything = torch.cat([score.reshape(-1) for score in scores.values()])
    n = min(round(sparsity * len(everything)), len(everything) - len(scores))
    if n < 1:
        raise NotApplicable(f"no weight of {len(everything)} goes at a sparsity of {sparsity:.3g}")
    limit = everything.kthvalue(n).values
    # The largest weight of a layer has the score 1, whatever the limit.
    kept = {name: ((s > limit) | (s >= 1.0)).to(s.dtype) for name, s in scores.items()}
    with torch.no_grad():
        for name, weight in weights.items():
            weight.mul_(kept[name])
    return copied, kept


def _layer_adaptive(weight: Any) -> Any:
    """Gives the score of each weight of a layer, in (0, 1]."""
    squares, order = weight.double().square().reshape(-1).sort()
    left = squares.flip(0).cumsum(0).flip(0)  # its own and all larger ones
    scores = squares.new_empty(len(squares))
    scores[order] = squares / left.clamp_min(1e-300)
    return scores.reshape(weight.shape).to(weight.dtype)


def download_kib(model: Model) -> float:
    """Gives in KiB what the files of a saved model weigh, each compressed with gzip."""
    with tempfile.TemporaryDirectory(prefix="autometa-") as name:
        model.save(Path(name))
        files = [path.read_bytes() for path in Path(name).rglob("*") if path.is_file()]
    return sum(len(gzip.compress(data, mtime=0)) for data in files) / 1024
