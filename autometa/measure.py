"""Metrics by name, and how a score is taken of predictions.

Values are in the user's units: a metric that is maximised is not negated. `Metric.loss` turns a
value into something to minimise where order is all that matters.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from autometa.errors import TaskError

if TYPE_CHECKING:
    import numpy as np

    Array: TypeAlias = np.ndarray[Any, Any]
    Function: TypeAlias = Callable[[Array, Array], float]

MINIMIZE = "minimize"
MAXIMIZE = "maximize"
RESOURCES = ("size_kib", "gzip_kib", "latency_ms", "memory_mib")
"""What is measured of the deliverable, not of its predictions; memory of a target's file only."""


@dataclass(frozen=True, slots=True)
class Metric:
    """What is to be minimised or maximised.

    Args:
        name: As the task file names it.
        direction: ``minimize`` or ``maximize``.
        problems: The problems it is defined for.
        function: Name of a function of this module, ``"module:function"`` or
            ``"/file.py:function"`` of (y, predictions), or "" for a resource.
        positive: Index of the class that binary metrics look at.
    """

    name: str
    direction: str
    problems: frozenset[str]
    function: str
    positive: int = 1

    def loss(self, value: float) -> float:
        """Gives the value with its sign such that smaller is better."""
        return -value if self.direction == MAXIMIZE else value

    @property
    def is_resource(self) -> bool:
        """Whether it is measured of the deliverable."""
        return self.name in RESOURCES

    def to_json(self) -> dict[str, Any]:
        """Gives what `from_json` reads."""
        return {
            "name": self.name,
            "direction": self.direction,
            "problems": sorted(self.problems),
            "function": self.function,
            "positive": self.positive,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Metric:
        """Reads what `to_json` gave."""
        return cls(**{**data, "problems": frozenset(data["problems"])})


_CLASSIFICATION = frozenset({"classification"})
_REGRESSION = frozenset({"regression"})
_ANY = _CLASSIFICATION | _REGRESSION


def _metrics(problems: frozenset[str], rows: Mapping[str, str]) -> dict[str, Metric]:
    return {name: Metric(name, direction, problems, name) for name, direction in rows.items()}


METRICS: Mapping[str, Metric] = {
    **_metrics(
        _CLASSIFICATION,
        {
            "log_loss": MINIMIZE,
            "brier": MINIMIZE,
            "error": MINIMIZE,
            "accuracy": MAXIMIZE,
            "balanced_accuracy": MAXIMIZE,
            "roc_auc": MAXIMIZE,
            "average_precision": MAXIMIZE,
            "f1": MAXIMIZE,
            "f1_macro": MAXIMIZE,
            "precision": MAXIMIZE,
            "recall": MAXIMIZE,
            "mcc": MAXIMIZE,
        },
    ),
    **_metrics(
        _REGRESSION,
        {
            "rmse": MINIMIZE,
            "mse": MINIMIZE,
            "mae": MINIMIZE,
            "median_ae": MINIMIZE,
            "rmsle": MINIMIZE,
            "mape": MINIMIZE,
            "r2": MAXIMIZE,
        },
    ),
    **{name: Metric(name, MINIMIZE, _ANY, "") for name in RESOURCES},
}
"""Every metric that a task file may name, in the order of the documentation."""

DEFAULT_METRIC: Mapping[str, str] = {"classification": "log_loss", "regression": "rmse"}


def find_metric(name: str, *, direction: str | None = None, problem: str | None = None) -> Metric:
    """Gives the metric of a task file's objective.

    Args:
        name: A key of `METRICS`, or ``module:function`` of one's own.
        direction: Required for one's own, otherwise None or the metric's own.
        problem: When given, the metric must be defined for it.

    Raises:
        TaskError: If there is no such metric, or not for this problem; names the nearest.
    """
    if ":" in name:
        return Metric(name, direction or MINIMIZE, _ANY, name)
    metric = METRICS.get(name)
    if metric is None:
        raise TaskError(
            f"objectives: there is no metric {name!r}", key="objectives", hint=_nearest(name)
        )
    if problem in DEFAULT_METRIC and problem not in metric.problems:
        fitting = ", ".join(key for key, other in METRICS.items() if problem in other.problems)
        raise TaskError(
            f"metric {name!r} is not defined for {problem}",
            key="objectives",
            hint=f"Use one of: {fitting}.",
        )
    return metric


def _nearest(name: str) -> str:
    close = difflib.get_close_matches(name.lower(), METRICS, n=1, cutoff=0.5)
    guess = f"Did you mean {close[0]!r}? " if close else ""
    return f"{guess}Known: {', '.join(METRICS)}; or 'module:function' of your own."


def score(metric: Metric, y: Array, predictions: Array) -> float:
    """Scores predictions.

    Args:
        metric: Not a resource.
        y: (n,) class indices or values.
        predictions: (n, k) probabilities or (n,) values.

    Returns:
        A finite float in the user's units. A value that is undefined on these rows (no positive
        row for `roc_auc`) is NaN.

    Raises:
        TypeError: If a metric of one's own gives anything but a real number.
    """
    if ":" in metric.function:
        return _number(metric.name, _resolved(metric.function)(y, predictions))
    if "classification" in metric.problems:
        return float(_CLASSIFIERS[metric.function](y, predictions, metric.positive))
    return float(_REGRESSORS[metric.function](y, predictions))


def _resolved(function: str) -> Function:
    from autometa.resolve import resolve

    function_of_rows: Function = resolve(function)
    return function_of_rows


def _number(name: str, value: Any) -> float:
    import numpy as np

    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"metric {name} must give a real number, got {type(value).__name__}")
    return float(value)


