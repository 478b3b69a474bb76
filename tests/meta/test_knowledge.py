from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from autometa.errors import StorageError
from autometa.meta.knowledge import KnowledgeBase
from autometa.meta.record import Fingerprint, TaskRecord
from autometa.trial import TrialResult

Make = Callable[..., TaskRecord]
CpuSeconds = Callable[[Callable[[], object], float], float]


def test_added_record_is_there_when_opened_again(make_record: Make, tmp_path: Path) -> None:
    knowledge = KnowledgeBase.open(own=tmp_path / "mine")
    before, shipped = knowledge.digest, len(knowledge)
    path = knowledge.add(make_record())
    assert path is not None
    assert path.parent == tmp_path / "mine"
    again = KnowledgeBase.open("default", own=tmp_path / "mine")
    assert len(again) == len(knowledge) == shipped + 1
    assert again.digest == knowledge.digest != before


def test_adding_what_is_known_writes_nothing(make_record: Make, tmp_path: Path) -> None:
    knowledge = KnowledgeBase(own=tmp_path)
    assert knowledge.add(make_record()) is not None
    assert knowledge.add(make_record()) is None
    assert len(list(tmp_path.iterdir())) == 1


def test_add_without_a_folder_keeps_the_record_in_memory(make_record: Make) -> None:
    knowledge = KnowledgeBase()
    assert knowledge.add(make_record()) is None
    assert [record.name for record in knowledge] == ["past"]


def test_order_and_digest_depend_on_content_alone(make_record: Make) -> None:
    records = [make_record(name=name) for name in ("c", "a", "b")]
    one, other = KnowledgeBase(records), KnowledgeBase([*reversed(records), records[0]])
    assert [record.name for record in one] == [record.name for record in other] == ["a", "b", "c"]
    assert one.digest == other.digest
    assert one.digest != KnowledgeBase(records[:2]).digest


def test_pack_is_one_file_that_opens_like_a_folder(make_record: Make, tmp_path: Path) -> None:
    knowledge = KnowledgeBase([make_record(name=name) for name in "abc"])
    knowledge.pack(tmp_path / "all.pack")
    opened = KnowledgeBase.open(tmp_path / "all.pack")
    assert opened.digest == knowledge.digest
    assert KnowledgeBase.open(tmp_path).digest == knowledge.digest
    assert opened.records[0].results == knowledge.records[0].results


def test_same_record_from_two_sources_counts_once(make_record: Make, tmp_path: Path) -> None:
    file = make_record().write(tmp_path / "one")
    make_record().write(tmp_path / "two")
    assert len(KnowledgeBase.open(tmp_path / "one", str(tmp_path / "two"), file)) == 1


