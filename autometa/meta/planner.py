"""From the history of a study to the configuration that the prior would try next."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autometa.meta import experts
from autometa.meta.columns import AnyArray, FloatArray
from autometa.meta.engine import Proposal, expert_shares, is_targets_turn, propose
from autometa.meta.evidence import Evidence
from autometa.meta.extension import Extension
from autometa.meta.history import PROPOSED, History
from autometa.meta.landscape import Landscape
from autometa.meta.mapping import contains
from autometa.meta.offgrid import FIRST_TRIAL, neighbours, switches_of
from autometa.meta.points import keys
from autometa.meta.prior import Prior
from autometa.meta.trust import Trust, update
from autometa.trial import ParamValue

_TOP_SOURCES = 3
_KEPT_STATES = 4096
# A grid that past tasks expect this little of has been used up.
_LEAST_PROMISE, _FEW = 0.002, 3
# A configuration that this share of past tasks tried is familiar, and taken while it promises this
# share of what the best guess does.
_FAMILIAR, _ENOUGH = 0.5, 0.5
# Optuna's TPE draws its first ten at random: until then the target expert has nothing to say that
# is worth a trial, unless the past is not heard any more.
TPE_STARTUP = 10
# Share of the worst objective in a scalarisation that is its plain sum (Knowles 2006, ParEGO).
_PLAIN = 0.05


@dataclass(frozen=True)
class Plan:
    """What a trial should try; no `params` leave it to the target expert.

    Args:
        params: By name.
        expert: Who proposes.
        sources: Past tasks that count most, with their weights.
        experts: Present weights of the experts.
        expected_regret: In [0, 1], or None.
        expected_loss: Of the first objective, or None.
        trusted: Whether the past is still heard.
    """

    params: Mapping[str, ParamValue]
    expert: str
    sources: Sequence[tuple[str, float]] = ()
    experts: Mapping[str, float] = field(default_factory=dict)
    expected_regret: float | None = None
    expected_loss: float | None = None
    trusted: bool = True

    def explanation(self, maximize: bool) -> dict[str, Any]:
        """Gives a small JSON object, see `PriorSampler`."""
        loss = self.expected_loss
        value = None if loss is None else _short(-loss if maximize else loss)
        return {
            "expert": self.expert,
            "sources": [[name, _short(weight)] for name, weight in self.sources],
            "experts": {name: _short(share) for name, share in self.experts.items()},
            "expected_regret": (
                None if self.expected_regret is None else _short(self.expected_regret)
            ),
            "expected_value": value,
            "past_trusted": self.trusted,
            PROPOSED: dict(self.params),
        }


def _short(value: float) -> float:
    return float(f"{value:.4g}")


class _TrustKeeper:
    """Brings trust up to date; prefixes that were seen before are not computed again."""

    def __init__(self) -> None:
        self._states: dict[bytes, Trust] = {}

    def after(self, landscape: Landscape, index: Sequence[int], losses: FloatArray) -> Trust:
        """Gives the trust after all observations, in their order."""
        chain = _chain(landscape, index, losses)
        known = next((n for n in range(len(index), 0, -1) if chain[n] in self._states), 0)
        trust = self._states[chain[known]] if known else Trust.start(landscape.n_sources)
        if len(self._states) > _KEPT_STATES:
            self._states.clear()
        for n in range(known + 1, len(index) + 1):
            trust = update(trust, landscape, Evidence.of(index[:n], losses[:n]))
            self._states[chain[n]] = trust
        return trust


def _chain(landscape: Landscape, index: Sequence[int], losses: FloatArray) -> list[bytes]:
    """Gives a digest per prefix."""
    chain = [b""]
    for j, loss in zip(index, losses.tolist(), strict=True):
        content = chain[-1] + landscape.points[j].tobytes() + np.float64(loss).tobytes()
        chain.append(hashlib.blake2b(content, digest_size=16).digest())
    return chain


def _plan_of(
    prior: Prior, proposal: Proposal, params: Mapping[str, ParamValue], loss: float | None
) -> Plan:
    own = proposal.weights[: max(prior.n_sources, 1)]
    top = np.argsort(-own, kind="stable")[:_TOP_SOURCES]
    return Plan(
        params=params,
        expert=proposal.expert,
        sources=[(prior.names[t], float(proposal.weights[t])) for t in top if t < prior.n_sources],
        experts=proposal.shares,
        expected_regret=proposal.expected,
        expected_loss=loss,
        trusted=proposal.trusted,
    )


def _expected_loss(landscape: Landscape, evidence: Evidence, proposal: Proposal) -> float | None:
    """Reads the expected loss off the line through what was observed, by expected f."""
    if len(evidence) < 2:
        return None
    means = proposal.weights @ landscape.worlds
    x, y = means[evidence.index], evidence.robust()
    slope = max(float(np.cov(x, y, bias=True)[0, 1]) / (float(x.var()) + 1e-3), 0.0)
    return float(y.mean() + slope * (means[proposal.index] - x.mean()))


@dataclass
class GridPlanner:
    """Plans in a space: proposes what past tasks tried, and neighbours of this task's best.

    Args:
        prior: Of past tasks.
        cost_exponent: See `engine.propose`.
    """

    prior: Prior
    cost_exponent: float = 0.0

    def plan(
        self, history: History, number: int, n_objectives: int, rng: np.random.Generator
    ) -> Plan | None:
        """Gives the plan of a trial; None where the prior has nothing to say."""
        prior = self.prior
        if not prior.n_sources or (n_objectives > 1 and number % 2):
            return None
        allowed = self._allowed(history)
        if not allowed.any():
            return None
        near = self._neighbours(history, number, rng)
        landscape, index, pending, first_near = self._extend(history, near)
        losses = np.array([seen.losses[0] for seen in history.finished])
        trust = _keeper(prior).after(landscape, index, losses)
        may_learn = trust.ruined or len(index) >= TPE_STARTUP
        if is_targets_turn(trust, number, explore=may_learn):
            shares = expert_shares(trust, len(index), has_levels=landscape.levels is not None)
            experts_now = dict(zip(experts.NAMES, shares.tolist(), strict=True))
            return Plan({}, experts.TARGET, (), experts_now, trusted=not trust.ruined)
        evidence = Evidence.of(index, losses, pending)
        choices = np.zeros(len(landscape), bool)
        if near:
            choices[first_near:] = True
        else:
            choices[: len(allowed)] = allowed
        proposal = self._choose(landscape, evidence, trust, number, choices)
        target = proposal.shares[experts.TARGET]
        exhausted = len(evidence) >= _FEW and not near and proposal.promise < _LEAST_PROMISE
        if exhausted or (may_learn and rng.random() < target):
            return Plan({}, experts.TARGET, (), proposal.shares, trusted=proposal.trusted)
        place = proposal.index
        params = near[place - first_near] if near else prior.configs[place]
        loss = _expected_loss(landscape, evidence, proposal)
        return _plan_of(prior, proposal, params, loss)

    def _choose(
        self,
        landscape: Landscape,
        evidence: Evidence,
        trust: Trust,
        number: int,
        choices: AnyArray,
    ) -> Proposal:
        """Proposes one of the choices; early on a familiar one, unless another promises far more.

        What most past tasks tried themselves, such as a learner's default, is known; the best of
        hundreds of guesses is expected to be worse than it was guessed to be.
        """

        def best_of(allowed: AnyArray) -> Proposal:
            exponent = self.cost_exponent
            return propose(
                landscape, evidence, trust, number, allowed=allowed, cost_exponent=exponent
            )

        proposal = best_of(choices)
        familiar = choices.copy()
        familiar[: len(self.prior.configs)] &= self.prior.support >= _FAMILIAR
        familiar[evidence.index] = familiar[evidence.pending] = False
        if number >= FIRST_TRIAL or not familiar.any():
            return proposal
        known = best_of(familiar)
        return known if known.promise >= _ENOUGH * proposal.promise else proposal

    def _allowed(self, history: History) -> AnyArray:
        """Gives (g,) bool: the grid's configurations that this study can take, as far as known."""
        known = history.distributions
        key = repr(sorted((name, repr(d)) for name, d in known.items()))
        masks = vars(self.prior).setdefault("_masks", {})
        if key not in masks:
            configs = self.prior.configs
            masks[key] = np.array([_fits(config, known) for config in configs], bool)
        return np.asarray(masks[key]).copy()

    def _neighbours(
        self, history: History, number: int, rng: np.random.Generator
    ) -> list[dict[str, Any]]:
        if number < FIRST_TRIAL or number % 4 > 1:
            return []
        switches = switches_of(self.prior.encoder.space.conditions)
        return neighbours(history.finished, switches, rng)

    def _extend(
        self, history: History, near: Sequence[Mapping[str, Any]]
    ) -> tuple[Landscape, list[int], list[int], int]:
        """Gives the landscape with all points that count, and where they are in it."""
        extension = _extension(self.prior)
        encoder = self.prior.encoder
        tried = [*(seen.params for seen in history.finished), *history.pending]
        points = encoder.encode([*tried, *near])
        identities = keys(points[: len(tried)])
        places = dict(extension.places)
        extra: list[int] = []
        for row, key in enumerate(identities):
            if key not in places:
                places[key] = len(extension.base) + len(extra)
                extra.append(row)
        first_near = len(extension.base) + len(extra)
        extra += range(len(tried), len(points))
        landscape = extension.extended(points[extra])
        index = [places[key] for key in identities]
        n_finished = len(history.finished)
        return landscape, index[:n_finished], index[n_finished:], first_near


