"""The learners of this plugin, as strings."""

from __future__ import annotations

from importlib.util import find_spec

from autometa import LearnerSpec

_BOTH = frozenset({"classification", "regression"})
# Costs are the mean CPU seconds of the defaults on 21 tables of up to 3,000 rows, over ridge's.
_ALL_ROWS = frozenset({"missing", "text", "sample_weight", "soft_labels", "export:onnx"})
_EARLY = _ALL_ROWS | {"first"}
_ON_REQUEST = _ALL_ROWS | {"opt_in"}
_CLASSES = frozenset({"classification"})

_FORMATS = {
    "dummy": "constant",
    "extra_trees": "trees",
    "hist_boosting": "trees",
    "lightgbm": "lightgbm",
    "naive_bayes": "quadratic",
    "neighbours": "neighbours",
    "kernel": "kernel",
    "svm": "kernel",
    "random_forest": "trees",
    "perceptron": "layers",
    "xgboost": "trees",
    "catboost": "trees",
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
        capabilities=_EARLY,
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
        problems=_CLASSES,
        capabilities=_EARLY,
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
    _spec(
        "naive_bayes",
        "NaiveBayes",
        1.5,
        "columns independent within a class, with tempered likelihood",
        problems=_CLASSES,
    ),
    _spec(
        "neighbours",
        "Neighbours",
        2.0,
        "the mean over the nearest rows, up to 10,000 rows",
    ),
    _spec(
        "svm",
        "SVM",
        10.0,
        "support vectors of the Gaussian kernel, up to 6,000 rows",
        "sklearn.svm",
    ),
    _spec("kernel", "Kernel", 45.0, "linear in features of the Gaussian kernel"),
    _spec(
        "perceptron",
        "Perceptron",
        70.0,
        "the multilayer perceptron of scikit-learn",
        "sklearn.neural_network",
    ),
    _spec(
        "random_forest",
        "RandomForest",
        60.0,
        "random forests of scikit-learn",
        "sklearn.ensemble",
    ),
    # On request: of the same kind as LightGBM, which is there without an extra.
    *(
        _spec(
            library,
            cls,
            cost,
            f"gradient boosting of {cls}",
            library,
            capabilities=_ON_REQUEST,
        )
        for library, cls, cost in (("xgboost", "XGBoost", 60.0), ("catboost", "CatBoost", 90.0))
        if find_spec(library) is not None
    ),
)