def test_fault_80_damaged_and_fault_72_newer_records_are_skipped_with_a_warning(
    make_record: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_record().write(tmp_path)
    data = make_record(name="other").to_bytes()
    (tmp_path / "cut.record").write_bytes(data[:-9])
    (tmp_path / "empty.record").write_bytes(b"")
    (tmp_path / "text.record").write_text("not a record")
    (tmp_path / "newer.record").write_bytes(data.replace(b" 1 ", b" 2 ", 1))
    (tmp_path / "newer.pack").write_bytes(b"autometa-pack 9\n\n")
    (tmp_path / "odd.pack").write_bytes(b"autometa-pack\xff\n")
    (tmp_path / "folder.record").mkdir()
    (tmp_path / ".half.record").write_bytes(data)
    (tmp_path / "notes.txt").write_text("mine")
    assert [record.name for record in KnowledgeBase.open(tmp_path)] == ["past"]
    skipped = ["cut", "empty", "text", "newer.record", "newer.pack", "odd.pack", "folder"]
    assert [sum(name in m for m in caplog.messages) for name in skipped] == [1] * 7
    assert len(caplog.messages) == 7


def test_fault_80_damaged_record_in_a_pack_costs_itself_only(
    make_record: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "all.pack"
    KnowledgeBase([make_record(name=name) for name in "abc"]).pack(path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    assert [record.name for record in KnowledgeBase.open(path)] == ["a", "c"]
    assert "record 1 of" in caplog.text
    path.write_bytes(data[: len(data) // 3])
    assert [record.name for record in KnowledgeBase.open(path)] == []


def test_missing_source_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="There is no knowledge at"):
        KnowledgeBase.open(tmp_path / "nowhere")


def test_url_sources_are_read(make_record: Make, tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    make_record().write(tmp_path)
    KnowledgeBase([make_record(name="packed")]).pack(tmp_path / "x.pack")
    opened = KnowledgeBase.open(f"file://{tmp_path}")
    assert [record.name for record in opened] == ["packed", "past"]
    assert len(KnowledgeBase.open(f"file://{tmp_path}/x.pack")) == 1


def test_fault_80_unreachable_url_is_a_cold_start_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("fsspec")
    assert len(KnowledgeBase.open(f"file://{tmp_path}/none.pack")) == 0
    assert "none.pack is skipped" in caplog.text


def test_url_of_an_unknown_scheme_is_told() -> None:
    pytest.importorskip("fsspec")
    with pytest.raises(StorageError, match=r"nonsense://x cannot be opened.*pip install"):
        KnowledgeBase.open("nonsense://x")


def test_own_fingerprint_is_excluded(make_record: Make) -> None:
    own = Fingerprint("own", tuple(range(100, 164)))
    knowledge = KnowledgeBase([make_record(name="a"), make_record(name="b", fingerprint=own)])
    assert [record.name for record in knowledge.exclude(own)] == ["a"]
    assert len(knowledge) == 2


def test_table_becomes_one_record_per_task() -> None:
    configs = [{"kind": "a", "x": 1}, {"kind": "a", "x": 5}, {"kind": "b"}]
    knowledge = KnowledgeBase.from_table(
        configs, [[0.5, np.nan, 0.7], [1.0, 2.0, np.inf]], direction="maximize"
    )
    first, second = knowledge.records
    assert first.configs == [configs[0], configs[2]]
    assert first.losses().tolist() == [-0.5, -0.7]
    assert second.configs == configs
    np.testing.assert_equal(second.losses(), [-1.0, -2.0, np.nan])
    assert first.space.conditions == {"x": ("kind", ("a",))}


@pytest.mark.parametrize("values", [[[1.0]], [1.0, 2.0], [[1.0, 2.0, 3.0]]])
def test_table_of_another_shape_is_refused(values: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="a column per configuration"):
        KnowledgeBase.from_table([{"x": 1}, {"x": 2}], values)


def test_hundred_thousand_table_cells_take_less_than_a_second(cpu_seconds: CpuSeconds) -> None:
    rng = np.random.default_rng(0)
    configs = [{"learner": "ab"[i % 2], "x": float(i)} for i in range(100)]
    values = rng.random((1000, 100))

    def read() -> None:
        knowledge = KnowledgeBase.from_table(configs, values)
        assert sum(len(record) for record in knowledge) == 100_000

    assert cpu_seconds(read, 1.0) < 1.0


@pytest.fixture(scope="module")
def hundred(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of 100 tasks with 100 trials each."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    from autometa.learner import Space
    from autometa.trial import Outcome

    rng = np.random.default_rng(0)
    names = [f"{learner}.p{i}" for learner in "ab" for i in range(8)]
    space = Space(
        {"learner": CategoricalDistribution(("a", "b"))}
        | {name: FloatDistribution(0, 1) for name in names},
        {name: ("learner", (name[0],)) for name in names},
    )

    def trial(number: int) -> TrialResult:
        learner = "ab"[number % 2]
        own = [name for name in names if name[0] == learner]
        return TrialResult(
            number=number,
            params={"learner": learner, **{name: float(rng.random()) for name in own}},
            outcome=Outcome.COMPLETE,
            values=(float(rng.random()),),
            fold_scores=tuple(rng.random(5).tolist()),
            cost_seconds=float(rng.random()),
            seed=number,
        )

    records = [
        TaskRecord.from_results(
            [trial(number) for number in range(100)],
            name=f"task-{index}",
            objectives=(("log_loss", "minimize"),),
            space=space,
            metafeatures={f"m{i}": float(rng.random()) for i in range(50)},
            fingerprint=Fingerprint(f"{index:016x}", tuple(rng.integers(2**32, size=64).tolist())),
        )
        for index in range(100)
    ]
    path = tmp_path_factory.mktemp("pack") / "hundred.pack"
    KnowledgeBase(records).pack(path)
    return path


def test_pack_of_a_hundred_tasks_opens_at_once(hundred: Path, cpu_seconds: CpuSeconds) -> None:
    assert len(KnowledgeBase.open(hundred)) == 100
    assert cpu_seconds(lambda: KnowledgeBase.open(hundred), 0.05) < 0.05  # measured: 0.013


@pytest.mark.slow
def test_thousand_tasks_load_within_a_second(
    hundred: Path, tmp_path: Path, cpu_seconds: CpuSeconds
) -> None:
    for record in KnowledgeBase.open(hundred):
        for _ in range(10):
            record.write(tmp_path)

    def load() -> None:
        """Opens, unpacks, and gives the configurations and losses of all trials."""
        for path in tmp_path.iterdir():
            record = TaskRecord.read(path)
            assert len(record.configs) == len(record.losses()) == 100

    assert cpu_seconds(load, 1.0) < 1.0


def test_opening_knowledge_imports_neither_pandas_nor_sklearn_nor_fsspec(hundred: Path) -> None:
    script = (
        "import sys; from autometa.meta.knowledge import KnowledgeBase; "
        "k = KnowledgeBase.open(sys.argv[1]); k.records[0].losses(); "
        "print({'pandas', 'sklearn', 'fsspec', 'sqlalchemy', 'mlflow'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", script, str(hundred)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_many_writers_and_a_reader_at_once_lose_nothing(
    make_record: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    records = [make_record(name=f"task-{i}") for i in range(80)]

    def write(part: list[TaskRecord]) -> None:
        own = KnowledgeBase(own=tmp_path)
        for record in part:
            own.add(record)

    with ThreadPoolExecutor(8) as pool:
        writers = [pool.submit(write, records[i::7]) for i in range(7)]
        seen = [len(KnowledgeBase.open(tmp_path)) for _ in range(10)]
        for writer in writers:
            writer.result()
    assert seen == sorted(seen)
    assert len(KnowledgeBase.open(tmp_path)) == 80
    assert caplog.text == ""
