from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from autometa.execution import Executor, Job, JobReport, WorkerPool

JOBS = Path(__file__).with_name("jobs.py")


@pytest.fixture(scope="session")
def job() -> Callable[..., Job]:
    """Makes a job of a function in jobs.py."""
    numbers = iter(range(10**9))

    def make(name: str, payload: Mapping[str, Any] | None = None, **options: Any) -> Job:
        return Job(
            id=options.pop("id", f"{name}-{next(numbers)}"),
            function=f"{JOBS}:{name}",
            payload=payload or {},
            **options,
        )

    return make


@pytest.fixture(scope="session")
def run(job: Callable[..., Job]) -> Callable[..., JobReport]:
    """Runs one such job to its end."""

    def run(executor: Executor, name: str, *args: Any, **options: Any) -> JobReport:
        asked = job(name, *args, **options)
        executor.submit(asked)
        (report,) = executor.wait(timeout=30)
        assert report.id == asked.id
        return report

    return run


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    """One worker, 256 MiB; whatever a test does to it, the next one finds it working."""
    # C streams keep what they print, as they do unless a user says otherwise.
    environment = {"PYTHONUNBUFFERED": ""}
    with WorkerPool(1, 256, preload=["numpy"], environment=environment) as pool:
        yield pool


@pytest.fixture
def is_alive() -> Callable[[int], bool]:
    def is_alive(pid: int) -> bool:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return False
        return stat.rpartition(")")[2].split()[0] not in "ZX"

    return is_alive
