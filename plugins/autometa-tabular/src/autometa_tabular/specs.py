"""The learners of this plugin, as strings."""

from __future__ import annotations

from autometa import LearnerSpec

_BOTH = frozenset({"classification", "regression"})
# Costs are the mean CPU seconds of the defaults on 21 tables of up to 3,000 rows, over ridge's.
_ALL_ROWS = frozenset({"missing", "text", "sample_weight", "soft_labels", "export:onnx"})

_FORMATS = {
    "dummy": "constant",
    "extra_trees": "trees",
    "hist_boosting": "trees",
    "lightgbm": "lightgbm",
}


def _spec(
    name: str, cls: str, cost: float, summary: str, library: str = "", **more: frozenset[str]
) -> LearnerSpec:
    module = f"autometa_tabular.learners.{name}"
    return LearnerSpec(
        name=name,
        problems=more.get("problems", _BOTH),
        factory=f"{module}:{cls}",
        space=f"{module}:space",
        modalities=more.get("modalities", frozenset({"tabular"})),
        capabilities=more.get("capabilities", _ALL_ROWS),
        cost=cost,
        preload=(library,) if library else (),
        format=_FORMATS.get(name, "linear"),
        summary=summary,
    )


LEARNERS = (
    _spec(
        "dummy",
        "Dummy",
        0.1,
        "the mean or the class frequencies: what every model has to beat",
        modalities=frozenset({"tabular", "image"}),
        capabilities=_ALL_ROWS | {"baseline"},
    ),
    _spec(
        "ridge",
        "Ridge",
        1.0,
        "least squares with a squared penalty",
        problems=frozenset({"regression"}),
    ),
    _spec(
        "elastic_net",
        "ElasticNet",
        2.0,
        "least squares that drops columns",
        problems=frozenset({"regression"}),
    ),
    _spec(
        "logistic",
        "Logistic",
        3.0,
        "logistic regression, with a squared or a mixed penalty",
        problems=frozenset({"classification"}),
    ),
    _spec(
        "extra_trees",
        "ExtraTrees",
        40.0,
        "extremely randomised trees of scikit-learn",
        "sklearn.ensemble",
    ),
    _spec(
        "hist_boosting",
        "HistBoosting",
        65.0,
        "histogram gradient boosting of scikit-learn",
        "sklearn.ensemble",
    ),
    _spec("lightgbm", "LightGBM", 55.0, "gradient boosting of LightGBM", "lightgbm"),
)
