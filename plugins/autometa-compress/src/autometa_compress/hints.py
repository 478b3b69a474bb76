"""Distillation of features: the student also learns what the teacher's last layer sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from autometa import CompressContext, Model, NotApplicable, Space
from autometa_compress.distill import DistillNetwork
from autometa_compress.teaching import Array


class DistillFeatures(DistillNetwork):
    """Trains a small network on the answers and the features of a larger one.

    The features are those before the last layer. A linear projector from the student's to the
    teacher's is trained beside the student and then thrown away. The student reads rows as the
    teacher does; its shape is that of `DistillNetwork`.

    Source: Romero et al. 2015, "FitNets: hints for thin deep nets", equation 3, together with the
    loss of the answers from the start, not before it.
    """

    DEFAULTS: ClassVar[Mapping[str, Any]] = {**DistillNetwork.DEFAULTS, "hint": 1.0}

    @staticmethod
    def space() -> Space:
        """Gives the space; ``hint`` is the weight of the features beside the answers."""
        from optuna.distributions import FloatDistribution

        params = {**DistillNetwork.space().params, "hint": FloatDistribution(0.05, 20.0, log=True)}
        return Space(params, {}, dict(DistillFeatures.DEFAULTS))

    def compress(self, model: Model, context: CompressContext) -> Model:
        """Gives the student.

        Raises:
            NotApplicable: If the model is no network, its features are all the same, or the learner
                that the student is of is not installed.
        """
        teacher: Any = model
        if not hasattr(teacher, "features") or not hasattr(teacher, "with_module"):
            raise NotApplicable(f"a {model.format} model has no features")
        learner: Any = self.student(context)
        rows = self.lesson(model, context)
        import autometa_torch
        import torch

        samples = replace(
            teacher.samples(rows),
            hints=torch.from_numpy(_scaled(teacher.features(rows.X))),
            hint_weight=float(self.config["hint"]),
        )
        network = learner.network_like(teacher)
        network.initialise(torch.Generator().manual_seed(context.fit.seed))
        fit = replace(context.fit, init=None)
        trained = autometa_torch.train(network, samples, learner.recipe(len(rows)), fit)
        return teacher.with_module(trained)  # type: ignore[no-any-return]


def _scaled(features: Array) -> Array:
    """Gives features with mean 0 in each column and mean square 1 over all: a loss near 1."""
    centred: Array = features.astype(np.float64) - features.mean(axis=0, dtype=np.float64)
    spread = float(np.sqrt(np.mean(np.square(centred))))
    if not np.isfinite(spread) or spread <= 0.0:
        raise NotApplicable("the features of the model are the same for all rows")
    return (centred / spread).astype(np.float32)
