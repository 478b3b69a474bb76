"""The whole command on the files that users have, in this process: search, deliver, predict."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autometa import defaults
from autometa.cli.boundary import run
from autometa.execution import InlineExecutor

Command = Callable[..., tuple[int, str, str]]


def _rows(n_rows: int = 60) -> list[list[str]]:
    rng = random.Random(0)
    rows = []
    for _ in range(n_rows):
        a, b, c = rng.gauss(0, 1), rng.gauss(0, 1), rng.choice("rgb")
        rows.append([f"{a:.4f}", f"{b:.4f}", c, "yes" if a + b > 0 else "no"])
    return rows


def _text(rows: list[list[str]], names: tuple[str, ...] = ("a", "b", "c", "label")) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([names, *rows])
    return text.getvalue()


def _with(column: int, value: Callable[[int, str], str]) -> str:
    rows = _rows()
    for number, row in enumerate(rows):
        row[column] = value(number, row[column])
    return _text(rows)


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Gives exit code, stdout and stderr of a command in a workspace of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUTOMETA_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(defaults, "make_executor", lambda *args, **kwargs: InlineExecutor())

    def call(*args: str | Path) -> tuple[int, str, str]:
        code = run([*map(str, args)])
        told = capsys.readouterr()
        assert "Traceback" not in told.err
        return code, told.out, told.err

    return call


@pytest.fixture
def search(command: Command, tmp_path: Path) -> Callable[..., tuple[int, dict[str, Any], str]]:
    """Writes a table and a task, and searches."""

    def call(
        content: str | bytes, target: str = "label", name: str = "t.csv"
    ) -> tuple[int, dict[str, Any], str]:
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / name).write_bytes(data)
        task = {
            "name": "t",
            "data": {"source": name, "target": target},
            "budget": {"trials": 1},
            "validation": {"kind": "holdout"},
            "search": {"learners": ["logistic"], "compressors": [], "prior": "none"},
            "knowledge": [],
            "tracking": "none",
        }
        (tmp_path / "t.yaml").write_text(json.dumps(task), encoding="utf-8")
        code, out, err = command("optimize", "t.yaml", "--json")
        return code, json.loads(out), err

    return call


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "labels"),
    [
        pytest.param(_text(_rows()).encode("utf-8-sig"), {"yes", "no"}, id="fault 1"),
        pytest.param(_text(_rows()).encode("utf-16"), {"yes", "no"}, id="fault 2"),
        pytest.param(_text(_rows()).replace("\n", "\r\n"), {"yes", "no"}, id="fault 29 CRLF"),
        pytest.param(_text(_rows()).replace(",", ";"), {"yes", "no"}, id="semicolons"),
        pytest.param(_text(_rows()).replace(",", "\t"), {"yes", "no"}, id="tabs"),
        pytest.param(
            _with(3, lambda i, v: "" if i % 9 == 0 else v), {"yes", "no"}, id="fault 11"
        ),
        pytest.param(_with(0, lambda i, v: ""), {"yes", "no"}, id="fault 14"),
        pytest.param(
            _with(0, lambda i, v: "inf" if i % 7 else v), {"yes", "no"}, id="fault 16"
        ),
        pytest.param(_with(0, lambda i, v: "x" if i % 7 else v), {"yes", "no"}, id="fault 17"),
        pytest.param(_with(0, lambda i, v: f"${i},000.50"), {"yes", "no"}, id="fault 18"),
        pytest.param(_with(0, lambda i, v: str(2**63 + i)), {"yes", "no"}, id="fault 19"),
        pytest.param(
            _with(0, lambda i, v: f"{1 + i % 28:02}.{1 + i % 12:02}.2024"), {"yes", "no"},
            id="fault 20",
        ),
        pytest.param(_with(2, lambda i, v: f"k{i}"), {"yes", "no"}, id="fault 21"),
        pytest.param(
            _with(3, lambda i, v: "😀" if v == "yes" else "a, b\n"), {"😀", "a, b\n"},
            id="fault 23",
        ),
        pytest.param(
            _with(3, lambda i, v: v.upper()), {"YES", "NO"}, id="fault 33 yes and no"
        ),
        pytest.param(
            _with(3, lambda i, v: "1.0" if v == "yes" else "0.0"), {"1.0", "0.0"},
            id="fault 33 floats",
        ),
        pytest.param(
            _with(3, lambda i, v: "None" if v == "yes" else "some"), {"None", "some"},
            id="fault 33 words",
        ),
    ],
)  # fmt: skip
def test_file_is_searched_and_its_rows_predicted(
    search, command, tmp_path: Path, content: str | bytes, labels: set[str]
) -> None:
    code, report, err = search(content)
    assert code == 0, err
    assert command("predict", report["model"], "t.csv", "--output", "p.csv")[0] == 0
    with (tmp_path / "p.csv").open(encoding="utf-8", newline="") as file:
        predictions = [row["prediction"] for row in csv.DictReader(file)]
    assert len(predictions) == 60
    assert set(predictions) <= labels


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(_text(_rows()) + "1,2\n", "line 62: 2 fields where", id="fault 3"),
        pytest.param(_text(_rows(), ("a", "a", "c", "label")), "one name: 'a'", id="fault 4"),
        pytest.param("", "is empty", id="fault 5"),
        pytest.param("a,label\n", "a header but no rows", id="fault 6"),
        pytest.param("a,label\n1,x\n", "1 usable row", id="fault 7"),
        pytest.param(_text(_rows(), ("a", "b", "c", "lable")), "mean 'lable'?", id="fault 9"),
        pytest.param(_with(3, lambda i, v: ""), "is missing", id="fault 10"),
        pytest.param(_with(3, lambda i, v: "x"), "only one value, 'x'", id="fault 12"),
        pytest.param(
            _with(3, lambda i, v: "inf" if i == 4 else str(i)), "the first in row 5", id="fault 16"
        ),
        pytest.param(_text(_rows()).replace("r,yes", "r\0,yes", 1), "a NUL byte", id="fault 29"),
        pytest.param(gzip.compress(_text(_rows()).encode())[:99], "unpacked", id="fault 30"),
    ],
)  # fmt: skip
def test_file_that_cannot_be_used_is_exit_3_and_one_line(
    search, content: str | bytes, message: str
) -> None:
    code, report, err = search(content)
    assert (code, report["exit_code"]) == (3, 3)
    assert message in err
    assert len([line for line in err.splitlines() if line.startswith("error: ")]) == 1


@pytest.mark.slow
def test_faults_23_24_odd_names_go_from_init_to_predict(search, command, tmp_path: Path) -> None:
    names = ("🦆 a", "b[0]{x}", 'c,\n"q"', "la:bel/%\n")
    code, report, err = search(_text(_rows(), names), "la:bel/%\n")
    assert code == 0, err
    assert command("init", "t.csv", "--output", "new.yaml", "--target", names[3])[0] == 0
    assert command("check", "new.yaml")[0] == 0
    assert command("predict", report["model"], "t.csv", "--proba", "--output", "p.csv")[0] == 0
    assert (tmp_path / "p.csv").read_text(encoding="utf-8").startswith("no,yes\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rows", "message"),
    [
        pytest.param("b,a\n1,2\n", "no column 'c'", id="fault 27 column missing"),
        pytest.param("a,b,c\n", "a header but no rows", id="fault 6"),
        pytest.param("a,a,b,c\n1,1,1,r\n", "one name: 'a'", id="fault 4"),
        pytest.param("a,b,c\n1,2,r,9\n", "set --option on_bad_lines=skip", id="fault 3"),
        pytest.param("", "is empty. Name another file.", id="fault 5"),
    ],
)
def test_rows_that_cannot_be_predicted_are_exit_3(
    search, command, tmp_path: Path, rows: str, message: str
) -> None:
    _, report, _ = search(_text(_rows()))
    (tmp_path / "new.csv").write_text(rows, encoding="utf-8")
    code, _, err = command("predict", report["model"], "new.csv", "--output", "p.csv")
    assert (code, message in err) == (3, True), err
    assert not (tmp_path / "p.csv").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "rows",
    [
        pytest.param("c,a,more,b\nr,1,x,2\n", id="another order and one more"),
        pytest.param("a,b,c\n1,2,violet\n", id="unseen category"),
        pytest.param("a,b,c\n,,\n", id="all missing"),
        pytest.param("a,b,c\nlarge,$3,\n", id="words for numbers"),
        pytest.param("a;b;c\ninf;-1e400;r\n", id="beyond numbers"),
    ],
)
def test_fault_27_odd_rows_are_predicted(search, command, tmp_path: Path, rows: str) -> None:
    _, report, _ = search(_text(_rows()))
    (tmp_path / "new.csv").write_text(rows, encoding="utf-8")
    code, _, err = command("predict", report["model"], "new.csv", "--output", "p.csv")
    assert code == 0, err
    lines = (tmp_path / "p.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "prediction"
    assert lines[1] in ("yes", "no")
