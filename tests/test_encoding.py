"""The encoding plan: values by hand, what was never seen, and the JSON round trip."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autometa import DataError, EncodingPlan, TabularEncoder

FLOAT32_MAX = float(np.finfo(np.float32).max)


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


def _fit(X: pd.DataFrame, y: np.ndarray | None = None, **options) -> EncodingPlan:
    n_classes = options.pop("n_classes", None)
    return TabularEncoder(**options).fit(X, y, n_classes=n_classes, rng=_rng())


def _numbers(*values: float) -> pd.DataFrame:
    return pd.DataFrame({"x": np.array(values, dtype=np.float64)})


def _levels(*values: str | None) -> pd.DataFrame:
    return pd.DataFrame({"c": pd.Categorical(list(values))})


def _mixed(n: int = 60) -> pd.DataFrame:
    rng = _rng()
    holes = rng.random(n) < 0.2
    return pd.DataFrame(
        {
            "number": np.where(holes, np.nan, rng.normal(size=n)),
            "flag": pd.array(rng.random(n) > 0.5, dtype="boolean"),
            "level": pd.Categorical(rng.choice(["a", "b", "c"], n)),
            "when": pd.Timestamp("2024-02-28") + pd.to_timedelta(rng.integers(0, 9999, n), "h"),
            "text": pd.array(rng.choice(["one two three", "two four", ""], n), dtype="string"),
        }
    )


def test_numbers_are_imputed_with_the_median_and_marked():
    plan = _fit(_numbers(1, 2, np.nan, 6), scale="none")
    assert plan.names == ("x", "x=missing")
    assert plan.transform(_numbers(np.nan, 5)).tolist() == [[2.0, 1.0], [5.0, 0.0]]


def test_standard_scale_has_mean_zero_and_deviation_one():
    values = _fit(_numbers(1, 2, 3, 10)).transform(_numbers(1, 2, 3, 10))[:, 0]
    assert values.mean() == pytest.approx(0, abs=1e-6)
    assert values.std() == pytest.approx(1, abs=1e-6)


def test_robust_scale_uses_quartiles():
    encoded = _fit(_numbers(0, 1, 2, 3, 4), scale="robust").transform(_numbers(2, 4, 1000))
    assert encoded[:, 0].tolist() == [0.0, 1.0, 499.0]


def test_squash_keeps_outliers_within_three():
    encoded = _fit(_numbers(0, 1, 2, 3, 4), scale="squash").transform(_numbers(8, 1e30, -1e300))
    assert encoded[:, 0] == pytest.approx([3 / np.sqrt(1 + 1), 3, -3])


def test_constant_number_is_zero_whatever_comes_later():
    assert _fit(_numbers(7, 7, 7)).transform(_numbers(7, 1e9, np.nan)).tolist() == [[0], [0], [0]]


def test_numbers_beyond_float32_are_clipped_and_infinities_are_missing():
    plan = _fit(_numbers(0, 1, np.inf), scale="none")
    encoded = plan.transform(_numbers(1e300, -1e300, np.inf, -np.inf))
    assert encoded.dtype == np.float32
    assert encoded[:, 0].tolist() == [FLOAT32_MAX, -FLOAT32_MAX, 0.5, 0.5]
    assert encoded[:, 1].tolist() == [0, 0, 1, 1]


def test_fault_16_infinite_numbers_never_reach_the_learner():
    plan = _fit(_numbers(0, 1, 2, 3))
    assert np.isfinite(plan.transform(_numbers(np.inf, -np.inf, 1e308, 3))).all()


def test_kept_missing_values_stay_nan_only_where_training_had_some():
    X = pd.DataFrame({"gaps": [1.0, np.nan, 3.0], "whole": [1.0, 2.0, 9.0]})
    plan = _fit(X, missing="keep", scale="none")
    row = plan.transform(pd.DataFrame({"gaps": [np.nan], "whole": [np.nan]}))[0]
    assert np.isnan(row[0])
    assert row[1] == 2.0


def test_column_missing_throughout_is_zero():
    X = _numbers(np.nan, np.nan)
    assert _fit(X).transform(X).tolist() == [[0.0], [0.0]]


def test_booleans_become_zero_and_one():
    X = pd.DataFrame({"b": pd.array([True, False, None], dtype="boolean")})
    assert _fit(X, scale="none").transform(X).tolist() == [[1, 0], [0, 0], [0.5, 1]]


def test_dates_give_their_parts_and_lose_the_constant_ones():
    days = ["2024-01-31 06:30", "2024-02-29 18:00", "2024-03-03 00:00"]
    X = pd.DataFrame({"d": pd.to_datetime(days)})
    plan = _fit(X, scale="none")
    assert plan.names == ("d:month", "d:weekday", "d:hour", "d:elapsed_days")
    encoded = plan.transform(X)
    assert encoded[:, :3].tolist() == [[1, 2, 6], [2, 3, 18], [3, 6, 0]]
    assert encoded[:, 3] == pytest.approx([19753.2708, 19782.75, 19785.0], abs=1e-3)


def test_dates_before_1970_and_missing_ones():
    X = pd.DataFrame({"d": pd.to_datetime(["1969-12-31 23:00", "1970-01-02 00:00", None])})
    encoded = _fit(X, scale="none").transform(X)
    assert encoded[0].tolist() == pytest.approx([1969, 12, 2, 23, -1 / 24, 0])
    assert encoded[2, -1] == 1.0


def test_one_hot_groups_rare_levels_with_unseen_ones():
    plan = _fit(_levels(*"aaabbbc"), min_count=2)
    assert plan.names == ("c=a", "c=b", "c=other")
    assert plan.transform(_levels("b", "c", "new", None)).tolist() == [
        [0, 1, 0],
        [0, 0, 1],
        [0, 0, 1],
        [0, 0, 0],
    ]


def test_one_hot_without_rare_levels_gives_zeros_for_unseen_ones():
    plan = _fit(_levels("a", "a", "b", "b", None))
    assert plan.names == ("c=a", "c=b", "c=missing")
    assert plan.transform(_levels("new", None)).tolist() == [[0, 0, 0], [0, 0, 1]]


def test_ordinal_orders_numbers_by_value():
    plan = _fit(_levels("10", "9", "10", "9", "1", "1"), categorical="ordinal")
    assert plan.transform(_levels("1", "9", "10", "x", None))[:, 0].tolist() == [0, 1, 2, 3, -1]


def test_ordinal_keeps_nan_for_learners_that_take_it():
    plan = _fit(_levels(*"aabb"), categorical="ordinal", missing="keep")
    encoded = plan.transform(_levels("b", "x", None))[:, 0]
    assert encoded[0] == 1.0
    assert np.isnan(encoded[1:]).all()


def test_target_map_is_the_m_estimate():
    y = np.array([1.0, 3.0, 8.0, 8.0])
    plan = _fit(_levels("a", "a", "b", "b"), y, categorical="target", smoothing=2, scale="none")
    # prior 5; a: (4 + 2 * 5) / 4; b: (16 + 2 * 5) / 4; unseen and missing: the prior
    assert plan.transform(_levels("a", "b", "x", None))[:, 0].tolist() == [3.5, 6.5, 5.0, 5.0]


def test_target_map_of_classes_has_one_output_per_class_or_one_for_two():
    X, y = _levels(*"aabbcc"), np.array([0, 0, 1, 1, 2, 2])
    assert _fit(X, y, n_classes=3, categorical="target").width == 3
    assert _fit(X, y % 2, n_classes=2, categorical="target").width == 1


def test_cross_fitted_training_rows_do_not_see_their_own_target():
    rng = _rng()
    n = 400
    X = _levels(*rng.integers(0, 100, n).astype(str))
    y = rng.normal(size=n)  # pure noise: what correlates has leaked
    encoder = TabularEncoder(categorical="target", smoothing=0.0)
    plan, encoded = encoder.fit_transform(X, y, rng=rng)
    leaked = np.corrcoef(plan.transform(X)[:, 0], y)[0, 1]
    honest = np.corrcoef(encoded[:, 0], y)[0, 1]
    assert leaked > 0.4
    assert abs(honest) < 0.15


def test_cross_fitted_value_is_the_mean_of_the_other_folds():
    X, y = _levels(*"ab" * 10), np.arange(20.0)
    encoder = TabularEncoder(categorical="target", smoothing=0.0, scale="none")
    _, encoded = encoder.fit_transform(X, y, rng=_rng())
    folds = _rng().permutation(20) % 5
    level = np.arange(20) % 2
    for row in range(20):
        others = (folds != folds[row]) & (level == level[row])
        assert encoded[row, 0] == pytest.approx(y[others].mean(), rel=1e-6)


def test_soft_labels_and_weights_enter_the_target_map():
    X = _levels("a", "a", "b", "b")
    soft = np.array([[0.2, 0.8], [0.6, 0.4], [1.0, 0.0], [0.0, 1.0]])
    plan = TabularEncoder(categorical="target", smoothing=0.0, scale="none").fit(
        X, soft, n_classes=2, sample_weight=np.array([3.0, 1, 1, 1]), rng=_rng()
    )
    assert plan.transform(X)[[0, 2], 0] == pytest.approx([0.7, 0.5])


def test_target_encoding_without_a_target_is_refused():
    with pytest.raises(ValueError, match="needs y"):
        _fit(_levels(*"aabb"), categorical="target")


def test_fault_26_column_of_500_levels_is_encoded_within_bounds():
    rng = _rng()
    X, y = _levels(*rng.integers(0, 500, 5000).astype(str)), rng.normal(size=5000)
    plan = _fit(X, y, max_levels=32)
    assert plan.width == 32 + 2  # with the other levels, and the target map
    assert _fit(X, y, categorical="ordinal", max_levels=254).width == 1
    assert _fit(X, y, categorical="target").width == 1


def test_many_wide_categories_stay_within_the_width():
    rng = _rng()
    X = pd.DataFrame({f"c{i}": pd.Categorical(rng.integers(0, 30, 300)) for i in range(50)})
    assert _fit(X, max_width=400).width <= 400 + 50


def test_text_separates_documents_and_empty_ones_are_zero():
    X = pd.DataFrame({"t": pd.array(["red car", "red car", "blue sky", None, ""], dtype="string")})
    for components in (0, 2):
        encoded = _fit(X, text_components=components, text_hashes=256).transform(X)
        assert np.array_equal(encoded[0], encoded[1])
        assert not np.allclose(encoded[0], encoded[2])
        assert not encoded[3:].any()


def test_text_counts_the_commonest_words_and_no_others_in_their_place():
    documents = [f"{word} {word}{n}" for n in range(300) for word in ("good", "bad")]
    X = pd.DataFrame({"t": pd.array(documents, dtype="string")})
    encoded = _fit(X, text_components=0, text_hashes=2).transform(X)
    assert sorted(encoded[0]) == [0.0, 1.0]
    assert (encoded[::2] == encoded[0]).all()
    assert (encoded[1::2] == encoded[0][::-1]).all()


def test_text_without_words_has_no_output():
    assert _fit(pd.DataFrame({"t": pd.array(["", None], dtype="string")})).width == 0


def test_texts_are_not_exportable():
    X = _mixed()
    assert not _fit(X).is_exportable
    assert _fit(X[["number", "flag", "level", "when"]]).is_exportable


@pytest.mark.parametrize("categorical", ["onehot", "ordinal", "target"])
@pytest.mark.parametrize("missing", ["impute", "keep"])
def test_plan_survives_json_to_the_bit(categorical: str, missing: str):
    X = _mixed()
    y = np.arange(len(X)) % 3
    plan = _fit(X, y, n_classes=3, categorical=categorical, missing=missing)
    again = EncodingPlan.from_json(plan.to_json())
    assert again.to_json() == plan.to_json()
    assert again.names == plan.names
    assert np.array_equal(again.transform(X), plan.transform(X), equal_nan=True)


@given(st.lists(st.floats(width=64), min_size=1, max_size=20), st.sampled_from(["none", "squash"]))
def test_any_numbers_give_finite_float32_and_survive_json(values: list[float], scale: str):
    X = _numbers(*values)
    plan = _fit(X, scale=scale)
    encoded = plan.transform(X)
    assert np.isfinite(encoded).all()
    assert np.array_equal(EncodingPlan.from_json(plan.to_json()).transform(X), encoded)


@pytest.mark.parametrize("text", ["[]", "{}", '{"version": 2, "steps": []}'])
def test_foreign_json_is_refused(text: str):
    with pytest.raises(ValueError, match="not an encoding plan"):
        EncodingPlan.from_json(text)


def test_json_of_an_unknown_step_is_refused():
    with pytest.raises(ValueError, match="not a step"):
        EncodingPlan.from_json('{"version": 1, "steps": [{"kind": "magic"}]}')


def test_row_by_row_equals_all_at_once():
    X = _mixed()
    plan = _fit(X)
    rows = np.concatenate([plan.transform(X.iloc[[i]]) for i in range(len(X))])
    assert np.array_equal(rows, plan.transform(X))


def test_no_rows_give_no_rows():
    X = _mixed()
    assert _fit(X).transform(X.iloc[:0]).shape == (0, _fit(X).width)


def test_rows_are_not_changed():
    X = _mixed()
    before = X.copy(deep=True)
    _fit(X, np.arange(len(X)) % 2, n_classes=2, categorical="target").transform(X)
    pd.testing.assert_frame_equal(X, before)


def test_fault_27_more_columns_and_another_order_make_no_difference():
    X = _mixed()
    plan = _fit(X)
    shuffled = X[X.columns[::-1]].assign(extra=1.0)
    assert np.array_equal(plan.transform(shuffled), plan.transform(X))


def test_fault_27_lacking_column_is_named():
    X = _mixed()
    with pytest.raises(DataError, match="lack the column 'level'"):
        _fit(X).transform(X.drop(columns="level"))


def test_fault_27_unseen_category_is_defined_for_every_encoding():
    y = np.arange(6.0)
    for categorical in ("onehot", "ordinal", "target"):
        plan = _fit(_levels(*"aabbcc"), y, categorical=categorical)
        assert np.isfinite(plan.transform(_levels("never seen"))).all()


def test_unknown_option_value_is_named():
    with pytest.raises(ValueError, match="scale must be one of none, standard"):
        TabularEncoder(scale="minmax")


def test_complex_numbers_are_refused():
    with pytest.raises(DataError, match="'z' has type complex128"):
        _fit(pd.DataFrame({"z": np.array([1j, 2j])}))


def test_same_seed_gives_the_same_plan():
    X, y = _mixed(), np.arange(60) % 2
    first, second = (_fit(X, y, n_classes=2, categorical="target").to_json() for _ in range(2))
    assert first == second


def test_large_table_is_quick():
    rng = _rng()
    X = pd.DataFrame(rng.normal(size=(50_000, 30)))
    X.columns = [f"x{i}" for i in range(30)]
    X["x0"] = pd.Categorical(rng.integers(0, 20, len(X)).astype(str))
    started = time.process_time()
    _fit(X).transform(X)
    assert time.process_time() - started < 1.5  # measured: 0.2 s


def test_fault_25_ten_thousand_columns_are_quick():
    X = pd.DataFrame(_rng().normal(size=(50, 10_000)))
    X.columns = X.columns.astype(str)
    started = time.process_time()
    assert _fit(X).transform(X).shape == (50, 10_000)
    assert time.process_time() - started < 10  # measured: 1.3 s
