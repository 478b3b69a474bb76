"""Every adapter of this plugin keeps the contract."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

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


class TestSklearn(DataAdapterContract):
    spec = "sklearn"

    def source(self, folder: Path) -> str:
        return "sklearn:iris"
