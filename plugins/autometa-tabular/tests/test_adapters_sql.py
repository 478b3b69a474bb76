import os
import sqlite3
from contextlib import closing

import pytest
from autometa_tabular.adapters import sql
from autometa_tabular.adapters.sql import SqlAdapter

from autometa import DataError, TaskError

POSTGRESQL = os.environ.get("AUTOMETA_TEST_POSTGRESQL")


@pytest.fixture
def database(tmp_path):
    """An SQLite file with a table and a view."""
    path = tmp_path / "my shop%#.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER, price REAL, colour TEXT, pic BLOB)")
        rows = [(i, i / 2 if i else None, "red" if i % 3 else None, b"x") for i in range(30)]
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", rows)
        connection.commit()
    return path


def load(source, **options):
    return SqlAdapter().load(str(source), options)


def test_the_only_table_is_read_with_its_gaps(database):
    dataset = load(database)
    assert list(dataset.raw.columns) == ["id", "price", "colour", "pic"]
    assert len(dataset) == 30
    assert dataset.raw["price"].isna().sum() == 1
    assert dataset.raw["colour"].isna().sum() == 10
    assert load(f"sqlite:///{database}", table="orders").digest() == dataset.digest()


def test_query_keeps_the_order_that_it_gives(database):
    query = "SELECT id, '%:30' AS t FROM orders WHERE id < 5 ORDER BY id DESC"
    raw = load(database, query=query).raw
    assert raw["id"].tolist() == [4, 3, 2, 1, 0]
    assert set(raw["t"]) == {"%:30"}


def test_order_of_a_table_depends_on_its_values_alone(database):
    first = load(database, table="orders")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE copy AS SELECT * FROM orders ORDER BY id DESC")
        connection.commit()
    assert load(database, table="copy").digest() == first.digest()
    assert "rows were put in an order of their own, since the query gives none" in first.notes


def test_fault_30_sample_is_random_and_depends_on_values_alone(database, monkeypatch):
    monkeypatch.setattr(sql, "_BATCH", 7)
    dataset = load(database, table="orders", sample_rows=10)
    assert len(dataset) == 10
    assert "a random sample of 10 of 30 rows was kept" in dataset.notes
    monkeypatch.setattr(sql, "_BATCH", 11)
    assert load(database, table="orders", sample_rows=10).digest() == dataset.digest()


def test_fault_30_rows_that_do_not_fit_are_refused(database, monkeypatch):
    monkeypatch.setattr(sql, "free_memory", lambda: 1000.0)
    with pytest.raises(DataError, match=r"do not fit into memory.*sample_rows"):
        load(database)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"table": "order"}, "no table 'order'. Did you mean 'orders'", id="table"),
        pytest.param({"query": "SELECT nix FROM orders"}, "no such column: nix", id="column"),
        pytest.param({"query": "DELETE FROM orders"}, "readonly database", id="write"),
        pytest.param({"query": "SELECT 1 AS a, 2 AS a"}, "several columns", id="fault 4"),
        pytest.param({"query": "SELECT * FROM orders WHERE id > 99"}, "no rows", id="fault 6"),
        pytest.param({"query": "PRAGMA foreign_keys = 1"}, "gives no rows", id="no select"),
    ],
)
def test_what_is_wrong_is_told(database, options, message):
    with pytest.raises(DataError, match=message):
        load(database, **options)
    assert len(load(database)) == 30


def test_one_of_several_tables_must_be_named(database):
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE VIEW cheap AS SELECT * FROM orders WHERE price < 3")
    with pytest.raises(DataError, match=r"has 2 tables: orders, cheap.*data\.options\.table"):
        load(database)
    assert len(load(database, table="cheap")) == 5


def test_table_and_query_exclude_each_other(database):
    with pytest.raises(TaskError, match="in place of table"):
        load(database, table="orders", query="SELECT 1")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        pytest.param("sqlite:////nowhere/shop.db", "does not exist", id="missing file"),
        pytest.param("mysql://me:secret@127.0.0.1/shop", "driver", id="driver"),
        pytest.param("foodb://me:secret@host/shop", "driver", id="dialect"),
        pytest.param("sqlite:shop", "no database URL", id="no URL"),
    ],
)
def test_source_that_is_not_there_is_told_without_its_password(source, message):
    with pytest.raises(DataError, match=message) as refused:
        load(source)
    assert "secret" not in str(refused.value)


def test_file_that_is_no_database_is_told(tmp_path):
    (tmp_path / "some.db").write_text("a,b\n" * 2000)
    with pytest.raises(DataError, match="not a database"):
        load(tmp_path / "some.db")


def test_server_that_is_away_is_told_without_the_password():
    with pytest.raises(DataError, match="refused") as refused:
        load("postgresql://me:secret@127.0.0.1:9/shop")
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.skipif(POSTGRESQL is None, reason="AUTOMETA_TEST_POSTGRESQL names no server")
def test_postgresql_types_are_read():
    query = (
        "SELECT i AS n, i::numeric / 4 AS price, i % 2 = 0 AS even, 'x:y%' || i % 3 AS colour,"
        " DATE '2024-01-01' + i AS day, now() - i * interval '1 hour' AS moment,"
        " CASE WHEN i < 5 THEN NULL ELSE i END AS gap, md5(i::text)::uuid AS id,"
        " 'b'::bytea AS bin FROM generate_series(1, 25000) AS i"
    )
    dataset = load(POSTGRESQL, query=query)
    kinds = {column.name: column.kind for column in dataset.schema}
    assert len(dataset) == 25_000
    assert kinds | {"id": "", "bin": ""} == {
        **dict.fromkeys(("n", "price", "gap"), "numeric"),
        "even": "boolean",
        "colour": "categorical",
        "day": "date",
        "moment": "date",
        "id": "",
        "bin": "",
    }
    assert kinds["id"] == "dropped"


@pytest.mark.skipif(POSTGRESQL is None, reason="AUTOMETA_TEST_POSTGRESQL names no server")
def test_postgresql_tables_are_read_and_never_written():
    import psycopg

    with psycopg.connect(POSTGRESQL, autocommit=True) as connection:
        connection.execute('DROP TABLE IF EXISTS "Odd Table"')
        connection.execute('CREATE TABLE "Odd Table" AS SELECT i AS n FROM generate_series(1, 9) i')
        connection.execute("CREATE SEQUENCE IF NOT EXISTS odd_numbers")
        try:
            assert sorted(load(POSTGRESQL, table="Odd Table").raw["n"]) == list(range(1, 10))
            assert len(load(POSTGRESQL, table="public.Odd Table")) == 9
            with pytest.raises(DataError, match=r"syntax error at or near .DELETE"):
                load(POSTGRESQL, query='DELETE FROM "Odd Table" RETURNING n')
            with pytest.raises(DataError, match="read-only transaction"):
                load(POSTGRESQL, query="SELECT setval('odd_numbers', 5)")
            assert len(load(POSTGRESQL, table="Odd Table")) == 9
        finally:
            connection.execute('DROP TABLE "Odd Table"')
            connection.execute("DROP SEQUENCE odd_numbers")
