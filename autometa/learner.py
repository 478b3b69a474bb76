"""What a learner plugin provides: a spec that is cheap to list and a class that fits.

A learner gets raw typed columns and gives back a `Model` that takes raw typed columns: whatever
encoding it needs, it fits inside `fit`, on the rows it was given, and stores in the model.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from autometa.checkpoint import Checkpoint
from autometa.trial import ParamValue

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from optuna.distributions import BaseDistribution

    from autometa.model import Model

API_VERSION = 1
"""Version of the plugin protocols. A spec of another version is refused, naming both."""


@dataclass(frozen=True, slots=True)
class Space:
    """Hyperparameters of one plugin, without prefixes (the core adds them).

    Args:
        params: Optuna distributions by name. Log scale where the effect is multiplicative.
        conditions: ``child: (parent, allowed values)``: the child exists only when the parent
            has one of these values. A parent may itself be a child.
        defaults: The configuration that is tried first; it must hold every parameter that is
            active in it, each contained in its distribution. Missing ones are an error that the
            contract tests name.
        routes: ``child: alternatives``, which the core adds for the steps of a chain: the child
            exists only when, besides its condition, every parameter of one alternative has one
            of the values there (an absent one counts as ``none``).

    Example:
        >>> from optuna.distributions import FloatDistribution
        >>> space = Space({"alpha": FloatDistribution(1e-3, 10.0, log=True)}, {}, {"alpha": 1.0})
        >>> sorted(space.params)
        ['alpha']
    """

    params: Mapping[str, BaseDistribution]
    conditions: Mapping[str, tuple[str, tuple[ParamValue, ...]]] = field(default_factory=dict)
    defaults: Mapping[str, ParamValue] = field(default_factory=dict)
    routes: Mapping[str, tuple[Mapping[str, tuple[ParamValue, ...]], ...]] = field(
        default_factory=dict
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerSpec:
    """What `autometa_learners` returns for each learner. Building it imports nothing heavy.

    Args:
        name: Lower-case identifier, unique among all plugins: ``linear``.
        problems: Subset of ``{"classification", "regression"}`` or a plugin's own.
        factory: ``"package.module:Class"`` of a `Learner`.
        space: ``"package.module:function"``, called without arguments, gives a `Space`.
        modalities: What `TrainingData.X` it takes: ``{"tabular"}``, ``{"image"}``...
        capabilities: Any of ``missing`` (takes NaN itself), ``text``, ``sample_weight``,
            ``soft_labels``, ``export:onnx`` (its models have `Model.to_onnx`), ``rungs`` (its
            reports at the same step can be compared between configurations: a fit that is far
            behind others of this learner is ended there), ``checkpoint`` (a fit goes on from
            `FitContext.checkpoint` as if it had not been interrupted), ``baseline`` (a
            reference, not searched over), ``opt_in`` (searched only by tasks that name it: too
            slow for all), ``first`` (cheap and strong: its default is the early model, tried
            before those of others).
        cost: CPU cost of the default configuration relative to ridge regression on the same
            table. Only the order matters: defaults are tried cheapest first.
        preload: Modules that are slow to import and harmless to share: workers that search this
            learner are forked from a process that has imported them.
        format: `Model.format` of what it fits where there is something to learn, by which the
            compressors are found that take it; "" = not said, any may be tried.
        summary: One line for ``autometa plugins list``.
        api: The protocol version it was written for.
    """

    name: str
    problems: frozenset[str]
    factory: str
    space: str
    modalities: frozenset[str] = frozenset({"tabular"})
    capabilities: frozenset[str] = frozenset()
    cost: float = 10.0
    preload: tuple[str, ...] = ()
    format: str = ""
    summary: str = ""
    api: int = API_VERSION


@dataclass(frozen=True, slots=True)
class TrainingData:
    """The rows a learner may look at.

    Args:
        X: (n, d) DataFrame of typed columns: float64 (NaN = missing), ``boolean`` (NA),
            ``category`` with string categories (NaN), ``datetime64`` (NaT), ``string`` text (NA);
            or uint8 (n, h, w, c) images.
        y: (n,) float64 values; (n,) int64 class indices in [0, n_classes), of which some may be
            absent; or (n, n_classes) float soft labels.
        n_classes: Number of classes, None for regression.
        sample_weight: (n,) positive float64, or None.
        names: Class labels as the user wrote them, by index; () for regression.
    """

    X: pd.DataFrame | np.ndarray[Any, Any]
    y: np.ndarray[Any, Any]
    n_classes: int | None
    sample_weight: np.ndarray[Any, Any] | None = None
    names: tuple[str, ...] = ()

    @property
    def problem(self) -> str:
        """``regression`` or ``classification``."""
        return "regression" if self.n_classes is None else "classification"

    def __len__(self) -> int:
        return len(self.y)


def _ignore(step: int, value: float) -> None:
    """Takes a report that nobody asked for."""


@dataclass(frozen=True, slots=True)
class FitContext:
    """Everything a fit may use besides its data.

    Args:
        rng: The only source of randomness.
        deadline: Moment of `time.monotonic` at which the job is killed; inf = none.
        n_threads: Threads to use, exactly.
        init: Folder of a checkpoint to start from, or None.
        report: Called as ``report(step, value)`` with a rising step and a loss on an inner split.
            It may raise `Pruned`, which a learner lets pass.
        checkpoint: Where a long fit keeps how far it is, and finds it after an interruption.
    """

    rng: np.random.Generator
    deadline: float = float("inf")
    n_threads: int = 1
    init: str | None = None
    report: Callable[[int, float], None] = _ignore
    checkpoint: Checkpoint = field(default_factory=Checkpoint)

    @property
    def seed(self) -> int:
        """A fresh seed in [0, 2**31) for libraries that want an integer; each read differs."""
        return int(self.rng.integers(2**31))

    def remaining(self) -> float:
        """Seconds until the deadline, at least 0."""
        return max(0.0, self.deadline - time.monotonic())


class Learner(ABC):
    """Turns a configuration and rows into a model.

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
    def fit(self, data: TrainingData, context: FitContext) -> Model:
        """Fits on `data` alone.

        Early stopping uses an inner split of `data`. `data.X` must not be changed. The same
        data, configuration and generator state give the same model.

        Raises:
            NotApplicable: If this configuration cannot be used on these rows.
        """
