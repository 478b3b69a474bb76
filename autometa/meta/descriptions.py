"""Every meta-feature, what it measures and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass

STATLOG = (
    "Michie, Spiegelhalter, Taylor: Machine Learning, Neural and Statistical Classification, 1994"
)
LANDMARKING = "Pfahringer, Bensusan, Giraud-Carrier: Meta-learning by landmarking, ICML 2000"
AUTO_SKLEARN = "Feurer et al.: Efficient and robust automated machine learning, NeurIPS 2015"
COLLABORATIVE = "Bardenet et al.: Collaborative hyperparameter tuning, ICML 2013"
OWN = "autometa"


@dataclass(frozen=True, slots=True)
class Description:
    """One meta-feature.

    Args:
        group: ``simple``, ``target``, ``statistical``, ``information`` or ``landmark``.
        text: What it measures, with its range.
        source: The publication that proposed it, or ``autometa``.
    """

    group: str
    text: str
    source: str


def _landmark(text: str, source: str = LANDMARKING) -> Description:
    scale = "share of the constant predictor's error that is gone (accuracy, or R²), in [-1, 1]"
    return Description("landmark", f"{text}: {scale}", source)


DESCRIPTIONS: dict[str, Description] = {
    "log_n_rows": Description("simple", "Natural logarithm of the rows.", AUTO_SKLEARN),
    "log_n_columns": Description("simple", "Logarithm of 1 + the columns.", AUTO_SKLEARN),
    "log_columns_per_row": Description(
        "simple", "Logarithm of (1 + columns) / rows.", AUTO_SKLEARN
    ),
    "share_numeric": Description("simple", "Numeric columns, in [0, 1].", AUTO_SKLEARN),
    "share_boolean": Description("simple", "Boolean columns, in [0, 1].", STATLOG),
    "share_categorical": Description("simple", "Categorical columns, in [0, 1].", AUTO_SKLEARN),
    "share_date": Description("simple", "Date columns, in [0, 1].", OWN),
    "share_text": Description("simple", "Columns of text, in [0, 1].", OWN),
    "share_missing": Description("simple", "Missing cells, in [0, 1].", AUTO_SKLEARN),
    "share_rows_missing": Description(
        "simple", "Rows with a missing cell, in [0, 1].", AUTO_SKLEARN
    ),
    "share_columns_missing": Description(
        "simple", "Columns with a missing cell, in [0, 1].", AUTO_SKLEARN
    ),
    "share_columns_constant": Description("simple", "Columns of one value, in [0, 1].", OWN),
    "log_categories_mean": Description(
        "simple", "Mean over categorical columns of log(categories); 0 without.", AUTO_SKLEARN
    ),
    "log_categories_max": Description(
        "simple", "Maximum over categorical columns of log(categories); 0 without.", AUTO_SKLEARN
    ),
    "is_regression": Description("target", "1 for regression, else 0.", OWN),
    "log_n_classes": Description(
        "target", "Logarithm of the classes present; 0 for regression.", STATLOG
    ),
    "class_share_min": Description(
        "target", "Share of the rarest class present; 0 for regression.", AUTO_SKLEARN
    ),
    "class_share_max": Description(
        "target", "Share of the most frequent class; 0 for regression.", AUTO_SKLEARN
    ),
    "target_skewness": Description("target", "asinh of the target's skewness; 0 for classes.", OWN),
    "target_kurtosis": Description(
        "target", "asinh of the target's excess kurtosis; 0 for classes.", OWN
    ),
    "target_share_distinct": Description(
        "target", "Distinct values per row, in [0, 1]; 0 for classes.", OWN
    ),
    "skewness_mean": Description(
        "statistical", "Mean over numeric columns of asinh(|skewness|).", STATLOG
    ),
    "skewness_max": Description(
        "statistical", "Maximum over numeric columns of asinh(|skewness|).", AUTO_SKLEARN
    ),
    "kurtosis_mean": Description(
        "statistical", "Mean over numeric columns of asinh(excess kurtosis).", STATLOG
    ),
    "kurtosis_max": Description(
        "statistical", "Maximum over numeric columns of asinh(excess kurtosis).", AUTO_SKLEARN
    ),
    "share_zeros": Description("statistical", "Cells of numeric columns that are 0.", OWN),
    "share_outliers": Description(
        "statistical", "Cells of numeric columns beyond 1.5 quartile ranges (Tukey).", OWN
    ),
    "share_distinct": Description(
        "statistical", "Distinct values per row, mean over numeric columns.", OWN
    ),
    "correlation_mean": Description(
        "statistical", "Mean absolute correlation of two encoded columns.", STATLOG
    ),
    "correlation_max": Description(
        "statistical", "Largest absolute correlation of two encoded columns.", OWN
    ),
    "pca_first_share": Description(
        "statistical", "Share of variance on the first principal component.", OWN
    ),
    "pca_95_share": Description(
        "statistical", "Components that hold 95 % of the variance, per column.", COLLABORATIVE
    ),
    "association_mean": Description(
        "statistical",
        "Mean share of an encoded column's variance that the classes explain, or R² with the "
        "target.",
        OWN,
    ),
    "association_max": Description("statistical", "Largest such share.", OWN),
    "class_entropy": Description(
        "information",
        "Entropy of the target (regression: of its deciles) in units of its maximum.",
        STATLOG,
    ),
    "column_entropy_mean": Description(
        "information", "Mean entropy of a column in ten bins, over log 10.", STATLOG
    ),
    "mutual_information_mean": Description(
        "information", "Mean mutual information of column and target, over the target's.", STATLOG
    ),
    "mutual_information_max": Description(
        "information", "Largest mutual information, over the target's entropy.", STATLOG
    ),
    "noise_to_signal": Description(
        "information",
        "asinh of (mean column entropy - mean information) / mean information.",
        STATLOG,
    ),
    "nearest_neighbour": _landmark("The nearest neighbour on standardised columns"),
    "decision_stump": _landmark("A tree of depth one"),
    "shallow_tree": _landmark("A tree of depth four", OWN),
    "deep_tree": _landmark("A tree of depth ten", AUTO_SKLEARN),
    "naive_bayes": _landmark("Gaussian naive Bayes (regression: is the target above its median)"),
    "linear": _landmark("Ridge regression on the target or the classes' indicators", OWN),
    "tree_over_linear": Description(
        "landmark", "Shallow tree minus linear, in [-2, 2]: how much is not linear.", OWN
    ),
    "depth_gain": Description(
        "landmark", "Deep tree minus stump, in [-2, 2]: how much columns interact.", OWN
    ),
    "neighbour_over_linear": Description(
        "landmark", "Nearest neighbour minus linear, in [-2, 2]: how local the target is.", OWN
    ),
}
"""By name, in the order in which `autometa.meta.features.compute` gives them."""
