"""Distillation from inside: the student also learns features, or slopes, of the teacher."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from autometa import CompressContext, Model, NotApplicable, Space, TrainingData
from autometa_compress.distill import DistillNetwork
from autometa_compress.teaching import Array

if TYPE_CHECKING:
    from autometa_torch import Samples


class DistillInner(DistillNetwork):
    """Trains a small network on the answers of a larger one, and on what is inside it.

    The student reads rows as the teacher does; its shape is that of `DistillNetwork`.
    """

    @abstractmethod
    def samples(self, teacher: Any, rows: TrainingData) -> Samples:
        """Gives rows with answers, and what else is to be learnt of the teacher."""

    def compress(self, model: Model, context: CompressContext) -> Model:
        """Gives the student.

        Raises:
            NotApplicable: If the model is no network, what is inside it is the same for all rows,
                or the learner that the student is of is not installed.
        """
        teacher: Any = model
        if not hasattr(teacher, "module") or not hasattr(teacher, "with_module"):
            raise NotApplicable(f"a {model.format} model is no network to look into")
        learner: Any = self.student(context)
        rows = self.lesson(model, context)
        import autometa_torch
        import torch

        samples = self.samples(teacher, rows)
        network = learner.network_like(teacher)
        network.initialise(torch.Generator().manual_seed(context.fit.seed))
        fit = replace(context.fit, init=None)
        trained = autometa_torch.train(network, samples, learner.recipe(len(rows)), fit)
        return teacher.with_module(trained)  # type: ignore[no-any-return]


def _space_with(weight: str, defaults: Mapping[str, Any]) -> Space:
    from optuna.distributions import FloatDistribution

    params = {**DistillNetwork.space().params, weight: FloatDistribution(0.05, 20.0, log=True)}
    return Space(params, {}, dict(defaults))


class DistillFeatures(DistillInner):
    """Trains a small network on the answers and the features of a larger one.

    The features are those before the last layer. A linear projector from the student's to the
    teacher's is trained beside the student and then thrown away.

    Source: Romero et al. 2015, "FitNets: hints for thin deep nets", equation 3, together with the
    loss of the answers from the start, not before it.
    """

    DEFAULTS: ClassVar[Mapping[str, Any]] = {**DistillNetwork.DEFAULTS, "hint": 1.0}

    @staticmethod
    def space() -> Space:
        """Gives the space; ``hint`` is the weight of the features beside the answers."""
        return _space_with("hint", DistillFeatures.DEFAULTS)

    def samples(self, teacher: Any, rows: TrainingData) -> Samples:
        """Gives rows with answers and features, see `DistillInner.samples`."""
        import torch

        features: Array = teacher.features(rows.X)
        centred = features.astype(np.float64) - features.mean(axis=0, dtype=np.float64)
        hints = torch.from_numpy((centred / _size(centred, "features")).astype(np.float32))
        weight = float(self.config["hint"])
        answers: Samples = teacher.samples(rows)
        return replace(answers, hints=hints, hint_weight=weight)


class DistillGradients(DistillInner):
    """Trains a small network on the answers of a larger one and on how these change.

    What is matched is the gradient, by the encoded row, of the logit of the teacher's first choice
    above the mean logit; in regression of the value.

    Source: Srinivas & Fleuret 2018, "Knowledge transfer with Jacobian matching", section 3 (the
    gradient of the largest output); Czarnecki et al. 2017, "Sobolev training for neural networks".
    Deviation: gradients are scaled by one number for all rows, not each to length 1, so that a row
    at which the teacher is flat counts as flat.
    """

    DEFAULTS: ClassVar[Mapping[str, Any]] = {**DistillNetwork.DEFAULTS, "slope": 1.0}

    @staticmethod
    def space() -> Space:
        """Gives the space; ``slope`` is the weight of the gradients beside the answers."""
        return _space_with("slope", DistillGradients.DEFAULTS)

    def samples(self, teacher: Any, rows: TrainingData) -> Samples:
        """Gives rows with answers and gradients, see `DistillInner.samples`."""
        import torch

        directions = _first_choices(teacher.raw(rows.X))
        slopes: Array = teacher.slopes(rows.X, directions)
        size = _size(slopes, "gradients")
        answers: Samples = teacher.samples(rows)
        return replace(
            answers,
            slopes=torch.from_numpy((slopes / size).astype(np.float32)),
            directions=torch.from_numpy((directions / size).astype(np.float32)),
            slope_weight=float(self.config["slope"]),
        )


def _first_choices(raw: Array) -> Array:
    """Gives (n, k) float32: from the mean output to the largest; 1 where there is one output."""
    k = raw.shape[1]
    if k == 1:
        return np.ones_like(raw, dtype=np.float32)
    directions: Array = np.eye(k, dtype=np.float32)[raw.argmax(axis=1)] - np.float32(1.0 / k)
    return directions


def _size(values: Array, name: str) -> float:
    """Gives the root of the mean square: divided by it, their loss is near 1.

    Raises:
        NotApplicable: If it is 0 or not finite.
    """
    size = float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))
    if not np.isfinite(size) or size <= 0.0:
        raise NotApplicable(f"the {name} of the model are the same for all rows")
    return size
