"""The study in a real PostgreSQL; `AUTOMETA_TEST_POSTGRESQL` says where one is."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import optuna
import pytest

URL = os.environ.get("AUTOMETA_TEST_POSTGRESQL", "")
SLOW = {"learners": ["slow"], "prior": "none"}

pytestmark = pytest.mark.skipif(not URL, reason="AUTOMETA_TEST_POSTGRESQL names no server")


@pytest.fixture
def name() -> Iterator[str]:
    """Name of a study that is removed at the end."""
    own = f"test {uuid.uuid4().hex[:12]}"
    yield own
    with database() as storage:
        if own in optuna.get_all_study_names(storage):
            optuna.delete_study(study_name=own, storage=storage)


@contextlib.contextmanager
def database() -> Iterator[optuna.storages.RDBStorage]:
    storage = optuna.storages.RDBStorage(URL)
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


def states(name: str) -> list[str]:
    with database() as storage:
        study = optuna.load_study(study_name=name, storage=storage)
        return [trial.state.name for trial in study.get_trials(deepcopy=False)]


def wait_for_trials(name: str, n_trials: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if states(name).count("COMPLETE") >= n_trials:
                return
        except KeyError:
            pass
        time.sleep(0.1)
    pytest.fail(f"less than {n_trials} trials")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_search_in_a_database_is_killed_resumed_and_the_same_as_in_a_file(
    place: Any, make_place: Callable[[Path], Any], tmp_path: Path, name: str
) -> None:
    place.task(name=name, storage=URL, search=SLOW, budget={"trials": 14})
    process = place.start("optimize", "task.yaml")
    wait_for_trials(name, 6)
    process.kill()
    process.communicate()
    killed = place.history()
    assert len(killed) >= 6
    report = place.optimize()
    assert report["trials"] == {"complete": 14, "pruned": 0, "failed": 0, "not_applicable": 0}
    assert place.history()[: len(killed)] == killed
    assert set(states(name)) <= {"COMPLETE", "FAIL"}
    assert not (Path(report["model"]).parent / "journal.log").exists()

    other = make_place(tmp_path / "file")
    other.task(search=SLOW, budget={"trials": 14})
    other.optimize()
    assert place.history() == other.history()

    # Another workspace has none of the files: the best trial is made again.
    moved = make_place(tmp_path / "moved")
    shutil.copy(place.folder / "task.yaml", moved.folder)
    again = moved.optimize()
    assert again["best"] == report["best"]
    assert Path(again["model"]).is_relative_to(moved.folder)
    assert moved.history() == place.history()


def test_fault_76_two_workspaces_on_one_study_are_refused_and_a_dead_one_is_taken_over(
    place: Any, make_place: Callable[[Path], Any], name: str, processes: Any, wait_until: Any
) -> None:
    search = {"learners": ["sleepy"], "prior": "none"}
    place.env["SLEEPY"] = str(place.folder)
    place.task(name=name, storage=URL, search=search, budget={"trials": 2})
    other = make_place(place.folder.parent / "other")
    other.env["SLEEPY"] = str(place.folder)
    other.task(name=name, storage=URL, search=search, budget={"trials": 2})
    first = place.start("optimize", "task.yaml")
    assert wait_until((place.folder / "asleep").exists, 60)
    refused = other.run("optimize", "task.yaml")
    first.kill()
    first.communicate()
    assert refused.code == 4
    assert f"is being run by process {first.pid} on " in refused.error
    (place.folder / "awake").touch()
    assert other.optimize()["trials"]["complete"] == 2
    assert states(name).count("COMPLETE") == 2
    assert "RUNNING" not in states(name)


@pytest.mark.parametrize("wrong", ["password", "port", "database", "driver"])
def test_database_that_cannot_be_used_is_exit_4_without_the_password(
    place: Any, wrong: str
) -> None:
    parts = urlsplit(URL)
    url = {
        "password": URL.replace(f":{parts.password}@", ":no-secret@"),
        "port": URL.replace(f":{parts.port}/", ":1/"),
        "database": f"{URL}-that-is-missing",
        "driver": URL.replace("postgresql://", "postgresql+nothing://"),
    }[wrong]
    place.task(storage=url)
    done = place.run("optimize", "task.yaml")
    assert done.code == 4
    assert "cannot open storage postgresql" in done.error
    assert "no-secret" not in done.err
    assert f":{parts.password}@" not in done.err
