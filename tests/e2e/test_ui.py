"""The page of a task's runs."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest


@pytest.fixture
def tracked(place: Any) -> Any:
    place.task(tracking="auto", budget={"trials": 1})
    place.report = place.optimize()
    return place


@contextlib.contextmanager
def serving(place: Any, *args: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Runs ``autometa ui``; gives the process and the link that it prints."""
    process = place.start("ui", "task.yaml", "--json", *args)
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())["url"]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_fault_86_page_is_served_beside_a_taken_port_until_a_signal(
    tracked: Any,
    processes: Callable[[], list[int]],
    wait_until: Callable[[Callable[[], bool], float], bool],
    number: int,
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with serving(tracked, "--port", str(port)) as (process, url):
            assert urlsplit(url).port != port
            assert tracked.report["mlflow"]["run_id"] in url
            with urllib.request.urlopen(url, timeout=30) as answer:
                assert answer.status == 200
            process.send_signal(number)
            process.wait(timeout=20)
            assert process.returncode in (0, 128 + number, -number)
            assert wait_until(lambda: not processes(), 10)


def test_page_of_a_task_that_was_never_tracked_is_exit_4(place: Any) -> None:
    done = place.run("ui", "task.yaml")
    assert done.code == 4
    assert "nothing was tracked for task 'small'" in done.error
