"""What the tests run in workers, by ``"<this file>:name"``."""

import contextlib
import ctypes
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

from autometa.errors import DataError, NotApplicable
from autometa.execution import processes

HOARD = [None]


def echo(payload, deadline):
    return dict(payload)


def remaining(payload, deadline):
    return {"seconds": deadline - time.monotonic()}


def whoami(payload, deadline):
    return {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "session": os.getsid(0),
        "group": os.getpgid(0),
        "sigint_ignored": signal.getsignal(signal.SIGINT) is signal.SIG_IGN,
        "open_files": len(list(Path("/proc/self/fd").iterdir())),
        "environment": dict(os.environ),
        "path": sys.path,
        "modules": [name for name in payload.get("modules", []) if name in sys.modules],
    }


def hash_of(payload, deadline):
    return {"hash": hash(payload["text"])}


def threads_of_parent(payload, deadline):
    return {"n": len(list(Path(f"/proc/{os.getppid()}/task").iterdir()))}


def say(payload, deadline):
    print(payload["text"])
    os.write(2, b"to stderr\n")
    ctypes.CDLL(None).puts(b"from C")
    return {}


def big(payload, deadline):
    return {"text": "x" * payload["n"]}


def fail(payload, deadline):
    json.loads("{")


def fail_in_words(payload, deadline):
    raise RuntimeError("first line\nsecond " + "long " * 1000)


def fail_from_memory(payload, deadline):
    try:
        raise MemoryError
    except MemoryError as exc:
        raise ValueError("fit failed") from exc


def refuse_data(payload, deadline):
    raise DataError("column 'x' is empty.", hint="Drop it.")


def decline(payload, deadline):
    raise NotApplicable("counts must\nnot be negative")


class UnprintableError(Exception):
    def __str__(self):
        raise RuntimeError("no words")


def fail_unprintably(payload, deadline):
    raise UnprintableError


def call_sys_exit(payload, deadline):
    sys.exit(payload["status"])


def call_os_exit(payload, deadline):
    os._exit(payload["status"])


def interrupt(payload, deadline):
    raise KeyboardInterrupt


def give(payload, deadline):
    circle = {}
    circle["self"] = circle
    return {
        "none": None,
        "list": [1],
        "text": "done",
        "object": {"score": 1.0, "model": object()},
        "key": {("a", 1): 2},
        "circle": circle,
    }[payload["what"]]


def give_nan(payload, deadline):
    return {"nan": float("nan"), "inf": float("inf")}


def crash(payload, deadline):
    ctypes.string_at(0)


def abort_for_memory(payload, deadline):
    os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\n")
    os.abort()


def signal_self(payload, deadline):
    os.kill(os.getpid(), payload["signal"])
    time.sleep(60)


def signal_parent(payload, deadline):
    os.kill(os.getppid(), payload["signal"])
    time.sleep(60)


def eat(payload, deadline):
    return {"n": len(bytearray(payload["mib"] * 2**20))}


def hoard(payload, deadline):
    """Keeps memory until there is not even a little left."""
    for size in [2**20, 2**16, 2**12, 2**8, 2**5, 1]:
        with contextlib.suppress(MemoryError):
            while True:  # a chain, since a list would have to grow in large steps
                HOARD[0] = (HOARD[0], bytearray(size))
    raise MemoryError


def eat_in_child(payload, deadline):
    done = subprocess.run(
        [sys.executable, "-c", f"bytearray({payload['mib']} * 2**20)"],
        capture_output=True,
        check=False,
    )
    return {"memory_error": b"MemoryError" in done.stderr}


def sleep(payload, deadline):
    print("about to sleep")
    time.sleep(payload["seconds"])
    return {}


def sleep_deaf(payload, deadline):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(60)


def hang_in_c(payload, deadline):
    # PyDLL keeps the interpreter lock, so that no Python code runs any more in this process.
    ctypes.PyDLL(None).sleep(60)


def hang_with_children(payload, deadline):
    leave_children({**payload, "hold": True}, deadline)
    time.sleep(60)


def spin(payload, deadline):
    end = time.process_time() + payload["cpu_seconds"]
    while time.process_time() < end:
        pass
    return {}


def spin_in_child(payload, deadline):
    subprocess.run(
        [sys.executable, "-c", "import time\nwhile time.process_time() < 0.3: pass"], check=True
    )
    return {}


