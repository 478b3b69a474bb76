from hypothesis import given, settings
from hypothesis import strategies as st

from autometa.tracking.curve import BestCurve


def test_trials_in_order_show_what_is_known():
    curve = BestCurve()
    assert [curve.place(n, best) for n, best in enumerate([None, 0.5, 0.5, 0.2])] == [
        None,
        0.5,
        0.5,
        0.2,
    ]
    assert curve.end() is None


def test_late_trial_shows_its_improvement_from_the_next_number_on():
    curve = BestCurve()
    assert [curve.place(n, best) for n, best in [(0, 0.5), (2, 0.4), (1, 0.3), (3, 0.3)]] == [
        0.5,
        0.4,
        0.4,
        0.3,
    ]


def test_late_last_trial_ends_the_curve_with_the_best():
    curve = BestCurve()
    curve.place(1, 0.4)
    curve.place(0, 0.3)
    assert curve.end() == (1, 0.3)


def test_empty_curve_has_no_end():
    assert BestCurve().end() is None


@settings(deadline=None)
@given(st.permutations(range(8)), st.lists(st.integers(0, 100), min_size=8, max_size=8))
def test_curve_never_turns_back(order, values):
    curve = BestCurve()
    shown = {}
    best = 1000
    for number in order:
        best = min(best, values[number])
        shown[number] = curve.place(number, best)
    if curve.end():
        shown[8] = curve.end()[1]
    line = [shown[number] for number in sorted(shown)]
    assert line == sorted(line, reverse=True)
    assert line[-1] == min(values)
