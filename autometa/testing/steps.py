"""What learners promise that fit in steps: fits can be ended at a step, or go on from one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from autometa.checkpoint import Checkpoint
from autometa.errors import NotApplicable, Pruned
from autometa.learner import FitContext, LearnerSpec
from autometa.model import Model
from autometa.testing import subject
from autometa.testing.data import Table, make_table
from autometa.testing.subject import require

_N_ROWS = 600  # enough for an inner split


class _Killed(BaseException):
    """As a kill would be, but for one fit."""


class StepsContract:
    """The part of `LearnerContract` about the capabilities ``rungs`` and ``checkpoint``."""

    spec: ClassVar[str | LearnerSpec]

    @classmethod
    def _spec(cls) -> LearnerSpec:
        raise NotImplementedError

    def _needs(self, capability: str) -> None:
        if capability not in self._spec().capabilities:
            pytest.skip(f"does not declare {capability}")

    def _fit(self, table: Table, context: FitContext) -> Model:
        spec = self._spec()
        learner = subject.learner_of(spec, subject.space_of(spec.space).defaults)
        return learner.fit(table.train, context)

    def test_fit_is_ended_at_a_rung(self, problem: str) -> None:
        """Checks that steps rise, losses are finite, and that `Pruned` ends the fit."""
        self._needs("rungs")
        table = make_table("mixed", problem, n_rows=_N_ROWS)
        reports: list[tuple[int, float]] = []

        def report(step: int, loss: float) -> None:
            reports.append((step, loss))
            if len(reports) == 2:
                raise Pruned("enough")

        try:
            self._fit(table, replace(subject.context(), report=report))
        except Pruned:
            steps, losses = zip(*reports, strict=True)
            is_sound = 0 < steps[0] < steps[1] and bool(np.isfinite(losses).all())
            require(
                is_sound,
                "context.report is called with rising steps above 0 and finite losses",
                f"look at {reports}",
            )
            return
        except NotApplicable as declined:
            subject.check_reason(declined)
            pytest.skip(f"not applicable: {declined.reason}")
        require(
            False,
            "a learner that declares rungs reports its steps, and lets Pruned pass",
            f"call context.report after each step, and do not catch what it raises: {reports}",
        )

    def test_interrupted_fit_ends_with_the_same_model(self, problem: str, tmp_path: Path) -> None:
        """Checks that a fit that was killed twice goes on, and that nothing shows it."""
        self._needs("checkpoint")
        table = make_table("mixed", problem, n_rows=_N_ROWS)
        with subject.skip_if_declined():
            whole = self._fit(table, subject.context())
        kept = Checkpoint(tmp_path / "fit", every_seconds=0.0)
        first_steps = []
        for _ in range(2):
            steps: list[int] = []
            killed = replace(subject.context(), report=_kills(steps), checkpoint=kept)
            try:
                self._fit(table, killed)
            except _Killed:
                first_steps.append(steps[0])
        require(
            len(first_steps) == 2 and first_steps[0] < first_steps[1],
            "a learner that declares checkpoint goes on from context.checkpoint.latest()",
            f"keep the state before each report; fits that were killed began at {first_steps}",
        )
        model = self._fit(table, replace(subject.context(), checkpoint=kept))
        require(
            np.allclose(model.predict(table.X), whole.predict(table.X), rtol=1e-6, atol=1e-9),
            "a fit that was interrupted ends with the model of one that was not",
            "keep the generators' states, the optimiser's and the schedule's too",
        )


def _kills(steps: list[int]) -> Callable[[int, float], None]:
    def report(step: int, loss: float) -> None:
        steps.append(step)
        if len(steps) == 2:
            raise _Killed

    return report
