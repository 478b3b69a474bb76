"""SQL databases: a table, a view or the rows of a query, by any SQLAlchemy URL."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote

import numpy as np
import pandas as pd

from autometa import DataAdapter, DataError, Dataset, TaskError
from autometa_tabular.adapters.files import check_file, free_memory
from autometa_tabular.adapters.options import check_options, sample_size
from autometa_tabular.adapters.tidy import check_unique

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection, CursorResult, Engine

Rows: TypeAlias = list[tuple[Any, ...]]

_OPTIONS: Mapping[str, type] = {"table": str, "query": str, "sample_rows": int}
_BATCH = 10_000  # rows
_CONNECT_SECONDS = 10
_MEMORY_FACTOR = 2  # the typed frame and the raw one stand beside what was fetched
_ORDERED = re.compile(r"\border\s+by\b", re.IGNORECASE)


class SqlAdapter(DataAdapter):
    """Reads a database by its SQLAlchemy URL, or an SQLite file by its path; writes nothing.

    The spec names the common schemes, each also with a driver (``postgresql+psycopg://``); any
    other dialect of SQLAlchemy is read with ``data.adapter: sql``.

    A database gives rows in any order. Unless the query orders them, they are put in an order
    that depends on their values alone, so that the same rows are the same data.

    Options: ``table`` (of a table or view, also ``schema.table``; may be left out if there is only
    one), ``query`` in its place, and ``sample_rows`` (keep so many random rows).
    """

    def load(self, source: str, options: Mapping[str, Any]) -> Dataset:
        """See `DataAdapter.load`."""
        check_options(options, _OPTIONS, "sql")
        if "table" in options and "query" in options:
            raise TaskError("is used in place of table, not with it.", key="data.options.query")
        size = sample_size(options)
        url = _url(source)
        shown = url.render_as_string(hide_password=True)
        notes: list[str] = []
        with _guarded(shown), _connection(url) as connection:
            query = options.get("query") or _select(connection, options.get("table"), shown)
            raw = _fetch(connection, query, size, shown, notes)
        return Dataset.from_frame(raw, notes)


def _url(source: str) -> URL:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    if ":" not in source or source.startswith("/"):
        return make_url("sqlite://").set(database=source)
    try:
        url = make_url(source)
    except (ArgumentError, ValueError) as exc:
        raise DataError(
            f"{source.partition(':')[0]}:... is no database URL.",
            hint="Write it as postgresql://user@host/database or sqlite:///file.db.",
        ) from exc
    name = url.drivername.replace("postgres", "postgresql") if url.drivername == "postgres" else ""
    url = url.set(drivername=name) if name else url
    if url.drivername == "postgresql" and find_spec("psycopg2") is None:
        return url.set(drivername="postgresql+psycopg")
    return url


@contextmanager
def _guarded(shown: str) -> Iterator[None]:
    """What the database or its driver says becomes a message of one line."""
    from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

    try:
        yield
    except (ImportError, NoSuchModuleError) as exc:
        missing = getattr(exc, "name", None) or str(exc).rpartition(":")[2]
        raise DataError(
            f"{shown} needs a database driver that is not installed: {missing}.",
            hint="For PostgreSQL: pip install 'autometa-core[postgresql]'.",
        ) from exc
    except (SQLAlchemyError, sqlite3.Error, OSError) as exc:
        said = str(getattr(exc, "orig", None) or exc).strip().partition("\n")[0]
        raise DataError(
            f"{shown} cannot be read: {said.rstrip('.')}.",
            hint="Check the URL, that the server runs, and data.options.",
        ) from exc


@contextmanager
def _connection(url: URL) -> Iterator[Connection]:
    engine = _engine(url)
    try:
        options: dict[str, Any] = {"stream_results": True, "no_parameters": True}
        if url.get_backend_name() == "postgresql":
            options["postgresql_readonly"] = True
        with engine.connect().execution_options(**options) as connection:
            yield connection  # left without commit: nothing is written
    finally:
        engine.dispose()


def _engine(url: URL) -> Engine:
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    backend = url.get_backend_name()
    if backend == "sqlite" and url.database and not url.database.startswith("file:"):
        path = Path(url.database)
        check_file(path)  # SQLite would make an empty database
        uri = f"file:{quote(str(path.absolute()))}?mode=ro"
        return create_engine(
            "sqlite://", creator=lambda: sqlite3.connect(uri, uri=True), poolclass=NullPool
        )
    is_postgresql = backend == "postgresql" and "connect_timeout" not in url.query
    limits = {"connect_timeout": _CONNECT_SECONDS} if is_postgresql else {}
    return create_engine(url, poolclass=NullPool, connect_args=limits)


def _select(connection: Connection, wanted: str | None, shown: str) -> str:
    """Gives the query of a whole table."""
    from sqlalchemy import inspect

    inspector = inspect(connection)
    there = [*inspector.get_table_names(), *inspector.get_view_names()]
    if wanted is None:
        if len(there) != 1:
            listed = f": {', '.join(there[:10])}" if there else ""
            raise DataError(
                f"{shown} has {len(there)} tables{listed}.",
                hint="Name one with data.options.table, or give data.options.query.",
            )
        wanted = there[0]
    quoted = connection.dialect.identifier_preparer.quote
    if wanted in there:
        return f"SELECT * FROM {quoted(wanted)}"  # noqa: S608 - a name that is there, quoted
    schema, _, name = wanted.rpartition(".")
    if schema and inspector.has_table(name, schema=schema):
        return f"SELECT * FROM {quoted(schema)}.{quoted(name)}"  # noqa: S608 - as above
    near = get_close_matches(wanted, there, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"It has {', '.join(there[:10]) or 'none'}."
    raise DataError(f"{shown} has no table {wanted!r}.", hint=hint)


def _fetch(
    connection: Connection, query: str, size: int | None, shown: str, notes: list[str]
) -> pd.DataFrame:
    result = connection.exec_driver_sql(query)
    if not result.returns_rows:
        raise DataError("data.options.query gives no rows.", hint="Write a SELECT.")
    names = [str(name) for name in result.keys()]  # noqa: SIM118 - the keys of a result, no mapping
    check_unique("data.options.query", names)
    rows, keys, n_rows = _keep(result, size, shown)
    if not rows:
        raise DataError(f"{shown}: there are no rows.", hint="Check data.options.")
    if len(rows) < n_rows:
        notes.append(f"a random sample of {len(rows)} of {n_rows} rows was kept")
    if not _ORDERED.search(query):
        rows = [rows[i] for i in np.argsort(keys, kind="stable")]
        notes.append("rows were put in an order of their own, since the query gives none")
    return pd.DataFrame(rows, columns=pd.Index(names, dtype=object), dtype=object).infer_objects()


def _keep(
    result: CursorResult[Any], size: int | None, shown: str
) -> tuple[Rows, np.ndarray[Any, Any], int]:
    """Fetches rows with a key that depends on their values; the `size` smallest keys stay.

    Returns:
        The rows in the order of the result, their keys, and how many there were.
    """
    rows: Rows = []
    keys = np.empty(0, dtype=np.uint64)
    n_rows = 0
    for part in result.yield_per(_BATCH).partitions():
        fetched = [tuple(map(_plain, row)) for row in part]
        n_rows += len(fetched)
        rows += fetched
        keys = np.append(keys, [_key(row) for row in fetched]).astype(np.uint64)
        if size is not None and len(rows) > size:
            chosen = np.sort(np.argsort(keys, kind="stable")[:size])
            rows, keys = [rows[i] for i in chosen], keys[chosen]
        _check_memory(rows, n_rows, shown)
    return rows, keys, n_rows


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


def _key(row: tuple[Any, ...]) -> int:
    digest = hashlib.blake2b(repr(row).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def _check_memory(rows: Rows, n_rows: int, shown: str) -> None:
    """Refuses what would not fit: how many rows come is not known before."""
    sample = rows[-1000:]
    a_row = sum(len(repr(row)) + 48 * len(row) for row in sample) / max(1, len(sample))
    if a_row * len(rows) * _MEMORY_FACTOR > free_memory():
        raise DataError(
            f"{shown}: {n_rows} rows and more do not fit into memory.",
            hint="Set data.options.sample_rows to keep that many random rows.",
        )
