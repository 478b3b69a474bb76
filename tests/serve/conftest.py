"""A small real model, and clients of it."""

import threading
import time
from contextlib import contextmanager

import httpx
import numpy as np
import pandas as pd
import pytest
import uvicorn

from autometa.dataset import Dataset
from autometa.learner import FitContext, TrainingData
from autometa.modelfolder import Member, load_model, write
from autometa.serve.app import Limits, make_app
from autometa.serve.server import address, listen

PACKAGES = frozenset({"autometa_tabular"})
ROW = {"size": 1.5, "colour": "red", "is_new": True, "sold": "2024-03-01", "note": "a b c d"}


def table(n=80):
    rng = np.random.default_rng(0)
    words = ["good old thing", "broken and cheap one", "as new in box", "for parts only sorry"]
    return pd.DataFrame(
        {
            "size": rng.normal(size=n).round(3),
            "colour": rng.choice(["red", "green", "blue"], n),
            "is_new": rng.choice([True, False], n),
            "sold": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, n), "D"),
            "note": [f"{rng.choice(words)} number {i}" for i in range(n)],
        }
    )


def fitted(tmp_path, raw, y, classes):
    """Fits one linear model and writes its folder."""
    from autometa_tabular.learners.logistic import Logistic
    from autometa_tabular.learners.ridge import Ridge

    dataset = Dataset.from_frame(raw)
    data = TrainingData(dataset.frame, y, len(classes) or None)
    context = FitContext(rng=np.random.default_rng(0), deadline=float("inf"), n_threads=1)
    model = (Logistic({}) if classes else Ridge({})).fit(data, context)
    source = tmp_path / "part"
    source.mkdir()
    model.save(source)
    header = {
        "name": "toys",
        "problem": "classification" if classes else "regression",
        "classes": classes,
        "class_kind": "str",
        "target": "y",
        "values": {"log_loss": 0.5},
        "schema": dataset.schema.to_json(),
        "requires": {"autometa-tabular": "0.1.0"},
    }
    name = f"{type(model).__module__}:{type(model).__name__}"
    return write(tmp_path / "model", header, [Member(0, 1.0, "linear", [(source, name)])])


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    raw = table()
    y = (raw["size"] + (raw["colour"] == "red") > 0.4).to_numpy().astype(np.int64)
    return fitted(tmp_path_factory.mktemp("served"), raw, y, ["no", "yes"])


@pytest.fixture(scope="session")
def predictor(folder):
    return load_model(folder, packages=PACKAGES)


@pytest.fixture(scope="session")
def regressor(tmp_path_factory):
    raw = table()[["size", "colour"]]
    y = 3.0 * raw["size"].to_numpy() + 10.0
    place = fitted(tmp_path_factory.mktemp("regressor"), raw, y, [])
    return load_model(place, packages=PACKAGES)


@contextmanager
def running(app):
    """Serves an application from a thread; gives a client of it."""
    bound = listen("127.0.0.1", 0)
    config = uvicorn.Config(app, log_config=None, lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([bound],))
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.005)
        with httpx.Client(base_url=address(bound), trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(10)
        bound.close()


@pytest.fixture(scope="session")
def make_folder():
    return fitted


@pytest.fixture(scope="session")
def run_app():
    return running


@pytest.fixture
def make_client(predictor):
    return lambda **options: running(make_app(predictor, **options))


@pytest.fixture(scope="session")
def client(predictor):
    with running(make_app(predictor, limits=Limits(per_second=0))) as client:
        yield client


@pytest.fixture
def row():
    return dict(ROW)
