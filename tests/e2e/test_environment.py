"""Odd places, limits and terminals."""

from __future__ import annotations

import ast
import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest

import autometa

SOURCES = Path(autometa.__file__).parent


def test_fault_83_any_path_works(make_place: Any, tmp_path: Path) -> None:
    folder = tmp_path / "spaces & 'quotes'" / "ünïcödé 日本" / ("long/" * 60)
    place = make_place(folder)
    place.task(budget={"trials": 1})
    report = place.optimize(report=True)
    assert report["model"] == str(place.study / "model")
    output = folder / "predictions.csv"
    assert place.run("predict", report["model"], "table.csv", "--output", output).code == 0
    assert len(output.read_text().splitlines()) == 121


@pytest.mark.parametrize(
    "missing", ["HOME and TMPDIR", pytest.param("AUTOMETA_HOME", marks=pytest.mark.slow)]
)
def test_fault_75_without_a_home_the_workspace_is_enough(place: Any, missing: str) -> None:
    place.task(budget={"trials": 1}, knowledge=["default"])
    for name in ("HOME", "AUTOMETA_HOME", "XDG_DATA_HOME", "USER", "LOGNAME"):
        place.env.pop(name, None)
    if missing == "HOME and TMPDIR":
        place.env.update(HOME="/nonexistent", TMPDIR="/nonexistent", XDG_DATA_HOME="")
    else:
        place.env["HOME"] = str(place.folder)
    done = place.run("optimize", "task.yaml", "--json", report=True)
    assert done.code == 0, done.err
    assert "Traceback" not in done.err
    assert done.json["trials"]["complete"] == 1


def test_fault_76_second_command_on_a_study_is_told_who_runs_it(
    place: Any, processes: Any, wait_until: Any
) -> None:
    place.env["SLEEPY"] = str(place.folder)
    place.task(search={"learners": ["sleepy"], "prior": "none"}, budget={"trials": 1})
    first = place.start("optimize", "task.yaml")
    assert wait_until((place.folder / "asleep").exists, 60)
    assert place.status()["status"] == "running"
    done = place.run("optimize", "task.yaml")
    first.kill()
    first.communicate()
    assert done.code == 4
    assert f"study 'small' is being run by process {first.pid} on " in done.error


@pytest.mark.slow
def test_fault_78_lock_of_a_dead_process_is_taken_over(
    place: Any, processes: Any, wait_until: Any
) -> None:
    place.env["SLEEPY"] = str(place.folder)
    place.task(search={"learners": ["sleepy"], "prior": "none"}, budget={"trials": 2})
    first = place.start("optimize", "task.yaml")
    assert wait_until((place.folder / "asleep").exists, 60)
    first.kill()
    first.communicate()
    (place.folder / "awake").touch()
    assert place.optimize()["trials"]["complete"] == 2


def test_fault_87_reader_of_stdout_may_go(place: Any) -> None:
    place.task(budget={"trials": 1})
    reader, writer = os.pipe()
    process = place.start("optimize", "task.yaml", stdout=writer)
    os.close(writer)
    os.close(reader)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert place.status()["status"] == "finished"


