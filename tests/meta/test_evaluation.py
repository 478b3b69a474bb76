from __future__ import annotations

from collections.abc import Callable

import numpy as np
import optuna
import pytest

from autometa.meta.evaluation import FEWEST, Replay, replays, summary
from autometa.meta.knowledge import KnowledgeBase
from autometa.meta.record import Fingerprint, TaskRecord

optuna.logging.set_verbosity(optuna.logging.WARNING)

CONFIGS = [{"x": i / 29} for i in range(30)]


def past(centres: list[float]) -> KnowledgeBase:
    x = np.array([config["x"] for config in CONFIGS])
    return KnowledgeBase.from_table(CONFIGS, [np.abs(x - centre) for centre in centres])


def test_tasks_that_are_alike_save_trials() -> None:
    found = list(replays(past([0.60, 0.62, 0.64, 0.66]).records))
    assert len(found) == 4
    assert np.mean([replay.with_past for replay in found]) <= 3
    assert np.mean([replay.earlier for replay in found]) > 2


def test_same_data_is_not_its_own_past(make_record: Callable[..., TaskRecord]) -> None:
    configs = [{"learner": "linear", "linear.alpha": 0.001 * 1.3**i} for i in range(20)]
    # The best is the first; the double of the same data would tell.
    twin = Fingerprint("c0ffee", tuple(range(64)))
    records = [make_record(*configs, name=name, fingerprint=twin) for name in ("a", "b")]
    assert {replay.with_past > 1 for replay in replays(records)} == {True}


def test_number_of_replayed_tasks_is_bounded_and_small_ones_are_left_out() -> None:
    knowledge = past([0.1, 0.3, 0.5, 0.7])
    assert len(list(replays(knowledge.records, 2))) == 2
    few = KnowledgeBase.from_table(CONFIGS[: FEWEST - 1], np.ones((2, FEWEST - 1)))
    assert list(replays(few.records)) == []


def test_summary_says_that_it_is_an_estimate_and_how_often_the_past_costs() -> None:
    data = summary([Replay("a", 20, 2, 6.0), Replay("b", 20, 5, 4.0)])
    assert data["is_estimate"] is True
    assert (data["median_earlier"], data["share_later"]) == (1.5, 0.5)
    assert data["tasks"][0]["earlier"] == pytest.approx(4.0)
