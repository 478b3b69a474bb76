"""Requests that schemathesis makes up from the OpenAPI document: no 5xx, nothing undocumented."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from autometa.serve.app import Limits, make_app

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.filterwarnings("default")  # of schemathesis' own
def test_no_request_that_can_be_made_up_is_answered_wrongly(run_app, predictor):
    with run_app(make_app(predictor, limits=Limits(per_second=0, rows=50))) as client:
        url = f"{client.base_url}/openapi.json".replace("//openapi", "/openapi")
        schema = schemathesis.openapi.from_url(url)
        statuses = set()
        for found in schema.get_all_operations():
            operation = found.ok()

            @settings(
                max_examples=20,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            def ask(case):
                response = case.call_and_validate(checks=CHECKS)
                statuses.add((case.path, response.status_code))

            given(case=operation.as_strategy())(ask)()
            if operation.body:  # without one there is nothing that could be wrong
                wrong = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
                given(case=wrong)(ask)()
    assert ("/predict", 200) in statuses
    assert ("/predict", 422) in statuses
