import os
from pathlib import Path

import pytest

from autometa.execution.output import CappedLog, OutputPipe

CAP = 2**20


@pytest.mark.parametrize("size", [0, 1, CAP - 2**16, CAP - 2**16 + 1, CAP - 2**16 + 2**15])
@pytest.mark.parametrize("step", [7_919, 2**20])
def test_log_within_the_cap_is_complete(tmp_path: Path, size: int, step: int) -> None:
    data = os.urandom(size)
    log = CappedLog(tmp_path / "log")
    for start in range(0, size, step):
        log.write(data[start : start + step])
    log.close()
    assert (tmp_path / "log").exists() == (size > 0)
    assert size == 0 or (tmp_path / "log").read_bytes() == data


def test_log_beyond_the_cap_says_how_much_is_left_out(tmp_path: Path) -> None:
    data = os.urandom(3 * CAP)
    log = CappedLog(tmp_path / "log")
    log.write(data[:CAP])
    log.write(data[CAP:])
    log.close()
    written = (tmp_path / "log").read_bytes()
    head, _, tail = written.partition(b"\n[autometa: 2129920 bytes of output left out]\n")
    assert len(written) <= CAP
    assert len(head) + 2_129_920 + len(tail) == len(data)
    assert data.startswith(head)
    assert data.endswith(tail)
    assert len(tail) == 2**15


def test_log_appends_to_what_earlier_jobs_printed(tmp_path: Path) -> None:
    for text in (b"one\n", b"two\n"):
        log = CappedLog(tmp_path / "log")
        log.write(text)
        log.close()
    assert (tmp_path / "log").read_bytes() == b"one\ntwo\n"


@pytest.mark.parametrize("name", ["file/log", "nul\0byte", "x" * 300])
def test_log_that_cannot_be_written_warns_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    (tmp_path / "file").touch()
    log = CappedLog(tmp_path / name)
    log.write(b"one")
    log.write(b"two")
    log.close()
    assert len(caplog.records) == 1
    assert "Output of a job is lost" in caplog.text
    assert log.tail == b"onetwo"


def test_pipe_takes_as_much_as_a_log_without_a_reader() -> None:
    pipe = OutputPipe()
    os.set_blocking(pipe.writer, False)
    assert os.write(pipe.writer, b"x" * (2 * CAP)) == CAP
    assert len(pipe.read()) == CAP
    assert pipe.read() == b""
    pipe.close()