def prediction_fault(predictions: Any, n_rows: int, n_classes: int | None) -> str:
    """Gives what is wrong with a model's predictions in one line, or ""."""
    import numpy as np

    if not isinstance(predictions, np.ndarray):
        return f"predict must give a numpy array, got {type(predictions).__name__}"
    shape = (n_rows,) if n_classes is None else (n_rows, n_classes)
    if predictions.shape != shape:
        return f"predict must give shape {shape}, got {predictions.shape}"
    if predictions.dtype.kind != "f":
        return f"predict must give floats, got {predictions.dtype}"
    if not np.isfinite(predictions).all():
        return "predict gave NaN or infinite values"
    if n_classes is not None and n_rows:
        if predictions.min() < -1e-6:
            return "predict gave negative probabilities"
        if abs(predictions.sum(axis=1) - 1.0).max() > 1e-3:
            return "predict gave probabilities that do not sum to 1"
    return ""


def log_loss(y: Array, p: Array, positive: int = 1) -> float:
    """Mean negative log-likelihood (nats); probabilities are floored at 1e-7 (float32's grain)."""
    import numpy as np

    chosen = p[np.arange(len(y)), y].astype(np.float64)
    return float(-np.log(np.clip(chosen, 1e-7, 1.0)).mean())


def brier(y: Array, p: Array, positive: int = 1) -> float:
    """Mean squared distance of the probability vectors from the one-hot truth, in [0, 2]."""
    import numpy as np

    return float(((p - np.eye(p.shape[1])[y]) ** 2).sum(axis=1).mean())


def _one_vs_rest(y: Array, p: Array, positive: int, function: Function) -> float:
    """Binary: of the positive class. Multi-class: mean over the classes that can be scored."""
    import numpy as np

    wanted = [positive] if p.shape[1] == 2 else range(p.shape[1])
    truths = [(y == c, p[:, c]) for c in wanted]
    scores = [function(truth, p_c) for truth, p_c in truths if 0 < truth.sum() < len(truth)]
    return float(np.mean(scores)) if scores else math.nan


def _roc_auc(y: Array, p: Array, positive: int) -> float:
    from sklearn.metrics import roc_auc_score

    return _one_vs_rest(y, p, positive, roc_auc_score)


def _average_precision(y: Array, p: Array, positive: int) -> float:
    from sklearn.metrics import average_precision_score

    return _one_vs_rest(y, p, positive, average_precision_score)


def _by_label(name: str, macro: bool = False) -> Callable[[Array, Array, int], float]:
    """Precision, recall or F1 of the predicted labels; macro over classes unless binary."""

    def function(y: Array, p: Array, positive: int) -> float:
        from sklearn import metrics

        is_binary = p.shape[1] == 2 and not macro
        return float(
            getattr(metrics, name)(
                y,
                p.argmax(axis=1),
                labels=[positive] if is_binary else list(range(p.shape[1])),
                average="macro",
                zero_division=0.0,
            )
        )

    return function


def _balanced_accuracy(y: Array, p: Array, positive: int) -> float:
    """Mean recall over the classes that occur in y."""
    import numpy as np

    hits = p.argmax(axis=1) == y
    return float(np.mean([hits[y == c].mean() for c in np.unique(y)]))


def _mcc(y: Array, p: Array, positive: int) -> float:
    from sklearn.metrics import matthews_corrcoef

    return float(matthews_corrcoef(y, p.argmax(axis=1)))


_CLASSIFIERS: Mapping[str, Callable[[Array, Array, int], float]] = {
    "log_loss": log_loss,
    "brier": brier,
    "error": lambda y, p, _: float((p.argmax(axis=1) != y).mean()),
    "accuracy": lambda y, p, _: float((p.argmax(axis=1) == y).mean()),
    "balanced_accuracy": _balanced_accuracy,
    "roc_auc": _roc_auc,
    "average_precision": _average_precision,
    "f1": _by_label("f1_score"),
    "f1_macro": _by_label("f1_score", macro=True),
    "precision": _by_label("precision_score"),
    "recall": _by_label("recall_score"),
    "mcc": _mcc,
}


def _mse(y: Array, p: Array) -> float:
    import numpy as np

    return float(((y - p.astype(np.float64)) ** 2).mean())


def _rmsle(y: Array, p: Array) -> float:
    """Root mean squared difference of log(1 + value); NaN where a true value is at most -1."""
    import numpy as np

    if y.min() <= -1:
        return math.nan
    floor = np.maximum(p.astype(np.float64), np.nextafter(-1.0, 0.0) + 1e-9)
    return float(np.sqrt(((np.log1p(y) - np.log1p(floor)) ** 2).mean()))


def _r2(y: Array, p: Array) -> float:
    """Share of variance explained; NaN where the true values do not vary."""
    variance = float(((y - y.mean()) ** 2).mean())
    return 1.0 - _mse(y, p) / variance if variance > 0 else math.nan


def _mape(y: Array, p: Array) -> float:
    """Mean absolute error relative to the true value; NaN where a true value is 0."""
    return math.nan if (y == 0).any() else float((abs(y - p) / abs(y)).mean())


def _median_ae(y: Array, p: Array) -> float:
    import numpy as np

    return float(np.median(abs(y - p)))


_REGRESSORS: Mapping[str, Function] = {
    "rmse": lambda y, p: math.sqrt(_mse(y, p)),
    "mse": _mse,
    "mae": lambda y, p: float(abs(y - p).mean()),
    "median_ae": _median_ae,
    "rmsle": _rmsle,
    "mape": _mape,
    "r2": _r2,
}
