"""A server that answers as openml.org does."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ARFF = b"""% a comment
@RELATION shapes
@ATTRIBUTE size REAL
@ATTRIBUTE 'the colour' {red,blue}
@ATTRIBUTE class {'>50K','<=50K'}
@DATA
1,red,'>50K'
2.5,?,'<=50K'
?,blue,?
"""
_TYPES = {"size": "numeric", "the colour": "nominal", "class": "nominal"}


def _answers(address: str) -> dict[str, bytes]:
    features = [
        {
            "index": str(i),
            "name": name,
            "data_type": kind,
            "is_target": str(name == "class").lower(),
            "is_ignore": "false",
            "is_row_identifier": "false",
            "number_of_missing_values": "1",
        }
        for i, (name, kind) in enumerate(_TYPES.items())
    ]
    described = {
        "id": "7",
        "name": "shapes",
        "version": "1",
        "format": "ARFF",
        "status": "active",
        "description": "three shapes",
        "file_id": "70",
        "url": f"{address}/data/v1/download/70/shapes.arff",
        "md5_checksum": hashlib.md5(ARFF).hexdigest(),
        "default_target_attribute": "class",
    }
    qualities = [{"name": "NumberOfInstances", "value": "3.0"}]
    return {
        "/api/v1/json/data/7": _json({"data_set_description": described}),
        "/api/v1/json/data/features/7": _json({"data_features": {"feature": features}}),
        "/api/v1/json/data/qualities/7": _json({"data_qualities": {"quality": qualities}}),
        "/data/v1/download/70/shapes.arff": ARFF,
    }


def _json(content: object) -> bytes:
    return json.dumps(content).encode()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        host, port = self.server.server_address[:2]
        content = _answers(f"http://{host}:{port}").get(self.path)
        # 412 is OpenML's answer for a set that is not there.
        self.send_response(200 if content else 412)
        self.end_headers()
        self.wfile.write(content or _json({"error": {"code": "111", "message": "Unknown dataset"}}))

    def log_message(self, format: str, *args: object) -> None:
        """Keeps silent."""


@pytest.fixture
def openml(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadingHTTPServer]:
    """Serves set 7 in the place of openml.org, with an empty cache."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    with pytest.MonkeyPatch.context() as patch:
        point_at(patch, server.server_address[1], tmp_path_factory.mktemp("cache"))
        yield server
    server.shutdown()
    server.server_close()
    thread.join()


def point_at(patch: pytest.MonkeyPatch, port: int, cache: Path) -> None:
    """Sends scikit-learn's fetcher to a port of this machine."""
    from sklearn.datasets import _openml

    patch.setenv("SCIKIT_LEARN_DATA", str(cache))
    for name in ("_DATA_INFO", "_DATA_FEATURES", "_DATA_QUALITIES"):
        path = getattr(_openml, name).partition("openml.org")[2]
        patch.setattr(_openml, name, f"http://127.0.0.1:{port}{path}")