def spin_then_die(payload, deadline):
    spin(payload, deadline)
    os._exit(1)


def leave_children(payload, deadline):
    """Leaves a plain child, one in a session of its own, and a double-forked daemon."""
    code = "import time; time.sleep(60)"
    plain = subprocess.Popen([sys.executable, "-c", code])
    session = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.write(writer, str(os.getpid()).encode())
            time.sleep(60)
        os._exit(0)
    pids = [plain.pid, session.pid, int(os.read(reader, 100))]
    if "file" in payload:
        file = Path(payload["file"])
        file.with_suffix(".new").write_text(json.dumps([os.getpid(), *pids]))
        file.with_suffix(".new").rename(file)
    plain.returncode = session.returncode = 0  # else they warn: nobody waits for them
    return {"pids": pids}


def leave_children_and_die(payload, deadline):
    leave_children(payload, deadline)
    os._exit(3)


def leave_zombie(payload, deadline):
    if os.fork() == 0:
        os._exit(0)
    time.sleep(0.05)
    return {"pid": os.getpid()}


def use_processes(payload, deadline):
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return {"squares": pool.map(abs, [-1, -2])}


def spoil(payload, deadline):
    """Changes everything that a job can change in its process."""
    os.chdir("/")
    os.umask(0o777)
    os.environ["SPOILED"] = "1"
    os.environ.pop("PATH")
    sys.path.insert(0, "/spoiled")
    sys.setrecursionlimit(500)
    random.seed(payload["seed"])
    warnings.simplefilter("error")
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    sys.stdout.close()
    os.close(1)
    sys.stderr = None
    if "numpy" in sys.modules:
        numpy = sys.modules["numpy"]
        numpy.random.seed(payload["seed"])
        numpy.seterr(all="raise")
    return {"pid": os.getpid()}


def look(payload, deadline):
    """Shows what `spoil` changes."""
    print("still printing")
    numpy = sys.modules.get("numpy")
    umask = os.umask(0)
    os.umask(umask)
    return {
        "pid": os.getpid(),
        "folder": str(Path.cwd()),
        "umask": umask,
        "environment": dict(os.environ),
        "path": sys.path,
        "recursion_limit": sys.getrecursionlimit(),
        "random": random.random(),
        "numpy": None if numpy is None else numpy.random.random(),
        "numpy_errors": None if numpy is None else numpy.geterr(),
        "filters": [str(item) for item in warnings.filters],
        "signals": [str(signal.getsignal(s)) for s in (signal.SIGTERM, signal.SIGUSR1)],
        "mask": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "timer": signal.getitimer(signal.ITIMER_REAL)[0],
    }


def print_lines(payload, deadline):
    line = "x" * 999
    for _ in range(payload["n"]):
        print(line)
    print("the end")
    return {}


def close_everything(payload, deadline):
    os.closerange(3, 200)
    time.sleep(60)


def scribble(payload, deadline):
    for descriptor in range(3, 20):
        with contextlib.suppress(OSError):
            os.write(descriptor, b"what is this\n")
    time.sleep(60)


def remove_folder(payload, deadline):
    folder = Path.cwd()
    os.chdir("/")
    folder.rmdir()
    return {}


def end_descendants_but_one(payload, deadline):
    """Has two shells with a child each; ends the branch of one, then all."""
    shells = [
        subprocess.Popen(["/bin/sh", "-c", "sleep 60 & echo $!; wait"], stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    ended, spared = ([shell.pid, int(shell.stdout.readline())] for shell in shells)
    counts = [processes.end_descendants(spare={spared[0]})]
    alive = [Path(f"/proc/{pid}").exists() for pid in (*ended, *spared)]
    counts.append(processes.end_descendants())
    for shell in shells:
        shell.returncode = -9  # else it warns: somebody else waited for it
    return {"counts": counts, "alive": alive, "left": processes.reap()}


def reap_zombie(payload, deadline):
    zombie = os.fork()
    if zombie == 0:
        os._exit(0)
    while Path(f"/proc/{zombie}/stat").read_text().split()[2] != "Z":
        time.sleep(0.01)
    remain = [processes.reap()]
    child = subprocess.Popen(["/bin/sleep", "60"])
    remain.append(processes.reap())
    child.kill()
    child.wait()
    return {"gone": not Path(f"/proc/{zombie}").exists(), "remain": remain}
