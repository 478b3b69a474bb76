from __future__ import annotations

from pathlib import Path

import pytest

from autometa.cli.boundary import run
from autometa.cli.overrides import parse_options, parse_overrides
from autometa.errors import TaskError
from autometa.task import load_task

MINIMAL = "name: a\ndata: {source: a.csv, target: y}\nbudget: {trials: 7}\n"


@pytest.fixture
def task_file(tmp_path: Path) -> Path:
    path = tmp_path / "task.yaml"
    path.write_text(MINIMAL)
    return path


def test_values_replace_those_of_the_file(task_file: Path) -> None:
    given = [
        "budget.trials=50",
        "budget.seconds = 2.5",
        "search.learners=[ridge, 'extra_trees']",
        "constraints={size_kib: 10}",
        "data.positive_class=010",
        'data.target="a b"',
        "preset=null",
    ]
    task = load_task(task_file, parse_overrides(given))
    assert (task.budget.trials, task.budget.seconds) == (50, 2.5)
    assert task.search.learners == ("ridge", "extra_trees")
    assert task.constraints == {"size_kib": 10.0}
    assert (task.data.positive_class, task.data.target, task.preset) == ("010", "a b", None)


def test_value_may_hold_an_equals_sign() -> None:
    assert parse_overrides(["data.source=a=b.csv"]) == {"data.source": "a=b.csv"}


def test_options_are_typed_as_in_a_task_file() -> None:
    items = ["sample_rows=10", "separator=|", 'decimal=","', "na_values=[x, -]", "query=SELECT a=1"]
    assert parse_options(items) == {
        "sample_rows": 10,
        "separator": "|",
        "decimal": ",",
        "na_values": ["x", "-"],
        "query": "SELECT a=1",
    }
    with pytest.raises(TaskError, match="--option must be KEY=VALUE, got 'table'"):
        parse_options(["table"])


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("budget.trials", "--set must be KEY=VALUE, got 'budget.trials'."),
        ("=5", "--set must be KEY=VALUE, got '=5'."),
        ("search.learners=[ridge", "search.learners: is not valid YAML"),
    ],
)
def test_wrong_item_is_a_task_error(item: str, message: str) -> None:
    with pytest.raises(TaskError) as caught:
        parse_overrides([item])
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (
            "budget.trails=5",
            "budget.trails: is not a known key (given on the command line). Did you mean trials?",
        ),
        ("budget.trials=ten", "budget.trials: must be a whole number, got 'ten'"),
    ],
)
def test_wrong_value_is_exit_2_and_names_the_command_line(
    task_file: Path, capsys: pytest.CaptureFixture[str], item: str, message: str
) -> None:
    assert run(["optimize", str(task_file), "--set", item]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert str(task_file) not in error
