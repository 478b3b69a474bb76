"""Runs a command for as long as its standard input is open: ``uiguard.py COMMAND ...``.

Whoever starts it holds the other end of that pipe. However that process ends, the pipe closes, and
the command goes with everything it started.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

GRACE_SECONDS = 3.0


def main(command: list[str]) -> int:
    """Runs the command until it ends or standard input closes. Expects a session of its own."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, restore_signals=True)  # noqa: S603
    threading.Thread(target=_stop_at_end_of_input, args=(process,), daemon=True).start()
    code = process.wait()
    os.killpg(os.getpgid(0), signal.SIGKILL)
    return code


def _stop_at_end_of_input(process: subprocess.Popen[bytes]) -> None:
    while sys.stdin.buffer.read(1):
        pass
    os.killpg(os.getpgid(0), signal.SIGTERM)
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(os.getpgid(0), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
