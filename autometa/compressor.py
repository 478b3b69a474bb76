"""What a compressor plugin provides: a model goes in, a smaller one comes out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from autometa.learner import API_VERSION, FitContext, Learner, TrainingData
from autometa.trial import ParamValue

if TYPE_CHECKING:
    from autometa.model import Model

STAGES = ("distill", "prune", "finetune", "export", "quantize")
"""The order in which compressors follow each other in a chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressorSpec:
    """What `autometa_compressors` returns for each compressor.

    Args:
        name: Lower-case identifier, unique among all plugins.
        stage: One of `STAGES`.
        consumes: Names of `Model.format` it takes; ``{"*"}`` takes any.
        produces: `Model.format` of what it gives; ``*`` = the format it was given.
        factory: ``"package.module:Class"`` of a `Compressor`.
        space: ``"package.module:function"``, gives a `Space`.
        modalities: Of which data's models it takes: ``{"tabular"}``, ``{"image"}``...; ``{"*"}``
            takes all. It is left out of searches over other data.
        summary: One line for ``autometa plugins list``.
        api: The protocol version it was written for.
    """

    name: str
    stage: str
    consumes: frozenset[str]
    produces: str
    factory: str
    space: str
    modalities: frozenset[str] = frozenset({"*"})
    summary: str = ""
    api: int = API_VERSION


@dataclass(frozen=True, slots=True)
class CompressContext:
    """Everything a compressor may use besides the model.

    Args:
        data: The rows the model was fitted on; never a scored row.
        fit: Randomness, the deadline of this step and threads, as a learner gets them.
        students: By name, what makes a learner of a configuration: all installed ones that take
            soft labels and fit the problem and the rows. A missing hyperparameter is the
            learner's default. Distillation trains one of them.
    """

    data: TrainingData
    fit: FitContext
    students: Mapping[str, Callable[[Mapping[str, ParamValue]], Learner]] = field(
        default_factory=dict
    )


class Compressor(ABC):
    """Turns a model into a smaller or faster one.

    Args:
        config: The active hyperparameters by their unprefixed names.
            A missing one is taken from `DEFAULTS`.

    Class attributes:
        DEFAULTS: A value for every hyperparameter that `config` may leave out.
    """

    DEFAULTS: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, config: Mapping[str, ParamValue]) -> None:
        self.config: dict[str, Any] = {**self.DEFAULTS, **config}

    @abstractmethod
    def compress(self, model: Model, context: CompressContext) -> Model:
        """Gives the compressed model; `model` itself stays as it was. Returns no metrics.

        Raises:
            NotApplicable: If this model cannot be compressed this way.
        """
