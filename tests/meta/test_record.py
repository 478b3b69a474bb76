from __future__ import annotations

import json
import math
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from autometa.errors import StorageError
from autometa.learner import Space
from autometa.meta.record import SUFFIX, Fingerprint, Machine, TaskRecord
from autometa.meta.spaces import space_to_json
from autometa.trial import Outcome, TrialResult

from .strategies import records

Make = Callable[..., TaskRecord]


def trial(number: int, outcome: Outcome, values: tuple[float, ...] | None) -> TrialResult:
    return TrialResult(number=number, params={}, outcome=outcome, values=values)


def record_of(*trials: TrialResult, direction: str = "minimize") -> TaskRecord:
    objectives = (("score", direction), ("latency_ms", "minimize"))
    return TaskRecord.from_results(trials, name="t", objectives=objectives, space=Space({}))


@given(records())
def test_record_survives_its_file(record: TaskRecord) -> None:
    loaded = TaskRecord.from_bytes(record.to_bytes())
    assert loaded.results == record.results
    assert [list(map(type, r.params.values())) for r in loaded.results] == [
        list(map(type, dict(sorted(r.params.items())).values())) for r in record.results
    ]
    assert space_to_json(loaded.space) == space_to_json(record.space)
    assert loaded.fingerprint == record.fingerprint
    assert loaded.metafeatures == record.metafeatures
    assert (loaded.name, loaded.objectives) == (record.name, record.objectives)
    assert (loaded.versions, loaded.created) == (record.versions, record.created)
    assert (loaded.baseline, repr(loaded.machine)) == (record.baseline, repr(record.machine))
    assert loaded == record
    assert loaded.to_bytes() == record.to_bytes()


def test_record_written_is_read_from_its_folder(make_record: Make, tmp_path: Path) -> None:
    record = make_record()
    first, second = record.write(tmp_path / "new"), record.write(tmp_path / "new")
    assert first != second
    assert first.name.startswith("c0ffee-")
    assert TaskRecord.read(first) == TaskRecord.read(second) == record
    assert sorted((tmp_path / "new").iterdir()) == sorted([first, second])


def test_losses_are_to_be_minimised_and_nan_unless_complete() -> None:
    record = record_of(
        trial(0, Outcome.COMPLETE, (0.9, 3.0)),
        trial(1, Outcome.ERROR, None),
        trial(2, Outcome.DOMINATED, (0.8, math.nan)),
        trial(3, Outcome.COMPLETE, (math.inf, 1.0)),
        direction="maximize",
    )
    np.testing.assert_equal(record.losses(), [-0.9, np.nan, np.nan, np.nan])
    np.testing.assert_equal(record.losses(1), [3.0, np.nan, np.nan, 1.0])


def test_interrupted_trials_are_left_out() -> None:
    record = record_of(trial(0, Outcome.INTERRUPTED, None), trial(1, Outcome.COMPLETE, (1.0, 2.0)))
    assert [result.number for result in record.results] == [1]


def test_columns_are_padded_with_nan(make_record: Make) -> None:
    record = make_record({"learner": "linear"}, {"learner": "trees"})
    np.testing.assert_equal(record.fold_scores, [[0.1, 0.2], [0.1, 0.2]])
    np.testing.assert_equal(record.standard_errors, [[np.nan], [np.nan]])
    np.testing.assert_equal(record.sizes, [np.nan, np.nan])
    np.testing.assert_equal(record.costs, [1.0, 1.0])
    assert record.configs == [{"learner": "linear"}, {"learner": "trees"}]
    assert record.outcomes == (Outcome.COMPLETE, Outcome.COMPLETE)


def test_baseline_loss_takes_the_direction() -> None:
    up = record_of(trial(0, Outcome.COMPLETE, (1.0, 1.0)), direction="maximize")
    assert math.isnan(up.baseline_loss())
    loaded = TaskRecord.from_results(
        [], name="t", objectives=(("r2", "maximize"),), space=Space({}), baseline=0.25
    )
    assert loaded.baseline_loss() == -0.25


def test_best_is_the_least_loss() -> None:
    trials = [trial(i, Outcome.COMPLETE, (value, 0.0)) for i, value in enumerate((0.5, 0.9, 0.7))]
    assert record_of(*trials, direction="maximize").best() == 1
    assert record_of(*trials).best() == 0
    assert record_of(trial(0, Outcome.ERROR, None)).best() is None
    assert record_of().best() is None


def test_objectives_need_a_known_direction() -> None:
    with pytest.raises(ValueError, match="minimize or maximize"):
        record_of(direction="up")


