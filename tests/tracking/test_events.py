import json
import math
from pathlib import Path

import pytest

from autometa.tracking import events
from autometa.tracking.events import DatasetInfo, ModelInfo, StudyInfo, Told
from autometa.trial import Outcome, TrialResult

WHERE = {"uid": "u1", "tracking_uri": "sqlite:///x.db", "experiment": "e", "pid": 1}


def result(**more):
    values = {
        "number": 12,
        "params": {"learner": "lightgbm", "lightgbm.num_leaves": 31},
        "outcome": Outcome.COMPLETE,
        "values": (0.34567, 200.0),
        "standard_errors": (0.01, math.nan),
        "fold_scores": (0.3, math.nan, 0.4),
        "cost_seconds": 1.5,
        "proposer": "prior",
        "seed": 7,
    }
    return TrialResult(**{**values, **more})


def told(**more):
    values = {"objectives": ["log_loss", "size_kib"], "started_ms": 1000, "ended_ms": 3000}
    return Told(**{**values, **more})


def test_trial_says_everything_of_a_complete_trial():
    shown = told(best_so_far=0.25, tags={"autometa.prior.rank": 3})
    event = events.trial("toy", result(), shown, 0.25)
    assert event["name"] == "#12 lightgbm 0.3457"
    assert event["status"] == "FINISHED"
    assert (event["start_ms"], event["end_ms"]) == (1000, 3000)
    assert event["params"] == {
        "autometa.learner": "lightgbm",
        "autometa.outcome": "complete",
        "autometa.proposer": "prior",
        "learner": "lightgbm",
        "lightgbm.num_leaves": "31",
    }
    assert event["metrics"] == {
        "cost_seconds": 1.5,
        "fidelity": 1.0,
        "log_loss": 0.34567,
        "log_loss_se": 0.01,
        "size_kib": 200.0,
    }
    assert event["folds"] == [[0.3], [], [0.4]]
    assert event["curves"] == {"best_so_far": 0.25, "value": 0.34567, "cost_seconds": 1.5}
    assert event["tags"]["autometa.trial"] == "12"
    assert event["tags"]["autometa.proposer"] == "prior"
    assert event["tags"]["autometa.prior.rank"] == "3"
    assert "autometa.reason" not in event["tags"]


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(Outcome.PRUNED, "KILLED"), (Outcome.TIMEOUT, "KILLED"), (Outcome.DIED, "FAILED")],
)
def test_trial_that_is_not_complete_says_why(outcome, status):
    failed = result(outcome=outcome, values=None, reason="worker died (signal 9)")
    event = events.trial("toy", failed, told(), None)
    assert event["name"] == f"#12 lightgbm {outcome.value}"
    assert event["status"] == status
    assert event["tags"]["autometa.reason"] == "worker died (signal 9)"
    assert event["curves"] == {"cost_seconds": 1.5}


@pytest.mark.parametrize(
    ("steps", "first"),
    [
        ({}, ["autometa.learner", "autometa.outcome", "autometa.proposer"]),
        ({"compress.prune": "none"}, ["autometa.chain", "autometa.learner", "autometa.outcome"]),
    ],
)
def test_comparing_begins_with_what_was_tried_and_the_first_objective(steps, first):
    params = {"learner": "extra_trees", "extra_trees.n_trees": 9, **steps}
    tried = result(params=params, metrics={"accuracy": 0.9, "log_loss": 0.34567})
    event = events.trial("toy", tried, told(), None)
    assert sorted(event["params"])[:3] == first
    assert next(iter(event["metrics"])) == "log_loss"
    assert event["params"].get("autometa.chain", "none") == "none"


def test_chain_and_the_step_that_ended_it_are_tags():
    params = {"learner": "mlp", "compress.quantize": "int8", "compress.prune": "cut"}
    failed = result(outcome=Outcome.ERROR, values=None, params=params, step="prune cut")
    tags = events.trial("toy", failed, told(), None)["tags"]
    assert tags["autometa.chain"] == "cut > int8"
    assert tags["autometa.step"] == "prune cut"
    assert not {"autometa.chain", "autometa.step"} & set(
        events.trial("toy", result(), told(), None)["tags"]
    )


def test_best_so_far_is_absent_until_there_is_one():
    assert "best_so_far" not in events.trial("toy", result(), told(), None)["curves"]


def test_clock_set_back_gives_no_negative_duration():
    event = events.trial("toy", result(), told(started_ms=5000), None)
    assert event["end_ms"] == event["start_ms"] == 5000


def test_start_holds_the_study_and_its_data():
    data = DatasetInfo(name="iris", digest="d", n_rows=150, n_features=4, target="kind")
    info = StudyInfo(study="toy", params={"a[b]": 1}, tags={"budget": 9}, dataset=data)
    event = events.start(info, WHERE, 5)
    assert event["run_name"] == "toy"
    assert list(event["params"].values()) == ["1"]
    assert event["tags"]["autometa.uid"] == "u1"
    assert event["tags"]["budget"] == "9"
    assert event["dataset"]["n_rows"] == 150


def test_every_event_is_strict_json(tmp_path):
    bad = result(metrics={"up": math.inf, "nan": math.nan}, params={"p": math.inf, "q": None})
    for event in (
        events.start(StudyInfo(study="s"), WHERE, 1),
        events.trial("s", bad, told(best_so_far=math.nan), math.nan),
        events.artifact(tmp_path / "f"),
        events.model(ModelInfo(path=Path("m"))),
        events.end("FINISHED", {"x": math.nan, "y": None}, {}, 1),
    ):
        assert json.loads(json.dumps(event, allow_nan=False)) == event


def test_paths_of_events_are_absolute():
    assert Path(events.model(ModelInfo(path=Path("model")))["path"]).is_absolute()
    assert Path(events.artifact(Path("report.md"))["path"]).is_absolute()
