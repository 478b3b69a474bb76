from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from autometa import KnowledgeBase, PriorSampler, Space
from autometa.meta.columns import SparseColumns
from autometa.meta.prior import Prior
from autometa.meta.record import TaskRecord
from autometa.meta.table import TrialTable

CONFIGS = [{"x": i / 19} for i in range(20)]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(before)


def bowl(x: float, centre: float = 0.65) -> float:
    return (x - centre) ** 2


@pytest.fixture(scope="module")
def knowledge() -> KnowledgeBase:
    centres = np.random.default_rng(0).uniform(0.55, 0.75, 12)
    return KnowledgeBase.from_table(CONFIGS, [[bowl(c["x"], b) for c in CONFIGS] for b in centres])


def proposals(study: optuna.Study) -> list[dict[str, object]]:
    return [trial.params for trial in study.trials]


def run(sampler: PriorSampler, n_trials: int, **kwargs: object) -> optuna.Study:
    study = optuna.create_study(sampler=sampler, **kwargs)  # type: ignore[arg-type]
    study.optimize(lambda trial: bowl(trial.suggest_float("x", 0.0, 1.0)), n_trials)
    return study


def test_prior_sampler_starts_where_past_tasks_ended(knowledge: KnowledgeBase) -> None:
    study = run(PriorSampler(knowledge, seed=0), 5)
    assert study.best_value < 0.001
    explanation = study.trials[0].user_attrs["autometa_prior"]
    assert explanation["expert"] == "similar"
    assert len(explanation["sources"]) == 3
    assert 0.0 <= explanation["expected_regret"] < 0.2


def test_prior_sampler_tries_what_every_past_task_tried_before_what_one_was_lucky_with() -> None:
    rng = np.random.default_rng(3)
    space = Space({"x": optuna.distributions.FloatDistribution(0.0, 1.0)})
    records = []
    for task in range(12):
        configs = [{"x": 0.5}, *({"x": float(x)} for x in rng.random(20))]
        noise = rng.normal(0.0, 0.3, len(configs))
        noise[0] = 0.05 * rng.normal()
        losses = np.array([bowl(config["x"], 0.5) for config in configs]) + noise
        trials = TrialTable.of_columns(SparseColumns.of(configs), losses)
        objectives = (("error", "minimize"),)
        records.append(
            TaskRecord(name=f"past-{task}", objectives=objectives, space=space, trials=trials)
        )
    prior = Prior.fit(records)
    assert prior.support[[config["x"] for config in prior.configs].index(0.5)] == 1.0
    assert (prior.support >= 0.5).sum() == 1
    study = run(PriorSampler(prior, seed=0), 3)
    assert study.trials[0].params["x"] == 0.5


def test_prior_sampler_leaves_no_trial_to_chance_before_tpe_can_learn() -> None:
    rng = np.random.default_rng(0)
    names = "abcdef"
    configs = [dict(zip(names, row, strict=True)) for row in rng.random((400, 6)).tolist()]
    points = np.array([list(config.values()) for config in configs])
    past = [((points - centre) ** 2).sum(axis=1) for centre in rng.random((30, 6))]
    knowledge = KnowledgeBase.from_table(configs, past)
    study = optuna.create_study(sampler=PriorSampler(knowledge, seed=0))
    study.optimize(lambda t: sum((t.suggest_float(n, 0.0, 1.0) - 0.3) ** 2 for n in names), 30)
    planned = [bool(t.user_attrs["autometa_prior"]["params"]) for t in study.trials]
    assert planned[:10] == [True] * 10
    assert not all(planned[10:])


def test_prior_sampler_leaves_the_grid_after_some_trials(knowledge: KnowledgeBase) -> None:
    study = run(PriorSampler(knowledge, seed=0), 20)
    grid = {config["x"] for config in CONFIGS}
    planned = [t.user_attrs["autometa_prior"]["params"] for t in study.trials]
    assert any(params and params["x"] not in grid for params in planned)


