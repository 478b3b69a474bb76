"""What several adapters find in a table and take out, with a note."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pandas as pd

from autometa import DataError


def check_unique(source: str, names: Iterable[str]) -> None:
    """Refuses column names that occur more than once.

    Raises:
        DataError: Lists them.
    """
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        shown = ", ".join(map(repr, repeated[:5])) + (", ..." if len(repeated) > 5 else "")
        raise DataError(
            f"{source}: several columns have one name: {shown}.",
            hint="Give each column a name of its own.",
        )


def without_index(raw: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Leaves out a first column without a name that counts the rows: a saved index."""
    if raw.columns[0] != "" or raw.shape[1] == 1:
        return raw
    numbers = pd.to_numeric(raw.iloc[:, 0], errors="coerce")
    if not (numbers.diff().iloc[1:] == 1).all():
        return raw
    notes.append("the first column has no name and counts the rows; it was left out")
    return raw.iloc[:, 1:]
