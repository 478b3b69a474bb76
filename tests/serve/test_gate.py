"""Who may ask, and how often."""

import pytest

from autometa.errors import TaskError
from autometa.serve import gate
from autometa.serve.app import Limits
from autometa.serve.gate import RateLimit
from autometa.serve.token import read_token

TOKEN = "0123456789abcdef"


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_a_client_may_send_its_rate_and_others_are_not_concerned():
    clock = Clock()
    limit = RateLimit(2.0, clock)
    assert [limit.wait("a") for _ in range(3)] == [0.0, 0.0, 0.5]
    assert limit.wait("b") == 0.0
    clock.now += 0.5
    assert [limit.wait("a") for _ in range(2)] == [0.0, 0.5]


def test_a_slow_rate_allows_one_at_once():
    limit = RateLimit(0.1, Clock())
    assert limit.wait("a") == 0.0
    assert limit.wait("a") == pytest.approx(10.0)


def test_no_limit_is_no_limit():
    assert {RateLimit(0.0).wait("a") for _ in range(5000)} == {0.0}


def test_clients_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(gate, "_MAX_CLIENTS", 10)
    limit = RateLimit(1.0, Clock())
    for number in range(100):
        limit.wait(str(number))
    assert len(limit._left) == 10


def test_too_many_requests_are_told_when_to_come_back(make_client):
    with make_client(limits=Limits(per_second=1.0)) as client:
        assert client.get("/metadata").status_code == 200
        refused = client.get("/metadata")
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "1"
        assert "too many requests" in refused.json()["error"]
        assert client.get("/health").status_code == 200


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", f"Bearer {TOKEN}x", f"bearer {TOKEN}", TOKEN, "Bearer é"]
)
def test_without_the_token_nothing_is_answered_but_health(make_client, header):
    headers = {} if header is None else {"Authorization": header.encode()}
    with make_client(token=TOKEN) as client:
        for path in ("/predict", "/metadata", "/metrics", "/docs", "/openapi.json", "/x"):
            refused = client.get(path, headers=headers)
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"] == "Bearer"
            assert TOKEN not in refused.text
        assert client.get("/health").status_code == 200


def test_with_the_token_all_is_answered(make_client):
    with make_client(token=TOKEN) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        assert client.get("/metadata").status_code == 200
        assert client.get("/docs").status_code == 200


def test_the_token_comes_from_the_file_else_from_what_is_given(tmp_path):
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert read_token(str(file), "x" * 20) == TOKEN
    assert read_token(None, "x" * 20) == "x" * 20
    assert read_token(None, None) is None
    assert read_token(None, "") is None


@pytest.mark.parametrize("text", ["", "short", "with blanks in its middle", "é" * 20])
def test_a_token_that_protects_nothing_is_refused(tmp_path, text):
    file = tmp_path / "token"
    file.write_text(text)
    with pytest.raises(TaskError, match="16 or more visible ASCII characters"):
        read_token(str(file), None)


def test_a_token_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(TaskError, match=r"gone: No such file"):
        read_token(str(tmp_path / "gone"), "x" * 20)
