"""Nearest neighbours."""

from __future__ import annotations

from typing import Any, ClassVar

from autometa import FitContext, Model, NotApplicable, Space, TabularEncoder
from autometa_tabular.classes import one_hot
from autometa_tabular.learners.base import Rows, TabularLearner
from autometa_tabular.learners.linear import encoding_params
from autometa_tabular.models.neighbours import NeighboursModel

MAX_ROWS = 10_000
"""Rows above which a prediction takes too long: every one of them is compared."""
MAX_CELLS = 5_000_000


def space() -> Space:
    """Gives the space."""
    from optuna.distributions import FloatDistribution, IntDistribution

    params = {
        "n_neighbours": IntDistribution(1, 100, log=True),
        "fading": FloatDistribution(0.0, 4.0),
        "prior": FloatDistribution(0.03, 3.0, log=True),
        **encoding_params(),
    }
    return Space(params, {}, Neighbours.DEFAULTS)


class Neighbours(TabularLearner):
    """The mean over the rows that are nearest, mixed with `prior` neighbours of the overall mean.

    Up to 10,000 rows. Distances are Euclidean between encoded rows.
    """

    DEFAULTS: ClassVar[dict[str, Any]] = {
        "n_neighbours": 15,
        "fading": 1.0,
        "prior": 0.3,
        "scale": "squash",
        "categorical": "target",
    }

    def encoder(self) -> TabularEncoder:
        """Gives the encoding."""
        return TabularEncoder(scale=self.config["scale"], categorical=self.config["categorical"])

    def fit_rows(self, rows: Rows, context: FitContext) -> Model:
        """Fits, see `TabularLearner.fit_rows`."""
        n, width = rows.Z.shape
        if n > MAX_ROWS or n * width > MAX_CELLS:
            raise NotApplicable(
                f"neighbours takes up to {MAX_ROWS} rows and {MAX_CELLS} numbers,"
                f" got {n} rows of {width}"
            )
        outputs = one_hot(rows.y, rows.n_present) if rows.classes else rows.y[:, None]
        return NeighboursModel(
            rows.plan,
            rows.classes,
            known=rows.Z,
            outputs=outputs,
            weight=rows.weight / rows.weight.mean(),
            n_neighbours=min(self.config["n_neighbours"], n),
            fading=self.config["fading"],
            prior=self.config["prior"],
        )
