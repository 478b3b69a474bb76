"""Good trials are varied, and nothing is tried twice."""

from __future__ import annotations

from collections.abc import Callable

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.samplers import RandomSampler

from autometa.learner import Space
from autometa.meta.studies import OWN_ATTR
from autometa.search.recombine import FREE_EVERY, RecombiningSampler
from autometa.search.space import suggest

CHOICES = CategoricalDistribution(("none", "halve", "round"))
FIXED = Space(
    {
        "learner": CategoricalDistribution(("net",)),
        "compress.distill": CHOICES,
        "compress.prune": CHOICES,
        "compress.quantize": CHOICES,
    }
)


def proposals(
    space: Space,
    n_trials: int,
    value: Callable[[dict[str, object]], float],
    interrupted: int = -1,
) -> list[dict[str, object]]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study()
    found = []
    for number in range(n_trials):
        base = RandomSampler(seed=number)
        study.sampler = RecombiningSampler(base, space, seed=number, number=number)
        trial = study.ask()
        params = suggest(trial, space)
        if number == interrupted:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            study.sampler = RecombiningSampler(
                RandomSampler(seed=number), space, seed=number, number=number
            )
            trial = study.ask()
            params = suggest(trial, space)
        trial.set_user_attr(OWN_ATTR, {"outcome": "complete"})
        study.tell(trial, value(params))
        found.append(params)
    return found


def test_interrupted_trial_is_proposed_again_as_it_was() -> None:
    def value(params: dict[str, object]) -> float:
        return float(params["compress.prune"] == "none")

    assert proposals(FIXED, 12, value, interrupted=7) == proposals(FIXED, 12, value)


def test_no_chain_is_tried_twice_while_there_are_others() -> None:
    found = proposals(FIXED, 20, lambda params: float(params["compress.prune"] == "none"))
    varied = [number for number in range(4, 20) if number % FREE_EVERY]
    assert varied
    assert all(found[number] not in found[:number] for number in varied)


def test_good_learners_are_met_again_with_other_chains() -> None:
    space = Space(
        {
            "learner": CategoricalDistribution(("net",)),
            "net.rate": FloatDistribution(0.0, 1.0),
            "compress.prune": CHOICES,
            "compress.quantize": CHOICES,
        }
    )
    found = proposals(space, 40, lambda params: float(params["net.rate"]))  # type: ignore[arg-type]
    rates = [params["net.rate"] for params in found]
    assert max(rates.count(rate) for rate in rates) > 2
    assert len({repr(sorted(params.items())) for params in found}) == len(found)
