"""Stores that are away, full, read-only or damaged."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

FSIZE = ("sh", "-c", 'ulimit -f "$0"; exec "$@"')
SLOW = {"learners": ["slow"], "prior": "none"}


def rows(database: Path, query: str, *values: str) -> list[tuple[str, ...]]:
    """Asks an MLflow database; importing MLflow to do so would take two seconds."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute(query, values).fetchall()


def children(database: Path, run_id: str) -> dict[str, str]:
    """Gives the status of each trial's run by its name."""
    found = rows(
        database,
        "SELECT name, status FROM runs JOIN tags USING (run_uuid)"
        " WHERE key = 'mlflow.parentRunId' AND value = ? AND lifecycle_stage = 'active'",
        run_id,
    )
    assert len(dict(found)) == len(found)
    return dict(found)


def status(database: Path, run_id: str) -> str:
    ((status,),) = rows(database, "SELECT status FROM runs WHERE run_uuid = ?", run_id)
    return status


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(Exception):
            if condition():
                return True
        time.sleep(0.2)
    return condition()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory, make_place: Callable[[Path], Any]) -> Any:
    """A finished search with its MLflow store; not to be changed."""
    place = make_place(tmp_path_factory.mktemp("tracked"))
    place.task(tracking="auto", budget={"trials": 4})
    place.report = place.optimize()
    return place


def test_every_trial_is_a_child_of_one_finished_run(tracked: Any) -> None:
    mlflow, database = tracked.report["mlflow"], tracked.folder / ".autometa" / "mlflow.db"
    assert mlflow["tracking_uri"] == f"sqlite:///{database}"
    assert mlflow["run_id"] in mlflow["url"]
    assert wait_for(lambda: status(database, mlflow["run_id"]) == "FINISHED", 20)
    assert list(children(database, mlflow["run_id"]).values()) == ["FINISHED"] * 4


@pytest.mark.slow
def test_fault_70_damaged_mlflow_database_is_exit_4_or_rebuilt(
    tracked: Any, tmp_path: Path, make_place: Callable[[Path], Any]
) -> None:
    shutil.copytree(tracked.folder, tmp_path / "copy", symlinks=True)
    place = make_place(tmp_path / "copy")
    place.task(tracking="auto", budget={"trials": 5})
    before = place.history()
    store = place.folder / ".autometa"
    for path in store.glob("mlflow.db-*"):
        path.unlink()
    (store / "mlflow.db").write_bytes(b"this is no database" * 1000)
    done = place.run("optimize", "task.yaml")
    assert done.code == 4
    assert "mlflow.db" in done.error
    assert "--rebuild-tracking" in done.error
    assert place.history() == before

    report = place.optimize("--rebuild-tracking")
    assert report["trials"]["complete"] == 5
    assert place.history()[:4] == before
    run_id = report["mlflow"]["run_id"]
    assert wait_for(lambda: len(children(store / "mlflow.db", run_id)) == 5, 30)


def test_fault_66_server_that_is_down_costs_one_warning(place: Any, processes: Any) -> None:
    uri = f"http://127.0.0.1:{free_port()}"
    place.task(tracking=uri, budget={"trials": 3, "seconds": 60})
    done = place.run("optimize", "task.yaml", "--json")
    assert done.code == 0
    assert done.json["trials"]["complete"] == 3
    assert done.json["mlflow"] == {
        "tracking_uri": uri,
        "experiment_id": None,
        "run_id": None,
        "url": f"{uri}/",
    }
    lines = done.err.splitlines()
    assert len([line for line in lines if "MLflow is behind" in line]) == 1
    events = (place.study / "spool.jsonl").read_text().splitlines()
    assert [json.loads(line)["type"] for line in events].count("trial") == 3


@contextlib.contextmanager
def server(folder: Path, port: int) -> Iterator[str]:
    """Runs MLflow's own server."""
    folder.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"),
            *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db"),
            *("--artifacts-destination", str(folder / "artifacts")),
        ],
        env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, 9)
        process.wait()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_fault_67_server_that_comes_back_gets_everything_once(
    place: Any, processes: Any, tmp_path: Path
) -> None:
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    place.task(tracking=uri, search=SLOW, budget={"trials": 60}, limits={"workers": 2})
    process = place.start("optimize", "task.yaml", "--json")
    place.wait_for_trials(1)
    with server(tmp_path / "server", port):
        state = place.study / "tracker.json"
        assert wait_for(lambda: json.loads(state.read_text())["replayed"] > 2, 60)
    out, err = process.communicate(timeout=90)
    assert process.returncode == 0, err
    assert json.loads(out)["trials"]["complete"] == 60
    with server(tmp_path / "server", port):
        again = place.run("optimize", "task.yaml", "--json", timeout=120)
        assert again.code == 0
        run_id = again.json["mlflow"]["run_id"]
        database = tmp_path / "server" / "mlflow.db"
        assert wait_for(lambda: status(database, run_id) == "FINISHED", 60)
        whole = ["FINISHED"] * 60
        assert wait_for(lambda: list(children(database, run_id).values()) == whole, 60)


