import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autometa.errors import DataError
from autometa.split import SplitRequest, make_split


def classes_of(*counts):
    """Class indices with these many members, and the classes' labels."""
    labels = np.repeat(np.arange(len(counts)), counts)
    return {"n_rows": len(labels), "labels": labels, "classes": list("abcdefghij")[: len(counts)]}


def split_of(**request):
    return make_split(SplitRequest(**request))


def check_is_partition(split, n_rows):
    """Test and development rows are all rows; no fold scores what it trains on or the test part."""
    test, development = split.test_rows(), split.development_rows()
    assert sorted([*test, *development]) == list(range(n_rows))
    for fold in range(split.n_folds):
        train, valid = split.train_rows(fold), split.valid_rows(fold)
        assert len(train) > 0
        assert len(valid) > 0
        assert not set(train) & set(valid)
        assert set(train) | set(valid) <= set(development)
        assert train.dtype == valid.dtype == np.int64


@pytest.mark.parametrize(
    ("n_rows", "n_folds", "kind"),
    [(1000, 5, "kfold"), (12_500, 5, "kfold"), (13_000, 3, "kfold"), (70_000, 1, "holdout")],
)
def test_auto_split_has_fewer_folds_for_more_rows(n_rows, n_folds, kind):
    split, warnings = split_of(n_rows=n_rows)
    assert (split.n_folds, split.kind) == (n_folds, kind)
    assert len(split.test_rows()) == round(n_rows * 0.2)
    assert warnings == []
    check_is_partition(split, n_rows)


@pytest.mark.parametrize(("n_rows", "n_folds"), [(100, 5), (2500, 5), (2600, 1), (70_000, 1)])
def test_single_model_is_judged_on_folds_where_a_holdout_is_small(n_rows, n_folds):
    split, warnings = split_of(n_rows=n_rows, kind="single")
    assert (split.n_folds, split.kind) == (n_folds, "kfold" if n_folds > 1 else "holdout")
    assert warnings == []
    check_is_partition(split, n_rows)


def test_kfold_scores_every_development_row_once():
    split, _ = split_of(n_rows=103, n_folds=4, kind="kfold")
    scored = np.concatenate([split.valid_rows(fold) for fold in range(4)])
    assert sorted(scored) == split.development_rows().tolist()


def test_holdout_scores_a_fifth():
    split, _ = split_of(n_rows=1000, kind="holdout", test_fraction=0)
    assert (split.n_folds, len(split.valid_rows(0)), len(split.train_rows(0))) == (1, 200, 800)


def test_parts_are_stratified():
    request = classes_of(800, 150, 50)
    split, _ = split_of(**request)
    labels = request["labels"]
    assert np.bincount(labels[split.test_rows()]).tolist() == [160, 30, 10]
    for fold in range(5):
        assert np.bincount(labels[split.valid_rows(fold)]).tolist() == [128, 24, 8]


def test_test_fraction_zero_sets_nothing_aside():
    split, _ = split_of(n_rows=100, test_fraction=0.0)
    assert split.test_rows().tolist() == []
    assert len(split.development_rows()) == 100


def test_same_seed_gives_the_same_split_and_another_seed_another_one():
    first, second, other = (split_of(n_rows=200, seed=seed)[0].codes for seed in (3, 3, 4))
    assert first.tolist() == second.tolist()
    assert first.tolist() != other.tolist()


def test_fault_7_one_row_is_refused():
    with pytest.raises(DataError, match="has 1 usable row, but at least 4") as caught:
        split_of(n_rows=1)
    assert caught.value.exit_code == 3


def test_fault_8_fewer_rows_than_folds_lowers_the_folds():
    split, warnings = split_of(n_rows=12, kind="kfold", n_folds=20)
    assert split.n_folds == 5
    assert warnings == ["only 10 rows: 5 folds instead of 20"]
    check_is_partition(split, 12)


def test_fault_8_class_smaller_than_folds_lowers_the_folds():
    split, warnings = split_of(**classes_of(100, 4))
    assert split.n_folds == 3
    assert warnings == ["class 'b' has 3 rows: 3 folds instead of 5"]


def test_fault_8_very_few_rows_have_no_test_part():
    split, warnings = split_of(**classes_of(3, 3))
    assert warnings[0] == "only 6 rows: no test part is set aside"
    assert split.n_folds == 3
    check_is_partition(split, 6)


def test_fault_13_class_with_one_row_is_always_trained_on():
    split, warnings = split_of(**classes_of(60, 40, 1))
    assert warnings == ["class 'c' has one row: kept for training, never scored"]
    assert split.n_folds == 5
    assert all(100 in split.train_rows(fold) for fold in range(5))


