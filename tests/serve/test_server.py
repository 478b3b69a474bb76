"""The command in a process of its own: where it listens, how it ends, what it refuses."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import numpy as np
import pytest
from autometa_tabular.learners.dummy import Dummy

from autometa import FitContext, TrainingData
from autometa.errors import TaskError
from autometa.modelfolder import Member, write
from autometa.schema import Schema
from autometa.serve.server import address, is_loopback, listen
from autometa.serve.start import serve_model


def start(*args, **env):
    return subprocess.Popen(
        [sys.executable, "-m", "autometa", "serve", "--json", *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **env},
    )


def ended(process):
    try:
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert "Traceback" not in err
    return process.returncode, out, err


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_once_open_requests_are_answered(folder, row, number):
    process = start(folder, "--port", 0)
    url = json.loads(process.stdout.readline())["url"]
    assert url.startswith("http://127.0.0.1:")
    answers = []
    body = json.dumps({"rows": [{**row, "size": i, "note": f"{i} of a note"} for i in range(5000)]})

    def ask():
        headers = {"Content-Type": "application/json"}
        answers.append(httpx.post(f"{url}/predict", content=body, headers=headers, timeout=60))

    asking = threading.Thread(target=ask)
    with httpx.Client(base_url=url) as idle:  # an open connection holds nobody up
        idle.get("/health")
        asking.start()
        while "autometa_requests_in_progress 2.0" not in idle.get("/metrics").text:
            assert asking.is_alive()
        process.send_signal(number)
        code, out, err = ended(process)
    asking.join(60)
    assert (code, out) == (0, "")
    assert err.splitlines()[-1].startswith("serving until Ctrl-C")
    assert len(answers[0].json()["predictions"]) == 5000
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/health")


@pytest.mark.slow
def test_a_second_signal_does_not_wait_for_a_model_that_hangs(tmp_path):
    code = """
import threading, time
from autometa.serve.server import listen, serve
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        time.sleep(100)
serve(app, listen("127.0.0.1", 0), lambda: print("ready", flush=True))
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    time.sleep(1.0)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 143
    process.stdout.close()


@pytest.mark.slow
def test_what_can_be_reached_from_elsewhere_needs_a_token(folder, tmp_path):
    code, _, err = ended(start(folder, "--port", 0, "--host", "0.0.0.0"))
    assert (code, len(err.splitlines())) == (2, 1)
    assert "a token is needed" in err
    process = start(folder, "--port", 0, "--host", "0.0.0.0", AUTOMETA_SERVE_TOKEN="k" * 16)
    port = json.loads(process.stdout.readline())["url"].rpartition(":")[2]
    url = f"http://127.0.0.1:{port}/metadata"
    assert httpx.get(url).status_code == 401
    assert httpx.get(url, headers={"Authorization": "Bearer " + "k" * 16}).status_code == 200
    process.send_signal(signal.SIGTERM)
    assert ended(process)[0] == 0


@pytest.mark.slow
def test_fault_85_a_changed_folder_is_not_served(folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    plan = copy / "trial-0" / "0" / "plan.json"
    plan.write_bytes(plan.read_bytes()[::-1])
    code, _, err = ended(start(copy, "--port", 0))
    assert code == 4
    assert "checksum of trial-0/0/plan.json differs" in err
    code, _, err = ended(start(tmp_path / "gone", "--port", 0))
    assert code == 4
    assert "is not a model folder" in err


def test_a_model_of_images_is_not_served(tmp_path):
    data = TrainingData(np.zeros((4, 3, 2, 1), np.uint8), np.array([0, 1, 1, 1]), 2)
    model = Dummy({}).fit(data, FitContext(np.random.default_rng(0)))
    part = tmp_path / "part"
    part.mkdir()
    model.save(part)
    header = {
        "name": "digits",
        "problem": "classification",
        "classes": ["a", "b"],
        "class_kind": "str",
        "target": "digit",
        "schema": Schema(()).to_json(),
        "image_shape": [3, 2, 1],
        "requires": {},
    }
    place = f"{type(model).__module__}:{type(model).__name__}"
    folder = write(tmp_path / "model", header, [Member(0, 1.0, "dummy", [(part, place)])])
    with pytest.raises(TaskError, match="predicts images, and serve answers for rows") as caught:
        serve_model(
            str(folder),
            host="127.0.0.1",
            port=0,
            token_file=None,
            max_rows=10,
            max_bytes=1000,
            per_second=0,
            ready=print,
        )
    assert "autometa export" in caught.value.hint


@pytest.mark.slow
def test_a_port_that_is_taken_is_named(folder):
    with listen("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        code, _, err = ended(start(folder, "--port", port))
    assert code == 2
    assert f"port {port}: Address already in use" in err


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.0.1", False),
        ("localhost.example.org", False),
        ("", False),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(host, expected):
    assert is_loopback(host) is expected


def test_the_address_is_a_url_for_both_families():
    with listen("127.0.0.1", 0) as bound:
        assert address(bound) == f"http://127.0.0.1:{bound.getsockname()[1]}"
    if socket.has_ipv6:
        with listen("::1", 0) as bound:
            assert address(bound).startswith("http://[::1]:")
