from pathlib import Path

import pytest

from autometa.errors import StorageError
from autometa.tracking.uris import deep_link, default_uris, is_server, sqlite_path, trials_link

VIEW = "?workflowType=machine_learning"


def test_default_store_lies_in_the_workspace():
    uri, artifacts = default_uris(Path("/home/jo/my work/ü#1"))
    assert uri == "sqlite:////home/jo/my work/ü#1/.autometa/mlflow.db"
    assert artifacts == "file:///home/jo/my%20work/%C3%BC%231/.autometa/mlartifacts"
    assert sqlite_path(uri) == Path("/home/jo/my work/ü#1/.autometa/mlflow.db")


@pytest.mark.parametrize("name", ["what?", "100%41"])
def test_folder_that_no_sqlite_uri_can_name_is_refused(name):
    with pytest.raises(StorageError, match="must not hold"):
        default_uris(Path("/tmp") / name)


@pytest.mark.parametrize(
    "uri", ["http://h:5000", "postgresql://u@h/d", "mlruns", "file:///x", "sqlite://"]
)
def test_other_uris_name_no_sqlite_file(uri):
    assert sqlite_path(uri) is None
    assert is_server(uri) == uri.startswith("http")


def test_link_of_a_store_is_where_the_ui_shows_it():
    page = "http://127.0.0.1:5000/#/experiments/3/runs/abc"
    assert deep_link("sqlite:////x/mlflow.db", "3", "abc") == page + VIEW
    assert (
        deep_link("sqlite:////x", "3", None, port=8) == "http://127.0.0.1:8/#/experiments/3" + VIEW
    )
    assert deep_link("sqlite:////x", None, None) == "http://127.0.0.1:5000/"


def test_link_of_a_server_is_its_own_page_without_the_password():
    link = deep_link("https://me:secret@host:443/mlflow/", "3", "abc")
    assert link == "https://host:443/mlflow/#/experiments/3/runs/abc" + VIEW


def test_link_to_the_trials_filters_and_sorts():
    link = trials_link("http://h", "3", "abc", metric="log_loss")
    assert link == (
        "http://h/#/experiments/3/runs?searchFilter=tags.%60mlflow.parentRunId%60%20%3D%20%27abc%27"
        "&orderByKey=metrics.%60log_loss%60&orderByAsc=true&workflowType=machine_learning"
    )
