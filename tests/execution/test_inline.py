from collections.abc import Callable
from pathlib import Path

import pytest

from autometa.execution import InlineExecutor, Job, JobOutcome, JobReport, WorkerPool

Make = Callable[..., Job]
Run = Callable[..., JobReport]


def test_inline_gives_back_what_the_job_returned(run: Run) -> None:
    report = run(InlineExecutor(), "echo", {"x": (1, 2)})
    assert report.outcome is JobOutcome.OK
    assert report.value == {"x": [1, 2]}


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("echo", {"x": 1}),
        ("fail", {}),
        ("decline", {}),
        ("refuse_data", {}),
        ("fail_from_memory", {}),
        ("call_sys_exit", {"status": 2}),
        ("interrupt", {}),
        ("give", {"what": "list"}),
    ],
)
def test_inline_reports_what_a_pool_reports(
    pool: WorkerPool, run: Run, name: str, payload: dict[str, int]
) -> None:
    here, there = run(InlineExecutor(), name, payload), run(pool, name, payload)
    for field in ("outcome", "value", "reason", "error_type", "error_data"):
        assert getattr(here, field) == getattr(there, field)


def test_inline_job_past_its_limit_is_timeout(run: Run) -> None:
    report = run(InlineExecutor(), "sleep", {"seconds": 0.05}, wall_seconds=0.01)
    assert report.outcome is JobOutcome.TIMEOUT
    assert "past the limit of 0.01 s" in report.reason
    assert report.value is None
    assert report.wall_seconds >= 0.05


def test_inline_job_knows_its_deadline(run: Run) -> None:
    value = run(InlineExecutor(), "remaining", wall_seconds=7.0).value
    assert value is not None
    assert 6.0 < value["seconds"] <= 7.0


def test_inline_counts_cpu(run: Run) -> None:
    assert 0.05 <= run(InlineExecutor(), "spin", {"cpu_seconds": 0.05}).cpu_seconds < 0.2


def test_inline_runs_jobs_in_order_one_per_wait(job: Make) -> None:
    with InlineExecutor() as executor:
        jobs = [job("echo"), job("echo")]
        for one in jobs:
            executor.submit(one)
        assert [executor.wait(0)[0].id, executor.wait(0)[0].id] == [one.id for one in jobs]
        assert executor.wait(0) == []


def test_inline_cancel_drops_a_job_that_waits(job: Make) -> None:
    executor = InlineExecutor()
    first, second = job("echo"), job("echo")
    executor.submit(first)
    executor.submit(second)
    executor.cancel(second.id)
    executor.cancel("unknown")
    outcomes = {report.id: report.outcome for _ in range(2) for report in executor.wait(0)}
    assert outcomes == {first.id: JobOutcome.OK, second.id: JobOutcome.CANCELLED}


def test_inline_close_drops_what_waits(job: Make) -> None:
    executor = InlineExecutor()
    executor.submit(job("echo"))
    executor.close()
    assert executor.wait(0) == []


def test_inline_writes_the_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    jobs = Path(__file__).with_name("jobs.py")
    executor = InlineExecutor()
    executor.submit(
        Job(id="a", function=f"{jobs}:print_lines", payload={"n": 2}, log=tmp_path / "l")
    )
    executor.wait(0)
    assert (tmp_path / "l").read_text() == f"{'x' * 999}\n{'x' * 999}\nthe end\n"
    assert capsys.readouterr().out == ""
