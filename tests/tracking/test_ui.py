import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import closing

import pytest

from autometa.errors import StorageError
from autometa.tracking import ui, uiguard
from autometa.tracking.uris import sqlite_uri

from .conftest import free_port


def processes_of_session(session):
    listed = subprocess.run(
        ["ps", "-eo", "sess=,stat="], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return [line for line in listed if line.split()[0] == str(session) and "Z" not in line]


def wait_until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_fault_86_taken_port_gives_the_next_free_one():
    with closing(socket.socket()) as taken:
        taken.bind((ui.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert ui._free_port(port) > port


def test_fault_86_no_free_port_is_told(monkeypatch):
    monkeypatch.setattr(ui, "MAX_PORTS", 1)
    with closing(socket.socket()) as taken:
        taken.bind((ui.HOST, 0))
        taken.listen()
        with pytest.raises(StorageError, match=r"is free\. Name another one"):
            ui._free_port(taken.getsockname()[1])


def test_corrupt_store_is_told_before_anything_starts(tmp_path):
    path = tmp_path / "mlflow.db"
    path.write_text("broken")
    with pytest.raises(StorageError, match="--rebuild-tracking"), ui.serve(sqlite_uri(path)):
        pass


GUARDED = """
import signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
signal.signal(signal.SIGTERM, signal.SIG_IGN if sys.argv[1] == "stubborn" else signal.SIG_DFL)
print("up", flush=True)
time.sleep(100)
"""


@pytest.mark.parametrize("manner", ["polite", "stubborn"])
def test_guard_ends_everything_when_its_input_closes(manner):
    guard = subprocess.Popen(
        [sys.executable, uiguard.__file__, sys.executable, "-c", GUARDED, manner],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert guard.stdout.readline() == b"up\n"
    assert len(processes_of_session(guard.pid)) == 3
    guard.stdin.close()
    guard.wait(10)
    guard.stdout.close()
    wait_until(lambda: not processes_of_session(guard.pid))


def test_guard_ends_with_its_command():
    guard = subprocess.run(
        [sys.executable, uiguard.__file__, sys.executable, "-c", "pass"],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        check=False,
        timeout=10,
    )
    assert guard.returncode in {0, -signal.SIGKILL}


def test_server_that_does_not_start_is_told_with_its_last_line(monkeypatch, tmp_path):
    monkeypatch.setattr(ui.sys, "executable", "/bin/false")
    uri = sqlite_uri(tmp_path / "mlflow.db")
    with pytest.raises(StorageError, match="did not come up"), ui.serve(uri):
        pass


@pytest.mark.slow
def test_page_is_served_light_and_ends_with_the_block(workspace):
    uri = sqlite_uri(workspace / ".autometa" / "mlflow.db")
    with closing(socket.socket()) as taken:
        taken.bind((ui.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with ui.serve(uri, port=port) as server:
            assert server.port != port
            assert server.link("1", "abc").startswith(f"{server.url}#/experiments/1/runs/abc")
            with urllib.request.urlopen(server.url, timeout=20) as page:
                assert b"MLflow" in page.read()
            # The guard, `mlflow server` and its single worker.
            assert len(processes_of_session(server.guard.pid)) == 3
    wait_until(lambda: not processes_of_session(server.guard.pid))


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_page_ends_however_its_process_ends(workspace, sign):
    code = """
import sys
from autometa.tracking import ui
with ui.serve(sys.argv[1], port=int(sys.argv[2])) as server:
    print(server.guard.pid, flush=True)
    server.wait()
"""
    uri = sqlite_uri(workspace / ".autometa" / "mlflow.db")
    asking = subprocess.Popen(
        [sys.executable, "-c", code, uri, str(free_port())],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    session = int(asking.stdout.readline())
    assert processes_of_session(session)
    os.kill(asking.pid, sign)
    asking.wait(20)
    asking.stdout.close()
    wait_until(lambda: not processes_of_session(session))
