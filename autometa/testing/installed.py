"""What `autometa plugins check` runs for adapters: the contract on a sample it can write itself."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import pytest

from autometa.testing.adapter import DataAdapterContract

_FRAME = pd.DataFrame({"size": [1.5, 2.0, 4.0], "colour": ["red", "blue", "red"]})


def _write_gzip(path: Path) -> None:
    path.write_bytes(gzip.compress(_FRAME.to_csv(index=False).encode()))


WRITERS: Mapping[str, Callable[[Path], object]] = {
    ".csv": lambda path: _FRAME.to_csv(path, index=False),
    ".csv.gz": _write_gzip,
    ".tsv": lambda path: _FRAME.to_csv(path, index=False, sep="\t"),
    ".parquet": _FRAME.to_parquet,
    ".jsonl": lambda path: _FRAME.to_json(path, orient="records", lines=True),
}
"""What writes a sample, by suffix."""

NAMED = {"sklearn": "sklearn:iris"}
"""Sources by scheme that are there without a network."""


class InstalledAdapterContract(DataAdapterContract):
    """The contract for an adapter by name; skipped when nothing here writes what it reads."""

    def source(self, folder: Path) -> str:
        """Writes a sample with a suffix that the adapter declares, or names a source."""
        spec = self._spec()
        for suffix, write in WRITERS.items():
            if suffix in spec.suffixes:
                path = folder / f"table{suffix}"
                write(path)
                return str(path)
        for scheme, source in NAMED.items():
            if scheme in spec.schemes:
                return source
        readable = ", ".join(sorted(spec.suffixes | spec.schemes))
        return pytest.skip(
            f"nothing here writes {readable}: inherit DataAdapterContract and say how"
        )
