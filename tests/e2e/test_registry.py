"""From a search to a registered model to predictions by its name."""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Place

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


@contextmanager
def served_by_mlflow(place: Place, uri: str, model: str) -> Iterator[str]:
    """Runs ``mlflow models serve`` in this environment; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    programs = Path(sys.executable).parent  # it starts uvicorn by its name
    env = {
        **os.environ,
        **place.env,
        "MLFLOW_TRACKING_URI": uri,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
    }
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", model]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    log = place.folder / "mlflow-serve.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=place.folder, env=env, stdout=output, stderr=output, start_new_session=True
        )
    try:
        address = f"http://127.0.0.1:{port}"
        end = time.monotonic() + 200
        while not answers(f"{address}/ping"):
            assert (process.poll(), time.monotonic() < end) == (None, True), log.read_text()
            time.sleep(0.2)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(
    not Path(sys.executable).with_name("uvicorn").exists(),
    reason="mlflow models serve starts uvicorn by its name",
)
def test_mlflow_serves_what_autometa_predicts(place, registered):
    with (place.folder / "table.csv").open(newline="") as file:
        rows = [{name: row[name] for name in "abc"} for row in csv.DictReader(file)][:4]
    rows[1] |= {"a": None, "c": "never seen"}
    with (place.folder / "rows.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, "abc")
        writer.writeheader()
        writer.writerows(rows)
    done = place.run("predict", "models:/small@champion", "rows.csv", "--output", "p.csv")
    assert done.code == 0, done.err
    expected = (place.folder / "p.csv").read_text().split()[1:]
    uri = registered["mlflow"]["tracking_uri"]
    with served_by_mlflow(place, uri, "models:/small@champion") as address:
        body = json.dumps({"dataframe_records": rows}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{address}/invocations", body, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert json.load(answer) == {"predictions": expected}
