"""The ONNX form of a model answers as the model does, or the model answers itself."""

import numpy as np
import pandas as pd
import pytest

from autometa.errors import NotApplicable
from autometa.modelfolder import load_model
from autometa.serve.app import make_app
from autometa.serve.inputs import Inputs
from autometa.serve.onnx_engine import choose_engine


@pytest.fixture(scope="module")
def exportable(tmp_path_factory, make_folder):
    rng = np.random.default_rng(1)
    raw = pd.DataFrame(
        {
            "size": rng.normal(size=90).round(2),
            "colour": rng.choice(["red", "green", "1"], 90),
            "is_new": rng.choice([True, False], 90),
            "sold": np.datetime64("2023-01-01") + rng.integers(0, 700, 90),
        }
    )
    raw.loc[:9, "size"] = np.nan
    y = (raw["size"].fillna(0) + raw["is_new"] > 0.4).to_numpy().astype(np.int64)
    place = make_folder(tmp_path_factory.mktemp("exportable"), raw, y, ["no", "yes"])
    return load_model(place, packages=frozenset({"autometa_tabular"}))


def engines(predictor):
    columns = Inputs(predictor.schema).columns
    return choose_engine(predictor, columns, "auto"), choose_engine(predictor, columns, "native")


def test_both_engines_give_the_same_over_http(run_app, exportable):
    rows = [
        {"size": 1.5, "colour": "red", "is_new": True, "sold": "2024-02-29"},
        {"size": None, "colour": None, "is_new": None, "sold": None},
        {"size": -1e300, "colour": "pink", "is_new": "no", "sold": "1969-12-31T23:59:59"},
        {"size": "2.5", "colour": 1, "is_new": False, "sold": ""},
    ]
    quick, native = engines(exportable)
    assert (quick.name, native.name) == ("onnx", "native")
    answers = []
    for engine in (quick, native):
        with run_app(make_app(exportable, engine=engine)) as client:
            assert client.get("/metadata").json()["engine"] == engine.name
            # A few rows are computed at once, many by the thread.
            few = client.post("/predict", json={"rows": rows}).json()
            many = client.post("/predict", json={"rows": rows * 10}).json()
        assert many["predictions"] == few["predictions"] * 10
        answers.append(few)
    np.testing.assert_allclose(
        answers[0]["probabilities"], answers[1]["probabilities"], atol=1e-4, rtol=0
    )
    assert answers[0]["predictions"] == answers[1]["predictions"]


def test_no_rows_are_no_rows(exportable):
    quick, _ = engines(exportable)
    from autometa.serve.table import Table

    assert quick.predict(Inputs(exportable.schema).read(Table([]))).shape == (0, 2)


def test_a_regression_has_one_value_a_row(regressor):
    quick, native = engines(regressor)
    from autometa.serve.table import Table

    rows = Inputs(regressor.schema).read(Table([{"size": 0.5, "colour": "red"}] * 3))
    np.testing.assert_allclose(quick.predict(rows), native.predict(rows), rtol=1e-5)


def test_what_has_no_onnx_form_is_computed_by_its_models(predictor):
    columns = Inputs(predictor.schema).columns  # one is a text
    assert choose_engine(predictor, columns, "auto").name == "native"
    with pytest.raises(NotApplicable, match="trial 0"):
        choose_engine(predictor, columns, "onnx")
