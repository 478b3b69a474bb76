"""A compressor that keeps fewer bits of a model's numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from optuna.distributions import IntDistribution

from autometa import CompressContext, Compressor, Model, NotApplicable, Space
from autometa_example.centroid import Array, CentroidModel

FULL_BITS = 23
"""Bits of a float32's mantissa: keeping all of them changes nothing."""

HALF_BITS = 10
"""Bits of a float16's mantissa: up to here a number takes two bytes instead of four."""


def space() -> Space:
    """Gives the hyperparameters of `RoundCentroids`."""
    return Space(
        params={"bits": IntDistribution(2, FULL_BITS)},
        defaults={"bits": HALF_BITS},
    )


class RoundCentroids(Compressor):
    """Rounds class means to ``bits`` bits of mantissa; up to 10 they are stored as float16."""

    def compress(self, model: Model, context: CompressContext) -> Model:
        """Gives a rounded copy of a `CentroidModel`."""
        if not isinstance(model, CentroidModel):
            raise NotApplicable(f"needs a centroid model, got {model.format}")
        config: dict[str, Any] = {**space().defaults, **self.config}
        bits = int(config["bits"])
        if bits >= FULL_BITS:
            return model
        rounded = round_to_bits(model.centroids, bits)
        if bits <= HALF_BITS:
            if np.abs(rounded).max(initial=0.0) > np.finfo(np.float16).max:
                raise NotApplicable("a class mean is too large for 16 bits")
            rounded = rounded.astype(np.float16)
        return CentroidModel(model.plan, rounded, model.log_prior, model.temperature)


def round_to_bits(values: Array, bits: int) -> Array:
    """Rounds to the nearest number with a mantissa of so many bits.

    Args:
        values: Finite float32 or float16 of any shape.
        bits: In [0, 23], not counting the leading one.

    Example:
        >>> round_to_bits(np.array([1.0, 1.3, -3.3], np.float32), 2).tolist()
        [1.0, 1.25, -3.5]
    """
    mantissa, exponent = np.frexp(values.astype(np.float32))  # mantissa in [.5, 1)
    scale = np.float32(2 ** (bits + 1))
    return np.asarray(np.ldexp(np.round(mantissa * scale) / scale, exponent))
