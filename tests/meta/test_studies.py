from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from autometa.errors import StorageError
from autometa.learner import Space
from autometa.meta.columns import SparseColumns
from autometa.meta.infer import conditions_of, merged, space_of_configs
from autometa.meta.knowledge import KnowledgeBase
from autometa.meta.record import Fingerprint
from autometa.meta.sampler import PriorSampler
from autometa.meta.spaces import space_to_json
from autometa.meta.studies import import_storage, record_of_study
from autometa.trial import Outcome, TrialResult

optuna.logging.set_verbosity(optuna.logging.WARNING)


def objective(trial: optuna.Trial) -> float:
    """Two learners, one of them with layers whose number decides how many widths there are."""
    if trial.suggest_categorical("learner", ["linear", "net"]) == "linear":
        return trial.suggest_float("alpha", 1e-3, 10.0, log=True)
    n_layers = trial.suggest_int("n_layers", 1, 2)
    return sum(trial.suggest_int(f"width_{i}", 4, 64) for i in range(n_layers)) / 100


@pytest.fixture
def study() -> optuna.Study:
    study = optuna.create_study(study_name="foreign", sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(objective, n_trials=40)
    return study


def test_foreign_study_becomes_a_record_with_its_conditions(study: optuna.Study) -> None:
    record = record_of_study(study)
    assert record.name == "foreign"
    assert record.objectives == (("value", "minimize"),)
    assert record.losses().tolist() == [trial.value for trial in study.trials]
    assert record.configs == [trial.params for trial in study.trials]
    assert record.space.params["alpha"] == FloatDistribution(1e-3, 10.0, log=True)
    assert record.space.conditions == {
        "alpha": ("learner", ("linear",)),
        "n_layers": ("learner", ("net",)),
        "width_0": ("learner", ("net",)),
        "width_1": ("n_layers", (2,)),
    }


def test_optuna_states_become_outcomes() -> None:
    def states(trial: optuna.Trial) -> float:
        trial.suggest_float("x", 0, 1)
        for step in range(10):
            if trial.number == 1 and step == 5:
                raise optuna.TrialPruned
            trial.report(step + 0.5, step)
        if trial.number == 2:
            raise ValueError
        return math.inf if trial.number == 3 else 1.0

    study = optuna.create_study()
    study.optimize(states, n_trials=4, catch=ValueError)
    study.ask()
    complete, pruned, failed, invalid = record_of_study(study).results
    assert [r.outcome for r in (complete, pruned, failed, invalid)] == [
        Outcome.COMPLETE,
        Outcome.PRUNED,
        Outcome.ERROR,
        Outcome.INVALID_SCORE,
    ]
    assert (complete.values, failed.values, invalid.values) == ((1.0,), None, None)
    assert (pruned.fold_scores, pruned.fidelity) == ((4.5,), 0.5)


def test_several_objectives_are_kept_with_their_names() -> None:
    study = optuna.create_study(directions=["maximize", "minimize"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names(["accuracy", "latency"])
    study.optimize(lambda t: (t.suggest_float("x", 0, 1), 2.0), n_trials=2)
    record = record_of_study(study)
    assert record.objectives == (("accuracy", "maximize"), ("latency", "minimize"))
    assert record.losses(0).tolist() == [-trial.values[0] for trial in study.trials]
    assert record.losses(1).tolist() == [2.0, 2.0]


def test_own_study_keeps_outcomes_and_header() -> None:
    study = optuna.create_study(study_name="own")
    space = Space({"x": FloatDistribution(0, 2)}, {}, {"x": 1.0})
    study.set_user_attr(
        "autometa",
        {
            "objectives": [["accuracy", "maximize"]],
            "space": space_to_json(space),
            "fingerprint": ["cafe", [1, 2, 3]],
        },
    )
    study.set_user_attr("autometa_metafeatures", {"n_rows": 150.0})
    study.set_user_attr("autometa_versions", {"scikit-learn": "1.9.1"})
    study.set_user_attr("autometa_machine", ["a processor", 0.5])
    study.set_user_attr("autometa_baseline", {"accuracy": 0.33, "error": 0.67})
    result = TrialResult(
        number=0,
        params={"x": 0.5},
        outcome=Outcome.TIMEOUT,
        fold_scores=(0.9,),
        cost_seconds=3.0,
        size_kib=8.0,
    )
    trial = study.ask()
    trial.set_user_attr("autometa", result.to_json() | {"elapsed": 3.0, "ended_ms": 86_400_000})
    study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    study.tell(study.ask(), state=optuna.trial.TrialState.FAIL)  # interrupted: no result
    record = record_of_study(study)
    assert record.results == (result,)
    assert record.objectives == (("accuracy", "maximize"),)
    assert record.space == space
    assert record.metafeatures == {"n_rows": 150.0}
    assert record.fingerprint == Fingerprint("cafe", (1, 2, 3))
    assert (record.versions, record.baseline) == ({"scikit-learn": "1.9.1"}, 0.33)
    assert record.machine.seconds == 0.5
    assert record.created == "1970-01-02T00:00:00+00:00"


def _journal(path: Path) -> JournalStorage:
    return JournalStorage(JournalFileBackend(str(path)))


@pytest.fixture(params=["sqlite", "journal"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A storage with the studies a-1, a-2 and b of three trials, and one without trials."""
    path = tmp_path / "st ore"
    url = f"sqlite:///{path}" if request.param == "sqlite" else str(path)
    storage = url if request.param == "sqlite" else _journal(path)
    for name in ("a-1", "b", "a-2", "empty"):
        study = optuna.create_study(study_name=name, storage=storage)
        n_trials = 0 if name == "empty" else 3
        study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=n_trials)
    return url


def test_import_takes_all_studies_or_those_of_a_pattern(url: str) -> None:
    assert [record.name for record in import_storage(url)] == ["a-1", "a-2", "b"]
    assert [record.name for record in import_storage(url, "a-*")] == ["a-1", "a-2"]
    assert all(len(record) == 3 for record in import_storage(url))
    assert len(KnowledgeBase.from_studies([(url, "b")])) == 1


def test_importing_twice_gives_the_same_records(url: str) -> None:
    first, second = KnowledgeBase(import_storage(url)), KnowledgeBase(import_storage(url))
    assert first.digest == second.digest


@pytest.mark.parametrize("url", ["sqlite:///{}/none.db", "{}/none.log"])
def test_missing_storage_is_told_and_not_made(url: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="There is no Optuna storage at"):
        list(import_storage(url.format(tmp_path)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["sqlite:///{}/x", "{}/x"])
def test_fault_71_what_is_no_storage_is_told(url: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"this is not a storage\n" * 100)
    with pytest.raises(StorageError, match="cannot be read"):
        list(import_storage(url.format(tmp_path)))


def test_errors_do_not_show_the_password() -> None:
    with pytest.raises(StorageError) as caught:
        list(import_storage("nonsense://me:secret@host/db"))
    assert "host/db" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_broken_study_costs_itself_only(url: str, caplog: pytest.LogCaptureFixture) -> None:
    storage = url if url.startswith("sqlite") else _journal(Path(url))
    study = optuna.load_study(study_name="a-2", storage=storage)
    study.set_user_attr("autometa", {"space": {"params": 1}})
    assert [record.name for record in import_storage(url)] == ["a-1", "b"]
    assert "study a-2 is skipped" in caplog.text


def test_inferred_space_holds_what_it_was_inferred_from() -> None:
    configs = [
        {"lr": 1e-4, "n": 1, "kind": "a", "flag": True},
        {"lr": 1.0, "n": 9, "kind": None, "flag": False},
    ]
    assert dict(space_of_configs(SparseColumns.of(configs)).params) == {
        "lr": FloatDistribution(1e-4, 1.0, log=True),
        "n": IntDistribution(1, 9),
        "kind": CategoricalDistribution((None, "a")),
        "flag": CategoricalDistribution((False, True)),
    }


def test_unexplained_absence_has_no_condition() -> None:
    configs = [{"kind": "a", "x": 1.0}, {"kind": "a"}, {"kind": "b", "x": 2.0}]
    assert conditions_of(SparseColumns.of(configs)) == {}


def test_non_finite_numbers_do_not_stretch_the_space() -> None:
    configs = [{"x": value} for value in (1.0, math.nan, math.inf, 2.0)]
    assert space_of_configs(SparseColumns.of(configs)).params == {"x": FloatDistribution(1.0, 2.0)}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([FloatDistribution(0, 1), FloatDistribution(-1, 0.5)], FloatDistribution(-1, 1)),
        (
            [FloatDistribution(1, 2, log=True), FloatDistribution(1, 9)],
            FloatDistribution(1, 9),
        ),
        ([IntDistribution(1, 5, step=2), IntDistribution(2, 8)], IntDistribution(1, 8)),
        (
            [CategoricalDistribution(("a",)), CategoricalDistribution(("b", "a"))],
            CategoricalDistribution(("a", "b")),
        ),
        ([FloatDistribution(0, 1), CategoricalDistribution(("b",))], FloatDistribution(0, 1)),
    ],
)
def test_ranges_that_changed_are_joined(given: list[object], expected: object) -> None:
    assert merged(given) == expected  # type: ignore[arg-type]


def test_record_of_a_study_is_the_same_whatever_the_trials_order(study: optuna.Study) -> None:
    record = record_of_study(study)
    assert np.isfinite(record.costs).all()
    assert record.digest == record_of_study(study).digest


def test_siblings_do_not_explain_each_other() -> None:
    configs = [
        {"a_learner": "net", "act": "relu", "width": 8.0},
        {"a_learner": "net", "act": "tanh", "width": 9.0},
        {"a_learner": "linear"},
        {"a_learner": "linear"},
        {"a_learner": "linear"},
    ]
    only_net = ("a_learner", ("net",))
    assert conditions_of(SparseColumns.of(configs)) == {"act": only_net, "width": only_net}
    # Without the switch nothing is left that explains: never a circle of two siblings.
    bare = [{k: v for k, v in config.items() if k != "a_learner"} for config in configs]
    assert conditions_of(SparseColumns.of(bare)) == {}


@pytest.mark.parametrize(
    "header",
    [{"space": "{}"}, {"objectives": [["loss", "sideways"]]}, {"fingerprint": 3}],
    ids=["space", "direction", "fingerprint"],
)
def test_fault_80_damaged_header_of_an_own_study_is_told(header: dict[str, object]) -> None:
    study = optuna.create_study(study_name="own")
    study.set_user_attr("autometa", header)
    study.tell(study.ask(), 1.0)
    with pytest.raises(StorageError, match="own"):
        KnowledgeBase.from_studies([study])


def test_fault_81_whatever_a_foreign_study_holds_the_prior_stays_usable() -> None:
    unit, choice = FloatDistribution(0, 1), CategoricalDistribution(["cat", None, True])
    make, states = optuna.trial.create_trial, optuna.trial.TrialState
    study = optuna.create_study()
    for i, value in enumerate([1.0, math.inf, -math.inf, 1e300, -1e300]):
        study.add_trial(make(value=value, params={"x": i / 5}, distributions={"x": unit}))
    study.add_trial(make(value=2.0))
    study.add_trial(make(value=0.5, params={"x": None}, distributions={"x": choice}))
    for steps in ({}, {0: math.nan}, {-3: 1.0}):
        study.add_trial(
            make(
                state=states.PRUNED,
                params={"x": 0.9},
                distributions={"x": unit},
                intermediate_values=steps,
            )
        )
    sampler = PriorSampler(KnowledgeBase.from_studies([study]), seed=0)
    target = optuna.create_study(sampler=sampler)
    target.optimize(lambda trial: trial.suggest_float("x", 0.5, 0.75), n_trials=12)
    assert all(0.5 <= trial.params["x"] <= 0.75 for trial in target.trials)
