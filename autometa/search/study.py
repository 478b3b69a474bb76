"""The running search: ask, tell, resume. The storage is the truth about trials."""

from __future__ import annotations

import contextlib
import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.trial import TrialState

from autometa.errors import StorageError
from autometa.search.lease import (
    RENEW_SECONDS,
    identity,
    is_held_by_another,
    is_own,
    refuse,
)
from autometa.search.space import suggest
from autometa.search.storage import says_when_it_fails
from autometa.trial import ParamValue, TrialResult

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.storages import BaseStorage

    from autometa.learner import Space

HEADER = "autometa"
RESULT = "autometa"
LEASE = "autometa_lease"
EXPLANATION = "autometa_prior"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A configuration that waits for its result.

    Args:
        number: Position among counted trials; an interrupted trial's number is given again.
        params: Active hyperparameters by full name.
        seed: What the trial's randomness derives from: the task's seed and `number` alone.
        proposer: ``default``, or who of the sampler proposed it.
        handle: Number of the trial in Optuna's storage.
        explanation: What the sampler says about the proposal; {} when it says nothing.
        started_ms: UTC, milliseconds since the epoch.
    """

    number: int
    params: Mapping[str, ParamValue]
    seed: int
    proposer: str
    handle: int
    explanation: Mapping[str, Any] = field(default_factory=dict)
    started_ms: int = 0


@dataclass(frozen=True, slots=True)
class ToldTrial:
    """A finished trial with what tracking needs besides its result."""

    result: TrialResult
    started_ms: int
    ended_ms: int
    explanation: Mapping[str, Any] = field(default_factory=dict)


def derive_seed(*parts: int) -> int:
    """Gives a seed in [0, 2**31) that depends on all parts, in any process."""
    return int(np.random.SeedSequence(list(parts)).generate_state(1)[0] >> 1)


class SearchStudy:
    """Ask and tell on one Optuna study, owned by this process.

    Args:
        storage: Opened by `open_storage`.
        name: Of the study.
        directions: ``minimize`` or ``maximize`` per objective.
        header: What the study is about (task, space, data digest...); kept when the study is
            new, ignored otherwise: compare `.header` with it.

    Raises:
        StorageError: If another process holds the lease, or the study is not one of ours.
    """

    @says_when_it_fails
    def __init__(
        self, storage: BaseStorage, name: str, directions: Sequence[str], header: Mapping[str, Any]
    ) -> None:
        logger = optuna.logging.get_logger("optuna")
        logger.setLevel(max(logger.level, optuna.logging.WARNING))
        self._renewed = -math.inf
        self._study = _create_or_load(storage, name, directions)
        self.renew(force=True)
        self.is_new = HEADER not in self._study.user_attrs
        if self.is_new:
            if self._study.get_trials(deepcopy=False):
                raise StorageError(
                    f"study {name!r} in this storage holds trials that are not autometa's.",
                    hint="Give the task another name or storage.",
                )
            self._study.set_user_attr(HEADER, dict(header))
        self.header: Mapping[str, Any] = self._study.user_attrs[HEADER]
        self._told: dict[int, ToldTrial] = {}
        self._elapsed = 0.0
        self._first_free = 0
        self._pending: dict[int, Proposal] = {}
        self._reconcile()

    @property
    def told(self) -> list[ToldTrial]:
        """Every counted trial, by number."""
        return [self._told[number] for number in sorted(self._told)]

    @property
    def results(self) -> list[TrialResult]:
        """Every counted trial's result, by number."""
        return [trial.result for trial in self.told]

    @property
    def elapsed(self) -> float:
        """Seconds of search behind the last told trial, over all runs of the study."""
        return self._elapsed

    @says_when_it_fails
    def set_attr(self, key: str, value: Any) -> None:
        """Keeps a small JSON value with the study."""
        self._study.set_user_attr(key, value)

    @says_when_it_fails
    def attr(self, key: str) -> Any:
        """Gives what `set_attr` kept, or None."""
        return self._study.user_attrs.get(key)

    @says_when_it_fails
    def renew(self, *, force: bool = False) -> None:
        """Renews the lease when it is due; call it at least every few seconds.

        Raises:
            StorageError: If another process took it: of two that ask at the same moment, both
                may have got it.
        """
        now = time.monotonic()
        if not force and now - self._renewed <= RENEW_SECONDS:
            return
        held = self._study.user_attrs.get(LEASE)
        if held and (is_held_by_another(held) if force else not is_own(held)):
            raise refuse(held, self._study.study_name)
        self._study.set_user_attr(LEASE, identity())
        self._renewed = now

    def release(self) -> None:
        """Gives the lease back, so that another host need not wait until it expires."""
        # A storage that fails now has failed before, and that was told.
        with contextlib.suppress(StorageError):
            if is_own(self.attr(LEASE) or {}):
                self.set_attr(LEASE, {})

    @says_when_it_fails
    def ask(
        self,
        space: Space,
        sampler: Callable[[int, int], BaseSampler],
        seed: int,
        initial: Sequence[Mapping[str, ParamValue]] = (),
        again: Mapping[int, Proposal] | None = None,
    ) -> Proposal:
        """Proposes the next configuration.

        Args:
            space: The joint space, frozen in the study.
            sampler: Makes a sampler from a seed and the trial's number; it is made anew for every
                proposal, so that a resumed search goes on as an uninterrupted one would.
            seed: Of the task.
            initial: Configurations of the first trials, in order.
            again: By number, what was interrupted and is proposed once more.
        """
        number = self._next_number()
        self._study.sampler = sampler(derive_seed(seed, number, 1), number)
        before = (again or {}).get(number)
        if before is not None:
            self._study.enqueue_trial(dict(before.params))
        elif number < len(initial):
            self._study.enqueue_trial(dict(initial[number]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            trial = self._study.ask()
            params = suggest(trial, space)
        proposer = "default"
        explanation: Mapping[str, Any] = {}
        if before is not None:
            proposer, explanation = before.proposer, before.explanation
        elif number >= len(initial):
            explanation = trial.user_attrs.get(EXPLANATION, {})
            proposer = str(explanation.get("expert", "target"))
        proposal = Proposal(
            number=number,
            params=params,
            seed=derive_seed(seed, number, 2),
            proposer=proposer,
            handle=trial.number,
            explanation=explanation,
            started_ms=time.time_ns() // 1_000_000,
        )
        self._pending[number] = proposal
        return proposal

    @says_when_it_fails
    def tell(
        self,
        proposal: Proposal,
        result: TrialResult,
        *,
        elapsed: float,
        constraints: Mapping[str, float] | None = None,
    ) -> ToldTrial:
        """Tells a result; it is on disk when this returns.

        Args:
            proposal: From `ask`, or as told after a resume.
            result: With the proposal's number.
            elapsed: Seconds of search so far, over all runs.
            constraints: Amounts by which bounds are exceeded; at most 0 = kept.
        """
        told = ToldTrial(
            result, proposal.started_ms, time.time_ns() // 1_000_000, proposal.explanation
        )
        trial = optuna.trial.Trial(self._study, self._trial_id(proposal.handle))
        for name, excess in (constraints or {}).items():
            trial.set_constraint(name, excess)
        trial.set_user_attr(
            RESULT,
            result.to_json()
            | {"elapsed": elapsed, "started_ms": told.started_ms, "ended_ms": told.ended_ms},
        )
        self._finish(proposal.handle, result)
        self._pending.pop(proposal.number, None)
        self._told[result.number] = told
        self._elapsed = max(self._elapsed, elapsed)
        return told

    @says_when_it_fails
    def abandon(self, proposal: Proposal) -> None:
        """Tells that a trial was interrupted; its number will be given again."""
        self._study.tell(proposal.handle, state=TrialState.FAIL)
        self._pending.pop(proposal.number, None)

    def _next_number(self) -> int:
        while self._first_free in self._told:
            self._first_free += 1
        number = self._first_free
        while number in self._told or number in self._pending:
            number += 1
        return number

    def _trial_id(self, handle: int) -> int:
        return self._study._storage.get_trial_id_from_study_id_trial_number(
            self._study._study_id, handle
        )

    def _finish(self, handle: int, result: TrialResult) -> None:
        """Brings Optuna's state in line with the outcome."""
        state = TrialState[result.outcome.optuna_state]
        if state is TrialState.COMPLETE:
            self._study.tell(handle, list(result.values or ()))
            return
        if state is TrialState.PRUNED and result.fold_scores and len(self._study.directions) == 1:
            trial = optuna.trial.Trial(self._study, self._trial_id(handle))
            trial.report(float(np.mean(result.fold_scores)), len(result.fold_scores))
        self._study.tell(handle, state=state)

    def _reconcile(self) -> None:
        """Reads the trials; ends those that a dead process left running.

        A result that was written but not told is told now; all others were interrupted.
        """
        for trial in self._study.get_trials(deepcopy=False):
            data = trial.user_attrs.get(RESULT)
            if data is not None:
                told = _told(trial.user_attrs)
                if not trial.state.is_finished():
                    self._finish(trial.number, told.result)
                self._told[told.result.number] = told
                self._elapsed = max(self._elapsed, float(data["elapsed"]))
            elif trial.state is TrialState.WAITING:
                self._study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
            elif not trial.state.is_finished():
                self._study.tell(trial.number, state=TrialState.FAIL)


@says_when_it_fails
def read_study(storage: BaseStorage, name: str) -> tuple[dict[str, Any], list[ToldTrial]] | None:
    """Gives a study's attributes and counted trials without touching it, or None without one.

    It may be running in another process.
    """
    try:
        study = optuna.load_study(study_name=name, storage=storage)
    except KeyError:
        return None
    told = [
        _told(trial.user_attrs)
        for trial in study.get_trials(deepcopy=False)
        if RESULT in trial.user_attrs
    ]
    return dict(study.user_attrs), sorted(told, key=lambda trial: trial.result.number)


def _told(attrs: Mapping[str, Any]) -> ToldTrial:
    data = attrs[RESULT]
    return ToldTrial(
        TrialResult.from_json(data),
        int(data["started_ms"]),
        int(data["ended_ms"]),
        attrs.get(EXPLANATION, {}),
    )


@says_when_it_fails
def all_studies(storage: BaseStorage) -> list[optuna.Study]:
    """Gives every study of a storage, to be read, by name."""
    names = sorted(study.study_name for study in storage.get_all_studies())
    return [optuna.load_study(study_name=name, storage=storage) for name in names]


def _direction(name: str) -> optuna.study.StudyDirection:
    return optuna.study.StudyDirection[name.upper()]


def _create_or_load(
    storage: BaseStorage, name: str, directions: Sequence[str]
) -> optuna.study.Study:
    try:
        return optuna.create_study(
            study_name=name,
            storage=storage,
            directions=[*map(_direction, directions)],
            load_if_exists=True,
        )
    except (ValueError, KeyError, AttributeError, AssertionError) as exc:
        raise StorageError(
            f"cannot open study {name!r}: its storage is damaged ({exc!r}).",
            hint="Start anew with --fresh.",
        ) from exc


@says_when_it_fails
def delete_study(storage: BaseStorage, name: str) -> None:
    """Removes a study from its storage, if it is there.

    Raises:
        StorageError: If another live process holds its lease.
    """
    try:
        study = optuna.load_study(study_name=name, storage=storage)
    except KeyError:
        return
    held = study.user_attrs.get(LEASE)
    if held and is_held_by_another(held):
        raise refuse(held, name)
    optuna.delete_study(study_name=name, storage=storage)


def is_better(value: float, than: float, direction: str) -> bool:
    """Whether a value is strictly better; NaN never is, and any number is better than NaN."""
    if math.isnan(value):
        return False
    if math.isnan(than):
        return True
    return value < than if direction == "minimize" else value > than
