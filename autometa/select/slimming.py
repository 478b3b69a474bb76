"""Fewer members: those that a combination can do without, because the others say the same.

Every member costs file size, latency, memory and time of the export, and many weigh next to
nothing. They are left out one by one while the predictions stay what they were. The labels are not
asked again: on few rows they would rather tell which members were lucky.

On tables of part dev with 230 training rows, and 50, 16 or 6 trials to choose from, 37, 14, 5
members become 15, 6, 4 (log loss, 28 tables) and 30, 11, 5 become 10, 5, 3 (rmse, 9 tables); with
1,500 rows 18, 12, 5 become 8, 6, 4 (16 tables) and 12, 8, 4 become 4, 3, 3 (8 tables). The mean
loss on untouched rows rises by at most .0003 of the constant's there, where the tolerance was
chosen; with other configurations and folds (22 tables, 230 rows) by .0005 to .0014, each about a
standard error.

Source: Piironen, Paasiniemi & Vehtari, "Projective Inference in High-Dimensional Problems:
Prediction and Feature Selection", Electronic Journal of Statistics 2020, section 3, with members of
a combination in place of features.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from autometa.combination import FLOOR, Combination, Pool
from autometa.measure import METRICS
from autometa.select.evidence import Evidence
from autometa.select.pools import stacked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

TOLERANCE = 0.001
"""Of the constant's loss: what leaving members out may cost if the whole combination is right."""
MAX_ROWS = 2_000
"""Rows on which whole and part are compared."""

_RIDGE = 1e-3
"""Of the variance of what the whole says: of equal members there is no inverse covariance."""


def slimmed(whole: Combination, evidence: Evidence) -> Combination:
    """Gives the combination with as few members as the tolerance and the time allow.

    The cost is log loss or rmse, whatever the metric.

    Args:
        whole: Fitted on the rows.
        evidence: The rows.
    """
    metric = METRICS["log_loss" if evidence.is_probability else "rmse"]
    rows = replace(evidence.thinned(MAX_ROWS), metric=metric)
    smaller = _without_lightest if rows.is_probability else _imitations
    found, said = whole, whole.apply(rows.predictions)
    limit = TOLERANCE * rows.loss(rows.predictions[-1])
    for part in smaller(whole, rows):
        cost = divergence(part.apply(rows.predictions), said, rows.y)
        if rows.is_late or not cost <= limit:
            break
        found = part
    return found


def divergence(predictions: Array, truth: Array, y: Array) -> float:
    """Gives the log loss, or rmse, that predictions add to that of others which are right.

    Args:
        predictions: (n,) values or (n, k) probabilities.
        truth: The same of what is right: the probabilities of the classes, or the values but for
            errors that have nothing to do with either.
        y: (n,) truth of which these errors are seen; of no account for probabilities.
    """
    if truth.ndim == 2:  # Kullback-Leibler
        gaps = np.log(np.clip(truth, FLOOR, 1.0)) - np.log(np.clip(predictions, FLOOR, 1.0))
        return float((truth * gaps).sum(axis=1).mean())
    error, added = ((truth - y) ** 2).mean(), ((predictions - truth) ** 2).mean()
    return float(np.sqrt(error + added) - np.sqrt(error))


def _without_lightest(whole: Combination, _: Evidence) -> Iterator[Combination]:
    """Leaves the lightest members out, one more each time; of equals, the worse one first."""
    weights = whole.member_weights
    order = sorted(whole.members, key=lambda i: (weights[i], -i))
    for n_gone in range(1, len(order)):
        yield whole.without(order[:n_gone])


def _imitations(whole: Combination, evidence: Evidence) -> Iterator[Combination]:
    """Stacks members towards what the whole says, each time without the most dispensable one.

    What others cannot make up for when one is left out is ``w ** 2 / inverse(covariance)[i, i]``.
    Source: Hassibi & Stork, "Second Order Derivatives for Network Pruning: Optimal Brain Surgeon",
    NIPS 1992, equation 5.
    """
    said = replace(evidence, y=whole.apply(evidence.predictions))
    members, n_members = whole.members, evidence.n_members
    while True:
        pool = stacked(said.of_members(members))
        weights = np.array(pool.weights[:-1])
        if len(members) < len(whole.members):
            ends = dict(zip([*members, n_members], pool.weights, strict=True))
            spread = tuple(ends.get(i, 0.0) for i in range(n_members + 1))
            yield Combination((Pool(pool.kind, spread, pool.bias),), whole.constant)
        if len(members) == 1:
            return
        covariance = np.cov(evidence.predictions[members] / (float(said.y.std()) or 1.0))
        ridged = covariance + _RIDGE * np.eye(len(members))
        losses = weights**2 / np.diag(np.linalg.inv(ridged))
        del members[int(np.argmin(losses))]
