"""Distillation: a smaller model learns what a larger one answers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from autometa import CompressContext, Compressor, Model, NotApplicable, Space
from autometa_compress.teaching import taught

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

    from autometa import Learner, TrainingData


class Distill(Compressor):
    """Trains a student on the answers of the model, softened by a temperature.

    Source: Hinton, Vinyals & Dean 2015, "Distilling the knowledge in a neural network". Other than
    there the student answers at temperature 1 what the teacher said at `temperature`; the logits
    are not raised back, so temperatures above 1 also make the student less sure.

    Class attributes:
        STUDENT: Names of learners by problem.
        IMAGE_STUDENT: Name of the learner of images.
    """

    STUDENT: ClassVar[Mapping[str, str]] = {}
    IMAGE_STUDENT: ClassVar[str] = ""

    @abstractmethod
    def student_config(self) -> dict[str, Any]:
        """Gives the hyperparameters of the student."""

    def image_student_config(self) -> dict[str, Any]:
        """Gives those of the student of images."""
        raise NotApplicable(f"{type(self).__name__} has no student of images")

    def compress(self, model: Model, context: CompressContext) -> Model:
        """Gives the student.

        Raises:
            NotApplicable: If the learner that the student is of is not installed, or declines.
        """
        student = self.student(context)
        return student.fit(self.lesson(model, context), context.fit)

    def student(self, context: CompressContext) -> Learner:
        """Gives the learner that is to be taught.

        Raises:
            NotApplicable: If it is not installed, or does not take such rows.
        """
        is_image = isinstance(context.data.X, np.ndarray)
        config = self.image_student_config() if is_image else self.student_config()
        name = self.IMAGE_STUDENT if is_image else self.STUDENT[context.data.problem]
        if name not in context.students:
            raise NotApplicable(f"the learner {name} is not installed")
        return context.students[name](config)

    def lesson(self, model: Model, context: CompressContext) -> TrainingData:
        """Gives the rows, and what the model answers."""
        return taught(
            model,
            context,
            temperature=float(self.config["temperature"]),
            extra=float(self.config["invented"]),
            hard=float(self.config["hard"]),
        )


def _teaching() -> dict[str, BaseDistribution]:
    from optuna.distributions import FloatDistribution

    return {
        "temperature": FloatDistribution(0.8, 3.0, log=True),
        "invented": FloatDistribution(0.0, 3.0),
        "hard": FloatDistribution(0.0, 0.5),
    }


_AS_TOLD = {"temperature": 1.0, "invented": 1.0, "hard": 0.1}


class DistillBoosting(Distill):
    """Trains few and small boosted trees; ``rounds`` is about how many."""

    DEFAULTS: ClassVar[Mapping[str, Any]] = {**_AS_TOLD, "rounds": 40, "leaves": 12}
    STUDENT: ClassVar[Mapping[str, str]] = {
        "classification": "lightgbm",
        "regression": "lightgbm",
    }

    @staticmethod
    def space() -> Space:
        """Gives the space."""
        from optuna.distributions import IntDistribution

        sizes = {
            "rounds": IntDistribution(8, 200, log=True),
            "leaves": IntDistribution(4, 48, log=True),
        }
        return Space({**_teaching(), **sizes}, {}, dict(DistillBoosting.DEFAULTS))

    def student_config(self) -> dict[str, Any]:
        """Gives a learning rate at which so many rounds are enough."""
        rate = min(0.6, 8.0 / float(self.config["rounds"]))
        return {
            "learning_rate": rate,
            "max_rounds": int(self.config["rounds"]),
            "num_leaves": int(self.config["leaves"]),
            "lambda_l2": 0.1,
        }


class DistillLinear(Distill):
    """Trains a linear model: the smallest student, and often good enough."""

    DEFAULTS: ClassVar[Mapping[str, Any]] = dict(_AS_TOLD)
    STUDENT: ClassVar[Mapping[str, str]] = {
        "classification": "logistic",
        "regression": "ridge",
    }

    @staticmethod
    def space() -> Space:
        """Gives the space."""
        return Space(_teaching(), {}, dict(_AS_TOLD))

    def student_config(self) -> dict[str, Any]:
        """Gives the learner's defaults."""
        return {}


class DistillNetwork(Distill):
    """Trains a small network: a multilayer perceptron, or of images a plain convolutional one.

    Of images ``width`` and ``layers`` count differently: a quarter of the width are the channels of
    the first convolution, and there is one convolution more than layers. Embeddings are of columns.
    """

    DEFAULTS: ClassVar[Mapping[str, Any]] = {
        **_AS_TOLD,
        "width": 32,
        "layers": 2,
        "embedding": "none",
        "learning_rate": 0.04,
    }
    STUDENT: ClassVar[Mapping[str, str]] = {"classification": "mlp", "regression": "mlp"}
    IMAGE_STUDENT: ClassVar[str] = "cnn"

    @staticmethod
    def space() -> Space:
        """Gives the space."""
        from optuna.distributions import (
            CategoricalDistribution,
            FloatDistribution,
            IntDistribution,
        )

        sizes: dict[str, BaseDistribution] = {
            "width": IntDistribution(8, 128, log=True),
            "layers": IntDistribution(1, 3),
            "embedding": CategoricalDistribution(("none", "periodic")),
            "learning_rate": FloatDistribution(0.01, 0.1, log=True),
        }
        return Space({**_teaching(), **sizes}, {}, dict(DistillNetwork.DEFAULTS))

    def student_config(self) -> dict[str, Any]:
        """Gives a network without dropout: a student has answers enough not to overfit."""
        return {
            "hidden_width": int(self.config["width"]),
            "hidden_layers": int(self.config["layers"]),
            "embedding": self.config["embedding"],
            "learning_rate": float(self.config["learning_rate"]),
            "activation": "relu",
            "dropout": 0.0,
            "weight_decay": 1e-3,
        }

    def image_student_config(self) -> dict[str, Any]:
        """Gives channels and depth, and a rate for shared weights, which add up many gradients."""
        return {
            "width": max(2, int(self.config["width"]) // 4),
            "depth": int(self.config["layers"]) + 1,
            "learning_rate": 0.1 * float(self.config["learning_rate"]),
            "dropout": 0.0,
            "weight_decay": 1e-3,
            "shift": 0,
        }
