"""Replays into a real SQLite store."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from autometa.tracking import process, spool
from autometa.tracking import state as progress
from autometa.tracking.events import Told
from autometa.tracking.pump import Pump
from autometa.tracking.store import MlflowStore
from autometa.trial import Outcome, TrialResult

from .conftest import Study


def test_study_becomes_a_parent_run_with_a_child_per_trial(study, runs):
    study.start(description="**Iris**", tags={"budget": 3})
    study.tell(3)
    study.tracker.finish("FINISHED", {"test_log_loss": 0.125}, {"autometa.best_trial": 2})
    status = study.replay()
    assert (status.pending, status.refused, status.last_error) == (0, 0, "")
    found = runs(study.uri, status.run_id)
    found.assert_whole(3)
    parent = found.parent
    assert parent.info.run_name == "toy"
    assert parent.data.metrics["test_log_loss"] == 0.125
    assert parent.data.params == {"problem": "classification"}
    assert parent.data.tags["mlflow.note.content"] == "**Iris**"
    assert parent.data.tags["autometa.best_trial"] == "2"
    (dataset,) = parent.inputs.dataset_inputs
    assert (dataset.dataset.name, dataset.dataset.digest) == ("iris", "d1")
    assert found.curve("cost_seconds") == [(0, 0.5), (1, 0.5), (2, 0.5)]


def test_trial_page_shows_name_times_and_numbers(study, runs):
    study.start()
    study.trial(0)
    study.tracker.finish("FINISHED")
    child = runs(study.uri, study.replay().run_id).children[0]
    assert child.info.run_name == "#0 ridge 1"
    assert child.info.end_time - child.info.start_time == 1000
    tried = {"learner": "ridge", "ridge.alpha": "0.5"}
    story = {"learner": "ridge", "outcome": "complete", "proposer": "target"}
    assert child.data.params == tried | {f"autometa.{name}": text for name, text in story.items()}
    assert next(iter(child.data.metrics)) == "log_loss"
    assert child.data.metrics["log_loss"] == 1.0
    assert child.data.metrics["latency_ms"] == 0.25
    tags = {name: child.data.tags[f"autometa.{name}"] for name in ("outcome", "proposer", "study")}
    assert tags == {"outcome": "complete", "proposer": "target", "study": "toy"}


@pytest.mark.parametrize("outcome", [o for o in Outcome if o is not Outcome.INTERRUPTED])
def test_status_of_a_child_says_how_the_trial_ended(study, runs, outcome):
    study.start()
    study.trial(0, outcome)
    study.tracker.finish("FINISHED")
    child = runs(study.uri, study.replay().run_id).children[0]
    assert child.info.status == outcome.mlflow_status
    assert child.data.tags["autometa.outcome"] == outcome.value


def test_interrupted_trial_has_no_run(study, runs):
    study.start()
    study.trial(0, Outcome.INTERRUPTED)
    study.tracker.finish("KILLED")
    found = runs(study.uri, study.replay().run_id)
    assert found.children == []
    assert found.parent.info.status == "KILLED"


NAMES = [
    "price [EUR]",
    "a{b}",
    "x,y;z",
    "two\nlines",
    "naïve",
    "☃ snow",
    "/abs",
    "a//b",
    "../up",
    ".",
    "",
    "k" * 300,
]


def test_fault_23_and_24_any_name_is_shown_under_a_key_of_its_own(study, runs):
    study.start(params=dict.fromkeys(NAMES, 1), tags=dict.fromkeys(NAMES, "t"))
    study.trial(0, params=dict.fromkeys(NAMES, "v"), metrics=dict.fromkeys(NAMES, 2.0))
    study.tracker.finish("FINISHED", dict.fromkeys(NAMES, 3.0))
    status = study.replay()
    found = runs(study.uri, status.run_id)
    assert (status.pending, status.refused) == (0, 0)
    child = found.children[0]
    assert len(child.data.params) == len(NAMES) + 2  # how it ended, who proposed it
    assert len([v for v in child.data.metrics.values() if v == 2.0]) == len(NAMES)
    assert "naïve" in child.data.params
    originals = [v for k, v in child.data.tags.items() if k.startswith("autometa.name.")]
    assert "price [EUR]" in originals
    assert "two\nlines" in originals


def test_long_and_odd_values_are_shown_shortened(study, runs):
    study.start()
    study.trial(0, params={"p": "x" * 9000, "nul": "a\0b"}, metrics={"up": float("inf")})
    study.tracker.finish("FINISHED")
    status = study.replay()
    child = runs(study.uri, status.run_id).children[0]
    assert status.refused == 0
    assert len(child.data.params["p"]) == 6000
    assert child.data.params["nul"] == "ab"
    assert "up" not in child.data.metrics
    assert child.data.tags["autometa.not_finite"] == "up=inf"


def test_replay_without_its_progress_doubles_nothing(study, runs):
    study.start()
    study.tell(4)
    study.tracker.finish("FINISHED", {"test": 1.0})
    first = study.replay()
    (study.folder / progress.FILE).unlink()
    second = study.replay()
    assert second.run_id == first.run_id
    runs(study.uri, second.run_id).assert_whole(4)


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_folder_as_a_store_takes_every_point_once(tmp_path, runs, scheme):
    study = Study(tmp_path, uri=f"{scheme}{tmp_path}/mlruns")
    study.start()
    study.tell(3)
    study.tracker.finish("FINISHED", {"test": 1.0})
    study.replay()
    (study.folder / progress.FILE).unlink()
    status = study.replay()
    assert (status.pending, status.refused) == (0, 0)
    runs(study.uri, status.run_id).assert_whole(3)


def test_store_that_mlflow_does_not_know_is_told_and_waited_for(tmp_path):
    study = Study(tmp_path, uri="nonsense://host/1")
    study.start()
    pump = Pump(study.tracker._spool.path, study.folder / progress.FILE, user="jo")
    assert not pump.run()
    assert "nonsense" in study.tracker.status().last_error


class Dying(MlflowStore):
    """A store whose process is gone after so many requests, before or after the last one acts."""

    requests_left = 0
    acts_first = False

    def __init__(self, uri, artifacts=""):
        super().__init__(uri, artifacts)
        self.client = _Counting(self.client)


class _Counting:
    def __init__(self, client):
        self._client = client

    def __getattr__(self, name):
        method = getattr(self._client, name)

        def call(*args, **kwargs):
            Dying.requests_left -= 1
            if Dying.requests_left < 0 and not Dying.acts_first:
                raise SystemExit
            answer = method(*args, **kwargs)
            if Dying.requests_left < 0:
                raise SystemExit
            return answer

        return call


@pytest.mark.parametrize("acts_first", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("first", [1, 5])
def test_process_that_dies_at_any_request_leaves_nothing_doubled_or_running(
    study, runs, monkeypatch, acts_first, first
):
    study.start()
    study.tell(3)
    study.tracker.finish("FINISHED", {"test": 1.0})
    monkeypatch.setattr("autometa.tracking.store.MlflowStore", Dying)
    Dying.acts_first = acts_first
    n_deaths = 0
    while True:
        Dying.requests_left = first + 4 * n_deaths
        try:
            status = study.replay()
            break
        except SystemExit:
            n_deaths += 1
    assert n_deaths > 3
    monkeypatch.undo()
    assert status.pending == 0
    runs(study.uri, status.run_id).assert_whole(3)


def test_resume_goes_on_in_the_same_run(study, runs):
    study.start()
    study.tell(2)
    study.tracker.finish("KILLED")
    first = study.replay()
    study.start(tags={"budget": 5})
    study.tell(2, first=2)
    study.tracker.finish("FINISHED")
    second = study.replay()
    assert second.run_id == first.run_id
    found = runs(study.uri, second.run_id)
    found.assert_whole(4)
    assert found.parent.data.tags["budget"] == "5"


def test_trial_told_twice_is_one_run(study, runs):
    study.start()
    study.tell(2)
    study.tell(2)
    study.tracker.finish("FINISHED")
    runs(study.uri, study.replay().run_id).assert_whole(2)


def test_best_curve_ends_with_the_best_of_a_late_trial(study, runs):
    study.start()
    for number, best in [(1, 0.5), (0, 0.25)]:
        told = Told(objectives=["loss"], started_ms=1, ended_ms=2, best_so_far=best)
        study.tracker.trial(
            TrialResult(number=number, params={}, outcome=Outcome.COMPLETE, values=(best,)), told
        )
    study.tracker.finish("FINISHED")
    found = runs(study.uri, study.replay().run_id)
    assert found.curve("best_so_far") == [(0, 0.5), (1, 0.25), (1, 0.5)]
    assert found.parent.data.metrics["best_so_far"] == 0.25


def test_run_of_a_killed_study_is_closed_as_killed(study, runs):
    study.start()
    study.tell(2)
    text = study.tracker._spool.path.read_text()
    study.tracker._spool.path.write_text(text.replace(f'"pid":{os.getpid()}', '"pid":999999999'))
    status = study.replay()
    runs(study.uri, status.run_id).assert_whole(2, "KILLED")


def test_study_is_replayed_as_a_whole_into_a_new_database(study, empty_store):
    study.start()
    study.tell(2)
    study.tracker.finish("FINISHED")
    first = study.replay()
    database = study.folder.parents[1] / "mlflow.db"
    for file in database.parent.glob("mlflow.db*"):
        file.unlink()
    database.write_bytes(empty_store.read_bytes())
    # MLflow keeps the connections of a process to the file that is gone: a new one has none.
    code = "import sys; from autometa.tracking.process import main; main(sys.argv[1:])"
    subprocess.run([sys.executable, "-c", code, str(study.folder)], check=True, timeout=60)
    second = study.tracker.status()
    assert second.run_id != first.run_id
    with closing(sqlite3.connect(database)) as opened:
        assert opened.execute("SELECT status, count(*) FROM runs GROUP BY 1").fetchall() == [
            ("FINISHED", 3)
        ]


def test_reset_shows_the_study_in_a_fresh_run_and_deletes_the_old_one(study, runs, client):
    study.start()
    study.tell(2)
    study.tracker.finish("FINISHED")
    old = study.replay()
    study.tracker.reset()
    study.start()
    study.tell(3)
    study.tracker.finish("FINISHED")
    new = study.replay()
    assert new.run_id != old.run_id
    runs(study.uri, new.run_id).assert_whole(3)
    assert len(client(study.uri).search_runs([new.experiment_id])) == 4


def test_artifacts_are_kept_and_a_missing_one_blocks_nothing(study, runs, tmp_path):
    report = tmp_path / "report.txt"
    report.write_text("fine")
    study.start()
    study.tracker.artifact(tmp_path / "gone.txt")
    study.tracker.artifact(report, "reports")
    study.tell(1)
    study.tracker.finish("FINISHED")
    status = study.replay()
    assert (status.pending, status.refused) == (0, 1)
    found = runs(study.uri, status.run_id)
    found.assert_whole(1)
    listed = found.client.list_artifacts(status.run_id, "reports")
    assert [file.path for file in listed] == ["reports/report.txt"]


def test_event_of_another_version_and_a_broken_line_are_skipped(study, runs):
    study.start()
    study.tracker._append({"type": "later"})
    os.write(study.tracker._spool._open(), b"not json\n")
    study.tell(1)
    study.tracker.finish("FINISHED")
    status = study.replay()
    assert status.refused == 1
    runs(study.uri, status.run_id).assert_whole(1)


def test_event_that_crashes_the_tracker_is_skipped_in_the_end(study, runs):
    study.start()
    study.tracker._spool.append({"type": "trial"})
    study.tell(1)
    study.tracker.finish("FINISHED")
    for _ in range(3):
        with pytest.raises(KeyError):
            study.replay()
    status = study.replay()
    assert status.refused == 1
    runs(study.uri, status.run_id).assert_whole(1)


def test_state_of_a_spool_is_valid_json_of_known_size(study):
    study.start()
    study.tell(30)
    study.tracker.finish("FINISHED")
    study.replay()
    state = json.loads((study.folder / progress.FILE).read_text())
    assert state["offset"] == state["until"] == (study.folder / spool.FILE).stat().st_size
    assert state["replayed"] == 32
    assert state["closed"] == "FINISHED"


def test_process_without_a_study_ends_at_once(tmp_path):
    assert process.main([str(tmp_path)]) == 0
