"""Sets of openml.org, through scikit-learn's fetcher and its cache."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from autometa import DataAdapter, DataError, Dataset
from autometa_tabular.adapters.options import check_options

if TYPE_CHECKING:
    import pandas as pd


class OpenmlAdapter(DataAdapter):
    """Reads ``openml:ID``, the number of a set as its page has it; no options.

    What was fetched once is kept in scikit-learn's data folder (``~/scikit_learn_data``, or
    ``SCIKIT_LEARN_DATA``) and needs no network again.
    """

    def load(self, source: str, options: Mapping[str, Any]) -> Dataset:
        """See `DataAdapter.load`."""
        check_options(options, {}, "openml")
        number = source.partition(":")[2].strip()
        if not (number.isascii() and number.isdigit()):
            raise DataError(
                f"openml:{number} names no set by its number.",
                hint="Write openml:61, with the number in the address of the set's page.",
            )
        frame, notes = _fetch(int(number))
        return Dataset.from_frame(frame, notes)


def _fetch(number: int) -> tuple[pd.DataFrame, list[str]]:
    from sklearn.datasets import fetch_openml

    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            fetched = fetch_openml(data_id=number, target_column=None, as_frame=True, parser="auto")
    except (OSError, HTTPException) as exc:
        raise _unreachable(number, exc) from exc
    except (ValueError, LookupError, TypeError, RuntimeError) as exc:
        reason = str(exc).partition("\n")[0].rstrip(".")
        raise DataError(
            f"openml:{number} cannot be read: {reason}.",
            hint="Open its page on openml.org: sparse and deactivated sets are not read.",
        ) from exc
    notes = [str(one.message).partition("\n")[0] for one in said if one.category is UserWarning]
    return fetched.frame, notes


def _unreachable(number: int, exc: Exception) -> DataError:
    code = getattr(exc, "code", None)
    if code in (404, 412):  # 412 is how OpenML says that there is no such set
        return DataError(
            f"openml.org has no set openml:{number}.", hint="Check the number on its page."
        )
    reason = getattr(exc, "reason", None) or exc
    return DataError(
        f"openml:{number} cannot be fetched: {reason}.",
        hint="Check the network; or download the set and name the file as data.source.",
    )