@pytest.mark.parametrize(
    "kib", [pytest.param(0, marks=pytest.mark.slow), pytest.param(4, marks=pytest.mark.slow), 16]
)
def test_fault_73_full_disk_is_exit_4_and_nothing_told_is_lost(place: Any, kib: int) -> None:
    place.task(budget={"trials": 12})
    done = place.run("optimize", "task.yaml", prefix=(*FSIZE, str(kib)), report=True)
    assert done.code == 4
    assert "cannot write" in done.error.lower() or "storage of the study failed" in done.error
    told = place.history()
    assert len(told) < 12
    assert (len(told) > 0) == (kib == 16)
    assert place.optimize()["trials"]["complete"] == 12
    assert place.history()[: len(told)] == told


@pytest.mark.slow
@pytest.mark.parametrize("kib", [100, 200, 500])
def test_fault_73_full_file_system_is_exit_4_and_nothing_told_is_lost(
    place: Any, tmp_path: Path, make_place: Callable[[Path], Any], kib: int
) -> None:
    mounted = tmp_path / "small"
    mounted.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(mounted)]
    if subprocess.run(mount, check=False).returncode:
        pytest.skip("may not mount")
    try:
        small = make_place(mounted)
        small.task(budget={"trials": 200}, search={"learners": ["quick"], "prior": "none"})
        done = small.run("optimize", "task.yaml", report=True)
        assert done.code == 4
        assert "No space left on device" in done.error
        told = small.history()
        shutil.copytree(mounted, place.folder, dirs_exist_ok=True, symlinks=True)
    finally:
        subprocess.run(["umount", "-l", mounted], check=True)
    assert place.history() == told
    text = (place.folder / "task.yaml").read_text()
    (place.folder / "task.yaml").write_text(text.replace('"trials": 200', '"trials": 40'))
    report = place.optimize()
    assert sum(report["trials"].values()) == max(40, len(told))
    assert report["trials"]["failed"] == 0
    assert place.history()[: len(told)] == told


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Makes a folder read-only, for root too."""
    mount = ["mount", "--bind", str(folder), str(folder)]
    if subprocess.run(mount, check=False).returncode:
        if os.geteuid() == 0:
            pytest.skip("root may write everywhere, and may not mount")
        folder.chmod(0o555)
        yield
        folder.chmod(0o755)
        return
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_fault_74_read_only_folder_is_exit_4_and_named(place: Any) -> None:
    with read_only(place.folder):
        done = place.run("optimize", "task.yaml")
    assert done.code == 4
    assert str(place.folder / ".autometa") in done.error
    assert place.optimize()["trials"]["complete"] == 3


def test_fault_74_status_and_predict_need_no_writable_workspace(place: Any) -> None:
    model = place.optimize()["model"]
    with read_only(place.folder):
        status = place.run("status", "task.yaml", "--json")
        done = place.run("predict", model, "table.csv", "--output", "p.csv")
    assert status.json["status"] == "finished"
    assert done.code == 4
    assert f"cannot write {place.folder / 'p.csv'}: Read-only file system." in done.error


@pytest.mark.slow
def test_fault_74_read_only_knowledge_is_a_warning(place: Any) -> None:
    home = place.folder.parent / "home"
    home.mkdir()
    place.env["AUTOMETA_HOME"] = str(home)
    place.task(knowledge=["default"])
    with read_only(home):
        done = place.run("optimize", "task.yaml", "--json")
    assert done.code == 0
    assert done.json["trials"]["complete"] == 3
    assert "Traceback" not in done.err


@pytest.mark.slow
def test_fault_71_torn_journal_goes_on_and_damaged_one_is_exit_4(place: Any) -> None:
    place.optimize()
    journal = place.study / "journal.log"
    whole, told = journal.read_bytes(), place.history()
    place.task(budget={"trials": 5})
    journal.write_bytes(whole[:-37])
    assert place.optimize()["trials"]["complete"] == 5
    assert place.history()[:3] == told

    damaged = bytearray(whole)
    damaged[len(whole) // 2] = 0
    journal.write_bytes(damaged)
    done = place.run("optimize", "task.yaml")
    assert done.code == 4
    assert "journal.log" in done.error
    assert "--fresh" in done.error
    assert place.run("status", "task.yaml").code == 4
    assert place.optimize("--fresh")["trials"]["complete"] == 5


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_fault_71_journal_cut_at_every_byte_of_the_last_200_goes_on(place: Any) -> None:
    place.optimize()
    journal = place.study / "journal.log"
    whole = journal.read_bytes()
    place.task(budget={"trials": 4})
    for n_cut in range(1, 201, 25):
        journal.write_bytes(whole[:-n_cut])
        assert place.optimize()["trials"]["complete"] == 4
