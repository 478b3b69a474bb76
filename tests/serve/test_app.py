"""The routes, over a real small model."""

import json

import numpy as np
import pandas as pd
import pytest

from autometa.errors import ModelFolderError
from autometa.modelfolder import load_model
from autometa.serve.app import Limits, make_app


def test_json_rows_get_the_predictions_of_the_model(client, predictor, row):
    rows = [row, {**row, "size": -3, "colour": None}]
    answer = client.post("/predict", json={"rows": rows})
    assert answer.status_code == 200
    body = answer.json()
    frame = pd.DataFrame(rows)
    assert body["predictions"] == predictor.predict(frame).tolist()
    np.testing.assert_allclose(body["probabilities"], predictor.predict_proba(frame), rtol=1e-12)
    assert body["classes"] == ["no", "yes"]
    assert body["notes"] == []


def test_a_csv_body_gets_the_same_answer_as_json(client, row):
    frame = pd.DataFrame([row, {**row, "size": None, "is_new": False}])
    text = frame.to_csv(index=False)
    by_csv = client.post("/predict", content=text, headers={"Content-Type": "text/csv"})
    rows = json.loads(frame.to_json(orient="records"))
    assert by_csv.json() == client.post("/predict", json={"rows": rows}).json()


def test_a_regression_gives_values_alone(run_app, regressor):
    with run_app(make_app(regressor)) as client:
        answer = client.post("/predict", json={"rows": [{"size": 1.0, "colour": "red"}]}).json()
    assert set(answer) == {"predictions", "notes"}
    assert answer["predictions"][0] == pytest.approx(13.0, abs=0.5)


def test_no_rows_get_no_predictions(client):
    answer = client.post("/predict", json={"rows": []})
    assert answer.json()["predictions"] == []


def test_rows_that_do_not_fit_are_422_with_each_problem(client, row):
    answer = client.post("/predict", json={"rows": [row, {**row, "size": "big", "sold": 1}]})
    assert answer.status_code == 422
    body = answer.json()
    assert body["error"].startswith("rows[1], column 'size': expected a number, got 'big'")
    assert [problem["column"] for problem in body["problems"]] == ["size", "sold"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/predict", 405),
        ("POST", "/nothing", 404),
        ("DELETE", "/metadata", 405),
        ("GET", "/docs/", 404),
    ],
)
def test_wrong_routes_are_refused_in_the_same_form(client, method, path, status):
    answer = client.request(method, path)
    assert answer.status_code == status
    assert "POST /predict" in answer.json()["error"]


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_large_body_is_not_read_to_its_end(make_client, is_chunked):
    sent = []

    def chunks():
        for _ in range(100):
            sent.append(1)
            yield b"x" * 100

    with make_client(limits=Limits(body_bytes=1000)) as client:
        content = chunks() if is_chunked else b"x" * 10_000
        headers = {"Content-Type": "application/json"}
        answer = client.post("/predict", content=content, headers=headers)
    assert answer.status_code == 413
    assert "1000 bytes" in answer.json()["error"]


def test_too_many_rows_are_413(make_client, row):
    with make_client(limits=Limits(rows=2)) as client:
        assert client.post("/predict", json={"rows": [row] * 2}).status_code == 200
        assert client.post("/predict", json={"rows": [row] * 3}).status_code == 413


def test_metadata_tells_what_the_model_takes(client, predictor):
    body = client.get("/metadata").json()
    assert [(c["name"], c["kind"]) for c in body["columns"]] == [
        ("size", "numeric"),
        ("colour", "categorical"),
        ("is_new", "boolean"),
        ("sold", "date"),
        ("note", "text"),
    ]
    assert body["columns"][1]["categories"] == ["blue", "green", "red"]
    assert body["metrics"] == {"log_loss": 0.5}
    assert body["versions"]["autometa-tabular"] == "0.1.0"
    assert body["digest"] == predictor.manifest["digest"]
    assert body["engine"] == "native"


def test_the_openapi_document_has_the_columns_and_the_page_shows_it(client):
    document = client.get("/openapi.json").json()
    content = document["paths"]["/predict"]["post"]["requestBody"]["content"]
    row = content["application/json"]["schema"]["properties"]["rows"]["items"]
    assert row["required"] == ["size", "colour", "is_new", "sold", "note"]
    assert set(content) == {"application/json", "text/csv"}
    answer = client.get("/docs")
    assert "openapi.json" in answer.text
    assert client.get("/docs", headers={"Host": "["}).text == answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    for text in ("POST</b> /predict", "GET</b> /health", "colour", "text/csv"):
        assert text in answer.text


@pytest.mark.parametrize("kind", ["application/json", "text/csv"])
def test_the_examples_of_the_document_are_answered(client, kind):
    document = client.get("/openapi.json").json()
    example = document["paths"]["/predict"]["post"]["requestBody"]["content"][kind]["example"]
    content = example if isinstance(example, str) else json.dumps(example)
    answer = client.post("/predict", content=content, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["notes"]) == (200, []), answer.text
    assert len(answer.json()["predictions"]) == 1


def test_names_of_columns_are_texts_on_the_page(run_app, make_folder, tmp_path):
    name = "<script>alert('x')</script>"
    raw = pd.DataFrame({name: np.arange(20.0), "c": ["</pre><b>'\"", "b"] * 10})
    place = make_folder(tmp_path, raw, np.arange(20) % 2, ["no", "yes"])
    with run_app(make_app(load_model(place), token="t" * 20)) as client:
        page = client.get("/docs", headers={"Authorization": "Bearer " + "t" * 20}).text
    assert "<script" not in page
    assert "</pre><b>" not in page
    assert "&lt;script&gt;" in page
    assert "Bearer TOKEN" in page


def asked(client, row):
    """Sends requests of several kinds; gives what Prometheus reads then."""
    client.post("/predict", json={"rows": [row] * 3})
    client.post("/predict", json={})
    for number in range(5):
        client.get(f"/made-up-{number}")
    return client.get("/metrics").text


def test_prometheus_sees_requests_rows_and_batches_under_known_paths_only(make_client, row):
    with make_client() as client:
        text = asked(client, row)
    assert 'autometa_requests_total{path="/predict",status="200"} 1.0' in text
    assert 'autometa_requests_total{path="/predict",status="422"} 1.0' in text
    assert 'autometa_requests_total{path="other",status="404"} 5.0' in text
    assert "autometa_rows_total 3.0" in text
    assert "autometa_batch_requests_count 1.0" in text
    assert "made-up" not in text


def test_a_model_that_fails_is_500_with_the_reason_and_the_server_goes_on(run_app, predictor, row):
    class Broken:
        name = "broken"
        is_quick = False

        def predict(self, rows):
            raise ModelFolderError("its trees have no leaves.")

    with run_app(make_app(predictor, engine=Broken())) as client:
        answer = client.post("/predict", json={"rows": [row]})
        assert (answer.status_code, answer.json()["error"]) == (
            500,
            "the model failed: its trees have no leaves.",
        )
        assert client.get("/health").json()["status"] == "ok"
