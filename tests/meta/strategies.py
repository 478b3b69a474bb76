"""Hypothesis strategies of spaces, trials and records."""

from __future__ import annotations

import math

from hypothesis import strategies as st
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from autometa.learner import Space
from autometa.meta.record import Fingerprint, Machine, TaskRecord
from autometa.trial import Outcome, TrialResult

names = st.sampled_from(["a", "b", "c.x", "c.y", "é", "learner"])
finite = st.floats(-1e9, 1e9)
plain = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), finite, st.text(max_size=5)
)


@st.composite
def distributions(draw: st.DrawFn) -> BaseDistribution:
    kind = draw(st.sampled_from(["float", "log", "int", "log_int", "choice"]))
    if kind == "choice":
        choices = draw(st.lists(plain, min_size=1, max_size=4, unique_by=repr))
        return CategoricalDistribution(tuple(choices))
    if kind in {"float", "log"}:
        low = draw(st.floats(1e-6, 1.0))
        high = low + draw(st.floats(0.0, 1e3))
        return FloatDistribution(low, high, log=kind == "log")
    low_int = draw(st.integers(1, 10))
    return IntDistribution(low_int, low_int + draw(st.integers(0, 99)), log=kind == "log_int")


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    params = draw(st.dictionaries(names, distributions(), min_size=1, max_size=6))
    order = list(params)
    conditions = {
        child: (order[0], tuple(params[order[0]].choices[:1]))  # type: ignore[attr-defined]
        for child in order[1:]
        if isinstance(params[order[0]], CategoricalDistribution) and draw(st.booleans())
    }
    return Space(params, conditions)


@st.composite
def results(draw: st.DrawFn, number: int = 0) -> TrialResult:
    scores = st.lists(finite, max_size=4).map(tuple)
    return TrialResult(
        number=number,
        params=draw(st.dictionaries(names, plain, max_size=4)),
        outcome=draw(st.sampled_from([o for o in Outcome if o is not Outcome.INTERRUPTED])),
        values=draw(st.none() | st.tuples(finite)),
        fold_scores=draw(scores),
        standard_errors=draw(st.none() | st.tuples(finite)),
        fidelity=draw(st.floats(0.01, 1.0)),
        cost_seconds=draw(st.floats(0.0, 1e6)),
        seed=draw(st.integers(0, 2**64)),
        proposer=draw(st.sampled_from(["default", "target", "portfolio"])),
        size_kib=draw(st.none() | finite),
        latency_ms=draw(st.none() | finite),
        reason=draw(st.text(max_size=10)),
        metrics=draw(st.dictionaries(names, finite, max_size=2)),
    )


@st.composite
def records(draw: st.DrawFn) -> TaskRecord:
    n = draw(st.integers(0, 4))
    return TaskRecord.from_results(
        [draw(results(number)) for number in range(n)],
        name=draw(st.text(max_size=10)),
        objectives=((draw(names), draw(st.sampled_from(["minimize", "maximize"]))),),
        space=draw(spaces()),
        metafeatures=draw(st.dictionaries(names, finite, max_size=3)),
        fingerprint=Fingerprint(
            draw(st.sampled_from(["", "a1b2c3"])),
            tuple(draw(st.lists(st.integers(0, 2**32 - 1), max_size=3))),
        ),
        versions={"scikit-learn": "1.9.1"},
        machine=Machine("a processor", draw(st.sampled_from([0.5, math.nan]))),
        baseline=draw(st.none() | finite),
    )
