import errno
import fcntl
import json
import os
import subprocess
import sys
import threading
import time

import pytest

from autometa.errors import StorageError
from autometa.search.lease import LOCK, StudyLock, identity, is_held_by_another, is_locked
from autometa.tracking.opening import one_at_a_time
from autometa.tracking.processes import acquire

HOLD = (
    "import sys, time\nfrom pathlib import Path\nfrom autometa.search.lease import StudyLock\n"
    "lock = StudyLock(Path(sys.argv[1]), 's')\nprint('held', flush=True)\ntime.sleep(60)\n"
)


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_fault_76_a_second_run_is_refused_with_the_pid_of_the_first(tmp_path, holder):
    with pytest.raises(StorageError, match=f"process {holder.pid} on") as caught:
        StudyLock(tmp_path, "s")
    assert caught.value.exit_code == 4
    assert is_locked(tmp_path)


def test_fault_78_the_lock_of_a_dead_process_is_taken_over(tmp_path, holder):
    holder.kill()
    holder.wait()
    lock = StudyLock(tmp_path, "s")
    assert json.loads((tmp_path / "lock").read_text())["pid"] == os.getpid()
    lock.release()
    assert not is_locked(tmp_path)


def test_lease_of_a_dead_process_of_this_boot_is_free():
    assert not is_held_by_another({**identity(), "pid": 2**22 - 1, "start": "1"})


def test_lease_of_another_host_holds_until_it_is_not_renewed():
    lease = {**identity(), "host": "elsewhere"}
    assert is_held_by_another(lease)
    assert not is_held_by_another({**lease, "renewed": time.time() - 3600})


def test_own_lease_is_not_anothers():
    assert not is_held_by_another(identity())
    assert not is_held_by_another(None)


def test_lease_of_a_living_process_holds():
    parent = os.getppid()
    from autometa.search.lease import _start_time

    assert is_held_by_another({**identity(), "pid": parent, "start": _start_time(parent)})


@pytest.fixture
def no_locks(monkeypatch):
    def refuse(file, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)


def test_fault_82_file_system_without_locks_is_told_and_the_lease_guards(
    tmp_path, no_locks, caplog
):
    lock = StudyLock(tmp_path, "s")
    assert "on a file system without locks; only the lease guards it" in caplog.text
    assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()
    assert not is_locked(tmp_path)
    lock.release()


def test_fault_82_tracker_works_on_a_file_system_without_locks(tmp_path, no_locks):
    file = acquire(tmp_path / "tracker.lock")
    assert file is not None
    os.close(file)
    with one_at_a_time(f"sqlite:///{tmp_path}/mlflow.db"):
        assert tmp_path.is_dir()


def test_lock_waits_for_somebody_who_only_asks(tmp_path):
    StudyLock(tmp_path, "s").release()
    with (tmp_path / LOCK).open() as asking:
        fcntl.flock(asking, fcntl.LOCK_SH)
        timer = threading.Timer(0.1, fcntl.flock, (asking, fcntl.LOCK_UN))
        timer.start()
        lock = StudyLock(tmp_path, "s")
        timer.join()
    assert is_locked(tmp_path)
    lock.release()
