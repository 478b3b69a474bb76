"""From a search to a registered model to predictions by its name."""

from __future__ import annotations

import subprocess
import sys

import pytest

LOAD = """
import sys, mlflow, pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/small@champion")
rows = pd.read_csv("table.csv").drop(columns="label").head(5)
print(*model.predict(rows))
print(*model.metadata.get_output_schema().input_types(), model.input_example is not None)
"""


@pytest.fixture
def registered(place):
    place.task(
        tracking="auto", search={"learners": ["logistic"], "prior": "none"}, budget={"trials": 2}
    )
    return place.optimize("--register", "small@champion")


@pytest.mark.slow
@pytest.mark.timeout(400)  # MLflow is imported eight times
def test_a_registered_winner_predicts_by_its_name(place, registered):
    done = place.run(
        "predict", "models:/small@champion", "table.csv", "--output", "a.csv", "--json"
    )
    assert (done.code, done.json["rows"]) == (0, 120), done.err
    assert place.run("predict", registered["model"], "table.csv", "--output", "b.csv").code == 0
    predictions = (place.folder / "a.csv").read_text()
    assert predictions == (place.folder / "b.csv").read_text()
    # It is exported by its name, too, into the current folder.
    exported = place.run("export", "models:/small@champion", "--json")
    assert (exported.code, exported.json["parity"] <= 1e-4) == (0, True), exported.err
    assert exported.json["output"] == str(place.folder / "small-champion-onnx")
    # A finished search is registered too, and twice is once.
    assert place.optimize("--register", "small@champion")["status"] == "finished"
    wrong = place.run("predict", "models:/small/2", "table.csv", "--output", "c.csv")
    assert (wrong.code, "has no version 2" in wrong.error) == (4, True)

    uri = registered["mlflow"]["tracking_uri"]
    plain = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOAD, uri],
        cwd=place.folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert plain.returncode == 0, plain.stderr
    first = predictions.split()[1:6]
    assert plain.stdout.splitlines()[-2:] == [" ".join(first), "DataType.string True"]