def test_fault_72_newer_record_is_refused_with_both_formats(make_record: Make) -> None:
    data = make_record().to_bytes().replace(b"autometa-record 1 ", b"autometa-record 7 ", 1)
    with pytest.raises(StorageError, match=r"format 7, this version reads up to 1.*Update"):
        TaskRecord.from_bytes(data)


def test_fault_80_any_changed_byte_is_noticed(make_record: Make) -> None:
    data = make_record().to_bytes()
    for position in range(len(data)):
        damaged = data[:position] + bytes([data[position] ^ 0x41]) + data[position + 1 :]
        try:
            TaskRecord.from_bytes(damaged)
        except StorageError:
            continue
        # A byte of the first line may change nothing, such as the case of a digit.
        assert position < data.index(b"\n")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_fault_80_cut_record_is_refused(make_record: Make, share: float) -> None:
    data = make_record().to_bytes()
    with pytest.raises(StorageError):
        TaskRecord.from_bytes(data[: int(len(data) * share)])


@pytest.mark.parametrize(
    "change",
    [
        {"space": "{}"},
        {"space": None},
        {"objectives": []},
        {"objectives": [["a", "sideways"]]},
        {"trials": None},
        {"metafeatures": [1]},
        {"fingerprint": ["a"]},
    ],
    ids=json.dumps,
)
def test_fault_80_header_with_a_right_checksum_and_wrong_content_is_refused(
    make_record: Make, change: dict[str, object]
) -> None:
    from autometa.meta import recordfile

    header, trials = recordfile.decode(make_record().to_bytes())
    changed = json.dumps(json.loads(header) | change).encode()
    with pytest.raises(StorageError, match="not what it says"):
        TaskRecord.from_bytes(recordfile.encode(changed, zlib.decompress(trials)))


def test_fault_80_unreadable_trials_warn_and_read_as_none(
    make_record: Make, caplog: pytest.LogCaptureFixture
) -> None:
    from autometa.meta import recordfile

    header, _ = recordfile.decode(make_record().to_bytes())
    record = TaskRecord.from_bytes(recordfile.encode(header, b"{}\n"))
    assert record.configs == []
    assert record.losses().shape == (0,)
    assert "cannot be read" in caplog.text


def test_fault_80_missing_file_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be read"):
        TaskRecord.read(tmp_path / "none.record")


def test_fault_74_unwritable_folder_is_named(make_record: Make, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file cannot be written"):
        make_record().write(tmp_path / "file")


def test_fault_73_failed_write_leaves_nothing(make_record: Make, tmp_path: Path) -> None:
    import resource

    record = make_record()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(StorageError, match="Free space"):
            record.write(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


WRITER = """
import sys
from pathlib import Path
from autometa.learner import Space
from autometa.meta.record import TaskRecord

for _ in range(10):
    TaskRecord.from_results(
        [], name=sys.argv[1], objectives=(("a", "minimize"),), space=Space({})
    ).write(Path(sys.argv[2]))
"""


def test_many_writers_lose_nothing_and_no_reader_sees_half_a_record(tmp_path: Path) -> None:
    commands = [[sys.executable, "-c", WRITER, name, str(tmp_path)] for name in "abc"]
    writers = [subprocess.Popen(command) for command in commands]
    while any(writer.poll() is None for writer in writers):
        for path in tmp_path.glob(f"*{SUFFIX}"):
            TaskRecord.read(path)
        time.sleep(0.01)
    found = [TaskRecord.read(path).name for path in tmp_path.iterdir()]
    assert sorted(found) == ["a"] * 10 + ["b"] * 10 + ["c"] * 10


def test_fingerprint_matches_the_same_rows_and_grown_tables_only() -> None:
    rows = tuple(range(64))
    base = Fingerprint("columns", rows)
    grown = rows[:40] + tuple(range(1000, 1024))
    assert base.matches(Fingerprint("other", rows))
    assert base.matches(Fingerprint("columns", grown))
    assert not base.matches(Fingerprint("other", grown))
    assert not base.matches(Fingerprint("columns", tuple(range(500, 564))))
    assert not Fingerprint().matches(Fingerprint())
    assert base.similarity(Fingerprint("columns", grown)) == 40 / 64


def test_machine_rescales_costs() -> None:
    assert Machine("slow", 2.0).scale_to(Machine("fast", 0.5)) == 0.25
    assert Machine("slow", 2.0).scale_to(Machine()) == 1.0
    assert Machine().scale_to(Machine("fast", 0.5)) == 1.0
    assert Machine("odd", 0.0).scale_to(Machine("fast", 0.5)) == 1.0
