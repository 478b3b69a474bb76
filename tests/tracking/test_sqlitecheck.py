import shutil
import sqlite3
from contextlib import closing

import pytest

from autometa.errors import StorageError
from autometa.tracking.sqlitecheck import check_store, find_flaw, set_aside
from autometa.tracking.uris import sqlite_uri


@pytest.fixture
def database(tmp_path, empty_store):
    return shutil.copy(empty_store, tmp_path / "mlflow.db")


def refusal(path):
    with pytest.raises(StorageError) as error:
        check_store(sqlite_uri(path))
    assert error.value.exit_code == 4
    assert str(path) in str(error.value)
    return str(error.value)


def test_store_that_mlflow_made_is_fine(database):
    check_store(sqlite_uri(database))


@pytest.mark.parametrize("uri", ["http://localhost:1", "postgresql://h/d", "mlruns"])
def test_other_stores_are_not_looked_at(uri):
    check_store(uri)


def test_missing_and_empty_files_are_new_stores(tmp_path):
    check_store(sqlite_uri(tmp_path / "none.db"))
    (tmp_path / "empty.db").touch()
    check_store(sqlite_uri(tmp_path / "empty.db"))


def test_fault_70_file_that_is_no_database_is_told(tmp_path):
    path = tmp_path / "mlflow.db"
    path.write_text("not a database at all")
    assert "is not a SQLite database. Run the same command with --rebuild-tracking" in refusal(path)


@pytest.mark.parametrize("share", [0.1, 0.4, 0.7])
def test_fault_70_corrupt_database_is_told(database, share):
    with database.open("r+b") as file:
        file.seek(int(database.stat().st_size * share))
        file.write(b"\xff" * 20_000)
    assert "is corrupt" in refusal(database)
    assert "--rebuild-tracking" in refusal(database)


def test_fault_70_cut_database_is_told(database):
    with database.open("r+b") as file:
        file.truncate(database.stat().st_size // 2)
    assert "is corrupt" in refusal(database)


@pytest.mark.parametrize(
    ("revision", "told"),
    [("f00f00f00f00", "newer MLflow"), ("451aebb31d03", "older MLflow")],
    ids=["newer", "older"],
)
def test_fault_72_schema_of_another_mlflow_is_told(database, revision, told):
    with closing(sqlite3.connect(database)) as opened:
        opened.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        opened.commit()
    message = refusal(database)
    assert told in message
    assert revision in message


def test_store_that_somebody_writes_just_now_is_fine(database):
    with closing(sqlite3.connect(database)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert find_flaw(sqlite_uri(database)) is None


def test_only_an_unusable_store_is_set_aside(database):
    uri = sqlite_uri(database)
    assert set_aside(uri) is None
    database.write_text("broken")
    moved = set_aside(uri)
    assert moved is not None
    assert moved.read_text() == "broken"
    assert moved.name.startswith("mlflow.db.broken-")
    assert not database.exists()
