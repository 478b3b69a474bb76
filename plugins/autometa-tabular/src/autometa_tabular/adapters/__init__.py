"""Data adapters for tables: csv, parquet, and the sets that come with scikit-learn."""

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
        name="sklearn",
        factory="autometa_tabular.adapters.sklearn_sets:SklearnAdapter",
        schemes=frozenset({"sklearn"}),
        summary="Sets that come with scikit-learn: sklearn:iris.",
    ),
)
