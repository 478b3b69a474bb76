"""Ctrl-C, SIGTERM and kill -9: what is finished stays, and the same command goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

Left = Callable[[], list[int]]
Wait = Callable[[Callable[[], bool], float], bool]


def stopped(process: subprocess.Popen[str], number: int, seconds: float = 20) -> tuple[str, str]:
    """Sends a signal as a terminal does, to the whole group."""
    os.killpg(process.pid, number)
    return process.communicate(timeout=seconds)


def test_fault_49_ctrl_c_ends_with_a_model_and_is_resumable(
    place: Any, processes: Left, wait_until: Wait
) -> None:
    place.task(budget={"trials": 10}, limits={"workers": 2}, search=searched("slow"))
    process = place.start("optimize", "task.yaml", "--json")
    place.wait_for_trials(3)
    out, err = stopped(process, signal.SIGINT)
    assert process.returncode == 130
    assert err == "WARNING: stopping; the study can be resumed. Once more ends it at once.\n"
    report = json.loads(out)
    assert report["status"] == "interrupted"
    assert 3 <= report["trials"]["complete"] < 10
    assert (Path(report["model"]) / "manifest.json").is_file()
    assert wait_until(lambda: not processes(), 5)
    before = place.history()
    assert place.status()["status"] == "interrupted"

    assert place.optimize()["trials"]["complete"] == 10
    assert place.history()[: len(before)] == before


def test_fault_49_second_signal_ends_at_once_and_is_resumable(
    place: Any, processes: Left, wait_until: Wait
) -> None:
    place.task(budget={"trials": 4}, search=searched("sleepy"), limits={"trial_seconds": 60})
    place.env["SLEEPY"] = str(place.folder)
    process = place.start("optimize", "task.yaml")
    assert wait_until((place.folder / "asleep").exists, 60)
    started = time.monotonic()
    os.kill(process.pid, signal.SIGSTOP)
    os.killpg(process.pid, signal.SIGTERM)
    os.killpg(process.pid, signal.SIGINT)
    os.kill(process.pid, signal.SIGCONT)
    _, err = process.communicate(timeout=20)
    assert process.returncode in (130, 143)
    assert time.monotonic() - started < 5
    assert "Traceback" not in err
    assert wait_until(lambda: not processes(), 5)
    (place.folder / "awake").touch()
    assert place.optimize()["trials"]["complete"] == 4


def searched(*learners: str) -> Mapping[str, Any]:
    return {"learners": list(learners), "prior": "none"}


def test_fault_50_sigterm_is_as_ctrl_c_but_exit_143(place: Any) -> None:
    place.task(budget={"trials": 50}, search=searched("slow"))
    process = place.start("optimize", "task.yaml", "--json")
    place.wait_for_trials(1)
    out, err = stopped(process, signal.SIGTERM)
    assert process.returncode == 143
    assert json.loads(out)["status"] == "interrupted"
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "stage",
    [
        "imports",
        pytest.param("workspace", marks=pytest.mark.slow),
        pytest.param("study", marks=pytest.mark.slow),
        "data",
    ],
)
def test_fault_49_ctrl_c_at_the_start_leaves_no_traceback(
    place: Any, processes: Left, wait_until: Wait, stage: str
) -> None:
    place.task(budget={"trials": 50}, search=searched("slow"))
    process = place.start("optimize", "task.yaml")
    reached = {
        "imports": lambda: b"pydantic_core" in Path(f"/proc/{process.pid}/maps").read_bytes(),
        "workspace": (place.folder / ".autometa").exists,
        "study": (place.study / "lock").exists,
        "data": (place.study / "data.new").exists,
    }[stage]
    assert wait_until(reached, 20)
    _, err = stopped(process, signal.SIGINT)
    # A shell shows 130 for both: our own code, and an interpreter that the signal ended.
    assert process.returncode in (130, -signal.SIGINT)
    assert "Traceback" not in err
    assert wait_until(lambda: not processes(), 5)


def test_fault_51_killed_search_goes_on_as_if_nothing_happened(
    place: Any, processes: Left, wait_until: Wait
) -> None:
    place.task(budget={"trials": 14}, search=searched("slow"))
    process = place.start("optimize", "task.yaml")
    place.wait_for_trials(11)
    time.sleep(0.1)  # now the next one is asleep
    process.kill()
    process.communicate()
    assert wait_until(lambda: not processes(), 5)
    killed = place.history()
    assert 11 <= len(killed) < 14

    report = place.optimize()
    assert report["trials"]["complete"] == 14
    assert [row["number"] for row in place.history()] == list(range(14))
    assert place.history()[: len(killed)] == killed
    storage = JournalStorage(JournalFileBackend(str(place.study / "journal.log")))
    study = optuna.load_study(study_name="small", storage=storage)
    states = {trial.state.name for trial in study.get_trials(deepcopy=False)}
    assert states <= {"COMPLETE", "FAIL"}


@pytest.mark.slow
def test_fault_95_same_trials_in_another_process_and_when_killed_and_resumed(
    make_place: Any, tmp_path: Any
) -> None:
    whole, parts = make_place(tmp_path / "whole"), make_place(tmp_path / "parts")
    for place in (whole, parts):
        place.task(budget={"trials": 14}, search=searched("slow", "logistic"))
    whole.optimize(env={"PYTHONHASHSEED": "1"})
    process = parts.start("optimize", "task.yaml", env={"PYTHONHASHSEED": "2"})
    parts.wait_for_trials(6)
    process.kill()
    process.communicate()
    parts.optimize(env={"PYTHONHASHSEED": "3"})
    assert parts.history() == whole.history()
    assert len(whole.history()) == 14
    assert {row["params"]["learner"] for row in whole.history()} == {"slow", "logistic"}