def test_fault_88_locale_c_works(make_place: Any, tmp_path: Path) -> None:
    place = make_place(tmp_path / "ünï")
    text = place.folder.joinpath("table.csv").read_text().replace("yes", "über")
    place.folder.joinpath("table.csv").write_text(text, encoding="utf-8")
    locale = {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    place.task(budget={"trials": 1})
    report = place.optimize(env=locale, report=True)
    done = place.run(
        "predict", report["model"], "table.csv", "--output", "p.csv", "--json", env=locale
    )
    assert done.code == 0, done.err
    predicted = (place.folder / "p.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert set(predicted) == {"no", "über"}


def on_terminal(place: Any, *args: str, **variables: str) -> tuple[int, bytes]:
    """Runs the command with stderr on a terminal; gives the exit code and what was shown."""
    main, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, b"\x18\x00\x78\x00\x00\x00\x00\x00")
    process = subprocess.Popen(
        [sys.executable, "-m", "autometa", "-p", str(PLUGIN), *args],
        cwd=place.folder,
        env={**place.env, "TERM": "xterm", **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=other,
    )
    os.close(other)
    shown = b""
    while True:
        try:
            block = os.read(main, 65536)
        except OSError:  # Linux says so when the other end is closed
            break
        if not block:
            break
        shown += block
    os.close(main)
    return process.wait(timeout=60), shown


PLUGIN = Path(__file__).with_name("simple_plugin.py")
COLOURS = (b"\x1b[3", b"\x1b[1;3", b"\x1b[9")


@pytest.mark.slow
def test_terminal_shows_progress_in_colour(place: Any) -> None:
    place.task(budget={"trials": 3}, search={"learners": ["slow"], "prior": "none"})
    code, shown = on_terminal(place, "optimize", "task.yaml")
    assert code == 0
    assert b"trial 3/3" in shown
    assert b"\x1b[" in shown
    assert any(colour in shown for colour in COLOURS)


def test_fault_90_no_color_is_obeyed(place: Any) -> None:
    place.task(budget={"trials": 3}, search={"learners": ["slow"], "prior": "none"})
    code, shown = on_terminal(place, "optimize", "task.yaml", NO_COLOR="1")
    assert code == 0
    assert b"trial 3/3" in shown
    assert not any(colour in shown for colour in COLOURS)


def test_fault_89_without_a_terminal_there_are_no_control_codes(place: Any) -> None:
    place.task(budget={"trials": 2})
    done = place.run("optimize", "task.yaml")
    assert done.code == 0
    assert "\x1b" not in done.out + done.err
    assert "\r" not in done.out + done.err
    quiet = place.run("--quiet", "optimize", "task.yaml")
    assert (quiet.code, quiet.err) == (0, "")


def limited(flag: str, value: int) -> tuple[str, ...]:
    """Gives what runs a command under a limit of the shell."""
    return ("sh", "-c", f'ulimit -{flag} {value}; exec "$@"', "sh")


def test_fault_91_64_open_files_are_enough(place: Any) -> None:
    place.task(budget={"trials": 6}, limits={"workers": 2})
    report = place.optimize(prefix=limited("n", 64), report=True)
    assert report["trials"]["complete"] == 6


def test_fault_91_too_few_open_files_are_told(place: Any) -> None:
    place.task(budget={"trials": 2}, limits={"workers": 16})
    done = place.run("optimize", "task.yaml", prefix=limited("n", 24))
    assert done.code == 4
    assert "open files" in done.error


def test_fault_79_durations_and_deadlines_never_use_the_wall_clock() -> None:
    """`time.time` may only say when something happened; the clock may jump by an hour."""
    users = {
        f"{path.relative_to(SOURCES)}"
        for path in SOURCES.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and ast.unparse(node) in ("time.time", "datetime.now", "datetime.datetime.now")
    }
    # The lease compares moments of two hosts, which share no other clock; the others name moments.
    stamps = {"meta/record.py", "tracking/sqlitecheck.py"}
    assert users - stamps == {"search/lease.py"}


@pytest.mark.slow
def test_signal_of_a_terminal_that_closes_ends_everything(
    place: Any, processes: Any, wait_until: Any
) -> None:
    place.env["SLEEPY"] = str(place.folder)
    place.task(search={"learners": ["sleepy"], "prior": "none"}, budget={"trials": 1})
    ours = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it would be inherited
    try:
        first = place.start("optimize", "task.yaml")
    finally:
        signal.signal(signal.SIGHUP, ours)
    assert wait_until((place.folder / "asleep").exists, 60)
    os.killpg(first.pid, signal.SIGHUP)
    first.communicate(timeout=20)
    assert wait_until(lambda: not processes(), 5)
