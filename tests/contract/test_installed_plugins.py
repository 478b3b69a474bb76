"""Every installed plugin keeps the contracts, whoever wrote it.

First-party plugins run the same contracts in their own tests, so this is for the slow round.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest

from autometa.plugins import load_plugins
from autometa.testing import CompressorContract, DataAdapterContract, LearnerContract

pytestmark = pytest.mark.slow
_REGISTRY = load_plugins()
_FRAME = pd.DataFrame({"size": [1.5, 2.0, 4.0], "colour": ["red", "blue", "red"]})


class _InstalledAdapter(DataAdapterContract):
    def source(self, folder: Path) -> str:
        suffixes = self._spec().suffixes
        if not suffixes:
            return self._named_source()
        for ending, write in _WRITERS.items():
            if ending in suffixes:
                write(folder / f"table{ending}")
                return str(folder / f"table{ending}")
        return pytest.skip(f"nothing here writes {', '.join(sorted(suffixes))}")

    def _named_source(self) -> str:
        if "sklearn" in self._spec().schemes:
            return "sklearn:iris"
        return pytest.skip(f"nothing here names a source of {', '.join(self._spec().schemes)}")


def _write_gzip(path: Path) -> None:
    path.write_bytes(gzip.compress(_FRAME.to_csv(index=False).encode()))


_WRITERS = {
    ".csv": lambda path: _FRAME.to_csv(path, index=False),
    ".csv.gz": _write_gzip,
    ".tsv": lambda path: _FRAME.to_csv(path, index=False, sep="\t"),
    ".parquet": _FRAME.to_parquet,
    ".jsonl": lambda path: _FRAME.to_json(path, orient="records", lines=True),
}


def _class_name(name: str, kind: str) -> str:
    return f"Test{name.title().replace('_', '')}{kind}"


for _name in _REGISTRY.learners:
    _title = _class_name(_name, "Learner")
    globals()[_title] = type(_title, (LearnerContract,), {"spec": _name})
for _name in _REGISTRY.compressors:
    _title = _class_name(_name, "Compressor")
    globals()[_title] = type(_title, (CompressorContract,), {"spec": _name})
for _name in _REGISTRY.adapters:
    _title = _class_name(_name, "Adapter")
    globals()[_title] = type(_title, (_InstalledAdapter,), {"spec": _name})


def test_no_installed_plugin_is_broken() -> None:
    assert [(info.name, info.reason) for info in _REGISTRY.plugins if not info.is_ok] == []
