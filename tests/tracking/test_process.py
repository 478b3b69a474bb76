"""The tracker process itself: started, killed, doubled, left alone."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from autometa.errors import StorageError
from autometa.tracking import processes
from autometa.tracking.tracker import NullTracker, Tracker

from .conftest import Study


@pytest.fixture
def spawning(workspace):
    made = Study(workspace, spawns=True)
    yield made
    made.tracker.close()


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_tracker_process_replays_and_ends_with_the_study(spawning, runs):
    spawning.start()
    spawning.tell(3)
    spawning.tracker.finish("FINISHED")
    status = spawning.tracker.drain(60)
    assert (status.pending, status.last_error) == (0, "")
    wait_until(lambda: not spawning.tracker.status().is_running)
    spawning.tracker.ensure_running()
    assert not spawning.tracker.status().is_running
    assert (spawning.folder / "tracker.log").read_text() == ""
    assert not list(spawning.folder.parents[1].glob("mlflow.db-*"))
    runs(spawning.uri, status.run_id).assert_whole(3)


def test_closing_leaves_a_process_that_replays_the_rest(spawning, runs):
    spawning.start()
    os.kill(spawning.tracker._process._pid, signal.SIGKILL)
    wait_until(lambda: not spawning.tracker.status().is_running)
    spawning.tell(2)
    spawning.tracker.finish("FINISHED")
    spawning.tracker.ensure_running()
    assert not spawning.tracker.status().is_running  # too early
    spawning.tracker.close()
    wait_until(lambda: spawning.tracker.status().pending == 0)
    runs(spawning.uri, spawning.tracker.status().run_id).assert_whole(2)


def test_second_tracker_process_of_a_study_ends_at_once(spawning):
    spawning.folder.mkdir(parents=True)
    lock = processes.acquire(spawning.folder / processes.LOCK)
    assert lock is not None
    assert spawning.tracker.status().is_running
    done = subprocess.run(
        [sys.executable, "-m", "autometa.tracking.process", str(spawning.folder)],
        check=True,
        timeout=20,
    )
    assert done.returncode == 0
    os.close(lock)
    assert not spawning.tracker.status().is_running


def test_drain_gives_up_in_time(tmp_path):
    study = Study(tmp_path, uri="http://127.0.0.1:9")
    study.start()
    began = time.monotonic()
    assert study.tracker.drain(0.3).pending == 1
    assert 0.3 <= time.monotonic() - began < 1.0


def test_null_tracker_tells_and_waits_for_nothing(tmp_path):
    tracker = NullTracker()
    tracker.finish("FINISHED")
    assert tracker.drain(10).to_json() == {
        "tracking_uri": "",
        "experiment_id": None,
        "run_id": None,
        "url": "",
    }


def test_fault_70_corrupt_store_is_refused_until_a_reset_derives_it_again(study, runs, workspace):
    other = Study(workspace, "other")
    other.start()
    other.tell(2)
    other.tracker.finish("FINISHED")
    (workspace / ".autometa" / "mlflow.db").write_text("broken")
    with pytest.raises(StorageError, match="--rebuild-tracking"):
        study.start()
    study.tracker.reset()
    study.start()
    study.tell(1)
    study.tracker.finish("FINISHED")
    # The other study is replayed as well, by a process of its own.
    wait_until(lambda: other.tracker.status().pending == 0)
    runs(other.uri, other.tracker.status().run_id).assert_whole(2)
    runs(study.uri, study.replay().run_id).assert_whole(1)
    assert len(list((workspace / ".autometa").glob("mlflow.db.broken-*"))) == 1


def test_process_ends_soon_after_its_study_was_killed(workspace, runs):
    code = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from tests.tracking.conftest import Study
study = Study(Path(sys.argv[1]), spawns=True)
study.start()
study.tell(2)
while not study.tracker.status().is_running:
    pass
os.kill(os.getpid(), signal.SIGKILL)
"""
    root = str(Path(__file__).parents[2])
    subprocess.run([sys.executable, "-c", code, str(workspace), root], check=False, timeout=60)
    study = Study(workspace)
    assert study.tracker.told == {0, 1}
    wait_until(lambda: study.tracker.status().run_id and not study.tracker.status().is_running)
    runs(study.uri, study.tracker.status().run_id).assert_whole(2, "KILLED")


