"""Learners and data adapters for tables."""

from __future__ import annotations

from collections.abc import Sequence

from autometa import DataAdapterSpec, LearnerSpec, hookimpl


@hookimpl
def autometa_learners() -> Sequence[LearnerSpec]:
    """Gives the learners of this plugin."""
    from autometa_tabular.specs import LEARNERS

    return LEARNERS


@hookimpl
def autometa_data_adapters() -> Sequence[DataAdapterSpec]:
    """Gives the data adapters of this plugin."""
    from autometa_tabular.adapters import SPECS

    return SPECS
