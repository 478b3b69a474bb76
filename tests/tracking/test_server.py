"""A tracking server that is away, slow, busy or forgetful."""

import random
import time

import pytest

from autometa.tracking import state as progress
from autometa.tracking.pump import ATTEMPTS, Pump

from .conftest import Proxy, Study, free_port

pytestmark = pytest.mark.slow  # a server takes more than five seconds to start


@pytest.fixture
def told(tmp_path):
    """Gives a study that told three trials to a server."""

    def make(url, n_trials=3):
        study = Study(tmp_path, uri=url, name=f"study-{free_port()}")
        study.start()
        study.tell(n_trials)
        study.tracker.finish("FINISHED", {"test": 1.0})
        return study

    return make


def pump_of(study):
    return Pump(study.tracker._spool.path, study.folder / progress.FILE, user="jo")


def replay_stubbornly(study, n_attempts=400):
    pump = pump_of(study)
    for attempt in range(n_attempts):
        if pump.run():
            pump.finish()
            return attempt
    raise AssertionError(pump.state.last_error)


def test_study_is_shown_by_a_server(told, proxy, runs):
    study = told(proxy.url)
    assert replay_stubbornly(study) == 0
    status = study.tracker.status()
    runs(proxy.url, status.run_id).assert_whole(3)
    assert status.url == (
        f"{proxy.url}/#/experiments/{status.experiment_id}/runs/{status.run_id}"
        "?workflowType=machine_learning"
    )


def test_trial_costs_three_requests(told, proxy):
    replay_stubbornly(told(proxy.url, 1))
    n_few = proxy.n_requests
    replay_stubbornly(told(proxy.url, 5))
    assert proxy.n_requests - n_few - n_few == 4 * 3


@pytest.mark.parametrize("status", [429, 500])
def test_fault_69_refusals_are_retried_later_and_nothing_is_lost(told, proxy, runs, status):
    rng = random.Random(status)
    proxy.refuse = lambda n, path: status if rng.random() < 0.4 else None
    study = told(proxy.url)
    replay_stubbornly(study)
    proxy.refuse = lambda n, path: None
    found = study.tracker.status()
    assert (found.pending, found.refused, found.last_error) == (0, 0, "")
    runs(proxy.url, found.run_id).assert_whole(3)


def test_fault_69_lost_answers_double_nothing(told, proxy, runs):
    rng = random.Random(1)
    proxy.forget = lambda n, path: rng.random() < 0.3
    study = told(proxy.url)
    replay_stubbornly(study)
    proxy.forget = lambda n, path: False
    found = study.tracker.status()
    runs(proxy.url, found.run_id).assert_whole(3)


def test_fault_69_busy_server_is_named_and_the_event_kept(told, proxy):
    proxy.refuse = lambda n, path: 429
    study = told(proxy.url)
    assert not pump_of(study).run()
    status = study.tracker.status()
    assert status.pending == 5
    assert "429" in status.last_error


def test_event_the_server_cannot_digest_blocks_no_other(told, proxy, runs):
    study = told(proxy.url, 3)
    pump = pump_of(study)
    pump._connect()
    creations = []

    def refuse(n, path):
        if path.endswith("runs/create"):
            creations.append(path)
            # The parent is the first, trial 0 the second, trial 1 all that follow till it is over.
            if 3 <= len(creations) < 3 + ATTEMPTS:
                return 500
        return None

    proxy.refuse = refuse
    n_away = 0
    while not pump.run():
        n_away += 1
    assert n_away == ATTEMPTS - 1
    assert len(pump.state.deferred) == 1
    pump.finish()
    status = study.tracker.status()
    assert (status.pending, status.refused) == (0, 0)
    runs(proxy.url, status.run_id).assert_whole(3)


def test_artifacts_and_models_go_through_the_server(proxy, runs, winner, tmp_path):
    study = Study(tmp_path, uri=proxy.url)
    study.start()
    report = tmp_path / "report.txt"
    report.write_text("fine")
    study.tracker.artifact(report)
    study.tracker.model(winner)
    study.tracker.finish("FINISHED")
    replay_stubbornly(study)
    status = study.tracker.status()
    client = runs(proxy.url, status.run_id).client
    assert [file.path for file in client.list_artifacts(status.run_id)] == ["report.txt"]
    (model,) = client.search_logged_models([status.experiment_id])
    assert (model.status, model.source_run_id) == ("READY", status.run_id)
    files = [file.path for file in client.list_logged_model_artifacts(model.model_id)]
    assert {"MLmodel", "data", "requirements.txt"} <= set(files)


def test_store_of_another_uri_gets_the_whole_study(told, proxy, runs, workspace):
    study = told(proxy.url)
    replay_stubbornly(study)
    moved = Study(workspace)
    moved.folder.mkdir(parents=True)
    (moved.folder / "spool.jsonl").write_bytes(study.tracker._spool.path.read_bytes())
    again = Study(workspace)
    again.start()
    again.tracker.finish("FINISHED")
    status = again.replay()
    runs(again.uri, status.run_id).assert_whole(3)


def test_fault_66_server_down_at_the_start_holds_nothing_up(server, tmp_path, runs):
    port = free_port()
    study = Study(tmp_path, uri=f"http://127.0.0.1:{port}", spawns=True)
    began = time.monotonic()
    study.start()
    study.tell(3)
    assert time.monotonic() - began < 1.0
    deadline = began + 60
    while not study.tracker.status().last_error:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    status = study.tracker.drain(0.2)
    assert status.pending == 4
    assert status.run_id is None
    proxy = Proxy(server, port)
    try:
        study.tracker.finish("FINISHED")
        status = study.tracker.drain(60)
        assert (status.pending, status.last_error) == (0, "")
        runs(proxy.url, status.run_id).assert_whole(3)
    finally:
        proxy.close()
        study.tracker.close()


def test_fault_67_server_down_in_between_loses_nothing(server, proxy, tmp_path, runs):
    study = Study(tmp_path, uri=proxy.url, spawns=True)
    port = int(proxy.url.rpartition(":")[2])
    study.start()
    study.tell(2)
    assert study.tracker.drain(60).pending == 0
    proxy.close()
    study.tell(2, first=2)
    deadline = time.monotonic() + 60
    while not study.tracker.status().last_error:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert study.tracker.status().pending == 2
    back = Proxy(server, port)
    try:
        study.tell(1, first=4)
        study.tracker.finish("FINISHED")
        status = study.tracker.drain(60)
        assert status.pending == 0
        runs(back.url, status.run_id).assert_whole(5)
    finally:
        back.close()
        study.tracker.close()


def test_fault_68_slow_server_blocks_no_trial(proxy, tmp_path, runs):
    proxy.delay = 10.0
    study = Study(tmp_path, uri=proxy.url, spawns=True)
    began = time.monotonic()
    study.start()
    for number in range(50):
        study.trial(number)
        study.tracker.ensure_running()
    assert time.monotonic() - began < 1.0
    deadline = time.monotonic() + 60
    while not proxy.n_requests:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    began = time.monotonic()
    study.tell(1, first=50)
    study.tracker.status()
    assert time.monotonic() - began < 0.5
    proxy.delay = 0.0
    study.tracker.finish("FINISHED")
    status = study.tracker.drain(100)
    assert (status.pending, status.last_error) == (0, "")
    runs(proxy.url, status.run_id).assert_whole(51)
    study.tracker.close()
