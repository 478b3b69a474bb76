"""What the checks find stands in the notes, the result and the status of a search."""

from __future__ import annotations

import shutil
from typing import Any

import pytest


def leaky(place: Any) -> None:
    lines = (place.folder / "table.csv").read_text().splitlines()
    rows = [f"{line},{line.rpartition(',')[2]}" for line in lines[1:]]
    (place.folder / "table.csv").write_text("\n".join([f"{lines[0]},again", *rows]) + "\n")


def test_fault_22_copy_of_the_target_is_warned_of_and_searched(place: Any) -> None:
    leaky(place)
    done = place.run("optimize", "task.yaml", "--json")
    assert done.code == 0, done.err
    (finding,) = [item for item in done.json["checks"] if item["severity"] == "warning"]
    assert (finding["check"], finding["columns"]) == ("target_copy", ["again"])
    (line,) = [line for line in done.err.splitlines() if line.startswith("warning: ")]
    assert line.startswith("warning: 'again' is a copy of the target 'label'. Ask whether")
    assert place.status()["checks"] == done.json["checks"]


def test_fault_28_repeated_rows_are_warned_of(place: Any) -> None:
    lines = (place.folder / "table.csv").read_text().splitlines()
    (place.folder / "table.csv").write_text("\n".join([*lines, *lines[1:40]]) + "\n")
    report = place.optimize()
    found = {item["check"]: item["severity"] for item in report["checks"]}
    assert (found["duplicates_test"], found["duplicates_folds"]) == ("warning", "warning")


def test_test_part_that_was_seen_stops_before_a_study_begins(place: Any) -> None:
    shutil.copy(place.folder / "table.csv", place.folder / "test.csv")
    place.task(data={"source": "table.csv", "target": "label", "test": "test.csv"})
    done = place.run("optimize", "task.yaml")
    assert done.code == 3
    assert done.error.startswith("120 of 120 test rows (100 %) also stand in the development part")
    assert not (place.study / "model").exists()

    place.table(40, name="test.csv", seed=7)
    assert place.optimize()["trials"]["complete"] == 3


@pytest.mark.slow
def test_sound_table_raises_no_alarm_and_is_checked_once(place: Any) -> None:
    report = place.optimize()
    assert [item for item in report["checks"] if item["severity"] != "info"] == []
    stamp = (place.study / "data" / "checks.json").stat().st_mtime_ns
    place.task(budget={"trials": 4})
    assert place.optimize()["checks"] == report["checks"]
    assert (place.study / "data" / "checks.json").stat().st_mtime_ns == stamp


def test_set_replaces_the_budget_and_a_rule_takes_a_trial(place: Any) -> None:
    place.task(constraints={"size_kib": 10_000})
    report = place.optimize("--set", "budget.trials=5")
    assert sum(report["trials"].values()) == 5  # one may choose a compressor that takes others
    rule = "smallest within 1000 % of the best"
    done = place.run("status", "task.yaml", "--rule", rule, "--json")
    assert done.code == 0, done.err
    complete = [row for row in done.json["history"] if row["outcome"] == "complete"]
    sizes = {row["number"]: row["size_kib"] for row in complete}
    assert len(sizes) >= 2
    chosen = done.json["chosen"]
    assert chosen["measured"] == min(sizes.values()) == sizes[chosen["number"]]
    text = place.run("status", "task.yaml", "--rule", rule).out
    assert f"rule   trial {chosen['number']}, {chosen['params']['learner']}: " in text
