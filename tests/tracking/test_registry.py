"""Winners in the registry of models: registered once, fetched by name, kept when replaced."""

import os
import subprocess
import sys

import pytest

from autometa.errors import ModelFolderError, StorageError, TaskError
from autometa.tracking import state as progress
from autometa.tracking.reference import ModelReference, Registration
from autometa.tracking.registry import fetch


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("models:/churn/3", ("churn", "3", "")),
        ("models:/churn@champion", ("churn", "", "champion")),
        ("models:/churn/latest", ("churn", "", "")),
        ("models:/two words@a-b_1", ("two words", "", "a-b_1")),
    ],
)
def test_references_are_read(text, expected):
    found = ModelReference.parse(text)
    assert (found.name, found.version, found.alias) == expected


@pytest.mark.parametrize(
    "text",
    [f"models:/{rest}" for rest in ("", "churn", "churn/", "churn@", "churn/3@a", "a/b/1", "a/x")],
)
def test_what_is_no_reference_is_a_usage_error(text):
    with pytest.raises(TaskError, match="models:/NAME@ALIAS"):
        ModelReference.parse(text)


@pytest.mark.parametrize("text", ["", "a/b", "a:b", "a@", "@b", "a@latest", "a@v3", "a@4", "a@b@c"])
def test_what_mlflow_would_refuse_as_name_is_a_usage_error(text):
    with pytest.raises(TaskError, match=r"NAME or NAME@ALIAS"):
        Registration.parse(text)


def tell(study, winner, registration):
    study.tracker._registration = registration
    study.start()
    study.tracker.model(winner)
    study.tracker.finish("FINISHED", summary="Predicts **churn**.")
    status = study.replay()
    assert (status.pending, status.refused, status.last_error) == (0, 0, "")


def test_a_winner_becomes_one_version_with_its_alias(study, winner, client):
    tell(study, winner, Registration("churn", "champion"))
    (study.folder / progress.FILE).unlink()
    study.replay()  # once more from the start
    (version,) = client(study.uri).search_model_versions("name='churn'")
    assert client(study.uri).get_model_version_by_alias("churn", "champion").version == 1
    assert version.run_id == study.tracker.status().run_id
    assert version.description == "Predicts **churn**."


def test_a_better_winner_is_a_new_version_and_the_old_one_still_loads(study, winner, client):
    import mlflow

    tell(study, winner, Registration("churn", "champion"))
    (winner.path / "limit.txt").write_text("2.5")
    changed = type(winner)(**{f: getattr(winner, f) for f in winner.__slots__} | {"output": "long"})
    tell(study, changed, Registration("churn", "champion"))
    assert client(study.uri).get_model_version_by_alias("churn", "champion").version == 2
    mlflow.set_tracking_uri(study.uri)
    try:
        import pandas as pd

        frame = pd.DataFrame({"a b": [2.0], "c": ["x"]})
        loaded = [mlflow.pyfunc.load_model(f"models:/churn/{v}").predict(frame)[0] for v in (1, 2)]
    finally:
        mlflow.set_tracking_uri(None)
    assert [bool(value) for value in loaded] == [True, False]


def test_a_search_that_was_interrupted_registers_nothing(study, winner, client):
    study.tracker._registration = Registration("churn")
    study.start()
    study.tracker.model(winner)
    study.tracker.finish("KILLED")
    study.replay()
    assert client(study.uri).search_model_versions("name='churn'") == []


@pytest.fixture
def registered(study, winner):
    tell(study, type(winner)(path=winner.path, inputs=winner.inputs), Registration("churn", "best"))
    return study


@pytest.mark.parametrize("text", ["churn/1", "churn@best", "churn/latest"])
def test_a_registered_model_is_fetched(registered, tmp_path, text):
    place = tmp_path / "place"
    place.mkdir()
    reference = ModelReference.parse(f"models:/{text}")
    folder = fetch(reference, place, registry=registered.uri, default="")
    assert (folder / "limit.txt").read_text() == "1.5"
    assert folder.is_relative_to(place)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("chrun/1", "no registered model 'chrun'. Did you mean 'churn'"),
        ("churn/7", "has no version 7"),
        ("churn@worst", "has no alias worst"),
    ],
)
def test_what_is_not_there_is_named(registered, tmp_path, text, reason):
    with pytest.raises(ModelFolderError, match=reason) as caught:
        fetch(
            ModelReference.parse(f"models:/{text}"), tmp_path, registry=None, default=registered.uri
        )
    assert caught.value.exit_code == 4


def test_a_registry_that_is_not_there_is_not_made(tmp_path):
    uri = f"sqlite:///{tmp_path}/none.db"
    with pytest.raises(StorageError, match="there is no registry"):
        fetch(ModelReference("a", "1"), tmp_path, registry=uri, default="")
    assert not (tmp_path / "none.db").exists()


def test_a_model_that_others_made_is_refused(study, winner, tmp_path):
    tell(study, winner, Registration("foreign"))
    with pytest.raises(ModelFolderError, match="not made by autometa"):
        fetch(ModelReference("foreign", "1"), tmp_path, registry=study.uri, default="")


SERVED = """
import sys, json, warnings
warnings.simplefilter("ignore")
import mlflow
from mlflow.pyfunc.scoring_server import init
from starlette.testclient import TestClient
mlflow.set_tracking_uri(sys.argv[1])
client = TestClient(init(mlflow.pyfunc.load_model("models:/churn/1")))
rows = {"dataframe_records": [{"a b": 1, "c": "x"}, {"a b": 2, "c": None}]}
print(json.dumps(client.post("/invocations", json=rows).json()))
"""


@pytest.mark.slow
def test_what_is_registered_scores_under_mlflow_models_serve(study, winner, tmp_path):
    tell(study, winner, Registration("churn"))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SERVED, study.uri],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == '{"predictions": [false, true]}'
