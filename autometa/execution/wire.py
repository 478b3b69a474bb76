"""What the pool and its nursery say to each other: records of fixed size on a socket.

A request to start a worker carries the worker's two file descriptors: its channel and its output.
"""

from __future__ import annotations

import struct
from enum import IntEnum


class Request(IntEnum):
    """What the parent asks; `argument` is the signal number of SIGNAL."""

    START = 1
    SIGNAL = 2


class Event(IntEnum):
    """What the nursery tells.

    `argument` is the process id of STARTED, the status as `os.waitpid` gives it of ENDED, and
    an errno of FAILED; `seconds` is the CPU time of a worker that ENDED.
    """

    STARTED = 1
    ENDED = 2
    FAILED = 3


REQUEST = struct.Struct("!iii")
"""Request, worker, argument."""
EVENT = struct.Struct("!iiid")
"""Event, worker, argument, seconds."""