def test_classes_of_one_row_each_are_refused():
    with pytest.raises(DataError, match="every class has one row"):
        split_of(**classes_of(1, 1, 1, 1))


@given(
    counts=st.lists(st.integers(1, 40), min_size=2, max_size=6).filter(lambda c: max(c) > 3),
    kind=st.sampled_from(["auto", "holdout", "kfold"]),
    fraction=st.sampled_from([0.0, 0.2, 0.5, 0.9]),
    n_folds=st.none() | st.integers(2, 12),
)
def test_any_classes_give_a_partition(counts, kind, fraction, n_folds):
    assume(sum(counts) * (1 - fraction) >= 4)  # fewer rows are refused, see below
    request = classes_of(*counts)
    split, _ = split_of(**request, kind=kind, test_fraction=fraction, n_folds=n_folds)
    check_is_partition(split, request["n_rows"])
    left = np.bincount(request["labels"][split.development_rows()], minlength=len(counts))
    assert (left >= np.minimum(counts, 2)).all()


@given(st.lists(st.integers(0, 8), min_size=20, max_size=80), st.integers(0, 5))
def test_groups_never_stand_on_both_sides(groups, seed):
    groups = np.array([*groups, 20, 21, 22, 23])
    split, _ = split_of(n_rows=len(groups), kind="group", groups=groups, seed=seed)
    check_is_partition(split, len(groups))
    assert not set(groups[split.test_rows()]) & set(groups[split.development_rows()])
    for fold in range(split.n_folds):
        assert not set(groups[split.train_rows(fold)]) & set(groups[split.valid_rows(fold)])


def test_group_parts_are_even_over_rows_and_classes():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 100, 2000)
    labels = (rng.random(2000) < 0.2).astype(np.int64)
    split, _ = split_of(n_rows=2000, kind="group", groups=groups, labels=labels, classes=["n", "y"])
    assert 350 <= len(split.test_rows()) <= 450
    for fold in range(5):
        rows = split.valid_rows(fold)
        assert 270 <= len(rows) <= 370
        assert 0.15 <= labels[rows].mean() <= 0.25


def test_auto_follows_a_group_column():
    assert split_of(n_rows=20, groups=np.arange(20) // 2)[0].kind == "group"


def test_few_groups_lower_the_folds_and_one_is_refused():
    split, warnings = split_of(n_rows=20, groups=np.arange(20) % 4)
    assert split.n_folds == 3
    assert warnings == ["only 3 groups: 3 folds instead of 5"]
    with pytest.raises(DataError, match="has 1 different value"):
        split_of(n_rows=20, groups=np.zeros(20, dtype=np.int64))


@given(st.lists(st.integers(0, 30), min_size=10, max_size=100), st.integers(2, 8))
def test_time_split_never_trains_on_later_rows(times, n_folds):
    times = np.array([*times, 31, 32, 33, 34], dtype=np.float64)
    split, _ = split_of(n_rows=len(times), kind="time", times=times, n_folds=n_folds)
    check_is_partition(split, len(times))
    assert times[split.development_rows()].max() < times[split.test_rows()].min()
    for fold in range(split.n_folds):
        assert times[split.train_rows(fold)].max() < times[split.valid_rows(fold)].min()


def test_time_split_expands_its_window():
    split, _ = split_of(n_rows=72, kind="time", times=np.arange(72.0)[::-1], test_fraction=1 / 6)
    assert split.test_rows().tolist() == list(range(12))
    sizes = [(len(split.train_rows(k)), len(split.valid_rows(k))) for k in range(5)]
    assert sizes == [(10, 10), (20, 10), (30, 10), (40, 10), (50, 10)]


def test_time_split_waits_for_a_second_class():
    labels = np.array([0] * 30 + [1, 0] * 15)
    split, warnings = split_of(
        n_rows=60,
        kind="time",
        times=np.arange(60.0),
        test_fraction=0,
        labels=labels,
        classes=["a", "b"],
    )
    assert split.n_folds == 1
    assert set(labels[split.train_rows(0)]) == {0, 1}
    assert warnings == ["too few rows or moments: 1 folds instead of 5"]


def test_time_split_refuses_one_moment():
    with pytest.raises(DataError, match="one value throughout"):
        split_of(n_rows=20, kind="time", times=np.zeros(20))


def test_given_test_part_is_kept():
    is_test = np.arange(50) >= 40
    split, _ = split_of(n_rows=50, is_test=is_test)
    assert split.test_rows().tolist() == list(range(40, 50))
    check_is_partition(split, 50)
