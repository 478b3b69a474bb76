import math

from autometa.search.budget import Budget


def at(moment, *, trials=None, seconds=None, spent=0.0):
    return Budget(trials, seconds, spent, started=100.0, clock=lambda: moment)


def test_trials_end_the_search():
    assert at(100.0, trials=3).allows(2)
    assert not at(100.0, trials=3).allows(3)


def test_seconds_leave_time_to_finish():
    budget = at(100.0, seconds=30.0)
    assert budget.end == 130.0
    assert 125.0 < budget.search_end < 130.0
    assert not at(129.0, seconds=30.0).allows(0)


def test_seconds_are_summed_over_runs():
    assert at(100.0, seconds=30.0, spent=20.0).end == 110.0
    assert at(105.0, seconds=30.0, spent=20.0).elapsed == 25.0


def test_without_seconds_there_is_no_end():
    assert math.isinf(at(1e9, trials=1).search_end)
