"""Pruning: fewer trees or fewer hidden units, then what is left is fitted to the whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from autometa import CompressContext, Compressor, Model, NotApplicable, Space

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


class Prune(Compressor):
    """Takes a share of a model away, the same share of every part.

    * Of trees the first ones of each output stay, and the values of their leaves are fitted to the
      sums of all (see `autometa_compress.trees`).
    * Of networks whole hidden units go, with everything that they feed, and the rest is trained for
      a short while on the answers of the whole (see `autometa_compress.networks`).
    """

    DEFAULTS: ClassVar[Mapping[str, Any]] = {"ratio": 0.7, "refit": 1.0}

    @staticmethod
    def space() -> Space:
        """Gives the space; ratio 0 changes nothing."""
        from optuna.distributions import FloatDistribution

        params: dict[str, BaseDistribution] = {
            "ratio": FloatDistribution(0.0, 0.97),
            "refit": FloatDistribution(0.1, 10.0, log=True),
        }
        return Space(params, {}, dict(Prune.DEFAULTS))

    def compress(self, model: Model, context: CompressContext) -> Model:
        """Gives a smaller model of the same format."""
        ratio, refit = float(self.config["ratio"]), float(self.config["refit"])
        if ratio <= 0.0:
            return model
        if model.format == "torch":
            from autometa_compress.networks import fewer_units

            return fewer_units(model, ratio, refit, context)
        if hasattr(model, "first_rounds"):
            from autometa_compress.trees import fewer_trees

            return fewer_trees(model, ratio, refit, context)
        raise NotApplicable(f"a {model.format} model has no part that could go")
