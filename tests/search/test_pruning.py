import math

from autometa.search.pruning import keep_below, should_prune

BEST = [0.10, 0.12, 0.11, 0.13, 0.10]
OTHERS = [
    [x + d + 0.01 * ((i * j) % 3 - 1) for i, x in enumerate(BEST)]
    for j, d in enumerate((0.02, 0.03, 0.05, 0.06), start=1)
]
HISTORY = [BEST, *OTHERS]


def test_a_trial_that_is_far_behind_is_pruned_after_one_fold():
    assert should_prune([0.60], HISTORY)


def test_a_trial_that_is_level_goes_on():
    assert not should_prune([0.10], HISTORY)
    assert not should_prune([0.10, 0.125, 0.11], HISTORY)


def test_nothing_is_pruned_while_there_is_little_to_compare_with():
    assert not should_prune([9.0], HISTORY[:3])


def test_a_trial_with_all_folds_is_complete():
    assert not should_prune([9.0] * 5, HISTORY)


def test_a_single_fold_prunes_nothing():
    assert not should_prune([9.0], [[0.1], [0.2], [0.3], [0.4], [0.5]])


def test_models_are_kept_up_to_the_worst_kept_trial():
    assert math.isinf(keep_below(HISTORY, 6, 0))
    limit = keep_below(HISTORY, 3, 0)
    assert BEST[0] < limit < 0.2
