from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autometa.meta.descriptions import DESCRIPTIONS
from autometa.meta.features import compute
from autometa.meta.landmarks import landmarks

RNG = np.random.default_rng(0)
CpuSeconds = Callable[[Callable[[], object], float], float]


def numbers(n: int = 200, d: int = 3) -> pd.DataFrame:
    values = np.random.default_rng(1).normal(size=(n, d))
    return pd.DataFrame(values, columns=[f"c{j}" for j in range(d)])


def test_simple_counts_are_exact() -> None:
    X = pd.DataFrame(
        {
            "number": [1.0, 0.0, np.nan, 4.0],
            "flag": pd.array([True, None, False, True], dtype="boolean"),
            "kind": pd.Categorical(["a", "b", "a", "c"]),
            "day": pd.to_datetime(["2026-01-01", None, "2026-01-03", "2026-01-04"]),
            "note": pd.array(["one two", "three", "four", "five"], dtype="string"),
            "same": [7.0] * 4,
        }
    )
    found = compute(X, np.array([0, 1, 1, 1]), 2)
    expected = {
        "log_n_rows": math.log(4),
        "log_n_columns": math.log(7),
        "log_columns_per_row": math.log(7 / 4),
        "share_numeric": 2 / 6,
        "share_boolean": 1 / 6,
        "share_categorical": 1 / 6,
        "share_date": 1 / 6,
        "share_text": 1 / 6,
        "share_missing": 3 / 24,
        "share_rows_missing": 2 / 4,
        "share_columns_missing": 3 / 6,
        "share_columns_constant": 1 / 6,
        "log_categories_mean": math.log(3),
        "log_categories_max": math.log(3),
        "is_regression": 0.0,
        "log_n_classes": math.log(2),
        "class_share_min": 0.25,
        "class_share_max": 0.75,
        "share_zeros": 1 / 7,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_moments_agree_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    X = pd.DataFrame({"a": RNG.exponential(size=500), "b": RNG.integers(-1, 2, 500).astype(float)})
    found = compute(X, X["a"].to_numpy(), None)
    skewness = np.arcsinh(np.abs(stats.skew(X)))
    kurtosis = np.arcsinh(stats.kurtosis(X))
    assert found["skewness_mean"] == pytest.approx(skewness.mean())
    assert found["skewness_max"] == pytest.approx(skewness.max())
    assert found["kurtosis_mean"] == pytest.approx(kurtosis.mean())
    assert found["target_skewness"] == pytest.approx(np.arcsinh(stats.skew(X["a"])))
    assert found["target_kurtosis"] == pytest.approx(np.arcsinh(stats.kurtosis(X["a"])))


def test_correlations_agree_with_numpy() -> None:
    X = numbers(d=3)
    X["c1"] += X["c0"]
    y = X["c2"].to_numpy() + RNG.normal(size=len(X))
    matrix = np.abs(np.corrcoef(X.T))
    found = compute(X, y, None)
    assert found["correlation_max"] == pytest.approx(matrix[0, 1])
    assert found["correlation_mean"] == pytest.approx(matrix[np.triu_indices(3, 1)].mean())
    assert found["association_max"] == pytest.approx(np.corrcoef(X["c2"], y)[0, 1] ** 2)


def test_equal_columns_have_one_component() -> None:
    X = pd.DataFrame({name: np.arange(50.0) for name in "abcd"})
    found = compute(X, np.arange(50.0), None)
    assert found["pca_first_share"] == pytest.approx(1.0)
    assert found["pca_95_share"] == pytest.approx(0.25)


def test_information_of_a_copy_of_the_target_is_all_of_it() -> None:
    y = np.tile([0, 1], 100)
    X = pd.DataFrame({"copy": y.astype(float), "noise": np.repeat([0.0, 1.0], 100)})
    found = compute(X, y, 2)
    assert found["class_entropy"] == pytest.approx(1.0)
    assert found["mutual_information_max"] == pytest.approx(1.0)
    assert found["mutual_information_mean"] == pytest.approx(0.5)
    assert found["column_entropy_mean"] == pytest.approx(math.log(2) / math.log(10))
    assert found["noise_to_signal"] == pytest.approx(math.asinh(1.0))
    assert found["association_max"] == pytest.approx(1.0)


def test_landmarks_tell_linear_from_interaction() -> None:
    X = numbers(400, 2)
    linear = compute(X, (X["c0"] + X["c1"] > 0).to_numpy(np.int64), 2)
    crossed = compute(X, (X["c0"] * X["c1"] > 0).to_numpy(np.int64), 2)
    assert linear["linear"] > 0.8 > linear["decision_stump"]
    assert crossed["shallow_tree"] > 0.7
    assert crossed["linear"] < 0.3
    assert crossed["tree_over_linear"] > 0.4 > linear["tree_over_linear"]
    assert crossed["nearest_neighbour"] > 0.6


def test_landmarks_of_a_linear_regression() -> None:
    X = numbers(400, 2)
    found = compute(X, 1e6 * (X["c0"] + 2 * X["c1"]).to_numpy(), None)
    assert found["linear"] > 0.99
    assert found["is_regression"] == 1.0
    assert found["log_n_classes"] == found["class_share_max"] == 0.0


def test_landmarks_agree_with_scikit_learn() -> None:
    from sklearn.linear_model import Ridge
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier

    from autometa.meta import landmarks as module

    X, y, new = RNG.normal(size=(90, 4)), RNG.integers(0, 3, 90), RNG.normal(size=(30, 4))
    X[:, 0] += y
    neighbour = KNeighborsClassifier(1).fit(X, y).predict(new)
    assert (module._nearest(X, y, new) == neighbour).all()
    assert (module._naive_bayes(X, y, new) == GaussianNB().fit(X, y).predict(new)).mean() > 0.9
    ridge = Ridge(module.RIDGE_PENALTY).fit(X, X[:, 0] ** 2).predict(new)
    np.testing.assert_allclose(module._ridge(X, X[:, 0] ** 2, new), ridge)


def test_noise_has_landmarks_near_zero() -> None:
    found = compute(numbers(600, 3), np.random.default_rng(7).integers(0, 2, 600), 2)
    assert abs(found["linear"]) < 0.25
    assert found["mutual_information_max"] < 0.1


def test_soft_labels_count_as_their_likeliest_class() -> None:
    X, y = numbers(60, 2), np.tile([0, 1, 2], 20)
    assert compute(X, np.eye(3)[y] * 0.6 + 0.1, 3) == compute(X, y, 3)


def edge_cases() -> dict[str, tuple[pd.DataFrame, np.ndarray, int | None]]:
    n = 40
    y = np.arange(n) % 2
    text = pd.DataFrame({"t": [f"word {i} and more" for i in range(n)], "u": [None] * n})
    dates = pd.DataFrame(
        {
            "utc": pd.date_range("2020", periods=n, tz="UTC"),
            "none": pd.Series([pd.NaT] * n),
            "far": pd.Series(np.array(["0001-01-01", "9999-12-31"] * (n // 2), "datetime64[s]")),
        }
    )
    wild = pd.DataFrame({"a": [1e308, -1e308] * (n // 2), "b": [np.inf, 1.0] * (n // 2)})
    tiny = pd.DataFrame({"a": np.linspace(0, 5e-324, n), "b": np.linspace(1, 1 + 1e-15, n)})
    whole = pd.DataFrame(
        {
            "i": pd.array([1, None] * (n // 2), dtype="Int64"),
            "u": np.full(n, 2**64 - 1, np.uint64),
            "f": np.linspace(0, 1, n, dtype=np.float32),
            "b": y.astype(bool),
        }
    )
    categories = pd.DataFrame(
        {
            "one": pd.Categorical(["a"] * n),
            "none": pd.Categorical([None] * n, categories=["a"]),
            "unused": pd.Categorical(["a", None] * (n // 2), categories=list("abc")),
            "each": pd.Categorical([str(i) for i in range(n)]),
        }
    )
    odd = pd.DataFrame({"o": [1, "a", None, (2,)] * (n // 4), "d": pd.to_timedelta(range(n), "h")})
    same = numbers(n, 2).set_axis(["x", "x"], axis=1)
    return {
        "no rows": (numbers(0, 3), np.empty(0, int), 2),
        "no columns": (pd.DataFrame(index=range(n)), y, 2),
        "one row": (numbers(1, 3), np.array([1]), 2),
        "one row of regression": (numbers(1, 3), np.array([1.0]), None),
        "three rows": (numbers(3, 30), np.array([0, 1, 1]), 2),
        "one class": (numbers(n, 2), np.zeros(n, int), 1),
        "absent classes": (numbers(n, 2), y * 5, 9),
        "rare class": (numbers(n, 2), (np.arange(n) == 0).astype(int), 2),
        "as many classes as rows": (numbers(n, 2), np.arange(n), n),
        "constant target": (numbers(n, 2), np.ones(n), None),
        "huge target": (numbers(n, 2), np.linspace(-1, 1, n) * 1.7e308, None),
        "constant columns": (pd.DataFrame({"a": [1.0] * n, "b": [np.nan] * n}), y, 2),
        "text": (text, y, 2),
        "dates": (dates, y, 2),
        "wild numbers": (wild, y, 2),
        "tiny numbers": (tiny, y, 2),
        "other dtypes": (whole, y, 2),
        "categories": (categories, y, 2),
        "odd objects": (odd, y, 2),
        "equal names": (same, y, 2),
        "more columns than rows": (numbers(20, 300), y[:20], 2),
    }


@pytest.mark.parametrize("case", edge_cases())
def test_every_meta_feature_is_finite(case: str) -> None:
    X, y, n_classes = edge_cases()[case]
    found = compute(X, y, n_classes)
    assert list(found) == list(DESCRIPTIONS)
    assert all(type(value) is float and math.isfinite(value) for value in found.values())
    assert all(abs(value) < 50 for value in found.values())


@settings(max_examples=25)
@given(st.data())
def test_every_meta_feature_is_finite_for_any_table(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 12))
    cell = st.floats(allow_nan=True, allow_infinity=True)
    columns = st.lists(cell, min_size=n, max_size=n)
    X = pd.DataFrame(data.draw(st.lists(columns, min_size=1, max_size=4))).T
    y = np.array(data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    assert all(math.isfinite(value) for value in compute(X, y, 3).values())


def test_unit_of_a_column_does_not_count() -> None:
    X, y = numbers(), np.arange(200) % 2
    assert compute(X * 1000.0, y, 2) == pytest.approx(compute(X, y, 2), abs=1e-9)


def test_order_of_columns_counts_for_trees_only() -> None:
    X, y = numbers(), np.arange(200) % 2
    first, second = compute(X, y, 2), compute(X[["c2", "c0", "c1"]], y, 2)
    trees = {"shallow_tree", "deep_tree", "tree_over_linear", "depth_gain"}
    for name in DESCRIPTIONS.keys() - trees:
        assert second[name] == pytest.approx(first[name], abs=1e-9)


def test_input_is_left_as_it_is() -> None:
    X, y = numbers(), np.arange(200.0)
    before = X.copy(), y.copy()
    compute(X, y, None)
    pd.testing.assert_frame_equal(X, before[0])
    assert (y == before[1]).all()


def test_seed_decides_and_the_clock_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = numbers(3000, 4), np.random.default_rng(3).integers(0, 2, 3000)
    first = compute(X, y, 2, seed=5, max_seconds=0.2)
    for clock in ("time", "monotonic", "process_time", "perf_counter"):
        monkeypatch.delattr(time, clock)
    second = compute(X, y, 2, seed=5, max_seconds=0.2)
    other = compute(X, y, 2, seed=6, max_seconds=0.2)
    monkeypatch.undo()
    assert first == second != other


def test_another_process_gives_the_same_numbers() -> None:
    script = (
        "import json, numpy as np, pandas as pd\n"
        "from autometa.meta.features import compute\n"
        "values = np.random.default_rng(0).normal(size=99)\n"
        "X = pd.DataFrame({'a': values, 'b': pd.Categorical(list('xyz') * 33)})\n"
        "print(json.dumps(compute(X, np.arange(99) % 2, 2)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "7"},
    )
    values = np.random.default_rng(0).normal(size=99)
    X = pd.DataFrame({"a": values, "b": pd.Categorical(list("xyz") * 33)})
    assert json.loads(done.stdout) == compute(X, np.arange(99) % 2, 2)


def test_large_table_stays_within_its_second(cpu_seconds: CpuSeconds) -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(50_000, 100)))
    for column in range(30):
        X[column] = pd.Categorical.from_codes(rng.integers(0, 8, 50_000), list("abcdefgh"))
    y = rng.integers(0, 2, 50_000)
    compute(X.iloc[:100], y[:100], 2)  # imports
    assert cpu_seconds(lambda: compute(X, y, 2), 1.0) < 1.0  # measured: 0.35


def test_too_few_rows_for_folds_give_landmarks_of_zero() -> None:
    X, y = np.ones((5, 2)), np.array([0, 1, 0, 1, 0])
    assert set(landmarks(X, y, 2, 0).values()) == {0.0}


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_every_description_names_group_text_and_source(name: str) -> None:
    description = DESCRIPTIONS[name]
    assert description.group in {"simple", "target", "statistical", "information", "landmark"}
    assert len(description.text) > 10
    assert description.source
