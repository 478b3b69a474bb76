"""What a source stands for: files, folders, patterns, URLs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from autometa.adapter import DataAdapterSpec
from autometa.errors import DataError, PluginError, TaskError
from autometa.registry import Entry, Registry
from autometa.sources import resolve_sources, without_password
from autometa.task import locate


def _registry() -> Registry:
    specs = (
        DataAdapterSpec(name="csv", factory="a:A", suffixes=frozenset({".csv", ".csv.gz"})),
        DataAdapterSpec(name="parquet", factory="a:B", suffixes=frozenset({".parquet"})),
        DataAdapterSpec(name="sql", factory="a:C", schemes=frozenset({"postgresql", "sqlite"})),
        DataAdapterSpec(name="pictures", factory="a:D", suffixes=frozenset({".png"}), folders=True),
    )
    return Registry(adapters={spec.name: Entry(spec, "p", "p", "1") for spec in specs})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    names = ("b.csv", "a.csv", "deep/c.CSV", "_SUCCESS", ".a.csv.crc", "README.md", "_tmp/d.csv")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x\n1\n")
    return tmp_path


def _names(source: Path | str, adapter: str | None = None) -> tuple[list[str], str]:
    parts, entry = resolve_sources(_registry(), [str(source)], adapter)
    return [Path(part).name for part in parts], entry.spec.name


def test_folder_stands_for_the_readable_files_in_it_and_below(folder: Path) -> None:
    assert _names(folder) == (["a.csv", "b.csv", "c.CSV"], "csv")
    assert _names(folder, "csv") == (["a.csv", "b.csv", "c.CSV"], "csv")


def test_pattern_stands_for_what_it_matches_in_order(folder: Path) -> None:
    assert _names(folder / "?.csv") == (["a.csv", "b.csv"], "csv")
    assert _names(folder / "**" / "[bc].[cC]*") == (["b.csv", "c.CSV"], "csv")


def test_file_whose_name_looks_like_a_pattern_is_that_file(folder: Path) -> None:
    (folder / "a[1].csv").write_text("x\n1\n")
    assert _names(folder / "a[1].csv") == (["a[1].csv"], "csv")


def test_adapter_of_folders_gets_them_as_they_are(folder: Path) -> None:
    assert _names(folder, "pictures") == ([folder.name], "pictures")


@pytest.mark.parametrize("source", ["postgresql://u@h/db", "postgresql+psycopg://u@h/d*b"])
def test_url_is_left_as_it_is(source: str) -> None:
    parts, entry = resolve_sources(_registry(), [source])
    assert (parts, entry.spec.name) == ([source], "sql")


def test_files_of_several_kinds_are_refused(folder: Path) -> None:
    (folder / "x.parquet").write_bytes(b"")
    with pytest.raises(TaskError, match=r"different kinds: csv \(.*\) and parquet \(x.parquet\)"):
        _names(folder)
    assert _names(folder, "parquet") == (["x.parquet"], "parquet")


def test_fault_32_folder_or_pattern_without_a_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is a directory, but has no file.*Readable: \.csv"):
        _names(tmp_path)
    with pytest.raises(DataError, match=r"no file matches .*\*\.csv"):
        _names(tmp_path / "*.csv")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_fault_32_folder_that_may_not_be_read_is_told(folder: Path) -> None:
    (folder / "deep").chmod(0)
    try:
        with pytest.raises(DataError, match=r"deep cannot be read: Permission denied"):
            _names(folder)
    finally:
        (folder / "deep").chmod(0o755)


def test_fault_48_unknown_adapter_lists_what_there_is(folder: Path) -> None:
    with pytest.raises(PluginError, match=r"the adapter 'cvs'\. Did you mean 'csv'"):
        _names(folder, "cvs")


@pytest.mark.parametrize(
    ("source", "located"),
    [
        ("sqlite:///shop.db", "sqlite:////here/shop.db"),
        ("sqlite+pysqlite:///../shop.db", "sqlite+pysqlite:////shop.db"),
        ("sqlite:////there/shop.db", "sqlite:////there/shop.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("postgresql://u@h/db", "postgresql://u@h/db"),
        ("parts/*.csv", "/here/parts/*.csv"),
    ],
)
def test_relative_places_are_found_from_the_task_file(source: str, located: str) -> None:
    assert locate(source, Path("/here")) == located


def test_password_is_not_shown() -> None:
    assert without_password("postgresql://me:p:a@ss@h/db") == "postgresql://me:***@h/db"
    assert without_password("openml:61") == "openml:61"
