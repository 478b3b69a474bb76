"""`PriorSampler` in a plain Optuna study: nothing else of autometa is used."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import optuna

from autometa import KnowledgeBase, PriorSampler


def objective(depth: int, rate: float) -> Callable[[optuna.Trial], float]:
    """Gives a task: its best configuration is near `depth` and `rate`."""

    def value(trial: optuna.Trial) -> float:
        d = trial.suggest_int("depth", 1, 16)
        r = trial.suggest_float("rate", 1e-4, 1.0, log=True)
        return (d - depth) ** 2 / 60 + abs(r - rate)

    return value


def main() -> None:
    """Tunes three tasks, then a fourth with and without what they taught."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    past = []
    for seed, (depth, rate) in enumerate([(6, 0.05), (7, 0.1), (8, 0.07)]):
        sampler = optuna.samplers.TPESampler(seed=seed)
        past.append(optuna.create_study(study_name=f"task {seed}", sampler=sampler))
        past[-1].optimize(objective(depth, rate), n_trials=30)
    knowledge = KnowledgeBase.from_studies(past)
    samplers = {
        "TPE": optuna.samplers.TPESampler(seed=0),
        "prior": PriorSampler(knowledge, seed=0),
    }
    for name, sampler in samplers.items():
        study = optuna.create_study(sampler=sampler)
        study.optimize(objective(7, 0.08), n_trials=5)
        print(f"{name}: best of 5 trials {study.best_value:.3f} at {study.best_params}")


if __name__ == "__main__":
    main()
