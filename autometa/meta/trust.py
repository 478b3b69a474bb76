"""Which expert has been right so far, and whether the past still deserves any trust."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from autometa.meta import experts
from autometa.meta.columns import FloatArray
from autometa.meta.evidence import Evidence
from autometa.meta.landscape import Landscape
from autometa.meta.weights import n_ordered, order_losses, source_weights

# Experts are judged from the third observation on: before, all agree on one pair.
FIRST_JUDGED = 2
_RATE = 2.0
_SHARE = 0.05
_BET = 0.9
RUINED = 20.0
"""Value of the bet against the past from which the past is not heard again."""


@dataclass(frozen=True)
class Trust:
    """What was learned about experts and sources from the first n observations.

    Args:
        n: Observations taken in.
        order_loss: (2T,) see `weights.order_losses`.
        n_pairs: See `weights.n_ordered`.
        experts: (4,) factors in the order of `experts.NAMES`; they sum to 4.
        bet: Wealth of one who bets against the past; 1 at the start.
        ruined: Whether `bet` has ever reached `RUINED`.
    """

    n: int
    order_loss: FloatArray
    n_pairs: int
    experts: FloatArray
    bet: float = 1.0
    ruined: bool = False

    @classmethod
    def start(cls, n_sources: int) -> Trust:
        """Gives the state before any observation."""
        return cls(0, np.zeros(2 * n_sources), 0, np.ones(len(experts.NAMES)))

    @property
    def n_sources(self) -> int:
        """T, the number of past tasks."""
        return len(self.order_loss) // 2

    def without_past(self) -> Trust:
        """Gives the state in which only the target expert is heard."""
        return replace(self, ruined=True)

    def weights(self, landscape: Landscape, evidence: Evidence) -> FloatArray:
        """Gives (2T,) weights of the sources after these n observations."""
        return source_weights(landscape, evidence, self.order_loss, self.n_pairs)


def update(trust: Trust, landscape: Landscape, evidence: Evidence) -> Trust:
    """Takes in the last of n observations, of which `trust` knows the n - 1 before it.

    Each expert k had predicted how the new point orders against the earlier ones; g_k in [0, 1]
    is the share it got right. Its factor is multiplied by exp(2 (g_k - 1/2)) and mixed with 5 %
    of equal shares (Herbster and Warmuth 1998, fixed share). The bet against the past multiplies
    by 1 + .9 (1 - 2 g), g of the experts of the past together: when the past is no better than
    chance it cannot grow for long (Ville's inequality: 20 is reached with probability 1/20).
    """
    n = len(evidence)
    fresh = replace(
        trust,
        n=n,
        order_loss=trust.order_loss + order_losses(landscape, evidence, n - 1),
        n_pairs=trust.n_pairs + n_ordered(evidence, n - 1),
    )
    if n <= FIRST_JUDGED or not (evidence.losses[-1] != evidence.losses[:-1]).any():
        return fresh
    return _judge(fresh, agreements(trust, landscape, evidence))


def _judge(trust: Trust, agreed: FloatArray) -> Trust:
    factors = trust.experts * np.exp(_RATE * (agreed - 0.5))
    factors = factors / factors.sum()
    factors = (1 - _SHARE) * factors + _SHARE / len(factors)
    past = trust.experts[:-1]
    right = float(past @ agreed[:-1] / past.sum())
    bet = trust.bet * (1.0 + _BET * (1.0 - 2.0 * right))
    return replace(
        trust,
        experts=factors * len(factors),
        bet=bet,
        ruined=trust.ruined or bet >= RUINED,
    )


def agreements(trust: Trust, landscape: Landscape, evidence: Evidence) -> FloatArray:
    """Gives (4,) shares of pairs with the last observation that each expert ordered rightly."""
    n = len(evidence)
    view = landscape.take(evidence.index)
    before = Evidence(np.arange(n - 1), evidence.losses[:-1])
    weights = trust.weights(view, before)
    opinions = opinions_of(view, before, weights)
    signs = np.sign(evidence.losses[-1] - evidence.losses[:-1])
    shares = []
    for name in experts.NAMES:
        means = opinions[name].means
        predicted = np.sign(means[-1] - means[:-1])
        right = np.where(predicted == 0, 0.5, predicted == signs)
        shares.append(float(right[signs != 0].mean()))
    return np.array(shares)


def opinions_of(
    landscape: Landscape, evidence: Evidence, weights: FloatArray
) -> dict[str, experts.Opinion]:
    """Asks every expert; with less than one observation only `similar` can answer."""
    opinions = {experts.SIMILAR: experts.similar(landscape, evidence, weights)}
    if len(evidence):
        opinions[experts.COVARIANCE] = experts.covariance(landscape, evidence)
        opinions[experts.LEVEL] = (
            opinions[experts.COVARIANCE]
            if landscape.levels is None
            else experts.level(landscape, evidence)
        )
        opinions[experts.TARGET] = experts.target(landscape, evidence)
    return opinions
