from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from autometa.learner import Space
from autometa.meta.mapping import Mapped, contains, map_record, validate
from autometa.meta.record import TaskRecord
from autometa.trial import Outcome, TrialResult

from .strategies import records, spaces

Make = Callable[..., TaskRecord]


def mapped(
    source: BaseDistribution, target: BaseDistribution, *values: Any, **defaults: Any
) -> Mapped:
    trials = [
        TrialResult(number=i, params={"a": value}, outcome=Outcome.COMPLETE, values=(float(i),))
        for i, value in enumerate(values)
    ]
    record = TaskRecord.from_results(
        trials, name="t", objectives=(("loss", "minimize"),), space=Space({"a": source})
    )
    return map_record(record, Space({"a": target}, {}, defaults))


def values_of(result: Mapped) -> list[Any]:
    return [config["a"] for config in result.record.configs]


def test_record_of_the_same_space_is_carried_whole(make_record: Make, space: Space) -> None:
    record = make_record(
        {"learner": "linear", "linear.alpha": 0.5},
        {"learner": "trees", "trees.depth": 3, "trees.kind": "entropy"},
    )
    result = map_record(record, space)
    assert result.record.results == record.results
    assert result.rows.tolist() == [0, 1]
    assert (result.dropped, result.n_clipped) == ({}, 0)


def test_removed_learner_is_dropped_and_counted(make_record: Make, space: Space) -> None:
    record = make_record(
        {"learner": "trees", "trees.depth": 3, "trees.kind": "entropy"},
        {"learner": "linear", "linear.alpha": 0.5},
        {"learner": "trees", "trees.depth": 4, "trees.kind": "gini"},
    )
    target = Space(
        {**space.params, "learner": CategoricalDistribution(("linear",))}, space.conditions
    )
    result = map_record(record, target)
    assert result.dropped == {"learner: no such choice": 2}
    assert result.rows.tolist() == [1]
    assert result.record.configs == [{"learner": "linear", "linear.alpha": 0.5}]
    assert result.record.losses().tolist() == [0.2]
    assert result.record.space is target


@pytest.mark.parametrize(
    ("source", "target", "given", "expected"),
    [
        (FloatDistribution(0, 100), FloatDistribution(0, 10), [5.0, 50.0], [5.0, 10.0]),
        (FloatDistribution(0, 100), FloatDistribution(1, 10, log=True), [0.0, 2.0], [1.0, 2.0]),
        (FloatDistribution(0, 100), IntDistribution(0, 10), [2.6, 50.0], [3, 10]),
        (FloatDistribution(0, 1), FloatDistribution(0, 1, step=0.25), [0.3], [0.25]),
        (IntDistribution(1, 99), IntDistribution(1, 50, step=7), [11, 99], [8, 50]),
        (IntDistribution(1, 99), IntDistribution(2, 50, log=True), [1, 11], [2, 11]),
        (IntDistribution(1, 99), FloatDistribution(0, 10), [3, 99], [3.0, 10.0]),
        (CategoricalDistribution((10, 100)), IntDistribution(1, 50), [10, 100], [10, 50]),
        (IntDistribution(1, 99), CategoricalDistribution((10, 20)), [10, 11], [10]),
        (
            CategoricalDistribution(("a", "b")),
            CategoricalDistribution(("b", "c")),
            ["a", "b"],
            ["b"],
        ),
        (
            CategoricalDistribution((None, True)),
            CategoricalDistribution((True, None)),
            [None, True],
            [None, True],
        ),
    ],
    ids=lambda value: repr(value) if isinstance(value, BaseDistribution) else None,
)
def test_values_take_the_form_of_the_target(
    source: BaseDistribution, target: BaseDistribution, given: list[Any], expected: list[Any]
) -> None:
    got = values_of(mapped(source, target, *given))
    assert got == expected
    assert [type(value) for value in got] == [type(value) for value in expected]


def test_clipped_trials_are_counted() -> None:
    assert mapped(FloatDistribution(0, 9), FloatDistribution(2, 3), 1.0, 2.5, 9.0).n_clipped == 2


@pytest.mark.parametrize("poison", [math.nan, math.inf, 1e300, -5.0, "1.0", True, None])
def test_fault_81_values_that_nobody_can_have_tried_are_dropped(poison: Any) -> None:
    result = mapped(FloatDistribution(0, 1), FloatDistribution(0, 1), 0.5, poison)
    assert values_of(result) == [0.5]
    assert result.dropped == {"a: invalid value": 1}


