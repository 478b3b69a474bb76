from hypothesis import given
from hypothesis import strategies as st

from autometa.select.pareto import dominates, front

POINTS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12)


@given(POINTS)
def test_front_has_no_dominated_member_and_misses_none(points):
    members = front(points)
    for index, point in enumerate(points):
        beaten = any(dominates(other, point) for other in points)
        assert (index in members) != beaten


@given(POINTS, st.randoms(use_true_random=False))
def test_front_does_not_depend_on_order(points, random):
    shuffled = list(points)
    random.shuffle(shuffled)
    assert sorted(points[i] for i in front(points)) == sorted(shuffled[i] for i in front(shuffled))
