"""Every adapter of this plugin keeps the contract."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pytest

from autometa.testing import DataAdapterContract


class TestCsv(DataAdapterContract):
    spec = "csv"
    columns = ("size", "colour")

    def source(self, folder: Path) -> str:
        (folder / "some.csv").write_text("size,colour\n1,red\n2,blue\n3.5,red\n")
        return str(folder / "some.csv")


class TestParquet(DataAdapterContract):
    spec = "parquet"
    columns = ("size", "colour")

    def source(self, folder: Path) -> str:
        frame = pd.DataFrame({"size": [1.0, 2.0, 3.5], "colour": ["red", "blue", "red"]})
        frame.to_parquet(folder / "some.parquet")
        return str(folder / "some.parquet")


class TestJson(DataAdapterContract):
    spec = "json"
    columns = ("size", "colour")

    def source(self, folder: Path) -> str:
        lines = ['{"size": 1, "colour": "red"}', '{"size": 2, "colour": "blue"}', '{"size": 3.5}']
        (folder / "some.jsonl").write_text("\n".join(lines))
        return str(folder / "some.jsonl")


class TestExcel(DataAdapterContract):
    spec = "excel"
    columns = ("size", "colour")

    def source(self, folder: Path) -> str:
        frame = pd.DataFrame({"size": [1.0, 2.0, 3.5], "colour": ["red", "blue", "red"]})
        if not (folder / "some.xlsx").exists():  # a workbook holds the time of its making
            frame.to_excel(folder / "some.xlsx", index=False)
        return str(folder / "some.xlsx")


class TestSql(DataAdapterContract):
    spec = "sql"
    columns = ("size", "colour")
    options: ClassVar = {"table": "some"}

    def source(self, folder: Path) -> str:
        frame = pd.DataFrame({"size": [1.0, 2.0, 3.5], "colour": ["red", "blue", "red"]})
        if not (folder / "some.db").exists():
            with closing(sqlite3.connect(folder / "some.db")) as connection:
                frame.to_sql("some", connection, index=False)
        return str(folder / "some.db")


class TestOpenml(DataAdapterContract):
    """What it needs a server for is in test_adapters_openml.py."""

    spec = "openml"

    @pytest.fixture(autouse=True)
    def _server(self, openml: object) -> None:
        """Answers in the place of openml.org."""

    def source(self, folder: Path) -> str:
        return "openml:7"


class TestSklearn(DataAdapterContract):
    spec = "sklearn"

    def source(self, folder: Path) -> str:
        return "sklearn:iris"
