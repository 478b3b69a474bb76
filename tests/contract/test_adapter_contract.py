"""The contract of data adapters finds what it is for."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from autometa import DataAdapter, DataAdapterSpec, Dataset
from autometa.testing import DataAdapterContract

_HERE = __file__


class Lines(DataAdapter):
    """Reads a file of numbers, and keeps every rule."""

    def load(self, source, options):
        from autometa import DataError, TaskError

        if options:
            raise TaskError(f"unknown option {min(options)}")
        try:
            text = Path(source).read_text()
        except OSError as exc:
            raise DataError(f"cannot read {source}") from exc
        return Dataset.from_frame(pd.DataFrame({"number": [float(x) for x in text.split()]}))


class Careless(Lines):
    def load(self, source, options):
        return super().load(source, {})


class Littering(Lines):
    def load(self, source, options):
        Path(source).with_suffix(".cache").write_text("x")
        return super().load(source, options)


def _adapter(cls: type[DataAdapter]) -> type[DataAdapterContract]:
    spec = DataAdapterSpec(
        name="lines",
        factory=f"{_HERE}:{cls.__name__}",
        suffixes=frozenset({".lines"}),
        summary="for this test",
    )
    return type("Contract", (_LinesContract,), {"spec": spec})


class _LinesContract(DataAdapterContract):
    columns = ("number",)

    def source(self, folder: Path) -> str:
        (folder / "some.lines").write_text("1\n2.5\n4\n")
        return str(folder / "some.lines")


class TestLines(_LinesContract):
    """The good one passes all of it."""

    spec = _adapter(Lines).spec


def test_adapter_contract_finds_an_ignored_option(tmp_path):
    with pytest.raises(pytest.fail.Exception, match="raises TaskError"):
        _adapter(Careless)().test_unknown_option_is_a_task_error(tmp_path)


def test_adapter_contract_finds_files_left_behind(tmp_path):
    with pytest.raises(pytest.fail.Exception, match=r"some\.cache"):
        _adapter(Littering)().test_source_stays_as_it_was(tmp_path)
