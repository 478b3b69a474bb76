from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from autometa.errors import TaskError
from autometa.task import SECTIONS, Task, load_task

MINIMAL = "name: adult\ndata: {source: adult.csv, target: income}\n"
FULL = """\
name: adult-income
data: {source: adult.csv, target: income}
problem: auto
objectives: [log_loss, {metric: "mine:cost", direction: minimize}]
constraints: {size_kib: 256, latency_ms: 1.0}
target: null
budget: {trials: 200, seconds: 60}
limits: {trial_seconds: 30, trial_memory_mib: 4096, workers: 2, threads_per_trial: 1}
validation: {kind: auto, test_fraction: 0.2}
search: {learners: [linear], compressors: [], prior: auto}
preset: null
knowledge: [default]
storage: auto
tracking: auto
seed: 0
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "task.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def load(folder: Path, text: str, **overrides: Any) -> Task:
    return load_task(write(folder, text), {k.replace("__", "."): v for k, v in overrides.items()})


def error_of(folder: Path, text: str) -> TaskError:
    with pytest.raises(TaskError) as caught:
        load(folder, text)
    assert "\n" not in str(caught.value)
    return caught.value


def minimal(**changes: Any) -> Task:
    data = {"name": "a", "data": {"source": "a.csv", "target": "y"}}
    return Task.from_json({**data, **changes})


def test_task_defaults_are_those_of_the_contract(tmp_path: Path) -> None:
    task = load(tmp_path, MINIMAL)
    assert task.to_json() == {
        "name": "adult",
        "data": {
            "source": ["adult.csv"],
            "target": "income",
            "adapter": None,
            "options": {},
            "test": None,
            "positive_class": None,
            "ignore": [],
            "unlabelled": "ignore",
        },
        "problem": "auto",
        "objectives": None,
        "constraints": {},
        "target": None,
        "budget": {"trials": 200, "seconds": 60.0},
        "limits": {
            "trial_seconds": 30.0,
            "trial_memory_mib": 4096,
            "workers": 2,
            "threads_per_trial": 1,
        },
        "validation": {
            "kind": "auto",
            "test_fraction": 0.2,
            "folds": None,
            "group": None,
            "time": None,
        },
        "search": {
            "learners": None,
            "compressors": None,
            "prior": "auto",
            "export": "any",
        },
        "preset": None,
        "knowledge": ["default"],
        "storage": "auto",
        "tracking": "auto",
        "seed": 0,
    }


def test_task_reads_every_key(tmp_path: Path) -> None:
    task = load(tmp_path, FULL)
    assert task.objectives is not None
    assert [(o.metric, o.direction) for o in task.objectives] == [
        ("log_loss", None),
        ("mine:cost", "minimize"),
    ]
    assert task.constraints == {"size_kib": 256.0, "latency_ms": 1.0}
    assert (task.search.learners, task.search.compressors) == (("linear",), ())


def test_task_survives_json_and_pickle(tmp_path: Path) -> None:
    task = load(tmp_path, FULL)
    again = Task.from_json(json.loads(json.dumps(task.to_json())), path=task.path)
    assert again == task
    assert pickle.loads(pickle.dumps(task)) == task


def test_task_is_frozen() -> None:
    task = minimal()
    with pytest.raises(ValidationError):
        task.seed = 1  # type: ignore[misc]


def test_every_section_has_its_model() -> None:
    for (*_, last), model in ((path, model) for path, model in SECTIONS.items() if path):
        assert str(last) in Task.model_fields
        assert model.model_config["extra"] == "forbid"


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("budget: {trials: 5}", (5, None)),
        ("budget: {seconds: 1e1}", (None, 10.0)),
        ("budget: {trials: 5, seconds: null}", (5, None)),
        ("budget: {}", (200, 60.0)),
        ("budget:", (200, 60.0)),
        ("preset: quick", (None, 20.0)),
        ("preset: thorough", (None, 600.0)),
        ("preset: quick\nbudget: {trials: 3}", (3, 20.0)),
        ("preset: quick\nbudget: {seconds: 3}", (None, 3.0)),
        ("budget: {trials: 1e3}", (1000, None)),
    ],
)
def test_budget_bounds(tmp_path: Path, text: str, budget: tuple[int | None, float | None]) -> None:
    task = load(tmp_path, f"{MINIMAL}{text}\n")
    assert (task.budget.trials, task.budget.seconds) == budget


def test_preset_thorough_has_more_folds_but_for_holdout(tmp_path: Path) -> None:
    assert load(tmp_path, f"{MINIMAL}preset: thorough\n").validation.folds == 10
    text = f"{MINIMAL}preset: thorough\nvalidation: {{kind: holdout}}\n"
    assert load(tmp_path, text).validation.folds is None


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ("nam: a\ndata: {source: a, target: y}\n", "nam", "Did you mean name?"),
        (MINIMAL + "budgt: {trials: 1}\n", "budgt", "Did you mean budget?"),
        (MINIMAL + "budget: {trails: 1}\n", "budget.trails", "Did you mean trials?"),
        (MINIMAL + "trials: 5\n", "trials", "Did you mean budget.trials?"),
        (MINIMAL + "learners: [linear]\n", "learners", "Did you mean search.learners?"),
        (MINIMAL + "limits: {zzz: 1}\n", "limits.zzz", "Known keys: trial_seconds,"),
        (MINIMAL + "objectives: [{metrc: a}]\n", "objectives[0].metrc", "Did you mean metric?"),
        (MINIMAL + "path: x\n", "path", "is not a known key."),
    ],
)
def test_fault_36_unknown_key_names_the_nearest(
    tmp_path: Path, text: str, key: str, message: str
) -> None:
    error = error_of(tmp_path, text)
    assert (error.exit_code, error.key) == (2, key)
    assert message in str(error)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("budget: {trials: ten}", "3: budget.trials: must be a whole number, got 'ten'."),
        ("budget: {trials: '10'}", "must be a whole number, got '10'. Remove the quotes."),
        ("budget: {trials: 1.5}", "budget.trials: must be a whole number, got 1.5."),
        ("budget: {trials: true}", "budget.trials: must be a whole number, got true."),
        ("budget: {seconds: 1m}", "budget.seconds: must be a number, got '1m'."),
        ("budget: {seconds: .inf}", "budget.seconds: must be a finite number, got .inf."),
        ("budget: 60", "budget: must be a mapping (key: value), got 60."),
        ("constraints: [1]", "constraints: must be a mapping (key: value), got a list."),
        ("constraints: {size_kib: big}", "constraints.size_kib: must be a number, got 'big'."),
        ("search: {learners: {a: 1}}", "search.learners: must be a list, got a mapping."),
        ("search: {learners: [[a]]}", "search.learners[0]: must be text, got a list."),
        ("problem: [a]", "problem: must be text, got a list."),
        ("seed:", "seed: must be a whole number, got nothing."),
        ("validation: {kind: kfolds}", "Did you mean kfold?"),
        ("validation: {kind: kfolds}", "'time', got 'kfolds'"),
        ("preset: fast", "preset: must be 'quick' or 'thorough', got 'fast'."),
        ("knowledge: 1.5.\nseed: x", "seed: must be a whole number, got 'x'."),
    ],
)
def test_fault_37_wrong_type_says_what_must_hold(tmp_path: Path, text: str, message: str) -> None:
    assert message in str(error_of(tmp_path, f"{MINIMAL}{text}\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data: {source: a, target: y}\n", "1: name: is required. Add 'name: my-task'."),
        ("name: a\n", "data: is required. Add 'data: {source: table.csv, target: column}'."),
        ("name: a\ndata: {source: a}\n", "2: data.target: is required. Add 'target: column'."),
        ("name: a\ndata:\n", "2: data.source: is required. Add 'source: table.csv'."),
        ("name: a\ndata: {source: '', target: y}\n", "data.source: must not be empty, got ''."),
    ],
)
def test_fault_38_missing_key_shows_an_example(tmp_path: Path, text: str, message: str) -> None:
    assert message in str(error_of(tmp_path, text))


def test_fault_39_duplicate_key_is_refused(tmp_path: Path) -> None:
    assert "seed: is given twice" in str(error_of(tmp_path, f"{MINIMAL}seed: 1\nseed: 2\n"))


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [*a]",
        "a: !!python/object/apply:os.system [ls]",
        "",
        "- a",
        "a: 1\n---\nb: 1",
    ],
    ids=["41", "42", "44 empty", "44 list", "44 documents"],
)
def test_faults_41_to_44_are_task_errors_with_line(tmp_path: Path, text: str) -> None:
    error = error_of(tmp_path, text)
    assert (error.exit_code, error.file) == (2, str(tmp_path / "task.yaml"))
    assert error.line in {1, 2}


def test_fault_43_text_keys_keep_what_was_written(tmp_path: Path) -> None:
    text = (
        "name: 010\ndata: {source: 1.50, target: no, positive_class: true, test: 2024-01-01,\n"
        "  options: {decimal: ',', na: [no, 1e-3]}}\nseed: 010\n"
    )
    task = load(tmp_path, text)
    assert (task.name, task.data.target, task.data.source) == ("010", "no", ("1.50",))
    assert (task.data.positive_class, task.data.test) == ("true", "2024-01-01")
    assert task.data.options == {"decimal": ",", "na": ["no", 0.001]}
    assert task.seed == 10


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("budget: {trials: 0}", "budget.trials: must be at least 1, got 0."),
        ("budget: {seconds: 0}", "budget.seconds: must be greater than 0, got 0."),
        ("budget: {seconds: -1}", "budget.seconds: must be greater than 0, got -1."),
        ("budget: {trials: null}", "budget: needs trials or seconds, both are null."),
        ("limits: {trial_seconds: 0}", "limits.trial_seconds: must be greater than 0"),
        ("limits: {workers: 0}", "limits.workers: must be at least 1, got 0."),
        ("limits: {trial_memory_mib: -5}", "limits.trial_memory_mib: must be at least 64"),
        ("constraints: {size_kib: 0}", "constraints.size_kib: must be greater than 0"),
        ("validation: {test_fraction: 1}", "must be at most 0.9, got 1."),
        ("validation: {folds: 1}", "validation.folds: must be at least 2, got 1."),
        ("validation: {kind: group}", "validation: kind group needs the column"),
        ("validation: {kind: time}", "validation: kind time needs the column"),
        ("validation: {kind: kfold, group: g}", "group is used by kind group, not by kind kfold"),
        ("validation: {group: g, time: t}", "takes group or time, not both"),
        ("validation: {kind: holdout, folds: 3}", "folds is used by every kind but holdout"),
        ("objectives: []", "objectives: must name at least one, got an empty list."),
        ("objectives: [f1, f1]", "objectives: names f1 twice."),
        ("objectives: ['m:f']", "objectives[0]: m:f needs a direction"),
        (
            "objectives: [{metric: f1, direction: minimize}]",
            "objectives[0]: f1 has a direction of its own",
        ),
        ("search: {learners: []}", "search.learners: must name at least one"),
        ("search: {learners: [a, a]}", "search.learners: names a twice."),
        ("target: edge-cp", "got 'edge-cp'. Did you mean edge-cpu?"),
        ("target: {profile: edge-cpu, opset: 9}", "target.opset: must be at least 15, got 9."),
        ("target: {size_kib: 9}", "target.profile: is required"),
        ("target: {profile: edge-cpu, size_mib: 9}", "Did you mean size_kib?"),
        ("seed: -1", "seed: must be at least 0, got -1."),
        ("seed: 4294967296", "seed: must be less than 4.29497e+09"),
    ],
)
def test_fault_46_contradiction_is_refused(tmp_path: Path, text: str, message: str) -> None:
    assert message in str(error_of(tmp_path, f"{MINIMAL}{text}\n"))


@pytest.mark.parametrize("name", ["../x", "a/b", "..", ".hidden", "a\tb", " ", "-x", "x" * 121])
def test_fault_47_name_cannot_leave_the_workspace(tmp_path: Path, name: str) -> None:
    text = f"name: {json.dumps(name)}\ndata: {{source: a, target: y}}\n"
    assert error_of(tmp_path, text).key == "name"


def test_fault_47_data_may_lie_anywhere(tmp_path: Path) -> None:
    text = "name: a\ndata: {source: [../a.csv, /data/b.csv], target: y}\n"
    folder = tmp_path / "project"
    folder.mkdir()
    task = load(folder, text)
    assert [task.locate(source) for source in task.data.source] == [
        str(tmp_path / "a.csv"),
        "/data/b.csv",
    ]


def test_locate_leaves_schemes_but_prefers_files(tmp_path: Path) -> None:
    task = load(tmp_path, MINIMAL)
    assert task.locate("sklearn:iris") == "sklearn:iris"
    assert task.locate("postgresql+psycopg://h/d") == "postgresql+psycopg://h/d"
    (tmp_path / "a:b.csv").write_text("x")
    assert task.locate("a:b.csv") == str(tmp_path / "a:b.csv")


def test_locate_knows_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert load(tmp_path, MINIMAL).locate("~/a.csv") == str(tmp_path / "home" / "a.csv")


def test_folder_is_that_of_the_task_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, MINIMAL)
    monkeypatch.chdir(tmp_path)
    task = load_task("task.yaml")
    assert (task.path, task.folder) == (tmp_path / "task.yaml", tmp_path)


def test_unicode_name_is_kept(tmp_path: Path) -> None:
    assert load(tmp_path, "name: Größe 1\ndata: {source: ü.csv, target: 目標}\n").name == "Größe 1"


def test_other_errors_are_named(tmp_path: Path) -> None:
    text = f"{MINIMAL}budget:\n  trials: ten\n  seconds: -1\nseed: x\n"
    assert str(error_of(tmp_path, text)).endswith(
        "task.yaml:4: budget.trials: must be a whole number, got 'ten'. "
        "(2 more: budget.seconds, seed)"
    )


def test_wrong_item_is_reported_once(tmp_path: Path) -> None:
    assert "more" not in str(error_of(tmp_path, f"{MINIMAL}objectives: [{{metrc: a}}]\n"))


def test_overrides_replace_values_and_read_text(tmp_path: Path) -> None:
    task = load(tmp_path, MINIMAL, budget__trials="7", seed=3, data__options__sep=";")
    assert (task.budget.trials, task.seed, task.data.options) == (7, 3, {"sep": ";"})


def test_wrong_override_names_the_command_line_not_the_file(tmp_path: Path) -> None:
    with pytest.raises(TaskError) as caught:
        load(tmp_path, f"{MINIMAL}budget: {{trials: 5}}\n", budget__trials="ten")
    assert str(caught.value) == (
        "budget.trials: must be a whole number, got 'ten' (given on the command line)."
    )


def test_override_inside_a_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="cannot be set inside name"):
        load(tmp_path, MINIMAL, name__first="x")


def test_task_module_loads_nothing_heavy() -> None:
    code = (
        "import sys, autometa.task\n"
        "print(sorted({'numpy', 'optuna', 'pandas', 'sklearn', 'mlflow'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_target_takes_its_bounds_from_the_profile_and_the_lower_one_counts() -> None:
    data = {"source": "a.csv", "target": "y"}
    target = {"profile": "edge-cpu", "size_kib": 64}
    task = Task.from_json({"name": "a", "data": data, "target": target})
    assert task.bounds == {"size_kib": 64, "latency_ms": 0.2, "memory_mib": 90}
    bound = Task.from_json({**task.to_json(), "constraints": {"size_kib": 32, "latency_ms": 9}})
    assert bound.bounds == {"size_kib": 32, "latency_ms": 0.2, "memory_mib": 90}
    short = Task.from_json({"name": "a", "data": data, "target": "server-cpu"})
    assert short.target is not None
    assert (short.target.profile, short.target.opset) == ("server-cpu", 21)
