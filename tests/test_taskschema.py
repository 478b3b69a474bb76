"""The schema says what the reader of task files says, by an independent validator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from autometa.errors import TaskError
from autometa.task import SECTIONS, load_task
from autometa.taskschema import task_schema

VALIDATOR = Draft7Validator(task_schema())
MINIMAL = "name: a\ndata: {source: a.csv, target: y}\n"

RIGHT = {
    "minimal": MINIMAL,
    "several sources": "name: a\ndata: {source: [a.csv, b.csv], target: y}\n",
    "a number for a name": "name: 2024\ndata: {source: a.csv, target: 7, positive_class: true}\n",
    "one objective": MINIMAL + "objectives: accuracy\n",
    "objectives": MINIMAL + "objectives: [log_loss, size_kib]\n",
    "own metric": MINIMAL + "objectives: [{metric: 'm:f', direction: maximize}]\n",
    "constraints": MINIMAL + "constraints: {size_kib: 1.5}\n",
    "nulls": MINIMAL + "target: null\npreset: null\nbudget: {trials: 3, seconds: null}\n",
    "empty sections": MINIMAL + "limits:\nvalidation:\nsearch:\nconstraints:\n",
    "whole number as float": MINIMAL + "budget: {trials: 10.0}\n",
    "no compressors": MINIMAL + "search: {compressors: []}\n",
    "one learner": MINIMAL + "search: {learners: ridge}\n",
    "options": "name: a\ndata: {source: a.csv, target: y, options: {separator: ';', x: [1]}}\n",
    "bounds": MINIMAL + "seed: 4294967295\nvalidation: {test_fraction: 0.9, folds: 2}\n",
}
WRONG = {
    "unknown key": MINIMAL + "budgt: {trials: 1}\n",
    "unknown key inside": MINIMAL + "budget: {trails: 1}\n",
    "missing data": "name: a\n",
    "missing target": "name: a\ndata: {source: a.csv}\n",
    "empty data": "name: a\ndata:\n",
    "words for a number": MINIMAL + "budget: {trials: ten}\n",
    "zero trials": MINIMAL + "budget: {trials: 0}\n",
    "zero seconds": MINIMAL + "budget: {seconds: 0}\n",
    "large fraction": MINIMAL + "validation: {test_fraction: 0.95}\n",
    "negative bound": MINIMAL + "constraints: {size_kib: -1}\n",
    "unknown kind": MINIMAL + "validation: {kind: kfolds}\n",
    "no sources": "name: a\ndata: {source: [], target: y}\n",
    "a source twice": "name: a\ndata: {source: [a.csv, a.csv], target: y}\n",
    "no learners": MINIMAL + "search: {learners: []}\n",
    "large seed": MINIMAL + "seed: 4294967296\n",
    "device": MINIMAL + "target: phone\n",
    "a list for a section": MINIMAL + "budget: [1]\n",
    "no objectives": MINIMAL + "objectives: []\n",
}


def loads(text: str, folder: Path) -> bool:
    path = folder / "task.yaml"
    path.write_text(text)
    try:
        load_task(path)
    except TaskError:
        return False
    return True


@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT.keys())
def test_what_loads_is_valid(text: str, tmp_path: Path) -> None:
    assert loads(text, tmp_path)
    assert [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(text))] == []


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG.keys())
def test_what_is_refused_is_invalid(text: str, tmp_path: Path) -> None:
    assert not loads(text, tmp_path)
    assert not VALIDATOR.is_valid(yaml.safe_load(text))


def test_unknown_metric_is_invalid_and_known_ones_are_offered() -> None:
    data = yaml.safe_load(MINIMAL)
    assert VALIDATOR.is_valid({**data, "objectives": ["roc_auc"]})
    assert not VALIDATOR.is_valid({**data, "objectives": ["roc_acu"]})


def test_schema_is_itself_valid() -> None:
    Draft7Validator.check_schema(task_schema())


def test_every_key_has_a_description_and_refuses_others() -> None:
    schema = task_schema()
    parts: list[dict[str, Any]] = [schema, *schema["$defs"].values()]
    assert len(parts) == len(SECTIONS)
    for part in parts:
        assert part["additionalProperties"] is False
        for key, entry in part["properties"].items():
            assert entry.get("description"), key
            assert "See" not in entry["description"].split()[:1], key
            assert "`" not in entry["description"], key


def test_descriptions_come_from_the_docstrings() -> None:
    schema = task_schema()
    described = schema["$defs"]["Validation"]["properties"]["test_fraction"]["description"]
    assert described == (
        "Share of rows set aside for the final score, in [0, 0.9]; 0 = none. Not used when "
        "Data.test is given."
    )
    assert schema["properties"]["budget"]["description"].startswith("How long to search")


def test_examples_of_the_repository_are_valid() -> None:
    files = sorted((Path(__file__).parents[1] / "examples").rglob("task*.yaml"))
    assert files
    for file in files:
        assert VALIDATOR.is_valid(yaml.safe_load(file.read_text())), file
