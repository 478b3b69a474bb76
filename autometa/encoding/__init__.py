"""The declarative encoding of tables: what a learner fits on its own rows and keeps in its model.

A `TabularEncoder` holds options and fits an `EncodingPlan`: a frozen list of per-column steps
(impute and scale, one-hot, ordinal, target map, date parts, text) that turns typed columns into
one float32 matrix, in fit and in predict, and survives a trip through JSON.
"""

from __future__ import annotations

from autometa.encoding.encoder import TabularEncoder
from autometa.encoding.plan import EncodingPlan

__all__ = ["EncodingPlan", "TabularEncoder"]