def test_fault_81_values_outside_an_undeclared_range_are_dropped() -> None:
    record = TaskRecord.from_results(
        [TrialResult(number=0, params={"a": 7.0}, outcome=Outcome.COMPLETE, values=(0.0,))],
        name="t",
        objectives=(("loss", "minimize"),),
        space=Space({}),
    )
    result = map_record(record, Space({"a": FloatDistribution(0, 1)}))
    assert len(result.record) == 0


def test_missing_parameter_takes_the_default(make_record: Make, space: Space) -> None:
    target = Space(
        {**space.params, "linear.fit": CategoricalDistribution(("l1", "l2"))},
        {**space.conditions, "linear.fit": ("learner", ("linear",))},
        {"linear.fit": "l2"},
    )
    result = map_record(make_record({"learner": "linear", "linear.alpha": 0.5}), target)
    assert result.record.configs == [{"learner": "linear", "linear.alpha": 0.5, "linear.fit": "l2"}]
    without = map_record(make_record({"learner": "linear", "linear.alpha": 0.5}), target, {})
    assert without.dropped == {"linear.fit: missing, without a default": 1}


def test_removed_parameter_is_left_out(make_record: Make, space: Space) -> None:
    target = Space({"learner": space.params["learner"]})
    result = map_record(make_record({"learner": "linear", "linear.alpha": 0.5}), target)
    assert result.record.configs == [{"learner": "linear"}]


def test_foreign_record_does_not_become_copies_of_the_defaults(
    make_record: Make, space: Space
) -> None:
    target = Space({"x": FloatDistribution(0, 1)}, {}, {"x": 0.5})
    result = map_record(make_record(), target)
    assert result.dropped == {"nothing in common": 1}


@given(records(), spaces())
def test_fault_81_whatever_is_carried_is_valid_in_the_target(
    record: TaskRecord, space: Space
) -> None:
    result = map_record(record, space)
    assert len(result.rows) + sum(result.dropped.values()) == len(record)
    assert all(validate(config, space) for config in result.record.configs)


@given(spaces(), st.data())
def test_valid_configurations_are_carried_unchanged(space: Space, data: st.DataObject) -> None:
    config: dict[str, Any] = {}
    for name, distribution in space.params.items():
        parent, allowed = space.conditions.get(name, (None, ()))
        if parent is None or config.get(parent) in allowed:
            if isinstance(distribution, CategoricalDistribution):
                config[name] = data.draw(st.sampled_from(distribution.choices))
            else:
                config[name] = distribution.low  # type: ignore[attr-defined]
    assert validate(config, space)
    trial = TrialResult(number=0, params=config, outcome=Outcome.COMPLETE, values=(0.0,))
    record = TaskRecord.from_results(
        [trial], name="t", objectives=(("loss", "minimize"),), space=space
    )
    assert map_record(record, space).record.configs == [config]


@pytest.mark.parametrize(
    ("params", "valid", "partial"),
    [
        ({"learner": "linear", "linear.alpha": 0.5}, True, True),
        ({"learner": "linear"}, False, True),
        ({}, False, True),
        ({"linear.alpha": 0.5}, False, False),
        ({"learner": "linear", "linear.alpha": 0.5, "trees.depth": 3}, False, False),
        ({"learner": "linear", "linear.alpha": 50.0}, False, False),
        ({"learner": "linear", "linear.alpha": math.nan}, False, False),
        ({"learner": "linear", "linear.alpha": "0.5"}, False, False),
        ({"learner": "mlp"}, False, False),
        ({"learner": "linear", "linear.alpha": 0.5, "x": 1}, False, False),
    ],
)
def test_validate_knows_ranges_and_conditions(
    space: Space, params: dict[str, Any], valid: bool, partial: bool
) -> None:
    assert validate(params, space) is valid
    assert validate(params, space, partial=True) is partial


@pytest.mark.parametrize("value", [True, "1", None, math.nan, math.inf, 2.0, 10**400])
def test_contains_takes_only_finite_numbers_within(value: Any) -> None:
    assert not contains(FloatDistribution(0.0, 1.0), value)
    assert contains(FloatDistribution(0.0, 1.0), 1)
    assert not contains(CategoricalDistribution(("a",)), value)
