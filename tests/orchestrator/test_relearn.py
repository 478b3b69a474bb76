"""Records that are derived from studies again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from autometa.meta.knowledge import KnowledgeBase
from autometa.orchestrator import Result
from autometa.orchestrator.relearn import relearn
from autometa.workspace import Workspace

Run = Callable[..., Result]


def opens(own: Path) -> dict[str, Any]:
    return {"options": {"open_knowledge": lambda: KnowledgeBase.open("own", own=own)}}


def reopened(own: Path) -> KnowledgeBase:
    own.mkdir(exist_ok=True)
    return KnowledgeBase.open("own", own=own)


def test_record_derived_again_is_the_one_that_the_search_left(run: Run, tmp_path: Path) -> None:
    run(4, **opens(tmp_path / "own"))
    (left,) = KnowledgeBase.open(tmp_path / "own")
    assert left.metafeatures
    assert left.baseline is not None
    found = relearn(Workspace(tmp_path), reopened(tmp_path / "again"))
    assert found == {"written": ["small"], "known": [], "left_out": []}
    (again,) = KnowledgeBase.open(tmp_path / "again")
    assert again.digest == left.digest
    assert relearn(Workspace(tmp_path), reopened(tmp_path / "own"))["known"] == ["small"]


def test_lost_record_comes_back_under_its_name_and_is_replaced_when_the_search_goes_on(
    run: Run, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    run(3, **opens(own))
    (file,) = own.iterdir()
    file.unlink()
    assert relearn(Workspace(tmp_path), reopened(own))["written"] == ["small"]
    assert list(own.iterdir()) == [file]
    run(5, **opens(own))
    assert [len(record) for record in KnowledgeBase.open(own)] == [5]


def test_study_that_may_not_teach_and_damaged_ones_leave_nothing(
    run: Run, tmp_path: Path, caplog: Any
) -> None:
    run(2, knowledge=[])
    broken = tmp_path / ".autometa" / "studies" / "broken"
    broken.mkdir()
    (broken / "journal.log").write_text("{no json\n{}\n")
    found = relearn(Workspace(tmp_path), reopened(tmp_path / "own"))
    assert found == {"written": [], "known": [], "left_out": ["small"]}
    assert "broken" in caplog.text