def test_prior_sampler_repeats_itself_when_made_anew_for_every_ask(
    knowledge: KnowledgeBase,
) -> None:
    at_once = run(PriorSampler(knowledge, seed=3), 14)
    study = optuna.create_study()
    for _ in range(14):
        study.sampler = PriorSampler(knowledge.prior(), seed=3)
        trial = study.ask()
        study.tell(trial, bowl(trial.suggest_float("x", 0.0, 1.0)))
    assert proposals(study) == proposals(at_once)


def test_prior_sampler_repeats_itself_in_another_process(knowledge: KnowledgeBase) -> None:
    code = (
        "import tests.meta.test_sampler as t, optuna\n"
        "optuna.logging.set_verbosity(30)\n"
        "import numpy as np\n"
        "from autometa import KnowledgeBase, PriorSampler\n"
        "centres = np.random.default_rng(0).uniform(0.55, 0.75, 12)\n"
        "values = [[t.bowl(c['x'], b) for c in t.CONFIGS] for b in centres]\n"
        "knowledge = KnowledgeBase.from_table(t.CONFIGS, values)\n"
        "print([p['x'] for p in t.proposals(t.run(PriorSampler(knowledge, seed=3), 12))])"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    here = [p["x"] for p in proposals(run(PriorSampler(knowledge, seed=3), 12))]
    assert told.strip() == str(here)


def test_prior_sampler_knowing_nothing_is_the_target_expert() -> None:
    study = run(PriorSampler(KnowledgeBase(), seed=0), 15)
    assert len({p["x"] for p in proposals(study)}) == 15
    assert all("autometa_prior" not in trial.user_attrs for trial in study.trials)


def test_prior_sampler_never_gives_a_value_that_the_caller_refuses(
    knowledge: KnowledgeBase,
) -> None:
    study = optuna.create_study(sampler=PriorSampler(knowledge, seed=0))
    study.optimize(lambda trial: trial.suggest_float("x", 0.9, 0.95), n_trials=8)
    assert all(0.9 <= p["x"] <= 0.95 for p in proposals(study))  # type: ignore[operator]


def test_prior_sampler_maximises_what_is_to_be_maximised() -> None:
    values = [[-bowl(c["x"], b) for c in CONFIGS] for b in (0.6, 0.65, 0.7)]
    knowledge = KnowledgeBase.from_table(CONFIGS, values, direction="maximize")
    study = optuna.create_study(direction="maximize", sampler=PriorSampler(knowledge, seed=0))
    study.optimize(lambda trial: -bowl(trial.suggest_float("x", 0.0, 1.0)), n_trials=5)
    assert study.best_value > -0.001


def test_prior_sampler_serves_conditional_spaces() -> None:
    configs = [{"learner": "a", "a.rate": r} for r in (0.1, 0.5, 0.9)]
    configs += [{"learner": "b", "b.depth": d} for d in (1, 3, 5)]
    knowledge = KnowledgeBase.from_table(configs, [[0.5, 0.6, 0.7, 0.4, 0.1, 0.3]] * 3)

    def objective(trial: optuna.Trial) -> float:
        if trial.suggest_categorical("learner", ["a", "b"]) == "a":
            return 0.5 + trial.suggest_float("a.rate", 0.0, 1.0)
        return abs(trial.suggest_int("b.depth", 1, 9) - 3) / 10

    study = optuna.create_study(sampler=PriorSampler(knowledge, seed=0))
    study.optimize(objective, n_trials=25)
    assert study.trials[0].params == {"learner": "b", "b.depth": 3}
    assert all(("a.rate" in p) == (p["learner"] == "a") for p in proposals(study))


def test_prior_sampler_gives_running_trials_different_configurations(
    knowledge: KnowledgeBase,
) -> None:
    study = optuna.create_study(sampler=PriorSampler(knowledge, seed=0))
    trials = [study.ask() for _ in range(6)]
    assert len({trial.suggest_float("x", 0.0, 1.0) for trial in trials}) == 6


def test_prior_sampler_leaves_enqueued_trials_alone(knowledge: KnowledgeBase) -> None:
    study = optuna.create_study(sampler=PriorSampler(knowledge, seed=0))
    study.enqueue_trial({"x": 0.123})
    study.optimize(lambda trial: bowl(trial.suggest_float("x", 0.0, 1.0)), n_trials=1)
    assert study.trials[0].params == {"x": 0.123}
    assert "autometa_prior" not in study.trials[0].user_attrs


def test_prior_sampler_counts_infeasible_and_failed_trials_as_bad(
    knowledge: KnowledgeBase,
) -> None:
    study = optuna.create_study(sampler=PriorSampler(knowledge, seed=0))
    for number in range(8):
        trial = study.ask()
        x = trial.suggest_float("x", 0.0, 1.0)
        trial.set_constraint("c", 0.6 - x)
        if number == 2:
            study.tell(trial, state=TrialState.FAIL)
        else:
            study.tell(trial, bowl(x))
    assert len(study.trials) == 8
    assert any(t.params["x"] >= 0.6 for t in study.trials[-5:])


def test_prior_sampler_alternates_between_objectives(knowledge: KnowledgeBase) -> None:
    study = optuna.create_study(
        directions=["minimize", "maximize"], sampler=PriorSampler(knowledge, seed=0)
    )

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        x = trial.suggest_float("x", 0.0, 1.0)
        return bowl(x), x

    study.optimize(objective, n_trials=12)
    by_prior = ["autometa_prior" in trial.user_attrs for trial in study.trials]
    assert by_prior == [number % 2 == 0 for number in range(12)]


@pytest.mark.parametrize("has_past", [True, False], ids=["past", "no past"])
def test_candidates_are_tried_once_each_before_any_twice(
    knowledge: KnowledgeBase, has_past: bool
) -> None:
    known = knowledge if has_past else KnowledgeBase()
    study = optuna.create_study(sampler=PriorSampler(known, candidates=CONFIGS, seed=0))
    study.optimize(
        lambda t: bowl(CONFIGS[t.suggest_int("candidate", 0, 19)]["x"], 0.2), n_trials=22
    )
    tried = [t.params["candidate"] for t in study.trials]
    assert sorted(tried[:20]) == list(range(20))


def test_candidates_need_not_be_known_to_past_tasks(knowledge: KnowledgeBase) -> None:
    pool = [{"x": x} for x in np.linspace(0.01, 0.99, 33).tolist()]
    study = optuna.create_study(sampler=PriorSampler(knowledge, candidates=pool, seed=0))
    study.optimize(lambda t: bowl(pool[t.suggest_int("candidate", 0, 32)]["x"]), n_trials=4)
    assert study.best_value < 0.002


def test_candidates_serve_several_objectives(knowledge: KnowledgeBase) -> None:
    study = optuna.create_study(
        directions=["minimize", "minimize"],
        sampler=PriorSampler(knowledge, candidates=CONFIGS, seed=0),
    )

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        x = CONFIGS[trial.suggest_int("candidate", 0, 19)]["x"]
        return bowl(x), bowl(x, 0.2)

    study.optimize(objective, n_trials=12)
    assert len({t.params["candidate"] for t in study.trials}) == 12
    assert any(t.params["candidate"] < 8 for t in study.best_trials)


def test_candidates_must_not_be_empty(knowledge: KnowledgeBase) -> None:
    with pytest.raises(ValueError, match="at least one"):
        PriorSampler(knowledge, candidates=[])


def test_prior_sampler_survives_losses_that_are_all_failures(knowledge: KnowledgeBase) -> None:
    study = optuna.create_study(sampler=PriorSampler(knowledge, seed=0))
    for _ in range(5):
        trial = study.ask()
        trial.suggest_float("x", 0.0, 1.0)
        study.tell(trial, state=TrialState.FAIL)
    trial = study.ask()
    assert math.isfinite(trial.suggest_float("x", 0.0, 1.0))
