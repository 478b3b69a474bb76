"""A model by its folder or by its name in the registry."""

import pytest

from autometa.errors import ModelFolderError, StorageError, TaskError
from autometa.registered import load_model, located


def test_a_folder_is_itself(tmp_path):
    with located(tmp_path) as folder:
        assert folder == tmp_path
    with pytest.raises(ModelFolderError, match="is not a model folder"):
        load_model(str(tmp_path))


def test_a_reference_that_is_none_is_a_usage_error():
    with pytest.raises(TaskError, match="names no registered model"):
        load_model("models:/churn")


def test_without_a_registry_the_next_step_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(StorageError, match="Name one with --registry") as caught:
        load_model("models:/churn@champion")
    assert caught.value.exit_code == 4
