import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from autometa.execution import JobReport, WorkerPool, processes

Run = Callable[..., JobReport]

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_end_marked_ends_those_and_no_others(is_alive: Callable[[int], bool]) -> None:
    with (
        subprocess.Popen(SLEEP, env={"MARK": "12"}) as other,
        subprocess.Popen(SLEEP, env={"MARK": "1"}, start_new_session=True) as marked,
    ):
        # The kernel shows an environment a moment after the start, and has none of a process that
        # is just dying.
        until(lambda: Path(f"/proc/{marked.pid}/environ").read_bytes() == b"MARK=1\0")
        processes.end_marked(b"MARK=1")
        ended = until(lambda: not is_alive(marked.pid))
        spared = is_alive(other.pid)
        marked.kill()
        other.kill()
    assert (ended, spared) == (True, True)
    assert (marked.returncode, other.returncode) == (-9, -9)


def until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    give_up = time.monotonic() + seconds
    while not condition() and time.monotonic() < give_up:
        time.sleep(0.001)
    return condition()


def test_end_descendants_spares_whole_branches(pool: WorkerPool, run: Run) -> None:
    value = run(pool, "end_descendants_but_one").value
    assert value == {"counts": [2, 2], "alive": [False, False, True, True], "left": False}


def test_reap_buries_zombies_and_tells_whether_children_remain(pool: WorkerPool, run: Run) -> None:
    assert run(pool, "reap_zombie").value == {"gone": True, "remain": [False, True]}
