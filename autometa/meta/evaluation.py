"""What records are worth: each of them searched again, with all others as its past.

An estimate, since the candidates are what the past searches tried: those of a search that did
well are good already, which makes a cold search look better than it was.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna

from autometa.meta.columns import FloatArray
from autometa.meta.knowledge import KnowledgeBase
from autometa.meta.record import TaskRecord
from autometa.meta.regrets import normalised
from autometa.meta.sampler import CANDIDATE, PriorSampler
from autometa.trial import ParamValue

NEAR = 0.02
"""Of the way from the best candidate to the constant predictor: reached."""

FEWEST = 10
"""Different configurations of a task that make a search of it worth looking at."""

MOST_TASKS = 40
COLD_SEEDS = 5


@dataclass(frozen=True, slots=True)
class Replay:
    """One past task, searched again among the configurations that were tried on it.

    Args:
        name: Of the task.
        n_candidates: Different configurations.
        with_past: Trials until one of them is near the best, all other tasks being known.
        without_past: The same of a search that knows nothing, mean of `COLD_SEEDS`.
    """

    name: str
    n_candidates: int
    with_past: int
    without_past: float

    @property
    def earlier(self) -> float:
        """How many trials the past saves; negative where it costs some."""
        return self.without_past - self.with_past


def replays(records: Sequence[TaskRecord], most: int = MOST_TASKS) -> Iterator[Replay]:
    """Leaves one task out at a time; data that another record shows too counts as the same task.

    Args:
        records: At least two; those of fewer than `FEWEST` configurations are left out.
        most: Tasks to search again, spread evenly over those that qualify.
    """
    pools = [(record, pool) for record in records if len((pool := _pool(record))[0]) >= FEWEST]
    places = np.unique(np.linspace(0, len(pools) - 1, min(most, len(pools))).round().astype(int))
    for place in places.tolist():
        record, (candidates, regrets) = pools[place]
        others = [other for other in records if other.digest != record.digest]
        prior = KnowledgeBase(others).prior(
            record.space, record.metafeatures, exclude=record.fingerprint
        )
        cold = [_trials(KnowledgeBase(), candidates, regrets, s) for s in range(COLD_SEEDS)]
        warm = _trials(prior, candidates, regrets, 0)
        yield Replay(record.name, len(candidates), warm, statistics.fmean(cold))


def summary(found: Sequence[Replay]) -> dict[str, Any]:
    """Gives what ``knowledge evaluate --json`` prints; medians are None without a task."""
    earlier = [replay.earlier for replay in found]
    return {
        "is_estimate": True,
        "near": NEAR,
        "tasks": [
            {
                "name": replay.name,
                "candidates": replay.n_candidates,
                "trials_with_past": replay.with_past,
                "trials_without_past": replay.without_past,
                "earlier": replay.earlier,
            }
            for replay in found
        ],
        "median_trials_with_past": _median([replay.with_past for replay in found]),
        "median_trials_without_past": _median([replay.without_past for replay in found]),
        "median_earlier": _median(earlier),
        "share_later": sum(value < 0 for value in earlier) / len(found) if found else None,
    }


def _median(values: Sequence[float]) -> float | None:
    return float(statistics.median(values)) if values else None


def _pool(record: TaskRecord) -> tuple[list[Mapping[str, ParamValue]], FloatArray]:
    """Gives different configurations with their regrets; of doubles the first."""
    losses = record.responses()
    rows: dict[str, int] = {}
    for row in np.flatnonzero(np.isfinite(losses)).tolist():
        rows.setdefault(json.dumps(record.configs[row], sort_keys=True, default=repr), row)
    kept = list(rows.values())
    none = np.zeros(len(kept), bool)
    regrets = normalised(losses[kept], none, record.baseline_loss())
    return [record.configs[row] for row in kept], regrets


def _trials(
    knowledge: Any, candidates: Sequence[Mapping[str, ParamValue]], regrets: FloatArray, seed: int
) -> int:
    """Gives how many trials a search needs to come near the best candidate."""
    study = optuna.create_study(sampler=PriorSampler(knowledge, candidates, seed=seed))
    for n in range(1, len(candidates) + 1):
        trial = study.ask()
        regret = float(regrets[trial.suggest_int(CANDIDATE, 0, len(candidates) - 1)])
        if regret <= NEAR:
            return n
        study.tell(trial, regret)
    return len(candidates)
