"""The sets that come with scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from autometa import DataAdapter, DataError, Dataset
from autometa_tabular.adapters.options import check_options

SETS = ("breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine")
"""What ``sklearn:NAME`` may name; nothing is downloaded. The target column is ``target``."""


class SklearnAdapter(DataAdapter):
    """Reads ``sklearn:NAME``; no options."""

    def load(self, source: str, options: Mapping[str, Any]) -> Dataset:
        """See `DataAdapter.load`."""
        check_options(options, {}, "sklearn")
        name = source.partition(":")[2] or source
        if name not in SETS:
            near = get_close_matches(name, SETS, n=1)
            hint = f"Did you mean sklearn:{near[0]}?" if near else f"It has {', '.join(SETS)}."
            raise DataError(f"scikit-learn ships no set {name!r}.", hint=hint)
        from sklearn import datasets

        return Dataset.from_frame(getattr(datasets, f"load_{name}")(as_frame=True).frame)