def _fits(config: Mapping[str, ParamValue], known: Mapping[str, Any]) -> bool:
    shared = [name for name in config if name in known]
    if known and not shared:
        return False
    return all(contains(known[name], config[name]) for name in shared)


def _extension(prior: Prior) -> Extension:
    return vars(prior).setdefault("_extension", None) or _set_extension(prior)


def _set_extension(prior: Prior) -> Extension:
    vars(prior)["_extension"] = Extension(prior.grid)
    return _extension(prior)


def _keeper(prior: Prior) -> _TrustKeeper:
    keeper: _TrustKeeper = vars(prior).setdefault("_keeper", _TrustKeeper())
    return keeper


class PoolPlanner:
    """Plans on a finite pool, of which each member is tried once.

    Args:
        prior: Of past tasks; one without any leaves all to the target expert.
        candidates: The pool.
        cost_exponent: See `engine.propose`.
    """

    def __init__(
        self,
        prior: Prior,
        candidates: Sequence[Mapping[str, ParamValue]],
        cost_exponent: float = 0.0,
    ) -> None:
        self.prior = prior
        self.cost_exponent = cost_exponent
        self._landscape = prior.landscape_of(candidates)

    def plan(
        self, history: History, number: int, n_objectives: int, rng: np.random.Generator
    ) -> Plan | None:
        """Gives the plan of a trial."""
        landscape = self._landscape
        seen = [
            (int(s.params["candidate"]), s.losses)
            for s in history.finished
            if "candidate" in s.params
        ]
        index = [j for j, _ in seen]
        pending = [int(p["candidate"]) for p in history.pending if "candidate" in p]
        losses = np.array([values[0] for _, values in seen])
        trust = _keeper(self.prior).after(landscape, index, losses)
        targets = not self.prior.n_sources
        if n_objectives > 1 and number % 2:
            losses, targets = _scalarised([values for _, values in seen], rng), True
        if targets:
            trust = trust.without_past()
        if targets and not index:
            fresh = np.setdiff1d(np.arange(len(landscape)), pending)
            choice = int(rng.choice(fresh if len(fresh) else np.arange(len(landscape))))
            return Plan({"candidate": choice}, experts.TARGET)
        evidence = Evidence.of(index, losses, pending)
        proposal = propose(landscape, evidence, trust, number, cost_exponent=self.cost_exponent)
        loss = None if targets else _expected_loss(landscape, evidence, proposal)
        return _plan_of(self.prior, proposal, {"candidate": proposal.index}, loss)


def _scalarised(losses: Sequence[Sequence[float]], rng: np.random.Generator) -> FloatArray:
    """Gives (n,) augmented Chebyshev scalars under random weights."""
    matrix = np.array(losses, np.float64)
    weights = rng.dirichlet(np.ones(matrix.shape[1] if matrix.ndim == 2 else 1))
    if not len(matrix):
        return np.empty(0)
    known = matrix[np.isfinite(matrix).all(axis=1)]
    if not len(known):
        return np.full(len(matrix), math.nan)
    spread = np.where(np.ptp(known, axis=0) > 0, np.ptp(known, axis=0), 1.0)
    scaled = weights * (matrix - known.min(axis=0)) / spread
    return np.asarray(scaled.max(axis=1) + _PLAIN * scaled.sum(axis=1))
