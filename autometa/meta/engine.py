"""One proposal: ask the experts, weigh them, take the point of the best mixed score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from autometa.meta import experts
from autometa.meta.columns import AnyArray, FloatArray
from autometa.meta.evidence import Evidence
from autometa.meta.landscape import Landscape
from autometa.meta.trust import Trust, opinions_of

# Shares of the experts of the past move from `similar` to the two Gaussian processes: n / (n + 5).
_HALF_WAY = 5.0
_FIRST_PROCESS = 3
# Every fifth proposal from the seventh on is the target's own, in a space.
_EXPLORE_FROM, _EXPLORE_EVERY = 6, 5
_TARGET_SHARE = 0.2
# A past task is worth this many trials of the present one: few of them are soon outweighed.
_TASK_WORTH = 3.0


@dataclass(frozen=True)
class Proposal:
    """What to try next, and why.

    Args:
        index: A point of the landscape.
        expert: The one whose share of the point's score is largest; ``target`` when it was the
            target's turn or the past is not heard any more.
        shares: Current weights of the experts, summing to 1.
        weights: (2T,) of the sources and of their mirror images.
        expected: Expected normalised regret r of the point, by the sources' weights, in [0, 1].
        promise: Most that past tasks expect any open point to improve, see `experts.similar`.
        trusted: Whether the past is still heard.
    """

    index: int
    expert: str
    shares: Mapping[str, float]
    weights: FloatArray
    expected: float
    promise: float
    trusted: bool


def expert_shares(trust: Trust, n: int, *, has_levels: bool) -> FloatArray:
    """Gives (4,) weights of the experts after n observations, in the order of `experts.NAMES`.

    The target expert's is max(.2, n / (n + 3 T)) before anybody is judged, T past tasks.
    """
    if trust.ruined:
        return np.array([0.0, 0.0, 0.0, 1.0])
    process = n / (n + _HALF_WAY) if n >= _FIRST_PROCESS else 0.0
    split = 0.5 if has_levels else 0.0
    past = np.array([1 - process, process * (1 - split), process * split])
    own = max(_TARGET_SHARE, n / (n + _TASK_WORTH * trust.n_sources))
    own = own if n >= _FIRST_PROCESS else 0.0
    shares = np.append((1 - own) * past, own) * trust.experts
    return np.asarray(shares / shares.sum())


def is_targets_turn(trust: Trust, number: int, *, explore: bool) -> bool:
    """Whether the proposal of this trial number, from 0, is the target's own anyway.

    Args:
        trust: At present.
        number: Of the trial.
        explore: Whether every fifth proposal is the target's, which a pool does not need: there
            the target expert has a share in every proposal.
    """
    late = explore and number >= _EXPLORE_FROM and (number - _EXPLORE_FROM) % _EXPLORE_EVERY == 0
    return trust.ruined or late


def propose(
    landscape: Landscape,
    evidence: Evidence,
    trust: Trust,
    number: int,
    *,
    allowed: AnyArray | None = None,
    cost_exponent: float = 0.0,
) -> Proposal:
    """Chooses a point that was neither observed nor is pending, while there is one.

    Args:
        landscape: Points and past tasks; at least one of each.
        evidence: What the present task has shown.
        trust: After exactly this evidence.
        number: Of the trial, from 0.
        allowed: (m,) bool, the points that may be chosen; None = all.
        cost_exponent: a in score / cost^a; 0 under a budget of trials, 1/2 under one of seconds.
    """
    weights = trust.weights(landscape, evidence)
    shares = expert_shares(trust, len(evidence), has_levels=landscape.levels is not None)
    turn = is_targets_turn(trust, number, explore=False) and len(evidence) > 0
    if turn:
        shares = np.array([0.0, 0.0, 0.0, 1.0])
    opinions = opinions_of(landscape, evidence, weights)
    open_points = _open(landscape, evidence, allowed)
    parts = {
        name: share * _unit(opinions[name].scores, open_points)
        for name, share in zip(experts.NAMES, shares, strict=True)
        if share > 0 and name in opinions
    }
    total = np.sum(list(parts.values()), axis=0) * np.exp(-cost_exponent * landscape.log_costs)
    index = _argmax(total, opinions[experts.SIMILAR].means, open_points)
    return Proposal(
        index=index,
        expert=max(parts, key=lambda name: float(parts[name][index])),
        shares=dict(zip(experts.NAMES, shares.tolist(), strict=True)),
        weights=weights,
        expected=float(weights @ landscape.worlds[:, index] ** 2),
        promise=float(opinions[experts.SIMILAR].scores[open_points].max()),
        trusted=not trust.ruined,
    )


def _open(landscape: Landscape, evidence: Evidence, allowed: AnyArray | None) -> AnyArray:
    fresh = np.ones(len(landscape), bool) if allowed is None else allowed.copy()
    held = fresh.copy()
    fresh[evidence.index] = False
    fresh[evidence.pending] = False
    return fresh if fresh.any() else held


def _unit(scores: FloatArray, open_points: AnyArray) -> FloatArray:
    highest = float(scores[open_points].max()) if open_points.any() else 0.0
    return scores / highest if highest > 0 else np.zeros(len(scores))


def _argmax(total: FloatArray, means: FloatArray, open_points: AnyArray) -> int:
    """Gives the open point of the highest score; among equals the best expected, then the first."""
    candidates = np.flatnonzero(open_points)
    scores = total[candidates]
    ties = candidates[scores >= scores.max() * (1 - 1e-9)]
    return int(ties[means[ties].argmin()])
