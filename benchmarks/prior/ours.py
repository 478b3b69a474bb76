"""The prior's own runs: engine on finite pools, as `PriorSampler` drives it."""

from __future__ import annotations

import numpy as np

from autometa.meta.engine import propose
from autometa.meta.evidence import Evidence
from autometa.meta.landscape import Landscape
from autometa.meta.trust import Trust, update


def search(landscape: Landscape, losses: np.ndarray, budget: int) -> list[int]:
    """Gives the points in the order in which they are tried."""
    trust, tried = Trust.start(landscape.n_sources), []
    for number in range(min(budget, len(losses))):
        evidence = Evidence.of(tried, losses[tried])
        tried.append(propose(landscape, evidence, trust, number).index)
        trust = update(trust, landscape, Evidence.of(tried, losses[tried]))
    return tried
