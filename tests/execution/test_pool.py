import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from autometa.errors import AutometaError
from autometa.execution import Job, JobOutcome, JobReport, WorkerPool

Make = Callable[..., Job]
Run = Callable[..., JobReport]
CpuSeconds = Callable[[Callable[[], object], float], float]


def drain(pool: WorkerPool, n: int) -> dict[str, JobReport]:
    reports: list[JobReport] = []
    give_up = time.monotonic() + 30
    while len(reports) < n and time.monotonic() < give_up:
        reports += pool.wait(timeout=1)
    return {report.id: report for report in reports}


def test_pool_gives_back_what_the_job_returned(pool: WorkerPool, run: Run) -> None:
    report = run(pool, "echo", {"x": 1.5, "names": ["ü", None]})
    assert report.outcome is JobOutcome.OK
    assert report.value == {"x": 1.5, "names": ["ü", None]}
    assert (report.reason, report.error_type, report.traceback) == ("", "", "")


def test_pool_takes_nan_and_infinity(pool: WorkerPool, run: Run) -> None:
    value = run(pool, "give_nan").value
    assert value is not None
    assert str(value["nan"]) == "nan"
    assert value["inf"] == float("inf")


def test_pool_carries_values_of_any_size(pool: WorkerPool, run: Run) -> None:
    report = run(pool, "big", {"n": 20_000_000})
    assert report.value == {"text": "x" * 20_000_000}
    assert run(pool, "echo", {"text": "y" * 5_000_000}).value == {"text": "y" * 5_000_000}


def test_pool_runs_all_of_many_jobs(pool: WorkerPool, job: Make) -> None:
    jobs = [job("echo", {"n": n}) for n in range(50)]
    for one in jobs:
        pool.submit(one)
    reports = drain(pool, 50)
    assert [reports[one.id].value for one in jobs] == [{"n": n} for n in range(50)]


def test_pool_keeps_the_order_of_submission_with_one_worker(pool: WorkerPool, job: Make) -> None:
    jobs = [job("echo") for _ in range(10)]
    for one in jobs:
        pool.submit(one)
    assert list(drain(pool, 10)) == [one.id for one in jobs]


def test_pool_runs_two_jobs_side_by_side(job: Make) -> None:
    with WorkerPool(2) as pool:
        drain(pool, 0)
        for _ in range(2):
            pool.submit(job("echo"))
        drain(pool, 2)
        start = time.monotonic()
        for _ in range(2):
            pool.submit(job("sleep", {"seconds": 1}))
        drain(pool, 2)
        assert time.monotonic() - start < 1.9


def test_wait_returns_as_soon_as_a_report_is_there(pool: WorkerPool, run: Run) -> None:
    run(pool, "echo")
    start = time.monotonic()
    run(pool, "sleep", {"seconds": 0.1})  # waits up to 30 s
    assert time.monotonic() - start < 5


def test_wait_without_jobs_returns_at_once(pool: WorkerPool) -> None:
    start = time.monotonic()
    assert pool.wait(timeout=10) == []
    assert time.monotonic() - start < 0.5


def test_wait_gives_nothing_when_its_time_is_over(pool: WorkerPool, job: Make) -> None:
    pool.submit(job("sleep", {"seconds": 1}))
    start = time.monotonic()
    assert pool.wait(timeout=0.1) == []
    assert 0.09 < time.monotonic() - start < 0.9
    assert len(drain(pool, 1)) == 1


def test_job_is_told_its_deadline(pool: WorkerPool, run: Run) -> None:
    value = run(pool, "remaining", wall_seconds=7.0).value
    assert value is not None
    assert 6.0 < value["seconds"] <= 7.0


def test_report_counts_cpu_of_the_job_and_its_children(pool: WorkerPool, run: Run) -> None:
    assert 0.2 <= run(pool, "spin", {"cpu_seconds": 0.2}).cpu_seconds < 0.3
    assert 0.3 <= run(pool, "spin_in_child").cpu_seconds < 0.6
    assert run(pool, "echo").cpu_seconds < 0.1


def test_report_counts_cpu_of_a_worker_that_died(pool: WorkerPool, run: Run) -> None:
    assert 0.2 <= run(pool, "spin_then_die", {"cpu_seconds": 0.2}).cpu_seconds < 0.3


def test_worker_leads_a_session_and_ignores_ctrl_c(pool: WorkerPool, run: Run) -> None:
    me = run(pool, "whoami").value
    assert me is not None
    assert me["session"] == me["group"] == me["pid"]
    assert me["parent"] == pool.process_ids[0]
    assert me["sigint_ignored"]
    assert me["open_files"] < 12


