"""What is left of a pool whose process was killed: nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

IsAlive = Callable[[int], bool]
JOBS = str(Path(__file__).with_name("jobs.py"))


@pytest.mark.parametrize("while_importing", [False, True], ids=["running", "importing"])
def test_fault_51_killed_parent_leaves_no_process(
    tmp_path: Path, is_alive: IsAlive, while_importing: bool
) -> None:
    (tmp_path / "slow.py").write_text("import time; time.sleep(1)")
    code = """
import json, os, sys, time
from pathlib import Path
from autometa.execution import Job, WorkerPool
function, folder, preload = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
pool = WorkerPool(2, preload=preload)
if os.fork() == 0:  # somebody else holds the pool's sockets open
    time.sleep(60)
for n in range(2):
    payload = {"file": str(folder / f"pids-{n}.json")}
    pool.submit(Job(id=str(n), function=function, payload=payload))
if preload:
    (folder / "pids-0.json").write_text(json.dumps(pool.process_ids))
else:
    while len(list(folder.glob("pids-?.json"))) < 2:
        pool.wait(0.05)
    (folder / "pids-9.json").write_text(json.dumps(pool.process_ids))
(folder / "ready").touch()
pool.wait(60)
"""
    preload = [str(tmp_path / "slow.py")] if while_importing else []
    command = [sys.executable, "-c", code, f"{JOBS}:hang_with_children", str(tmp_path), *preload]
    parent = subprocess.Popen(command, start_new_session=True)
    try:
        while not (tmp_path / "ready").exists():
            assert parent.poll() is None
            time.sleep(0.02)
        files = tmp_path.glob("pids-?.json")
        pids = [pid for file in files for pid in json.loads(file.read_text())]
        assert len(pids) >= (1 if while_importing else 11)
        assert all(is_alive(pid) for pid in pids)
        parent.kill()
        parent.wait()
        give_up = time.monotonic() + 3
        while any(is_alive(pid) for pid in pids) and time.monotonic() < give_up:
            time.sleep(0.02)
        assert not any(is_alive(pid) for pid in pids)
    finally:
        os.killpg(parent.pid, signal.SIGKILL)
