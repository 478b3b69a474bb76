"""Plugins that are missing, broken, doubled or from another time."""

from __future__ import annotations

from typing import Any

import pytest

SPEC = """
from autometa import LearnerSpec, Space, hookimpl

def space():
    return Space({{}})

@hookimpl
def autometa_learners():
    {before}
    return [LearnerSpec(name={name!r}, problems=frozenset({{"classification"}}),
                        factory=f"{{__file__}}:Missing", space=f"{{__file__}}:space"{more})]
"""


def spec(name: str, *, before: str = "pass", more: str = "") -> str:
    return SPEC.format(name=name, before=before, more=more)


def searching(place: Any, *learners: str, **changes: Any) -> None:
    place.task(search={"learners": list(learners), "prior": "none"}, **changes)


def test_fault_48_unknown_learner_names_what_there_is_and_what_is_broken(place: Any) -> None:
    place.plugin("import nowhere_to_be_found\n", name="shaky.py")
    searching(place, "logistik")
    done = place.run("-p", "shaky.py", "optimize", "task.yaml")
    assert done.code == 5
    assert "logistik" in done.error
    assert "logistic" in done.error
    assert "shaky" in done.error


def test_fault_48_unknown_metric_names_the_nearest(place: Any) -> None:
    place.task(objectives=["log_los"])
    done = place.run("optimize", "task.yaml")
    assert done.code == 2
    assert "'log_loss'" in done.error


def test_fault_59_broken_plugin_that_nobody_needs_costs_nothing(place: Any) -> None:
    place.plugin("raise RuntimeError('I am not well')\n", name="broken.py")
    place.task(budget={"trials": 1})
    done = place.run("-p", "broken.py", "optimize", "task.yaml", "--json")
    assert done.code == 0
    assert done.json["trials"]["complete"] == 1
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    "text",
    [
        "raise RuntimeError('I am not well')\n",
        spec("mine", before="raise RuntimeError('I am not well')"),
    ],
    ids=["import", "hook"],
)
def test_fault_59_broken_plugin_that_the_task_names_is_exit_5(place: Any, text: str) -> None:
    place.plugin(text)
    searching(place, "mine")
    done = place.run("-p", "plugin.py", "optimize", "task.yaml")
    assert done.code == 5
    assert "mine" in done.error
    assert "plugin" in done.error


def test_fault_58_when_all_trials_fail_the_causes_are_named_and_no_model_claimed(
    place: Any,
) -> None:
    place.plugin(spec("mine"))
    searching(place, "mine", budget={"trials": 4})
    done = place.run("-p", "plugin.py", "optimize", "task.yaml", "--json")
    assert done.code == 1
    assert "none of 4 trials gave a model (4 failed, 0 not applicable)" in done.error
    assert "has no attribute 'Missing'" in done.error
    assert "(4 x)" in done.error
    assert done.json["status"] == "error"
    assert not (place.study / "model").exists()
    assert place.status()["trials"]["failed"] == 4


def test_fault_62_name_of_two_plugins_is_left_out_unless_it_is_named(place: Any) -> None:
    place.plugin(spec("quick"))
    place.task(budget={"trials": 1}, search={"learners": ["slow"], "prior": "none"})
    done = place.run("-p", "plugin.py", "optimize", "task.yaml", "--json")
    assert done.code == 0
    assert "quick" in done.err
    searching(place, "quick")
    done = place.run("-p", "plugin.py", "optimize", "task.yaml", "--fresh")
    assert done.code == 5
    assert "quick" in done.error
    assert "simple_plugin" in done.error


def test_fault_63_plugin_of_a_newer_protocol_is_refused_with_both_versions(place: Any) -> None:
    place.plugin(spec("mine", more=", api=99"))
    searching(place, "mine")
    done = place.run("-p", "plugin.py", "optimize", "task.yaml")
    assert done.code == 5
    assert "99" in done.error
    assert "1" in done.error.replace("99", "")


@pytest.mark.slow
def test_learner_that_was_removed_since_is_exit_5(place: Any) -> None:
    searching(place, "quick")
    place.optimize()
    text = place.folder.joinpath("task.yaml").read_text().replace('"trials": 3', '"trials": 4')
    place.folder.joinpath("task.yaml").write_text(text)
    simple = place.folder / "gone.py"
    simple.write_text("")
    done = place.run("optimize", "task.yaml", plugin=simple)
    assert done.code == 5
    assert "'quick'" in done.error