def test_fault_66_process_whose_study_was_killed_does_not_wait_for_a_server(tmp_path):
    study = Study(tmp_path, uri="http://127.0.0.1:9")
    study.start()
    spool = study.tracker._spool.path
    spool.write_text(spool.read_text().replace(f'"pid":{os.getpid()}', '"pid":999999999'))
    began = time.monotonic()
    assert study.replay().pending == 1
    assert time.monotonic() - began < 10


def test_fault_83_path_with_spaces_unicode_and_256_characters(tmp_path, runs, empty_store):
    folder = tmp_path / "sp ace ü☃#1" / ("long " * 30) / ("x" * 120)
    home = folder / ".autometa"
    home.mkdir(parents=True)
    (home / "mlflow.db").write_bytes(empty_store.read_bytes())
    study = Study(folder)
    report = folder / "report 1.txt"
    report.write_text("fine")
    study.start()
    study.tell(1)
    study.tracker.artifact(report)
    study.tracker.finish("FINISHED")
    status = study.replay()
    assert (status.pending, status.refused) == (0, 0)
    found = runs(study.uri, status.run_id)
    found.assert_whole(1)
    assert [f.path for f in found.client.list_artifacts(status.run_id)] == ["report 1.txt"]


@pytest.mark.slow
def test_tracker_killed_at_random_moments_loses_and_doubles_nothing(workspace, runs, monkeypatch):
    monkeypatch.setattr("autometa.tracking.spawn.MIN_RESPAWN_SECONDS", 0.0)
    study = Study(workspace, spawns=True)
    rng = random.Random(5)
    study.start()
    n_killed = n_told = 0
    while n_killed < 8:
        if n_told < 120:
            study.tell(10, first=n_told)
            n_told += 10
        study.tracker.ensure_running()
        wait_until(lambda: processes.is_locked(study.folder / processes.LOCK))
        before = study.tracker.status().pending
        # Some die while they import, most while they write.
        if rng.random() < 0.75:
            wait_until(lambda before=before: study.tracker.status().pending < before)
        time.sleep(rng.random() * 0.2)
        os.kill(study.tracker._process._pid, signal.SIGKILL)
        wait_until(lambda: not study.tracker.status().is_running)
        n_killed += 1
    study.tracker.finish("FINISHED")
    status = study.tracker.drain(100)
    assert (status.pending, status.refused) == (0, 0)
    runs(study.uri, status.run_id).assert_whole(n_told)
    study.tracker.close()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_fault_77_twenty_processes_share_one_database(tmp_path):
    studies = [Study(tmp_path, f"study-{n}", spawns=True) for n in range(20)]
    for study in studies:
        study.start()
        study.tell(10)
        study.tracker.finish("FINISHED")
    for study in studies:
        status = study.tracker.drain(250)
        assert (status.pending, status.refused, status.last_error) == (0, 0, "")
    with closing(sqlite3.connect(tmp_path / ".autometa" / "mlflow.db")) as database:
        assert database.execute("SELECT status, count(*) FROM runs GROUP BY 1").fetchall() == [
            ("FINISHED", 20 * 11)
        ]
        (n_points,) = database.execute(
            "SELECT count(*) FROM metrics WHERE key = 'best_so_far'"
        ).fetchone()
    assert n_points == 200
    for study in studies:
        wait_until(lambda study=study: not study.tracker.status().is_running)
        assert "locked" not in (study.folder / "tracker.log").read_text()
        study.tracker.close()


@pytest.mark.slow
def test_process_costs_little_and_the_same_for_every_trial(workspace):
    study = Study(workspace, spawns=True)
    study.start()
    wait_until(lambda: study.tracker.status().pending == 0)
    pid = study.tracker._process._pid
    costs = []
    for first in range(0, 300, 100):
        before = cpu_seconds(pid)
        study.tell(100, first=first)
        wait_until(lambda: study.tracker.status().pending == 0)
        costs.append((cpu_seconds(pid) - before) * 10)  # ms per trial
    study.tracker.finish("FINISHED")
    study.tracker.drain(30)
    study.tracker.close()
    assert max(costs) < 40
    assert costs[-1] < 1.5 * costs[0]


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_tracker_reads_what_an_earlier_one_told(study):
    study.start()
    study.tell(3)
    again = Tracker(study.folder, study.uri, experiment="tests")
    assert again.told == {0, 1, 2}
    assert again.status().pending == 4
