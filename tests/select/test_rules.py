from __future__ import annotations

import pytest

from autometa.errors import TaskError
from autometa.measure import find_metric
from autometa.select.rules import Rule
from autometa.trial import Outcome, TrialResult


def trial(number: int, value: float, **measured: float) -> TrialResult:
    return TrialResult(
        number=number, params={}, outcome=Outcome.COMPLETE, values=(value,), **measured
    )


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("fastest within 1 % of the best", Rule("latency_ms", 0.01)),
        ("smallest within 2.5% of the best", Rule("size_kib", 0.025)),
        (" Cheapest  within 10 % ", Rule("cost_seconds", 0.1)),
        ("fastest within 0 % of the best", Rule("latency_ms", 0.0)),
    ],
)
def test_rule_is_read(text: str, rule: Rule) -> None:
    assert Rule.parse(text) == rule


@pytest.mark.parametrize(
    "text", ["", "fast", "fastest within 1", "best within 1 %", "fastest -1 %"]
)
def test_what_is_no_rule_says_how_one_looks(text: str) -> None:
    with pytest.raises(TaskError, match="Such as 'fastest within 1 % of the best'"):
        Rule.parse(text)


def test_fastest_of_the_good_ones_is_taken() -> None:
    trials = [
        trial(0, 0.100, latency_ms=9.0),
        trial(1, 0.1009, latency_ms=3.0),
        trial(2, 0.1011, latency_ms=1.0),  # 1.1 % worse
    ]
    chosen = Rule("latency_ms", 0.01).choose(trials, find_metric("log_loss"))
    assert chosen is trials[1]


def test_better_may_be_higher() -> None:
    trials = [
        trial(0, 0.90, size_kib=9.0),
        trial(1, 0.82, size_kib=3.0),
        trial(2, 0.80, size_kib=1.0),
    ]
    assert Rule("size_kib", 0.1).choose(trials, find_metric("accuracy")) is trials[1]


def test_negative_values_are_within_by_their_size() -> None:
    trials = [trial(0, -1.0, size_kib=9.0), trial(1, -1.05, size_kib=3.0)]
    assert Rule("size_kib", 0.1).choose(trials, find_metric("r2")) is trials[1]


def test_of_equal_ones_the_better_then_the_earlier_is_taken() -> None:
    trials = [trial(0, 0.101), trial(1, 0.1), trial(2, 0.1)]
    assert Rule("cost_seconds", 0.1).choose(trials, find_metric("log_loss")) is trials[1]


def test_what_was_not_measured_is_a_task_error() -> None:
    with pytest.raises(TaskError, match="needs latency_ms, which was not measured"):
        Rule("latency_ms", 0.1).choose([trial(0, 0.1)], find_metric("log_loss"))


def test_of_none_none_is_taken() -> None:
    assert Rule("size_kib", 0.1).choose([], find_metric("log_loss")) is None
