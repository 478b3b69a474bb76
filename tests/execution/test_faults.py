"""What foreign code can do to a worker, and what it costs: its own job, and nothing else."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autometa.execution import Job, JobOutcome, JobReport, WorkerPool

Make = Callable[..., Job]
Run = Callable[..., JobReport]
IsAlive = Callable[[int], bool]
JOBS = str(Path(__file__).with_name("jobs.py"))


@pytest.fixture(autouse=True)
def _pool_works_afterwards(pool: WorkerPool, run: Run) -> Iterator[None]:
    yield
    assert run(pool, "echo", {"x": 1}).value == {"x": 1}


def test_fault_52_killed_worker_costs_its_job_only(job: Make) -> None:
    with WorkerPool(2) as pool:
        victim, bystander = job("sleep", {"seconds": 60}), job("sleep", {"seconds": 1})
        pool.submit(victim)
        pool.submit(bystander)
        while len(pool.process_ids) < 3:
            pool.wait(timeout=0.05)
        pool.wait(timeout=0.3)
        os.kill(_pid_of(pool, victim), signal.SIGKILL)
        (died,) = pool.wait(timeout=5)
        (fine,) = pool.wait(timeout=5)
    assert (died.id, died.outcome) == (victim.id, JobOutcome.DIED)
    assert died.reason.startswith("worker died (signal 9, SIGKILL")
    assert (fine.id, fine.outcome) == (bystander.id, JobOutcome.OK)


def _pid_of(pool: WorkerPool, job: Job) -> int:
    busy = pool._open_crew().busy
    return next(worker.pid for worker in busy if worker.running and worker.running.job is job)


def test_fault_53_job_that_needs_too_much_memory_is_told_so(pool: WorkerPool, run: Run) -> None:
    report = run(pool, "eat", {"mib": 1000})
    assert report.outcome is JobOutcome.MEMORY
    assert report.reason.startswith("out of memory: MemoryError")
    assert f"in eat, {JOBS}:" in report.reason
    assert "bytearray" in report.traceback
    assert run(pool, "eat", {"mib": 100}).value == {"n": 100 * 2**20}


def test_fault_53_job_that_fills_memory_with_objects_is_told_so(pool: WorkerPool, run: Run) -> None:
    report = run(pool, "hoard")
    assert report.outcome is JobOutcome.MEMORY
    assert report.reason.startswith("out of memory: MemoryError")


def test_fault_53_limit_holds_for_children(pool: WorkerPool, run: Run) -> None:
    assert run(pool, "eat_in_child", {"mib": 2000}).value == {"memory_error": True}


def test_fault_53_memory_error_behind_another_error_is_memory(pool: WorkerPool, run: Run) -> None:
    report = run(pool, "fail_from_memory")
    assert report.outcome is JobOutcome.MEMORY
    assert report.reason.startswith("out of memory: ValueError: fit failed")


def test_fault_53_native_abort_for_memory_is_memory(pool: WorkerPool, run: Run) -> None:
    report = run(pool, "abort_for_memory")
    assert report.outcome is JobOutcome.MEMORY
    assert "worker died (signal 6, SIGABRT)" in report.reason


@pytest.mark.parametrize(
    ("name", "place"),
    [
        pytest.param("sleep", f"in sleep, {JOBS}:", id="python"),
        pytest.param("hang_in_c", f"in hang_in_c, {JOBS}:", id="native"),
        pytest.param("sleep_deaf", "", id="ignores-sigterm"),
    ],
)
def test_fault_54_hanging_job_is_timeout(pool: WorkerPool, run: Run, name: str, place: str) -> None:
    report = run(pool, name, {"seconds": 60}, wall_seconds=0.3)
    assert report.outcome is JobOutcome.TIMEOUT
    assert report.reason.startswith("stopped at the wall limit of 0.3 s")
    assert place in report.reason
    assert 0.3 <= report.wall_seconds < 3


def test_fault_54_log_of_a_hanging_job_keeps_what_it_printed(
    pool: WorkerPool, run: Run, tmp_path: Path
) -> None:
    run(pool, "sleep", {"seconds": 60}, wall_seconds=0.2, log=tmp_path / "log")
    assert (tmp_path / "log").read_text().startswith("about to sleep\n")


def test_fault_54_children_of_a_hanging_job_are_ended(
    pool: WorkerPool, run: Run, tmp_path: Path, is_alive: IsAlive
) -> None:
    file = tmp_path / "pids.json"
    report = run(pool, "hang_with_children", {"file": str(file)}, wall_seconds=1)
    assert report.outcome is JobOutcome.TIMEOUT
    pids = json.loads(file.read_text())
    assert len(pids) == 4
    assert not any(is_alive(pid) for pid in pids)


def test_fault_55_children_that_a_job_left_are_ended(
    pool: WorkerPool, run: Run, tmp_path: Path, is_alive: IsAlive
) -> None:
    before = run(pool, "whoami").value
    report = run(pool, "leave_children", log=tmp_path / "log")
    assert report.outcome is JobOutcome.OK
    assert report.value is not None
    assert not any(is_alive(pid) for pid in report.value["pids"])
    assert "ended 3 processes that the job left" in (tmp_path / "log").read_text()
    after = run(pool, "whoami").value
    assert before is not None
    assert after is not None
    assert before["pid"] != after["pid"]


def test_fault_55_children_of_a_job_that_died_are_ended(
    pool: WorkerPool, run: Run, tmp_path: Path, is_alive: IsAlive
) -> None:
    file = tmp_path / "pids.json"
    report = run(pool, "leave_children_and_die", {"file": str(file)})
    assert report.outcome is JobOutcome.DIED
    assert not any(is_alive(pid) for pid in json.loads(file.read_text()))


@pytest.mark.parametrize("name", ["leave_zombie", "use_processes"])
def test_fault_55_job_that_left_nothing_running_keeps_its_worker(
    pool: WorkerPool, run: Run, name: str
) -> None:
    before = run(pool, "whoami").value
    assert run(pool, name).outcome is JobOutcome.OK
    after = run(pool, "whoami").value
    assert before is not None
    assert after is not None
    assert before["pid"] == after["pid"]


def test_fault_56_log_takes_what_python_and_c_print(
    pool: WorkerPool, run: Run, tmp_path: Path
) -> None:
    log = tmp_path / "new" / "log"
    for text in ("first ü", "second"):
        run(pool, "say", {"text": text}, log=log)
    lines = ["to stderr", "from C"]
    assert sorted(log.read_text().splitlines()) == sorted(["first ü", "second", *lines, *lines])


def test_fault_56_output_without_a_log_is_dropped(pool: WorkerPool, run: Run) -> None:
    assert run(pool, "say", {"text": "x" * 200_000}).outcome is JobOutcome.OK


def test_fault_56_much_output_leaves_beginning_and_end_in_a_bounded_log(
    pool: WorkerPool, run: Run, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    report = run(pool, "print_lines", {"n": 50_000}, log=log)
    assert report.outcome is JobOutcome.OK
    text = log.read_text()
    assert len(text) <= 2**20
    assert text.startswith("xxx")
    assert text.endswith("x\nthe end\n")
    (notice,) = [line for line in text.splitlines() if line.startswith("[autometa")]
    missing = int(notice.split()[1])
    assert len(text) - len(notice) - 2 + missing == 50_000 * 1000 + len("the end\n")


def test_fault_56_job_that_prints_while_the_parent_is_busy_ends(
    pool: WorkerPool, job: Make, run: Run, tmp_path: Path
) -> None:
    run(pool, "echo")
    pool.submit(job("print_lines", {"n": 900}, log=tmp_path / "small"))
    time.sleep(1)
    (report,) = pool.wait(timeout=5)
    # Less than a pipe holds does not even have to wait for the parent.
    assert report.wall_seconds < 0.9
    pool.submit(job("print_lines", {"n": 5000}, log=tmp_path / "large"))
    time.sleep(0.5)
    (report,) = pool.wait(timeout=5)
    assert report.outcome is JobOutcome.OK


@pytest.mark.slow
def test_fault_56_gigabyte_of_output_is_bounded_and_quick(
    pool: WorkerPool, run: Run, tmp_path: Path
) -> None:
    start, cpu_start = time.monotonic(), time.process_time()
    report = run(pool, "print_lines", {"n": 1_000_000}, log=tmp_path / "log")
    assert report.outcome is JobOutcome.OK
    assert (tmp_path / "log").stat().st_size <= 2**20
    assert time.monotonic() - start < 60
    assert time.process_time() - cpu_start < 3


def test_fault_59_error_is_told_with_its_place_and_traceback(pool: WorkerPool, run: Run) -> None:
    report = run(pool, "fail")
    assert report.outcome is JobOutcome.ERROR
    assert report.error_type == "json.decoder.JSONDecodeError"
    assert report.reason.startswith("json.decoder.JSONDecodeError: Expecting property name")
    # The plugin's own line, not the inside of the library that it called.
    assert f"(in fail, {JOBS}:" in report.reason
    assert "raw_decode" in report.traceback
    assert report.value is None


def test_fault_59_long_error_is_one_short_line(pool: WorkerPool, run: Run) -> None:
    report = run(pool, "fail_in_words")
    assert report.reason.startswith("RuntimeError: first line second long long")
    assert "\n" not in report.reason
    assert len(report.reason) < 700
    assert f"in fail_in_words, {JOBS}:" in report.reason


def test_fault_59_error_that_cannot_be_printed_is_told(pool: WorkerPool, run: Run) -> None:
    report = run(pool, "fail_unprintably")
    assert report.outcome is JobOutcome.ERROR
    assert report.error_type.endswith(".UnprintableError")
    assert f"in fail_unprintably, {JOBS}:" in report.reason


def test_fault_59_plugin_that_fails_on_import_costs_the_job(
    pool: WorkerPool, tmp_path: Path
) -> None:
    file = tmp_path / "plugin.py"
    file.write_text("import json\n\njson.loads('{')\n")
    pool.submit(Job(id="a", function=f"{file}:fit"))
    (report,) = pool.wait(timeout=5)
    assert report.outcome is JobOutcome.ERROR
    assert report.error_type == "autometa.errors.PluginError"
    assert report.error_data["exit_code"] == 5
    assert f"Cannot load '{file}': JSONDecodeError" in report.reason
    assert f"in <module>, {file}:3" in report.reason


def test_fault_59_error_of_ours_keeps_its_data(pool: WorkerPool, run: Run) -> None:
    report = run(pool, "refuse_data")
    assert report.outcome is JobOutcome.ERROR
    assert report.error_data == {
        "message": "column 'x' is empty.",
        "hint": "Drop it.",
        "exit_code": 3,
    }
    assert report.reason.startswith("column 'x' is empty. Drop it. (in refuse_data")


def test_job_that_declines_is_not_applicable(pool: WorkerPool, run: Run) -> None:
    report = run(pool, "decline")
    assert report.outcome is JobOutcome.NOT_APPLICABLE
    assert report.reason == "counts must not be negative"


@pytest.mark.parametrize(
    ("name", "payload", "told"),
    [
        ("call_sys_exit", {"status": 0}, "error: sys.exit was called (SystemExit: 0)"),
        ("interrupt", {}, "error: KeyboardInterrupt"),
        ("call_os_exit", {"status": 3}, "died: worker exited with status 3 (os._exit"),
        ("call_os_exit", {"status": 0}, "died: worker exited with status 0 (os._exit"),
        ("signal_self", {"signal": 15}, "died: worker died (signal 15, SIGTERM)"),
    ],
    ids=["sys.exit", "KeyboardInterrupt", "os._exit", "os._exit-0", "kill"],
)
def test_fault_60_leaving_costs_the_job_and_says_which_call(
    pool: WorkerPool, run: Run, name: str, payload: dict[str, int], told: str
) -> None:
    report = run(pool, name, payload)
    assert f"{report.outcome}: {report.reason}".startswith(told)


@pytest.mark.parametrize(
    ("what", "got"),
    [
        ("none", "got NoneType"),
        ("list", "got list"),
        ("text", "got str"),
        ("object", "got 'model': object (Object of type object is not JSON serializable)"),
        ("key", "got ('a', 1): int (keys must be str"),
        ("circle", "got 'self': dict (Circular reference detected)"),
    ],
)
def test_fault_61_wrong_return_is_an_error_that_names_it(
    pool: WorkerPool, run: Run, what: str, got: str
) -> None:
    report = run(pool, "give", {"what": what})
    assert report.outcome is JobOutcome.ERROR
    assert report.error_type == "TypeError"
    assert f"{JOBS}:give must return a JSON object, {got}" in report.reason


def test_fault_64_segfault_costs_the_job_and_says_where(
    pool: WorkerPool, run: Run, tmp_path: Path
) -> None:
    report = run(pool, "crash", log=tmp_path / "log")
    assert report.outcome is JobOutcome.DIED
    assert report.reason.startswith("worker died (signal 11, SIGSEGV)")
    assert f"in crash, {JOBS}:" in report.reason
    assert "Fatal Python error: Segmentation fault" in report.traceback
    assert "string_at" in (tmp_path / "log").read_text()


def test_fault_65_changed_process_state_is_put_back(
    pool: WorkerPool, run: Run, tmp_path: Path
) -> None:
    before = run(pool, "look").value
    spoiled = run(pool, "spoil", {"seed": 17}).value
    after = run(pool, "look", log=tmp_path / "log").value
    assert before is not None
    assert spoiled is not None
    assert before["numpy"] is not None
    assert before["pid"] == spoiled["pid"]
    assert after == before
    assert (tmp_path / "log").read_text() == "still printing\n"
    # It still says where it was when it is stopped.
    stopped = run(pool, "sleep", {"seconds": 60}, wall_seconds=0.2)
    assert "in sleep" in stopped.reason


def test_fault_65_random_state_is_the_same_in_every_worker(pool: WorkerPool, run: Run) -> None:
    before = run(pool, "look").value
    run(pool, "call_os_exit", {"status": 1})
    after = run(pool, "look").value
    assert before is not None
    assert after is not None
    assert before["pid"] != after["pid"]
    assert (before["random"], before["numpy"]) == (after["random"], after["numpy"])


def test_fault_65_removed_working_directory_is_not_the_pools_end(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with WorkerPool(1) as pool:
        run(pool, "echo")
        assert run(pool, "remove_folder").outcome is JobOutcome.OK
        assert run(pool, "echo", {"x": 1}).value == {"x": 1}


@pytest.mark.parametrize("name", ["close_everything", "scribble"])
def test_job_that_meddles_with_our_files_costs_itself(
    pool: WorkerPool, run: Run, name: str
) -> None:
    assert run(pool, name).outcome is JobOutcome.DIED
