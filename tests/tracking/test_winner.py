"""The winner as a model of MLflow."""

import os
import subprocess
import sys

from autometa.tracking import state as progress
from autometa.tracking.events import ModelInfo

LOAD = """
import sys, mlflow, pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(f"runs:/{sys.argv[2]}/model")
frame = pd.DataFrame({"a b": [1, 2, 3], "c": ["x", None, "z"]})
print(*model.predict(frame), *model.metadata.get_input_schema().input_names())
"""


def load_in_fresh_process(uri, run_id, path):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOAD, uri, run_id],
        env={**os.environ, "PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_winner_loads_with_plain_mlflow_in_a_fresh_process(study, tmp_path, winner, client):
    study.start()
    study.tracker.model(winner)
    study.tracker.finish("FINISHED")
    status = study.replay()
    assert (status.pending, status.refused) == (0, 0)
    printed = load_in_fresh_process(study.uri, status.run_id, tmp_path)
    assert printed == "False True True a b c"
    (output,) = client(study.uri).get_run(status.run_id).outputs.model_outputs
    logged = client(study.uri).get_logged_model(output.model_id)
    assert logged.status == "READY"
    files = [path.name for path in tmp_path.glob(".autometa/mlartifacts/models/*/artifacts/*")]
    assert "requirements.txt" in files
    assert not [name for name in files if name.endswith((".pkl", ".pickle"))]


def test_winner_replayed_again_is_one_model_and_a_better_one_replaces_it(
    study, tmp_path, winner, client
):
    study.start()
    study.tracker.model(winner)
    study.tracker.finish("FINISHED")
    study.replay()
    (study.folder / progress.FILE).unlink()
    status = study.replay()
    search = client(study.uri).search_logged_models
    (first,) = search([status.experiment_id])
    study.start()
    (winner.path / "limit.txt").write_text("2.5")
    study.tracker.model(ModelInfo(path=winner.path, loader_module="loader_of_test", name="model"))
    study.tracker.finish("FINISHED")
    status = study.replay()
    (second,) = search([status.experiment_id])
    assert second.model_id != first.model_id


def test_missing_model_folder_blocks_nothing(study, tmp_path):
    study.start()
    study.tracker.model(ModelInfo(path=tmp_path / "gone"))
    study.tracker.finish("FINISHED")
    status = study.replay()
    assert (status.pending, status.refused) == (0, 1)
