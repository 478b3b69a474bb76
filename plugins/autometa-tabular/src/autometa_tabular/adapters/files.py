"""What all file adapters check: the file is there, can be read, and fits into memory."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from autometa import DataError


def check_file(path: Path) -> None:
    """Checks that a path is a readable file.

    Raises:
        DataError: If it is missing, a directory, or not readable.
    """
    try:
        if path.is_dir():
            raise DataError(
                f"{path} is a directory, but one file is needed.",
                hint="Name a file in it as data.source.",
            )
        with path.open("rb"):
            return
    except FileNotFoundError as exc:
        raise DataError(f"{path} does not exist.", hint=_nearest(path)) from exc
    except OSError as exc:
        raise DataError(
            f"{path} cannot be read: {exc.strerror}.", hint="Check its permissions."
        ) from exc


def _nearest(path: Path) -> str:
    from difflib import get_close_matches

    try:
        there = os.listdir(path.parent)  # noqa: PTH208 - names are all that is needed
    except OSError:
        return f"The folder {path.parent} is missing, too; check data.source."
    near = get_close_matches(path.name, there, n=1)
    return f"Did you mean {near[0]}?" if near else "Check data.source."


def check_memory(path: Path, needed: float) -> None:
    """Refuses a source that would not fit into the memory that is free now.

    Args:
        path: For the message.
        needed: Bytes that reading it takes.

    Raises:
        DataError: If more is needed than is free.
    """
    free = free_memory()
    if needed > free:
        is_limited = free < min(_machine(), _container())
        or_else = ", or raise limits.trial_memory_mib" if is_limited else ""
        raise DataError(
            f"{path} needs about {needed / 2**30:,.1f} GiB of memory, but "
            f"{free / 2**30:,.1f} GiB are free.",
            hint=f"Set data.options.sample_rows to read that many random rows{or_else}.",
        )


def free_memory() -> float:
    """Gives the bytes that this process can still take: machine, container and own limit."""
    return min(_machine(), _container(), _own_limit())


def _machine() -> float:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:  # not Linux
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    available = next(line for line in lines if line.startswith("MemAvailable:"))
    return float(available.split()[1]) * 1024


def _container() -> float:
    folder = Path("/sys/fs/cgroup")
    try:
        limit = (folder / "memory.max").read_text(encoding="ascii").strip()
        used = (folder / "memory.current").read_text(encoding="ascii").strip()
        return float("inf") if limit == "max" else max(0.0, float(limit) - float(used))
    except (OSError, ValueError):
        return float("inf")


def _own_limit() -> float:
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft == resource.RLIM_INFINITY:
        return float("inf")
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:
        pages = 0
    return max(0.0, float(soft) - pages * resource.getpagesize())
