import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autometa.errors import StorageError
from autometa.tracking import spool
from autometa.tracking.spool import Spool


def told(n):
    return [{"type": "trial", "number": number, "name": "ü\n☃"} for number in range(n)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "study" / "spool.jsonl"


def write(path, events):
    writer = Spool(path)
    for event in events:
        writer.append(event)
    writer.close()


def test_events_are_read_as_they_were_written(path):
    write(path, told(3))
    assert spool.read_all(path) == told(3)
    assert spool.last(path) == told(3)[-1]


def test_reading_goes_on_at_any_event(path):
    write(path, told(5))
    offsets = [offset for _, offset in spool.read(path)]
    assert offsets[-1] == path.stat().st_size
    for n, offset in enumerate(offsets, start=1):
        assert [event for event, _ in spool.read(path, offset)] == told(5)[n:]


def test_event_longer_than_the_limit_is_read_whole(path):
    long = {"type": "trial", "text": "x" * 100_000}
    write(path, [long, *told(1)])
    ((event, _),) = spool.read(path, limit=10)
    assert event == long
    assert spool.last(path) == told(1)[0]


def test_spool_torn_at_any_byte_keeps_every_whole_event(path):
    write(path, told(3))
    whole = path.read_bytes()
    ends = [offset for _, offset in spool.read(path)]
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        n_whole = sum(end <= size for end in ends)
        assert spool.read_all(path) == told(3)[:n_whole]
        write(path, [{"type": "end"}])
        assert spool.read_all(path) == [*told(3)[:n_whole], {"type": "end"}]


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_reading_anything_never_raises(tmp_path_factory, junk):
    path = tmp_path_factory.mktemp("junk") / "spool.jsonl"
    path.write_bytes(junk)
    for event, offset in spool.read(path):
        assert event is None or "type" in event
        assert offset <= len(junk)
    spool.last(path)


def test_missing_spool_is_empty(tmp_path):
    assert spool.read_all(tmp_path / "none") == []
    assert spool.last(tmp_path / "none") is None


def test_cleared_spool_is_another_file(path):
    writer = Spool(path)
    writer.append(told(1)[0])
    inode = path.stat().st_ino
    writer.clear()
    writer.append({"type": "start"})
    assert spool.read_all(path) == [{"type": "start"}]
    assert path.stat().st_ino != inode


FULL = """
import resource, sys
from pathlib import Path
from autometa.errors import StorageError
from autometa.tracking.spool import Spool
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
writer = Spool(Path(sys.argv[1]))
try:
    for number in range(1000):
        writer.append({"type": "trial", "number": number})
except StorageError as error:
    print(error.exit_code, error)
"""


def test_fault_73_full_disk_is_a_storage_error_and_leaves_whole_events(path):
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"4 cannot write the tracking spool {path}: ")
    events = spool.read_all(path)
    assert [event["number"] for event in events] == list(range(len(events)))
    assert path.read_bytes().endswith(b"\n")
    assert len(events) == 1000 // 29


def test_fault_74_folder_that_cannot_be_written_is_named(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StorageError, match=r"spool .*file/study/spool.jsonl") as error:
        Spool(blocked / "study" / "spool.jsonl").append({"type": "start"})
    assert error.value.exit_code == 4


def test_event_costs_less_than_a_millisecond_cpu(path, cpu_seconds):
    event = {"type": "trial", "params": {f"p{n}": n for n in range(50)}}
    writer = Spool(path)
    writer.append(event)
    assert cpu_seconds(lambda: [writer.append(event) for _ in range(200)], 0.2) < 0.2
