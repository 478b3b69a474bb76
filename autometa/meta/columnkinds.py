"""What a column holds, by its dtype alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas.api.extensions import ExtensionDtype

KINDS = ("numeric", "boolean", "categorical", "date", "text")
"""Every kind there is; whatever is none of the others is text."""


def column_kind(dtype: ExtensionDtype | Any) -> str:
    """Gives one of `KINDS` for a dtype of pandas or numpy."""
    from pandas import CategoricalDtype
    from pandas.api import types

    if isinstance(dtype, CategoricalDtype):
        return "categorical"
    if types.is_bool_dtype(dtype):
        return "boolean"
    if types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype):
        return "numeric"
    return "date" if types.is_datetime64_any_dtype(dtype) else "text"
