import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from autometa.execution import JobReport, WorkerPool, processes

Run = Callable[..., JobReport]

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_end_marked_ends_those_and_no_others(is_alive: Callable[[int], bool]) -> None:
    other = subprocess.Popen(SLEEP, env={"MARK": "12"})
    marked = subprocess.Popen(SLEEP, env={"MARK": "1"}, start_new_session=True)
    # Its environment can be read a moment after it was started.
    environment = Path(f"/proc/{marked.pid}/environ")
    give_up = time.monotonic() + 10
    while not environment.read_bytes() and time.monotonic() < give_up:
        time.sleep(0.001)
    processes.end_marked(b"MARK=1")
    assert not is_alive(marked.pid)
    assert is_alive(other.pid)
    other.kill()
    assert (marked.wait(), other.wait()) == (-9, -9)


def test_end_descendants_spares_whole_branches(pool: WorkerPool, run: Run) -> None:
    value = run(pool, "end_descendants_but_one").value
    assert value == {"counts": [2, 2], "alive": [False, False, True, True], "left": False}


def test_reap_buries_zombies_and_tells_whether_children_remain(pool: WorkerPool, run: Run) -> None:
    assert run(pool, "reap_zombie").value == {"gone": True, "remain": [False, True]}
