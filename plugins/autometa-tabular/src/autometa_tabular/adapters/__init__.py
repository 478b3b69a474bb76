"""Data adapters for tables: files, databases, and the sets of scikit-learn and OpenML."""

from __future__ import annotations

from autometa import DataAdapterSpec

SPECS: tuple[DataAdapterSpec, ...] = (
    DataAdapterSpec(
        name="csv",
        factory="autometa_tabular.adapters.csv:CsvAdapter",
        suffixes=frozenset(
            suffix + packed
            for suffix in (".csv", ".tsv", ".txt", ".data")
            for packed in ("", ".gz", ".zip")
        )
        | {".zip"},
        summary="Separated text, also gz or zip; finds out encoding and separator.",
    ),
    DataAdapterSpec(
        name="parquet",
        factory="autometa_tabular.adapters.parquet:ParquetAdapter",
        suffixes=frozenset({".parquet", ".pq"}),
        summary="Parquet files.",
    ),
    DataAdapterSpec(
        name="json",
        factory="autometa_tabular.adapters.json_lines:JsonAdapter",
        suffixes=frozenset(
            suffix + packed
            for suffix in (".jsonl", ".ndjson", ".json")
            for packed in ("", ".gz", ".zip")
        ),
        summary="JSON objects, one a line or in one array, also gz or zip.",
    ),
    DataAdapterSpec(
        name="excel",
        factory="autometa_tabular.adapters.excel:ExcelAdapter",
        suffixes=frozenset({".xlsx", ".xlsm", ".xls"}),
        summary="A sheet of an Excel workbook.",
    ),
    DataAdapterSpec(
        name="sql",
        factory="autometa_tabular.adapters.sql:SqlAdapter",
        schemes=frozenset(
            {"sqlite", "postgresql", "postgres", "mysql", "mariadb", "oracle", "mssql", "duckdb"}
            | {"snowflake", "bigquery", "redshift", "cockroachdb", "trino", "clickhouse"}
            | {"databricks"}
        ),
        suffixes=frozenset({".db", ".sqlite", ".sqlite3"}),
        summary="A table or a query of a database, by its SQLAlchemy URL: sqlite:///shop.db.",
    ),
    DataAdapterSpec(
        name="openml",
        factory="autometa_tabular.adapters.openml:OpenmlAdapter",
        schemes=frozenset({"openml"}),
        summary="Sets of openml.org: openml:61.",
    ),
    DataAdapterSpec(
        name="sklearn",
        factory="autometa_tabular.adapters.sklearn_sets:SklearnAdapter",
        schemes=frozenset({"sklearn"}),
        summary="Sets that come with scikit-learn: sklearn:iris.",
    ),
)