def test_worker_has_preloaded_modules_and_pinned_threads(run: Run) -> None:
    with WorkerPool(
        1, n_threads=3, preload=["no_such_module", "xml.dom.minidom"], environment={"EXTRA": "ü"}
    ) as pool:
        me = run(pool, "whoami", {"modules": ["xml.dom.minidom"]}).value
    assert me is not None
    assert me["modules"] == ["xml.dom.minidom"]
    assert me["environment"]["EXTRA"] == "ü"
    assert me["environment"]["OMP_NUM_THREADS"] == me["environment"]["OPENBLAS_NUM_THREADS"] == "3"
    assert me["environment"]["OMP_WAIT_POLICY"] == "PASSIVE"


def test_workers_hash_alike_in_every_run(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = set()
    for seed in ("1", "2"):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        with WorkerPool(1) as pool:
            value = run(pool, "hash_of", {"text": "colour"}).value
            assert value is not None
            hashes.add(value["hash"])
    assert len(hashes) == 1


def test_worker_imports_what_the_parent_can(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "only_here.py").write_text("def double(payload, deadline): return {'x': 2}")
    monkeypatch.syspath_prepend(tmp_path)
    with WorkerPool(1) as pool:
        pool.submit(Job(id="a", function="only_here:double"))
        assert pool.wait(30)[0].value == {"x": 2}


def test_nursery_stays_single_threaded_with_the_usual_libraries(run: Run) -> None:
    with WorkerPool(1, preload=["numpy", "pandas", "pyarrow.ipc"]) as pool:
        assert run(pool, "threads_of_parent").value == {"n": 1}


def test_submit_refuses_a_payload_that_is_not_json(pool: WorkerPool) -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        pool.submit(Job(id="a", function="os:getpid", payload={"x": object()}))
    assert pool.wait(0) == []


@pytest.mark.parametrize(
    ("n_workers", "memory_mib", "n_threads"), [(0, 1, 1), (1, 0, 1), (1, -1, 1), (1, 1, 0)]
)
def test_pool_refuses_less_than_one(n_workers: int, memory_mib: int, n_threads: int) -> None:
    with pytest.raises(ValueError, match="need at least 1"):
        WorkerPool(n_workers, memory_mib, n_threads=n_threads)


def test_cancel_stops_a_running_job(pool: WorkerPool, job: Make, run: Run) -> None:
    sleeper = job("sleep", {"seconds": 60})
    pool.submit(sleeper)
    assert pool.wait(timeout=0.3) == []
    pool.cancel(sleeper.id)
    (report,) = pool.wait(timeout=5)
    assert (report.id, report.outcome) == (sleeper.id, JobOutcome.CANCELLED)
    assert report.reason.startswith("cancelled")
    assert run(pool, "echo", {"x": 1}).value == {"x": 1}


def test_cancel_drops_a_job_that_waits(pool: WorkerPool, job: Make) -> None:
    first, second = job("sleep", {"seconds": 0.2}), job("echo")
    pool.submit(first)
    pool.submit(second)
    pool.cancel(second.id)
    pool.cancel("unknown")
    reports = drain(pool, 2)
    assert reports[first.id].outcome is JobOutcome.OK
    assert reports[second.id].outcome is JobOutcome.CANCELLED


def test_cancel_leaves_the_other_worker_alone(job: Make) -> None:
    with WorkerPool(2) as pool:
        stopped, spared = job("sleep", {"seconds": 60}), job("sleep", {"seconds": 0.5})
        pool.submit(stopped)
        pool.submit(spared)
        pool.wait(timeout=0.3)
        pool.cancel(stopped.id)
        reports = drain(pool, 2)
    assert reports[stopped.id].outcome is JobOutcome.CANCELLED
    assert reports[spared.id].outcome is JobOutcome.OK


def test_close_ends_everything_and_may_be_repeated(
    job: Make, tmp_path: Path, is_alive: Callable[[int], bool]
) -> None:
    pool = WorkerPool(2)
    file = tmp_path / "pids.json"
    pool.submit(job("hang_with_children", {"file": str(file)}))
    while not file.exists():
        pool.wait(timeout=0.05)
    pids = [*json.loads(file.read_text()), *pool.process_ids]
    assert all(is_alive(pid) for pid in pids)
    pool.close()
    pool.close()
    assert not any(is_alive(pid) for pid in pids)


def test_close_does_not_wait_for_imports(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("import time; time.sleep(60)")
    start = time.monotonic()
    pool = WorkerPool(1, preload=[str(tmp_path / "slow.py")])
    pool.close()
    assert time.monotonic() - start < 2


def test_closed_pool_refuses_jobs(job: Make) -> None:
    pool = WorkerPool(1)
    pool.close()
    with pytest.raises(RuntimeError, match="closed"):
        pool.submit(job("echo"))


def test_pool_leaves_no_descriptor_open(run: Run) -> None:
    before = set(Path("/proc/self/fd").iterdir())
    with WorkerPool(2) as pool:
        for _ in range(3):
            run(pool, "call_os_exit", {"status": 1})
    assert set(Path("/proc/self/fd").iterdir()) == before


def test_pool_gives_up_when_workers_cannot_start(job: Make, tmp_path: Path) -> None:
    (tmp_path / "deadly.py").write_text(
        "import os\nos.register_at_fork(after_in_child=lambda: os._exit(7))"
    )
    with WorkerPool(2, preload=[str(tmp_path / "deadly.py")]) as pool:
        pool.submit(job("echo"))
        with pytest.raises(
            AutometaError, match=r"No worker.*worker exited with status 7"
        ) as caught:
            drain(pool, 1)
    assert "ulimit" in caught.value.hint


def test_pool_gives_up_when_its_nursery_keeps_dying(job: Make, tmp_path: Path) -> None:
    (tmp_path / "deadly.py").write_text("import os; os.write(2, b'bad library'); os._exit(7)")
    with WorkerPool(2, preload=[str(tmp_path / "deadly.py")]) as pool:
        pool.submit(job("echo"))
        with pytest.raises(AutometaError, match=r"status 7.*bad library"):
            drain(pool, 1)


def test_pool_replaces_a_killed_nursery(
    job: Make, run: Run, tmp_path: Path, is_alive: Callable[[int], bool]
) -> None:
    with WorkerPool(2) as pool:
        file = tmp_path / "pids.json"
        pool.submit(job("hang_with_children", {"file": str(file)}))
        while not file.exists():
            pool.wait(timeout=0.05)
        before = [*json.loads(file.read_text()), *pool.process_ids]
        os.kill(pool.process_ids[0], signal.SIGKILL)
        (report,) = pool.wait(timeout=10)
        assert report.outcome is JobOutcome.DIED
        assert "signal 9, SIGKILL" in report.reason
        give_up = time.monotonic() + 5  # a killed process takes a moment to go
        while any(is_alive(pid) for pid in before) and time.monotonic() < give_up:
            time.sleep(0.01)
        assert not any(is_alive(pid) for pid in before)
        assert run(pool, "echo", {"x": 1}).value == {"x": 1}


def test_workers_end_with_their_nursery_before_the_pool_looks(
    run: Run, is_alive: Callable[[int], bool]
) -> None:
    with WorkerPool(1) as pool:
        run(pool, "echo")
        nursery, worker = pool.process_ids
        os.kill(nursery, signal.SIGKILL)
        give_up = time.monotonic() + 5
        while is_alive(worker) and time.monotonic() < give_up:
            time.sleep(0.01)
        assert not is_alive(worker)


def test_pool_survives_jobs_that_kill_the_nursery_again_and_again(run: Run) -> None:
    with WorkerPool(1) as pool:
        for _ in range(7):
            report = run(pool, "signal_parent", {"signal": signal.SIGKILL})
            assert report.outcome is JobOutcome.DIED
        assert run(pool, "echo", {"x": 1}).value == {"x": 1}


def test_pool_module_is_cheap_to_import() -> None:
    heavy = ["numpy", "pandas", "sklearn", "pyarrow", "optuna", "mlflow", "pluggy", "asyncio"]
    code = (
        "import sys, autometa.execution.pool\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_pool_costs_the_parent_little_per_job(
    pool: WorkerPool, run: Run, cpu_seconds: CpuSeconds
) -> None:
    run(pool, "echo")
    assert cpu_seconds(lambda: [run(pool, "echo") for _ in range(100)], 0.2) < 0.2


def test_fault_79_durations_are_of_the_monotonic_clock(
    job: Make, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 0.0)
    with WorkerPool(1) as pool:
        run(pool, "echo")
        report = run(pool, "sleep", {"seconds": 0.2}, wall_seconds=5)
    assert report.outcome is JobOutcome.OK
    assert 0.2 <= report.wall_seconds < 2


def test_fault_91_two_workers_need_few_descriptors(job: Make) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    try:
        with WorkerPool(2, preload=["numpy"]) as pool:
            jobs = [job("call_os_exit", {"status": 1}) for _ in range(10)]
            jobs += [job("echo", {"n": n}) for n in range(10)]
            for one in jobs:
                pool.submit(one)
            reports = drain(pool, 20)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert [reports[one.id].value for one in jobs[10:]] == [{"n": n} for n in range(10)]


def test_fault_88_pool_works_in_the_c_locale(job: Make, tmp_path: Path) -> None:
    log = tmp_path / "ausgabe ü.log"
    code = """
import sys
from pathlib import Path
from autometa.execution import Job, WorkerPool
with WorkerPool(1) as pool:
    payload = {"text": "gr\\u00fcn \\U0001f331"}
    job = Job(id="\\u00e4", function=sys.argv[1], payload=payload, log=Path(sys.argv[2]))
    pool.submit(job)
    report, = pool.wait(30)
    assert report.id == "\\u00e4" and report.value == {}, report
"""
    function = str(Path(__file__).with_name("jobs.py")) + ":say"
    # Python would otherwise choose UTF-8 by itself.
    off = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    subprocess.run([sys.executable, "-c", code, function, log], env=off, check=True)
    assert "grün 🌱" in log.read_text(encoding="utf-8")
