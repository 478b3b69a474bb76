from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autometa.meta.similarity import Scale

tasks = st.lists(
    st.dictionaries(st.sampled_from("abcd"), st.floats(allow_nan=True), max_size=4), max_size=6
)


def test_scale_is_median_and_quartiles() -> None:
    scale = Scale.fit([{"a": float(value)} for value in (0, 1, 2, 3, 100)])
    assert scale.transform({"a": 2.0}).tolist() == [0.0]
    assert scale.transform({"a": 4.0}).tolist() == pytest.approx([2 / (2 / 1.349)])
    assert scale.transform({"a": 1000.0}).tolist() == [3.0]


def test_distance_is_the_root_mean_square_over_shared_names() -> None:
    scale = Scale(("a", "b"), np.zeros(2), np.ones(2))
    assert scale.distance({"a": 1.0, "b": 0.0}, {"a": 0.0, "b": 1.0}) == pytest.approx(1.0)
    assert scale.distance({"a": 1.0}, {"a": 0.0, "b": 1.0}) == pytest.approx(1.0)
    assert math.isnan(scale.distance({"a": 1.0}, {"b": 0.0}))


def test_unit_falls_back_where_tasks_agree() -> None:
    agree = Scale.fit([{"a": 1.0}] * 5)
    assert agree.unit.tolist() == [1.0]
    mostly = Scale.fit([{"a": 1.0}] * 9 + [{"a": 11.0}])
    assert mostly.unit.tolist() == pytest.approx([3.0])


def test_no_tasks_give_an_unknown_distance() -> None:
    scale = Scale.fit([{}, {}])
    assert scale.names == ()
    assert math.isnan(scale.distance({"a": 1.0}, {"a": 1.0}))


@given(tasks)
def test_distances_are_symmetric_bounded_and_zero_to_oneself(given: list[dict[str, float]]) -> None:
    scale = Scale.fit(given)
    for a in given:
        for b in given:
            distance = scale.distance(a, b)
            assert math.isnan(distance) or 0.0 <= distance <= 6.0
            np.testing.assert_equal(scale.distance(b, a), distance)
        assert math.isnan(scale.distance(a, a)) or scale.distance(a, a) == 0.0
