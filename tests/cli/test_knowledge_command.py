from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import optuna
import pytest

from autometa.cli.boundary import run
from autometa.learner import Space
from autometa.meta.knowledge import KnowledgeBase
from autometa.meta.record import TaskRecord
from autometa.trial import Outcome, TrialResult


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUTOMETA_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "knowledge"


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A pack of the tasks one and two."""

    def record(name: str) -> TaskRecord:
        trials = [
            TrialResult(number=i, params={"x": i}, outcome=Outcome.COMPLETE, values=(value,))
            for i, value in enumerate((0.5, 0.75))
        ]
        return TaskRecord.from_results(
            trials,
            name=name,
            objectives=(("accuracy", "maximize"),),
            space=Space({}),
            created="2026-01-02T03:04:05+00:00",
        )

    path = tmp_path / "two.pack"
    KnowledgeBase([record("one"), record("two")]).pack(path)
    return path


@pytest.fixture
def storage(tmp_path: Path) -> str:
    """A database with the studies mine-1, mine-2 and yours."""
    url = f"sqlite:///{tmp_path}/studies.db"
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    for name in ("mine-1", "mine-2", "yours"):
        study = optuna.create_study(study_name=name, storage=url)
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    return url


def answer(capsys: pytest.CaptureFixture[str], *args: str) -> dict[str, Any]:
    assert run(["knowledge", *args, "--json"]) == 0
    data: dict[str, Any] = json.loads(capsys.readouterr().out)
    return data


def test_list_shows_date_trials_best_and_name(
    pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["knowledge", "list", str(pack)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["CREATED", "TRIALS", "BEST", "NAME"]
    assert lines[1].split() == ["2026-01-02", "2", "accuracy", "0.75", "one"]
    assert lines[3].startswith("2 tasks, digest ")


def test_list_json_has_the_best_configuration(
    pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = answer(capsys, "list", str(pack))
    assert data["trials"] == 4
    assert [record["name"] for record in data["records"]] == ["one", "two"]
    assert data["records"][0]["best"] == [0.75]
    assert data["records"][0]["params"] == {"x": 1}
    assert data["records"][0]["objectives"] == [["accuracy", "maximize"]]
    assert data["digest"] == KnowledgeBase.open(pack).digest


def test_added_records_are_in_the_default(
    pack: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = len(answer(capsys, "list")["records"])
    first = answer(capsys, "add", str(pack))
    assert [record["name"] for record in first["added"]] == ["one", "two"]
    assert first["folder"] == str(home)
    again = answer(capsys, "add", str(pack))
    assert (again["added"], again["known"]) == ([], 2)
    assert len(answer(capsys, "list")["records"]) == before + 2
    assert len(list(home.iterdir())) == 2


def test_import_makes_records_of_the_studies_that_match(
    storage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = answer(capsys, "import", storage, "--study", "mine-*")
    assert [record["name"] for record in data["added"]] == ["mine-1", "mine-2"]
    assert answer(capsys, "import", storage)["known"] == 2


def test_packed_knowledge_is_what_it_was_made_of(
    pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = answer(capsys, "pack", str(tmp_path / "copy.pack"), str(pack))
    assert data["records"] == 2
    assert data["bytes"] == (tmp_path / "copy.pack").stat().st_size
    assert (tmp_path / "copy.pack").read_bytes() == pack.read_bytes()


def test_fault_80_damaged_record_is_skipped_with_a_warning(
    pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack.write_bytes(pack.read_bytes()[:-5])
    assert run(["knowledge", "list", str(pack)]) == 0
    captured = capsys.readouterr()
    assert "one" in captured.out
    assert "record 1 of" in captured.err
    assert "is skipped" in captured.err


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["list", "nowhere"], "There is no knowledge at nowhere"),
        (["add", "empty"], "there is no record to add"),
        (["pack", "out.pack", "empty"], "there is no record to pack"),
        (["import", "nowhere.log"], "There is no Optuna storage at nowhere.log"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_nothing_to_read_is_exit_4(
    args: list[str],
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert run(["knowledge", *args]) == 4
    captured = capsys.readouterr()
    assert text in captured.err
    assert captured.out == ""


def test_import_without_a_match_is_exit_4(storage: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["knowledge", "import", storage, "--study", "none*"]) == 4
    assert "no study that matches 'none*'" in capsys.readouterr().err


def test_fault_74_unwritable_folder_is_exit_4(
    pack: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home.parent.mkdir()
    home.write_text("a file where the folder should be")
    assert run(["knowledge", "add", str(pack)]) == 4
    assert f"{home} cannot be written" in capsys.readouterr().err


def test_evaluate_prints_an_estimate_per_task(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configs = [{"x": i / 11} for i in range(12)]
    values = [[abs(c["x"] - best) for c in configs] for best in (0.5, 0.6)]
    KnowledgeBase.from_table(configs, values).pack(tmp_path / "past.pack")
    data = answer(capsys, "evaluate", str(tmp_path / "past.pack"))
    assert data["is_estimate"] is True
    assert [task["name"] for task in data["tasks"]] == ["task-00000", "task-00001"]
    assert run(["knowledge", "evaluate", str(tmp_path / "past.pack")]) == 0
    assert "Estimate: trials until within 2%" in capsys.readouterr().out


def test_evaluate_without_records_and_build_outside_a_workspace_say_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["knowledge", "evaluate"]) == 4
    assert "0 records are too few" in capsys.readouterr().err
    assert run(["knowledge", "build", str(tmp_path)]) == 4
    assert "is in no workspace" in capsys.readouterr().err
