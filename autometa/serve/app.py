"""Puts the routes together."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

import autometa
from autometa.errors import AutometaError
from autometa.modelfolder import Predictor
from autometa.serve.batching import Batcher
from autometa.serve.describe import FAULT, metadata, operation
from autometa.serve.engine import Engine, NativeEngine, answer
from autometa.serve.faults import BadRequestError
from autometa.serve.gate import Gate, RateLimit
from autometa.serve.inputs import Inputs
from autometa.serve.metrics import Metrics
from autometa.serve.page import HEADERS, page
from autometa.serve.table import JSON, read_table

_log = logging.getLogger(__name__)

Route = Callable[[Request], Awaitable[Response]]

PATHS = frozenset({"/predict", "/health", "/metadata", "/metrics", "/docs", "/openapi.json"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request, and one client, may ask for.

    Args:
        body_bytes: Largest body.
        rows: Most rows of a request.
        per_second: Requests a second and client; 0 = no limit.
        body_seconds: Longest time in which a body must have come.
    """

    body_bytes: int = 8 * 2**20
    rows: int = 10_000
    per_second: float = 1000.0
    body_seconds: float = 30.0


def make_app(
    predictor: Predictor,
    *,
    engine: Engine | None = None,
    limits: Limits | None = None,
    token: str | None = None,
) -> ASGIApp:
    """Gives the application of one model.

    Args:
        predictor: Loaded.
        engine: What computes; None = the models of the folder.
        limits: Of requests.
        token: What clients must send; None = anybody may ask.
    """
    limits = limits or Limits()
    inputs = Inputs(predictor.schema)
    engine = engine or NativeEngine(predictor, inputs.columns)
    manifest = predictor.manifest
    metrics = Metrics(str(manifest.get("name", "")), manifest["digest"], engine.name)
    batcher = Batcher(engine, metrics.computed)
    facts = metadata(
        predictor, inputs.columns, engine.name, {"rows": limits.rows, "bytes": limits.body_bytes}
    )
    app = _application(predictor, batcher)
    predict = _add_predict(app, predictor, inputs, batcher, limits)
    _add_views(app, facts, metrics)
    _add_page(app, needs_token=token is not None)
    _add_faults(app)
    routes = _Shortcut(app, predict)
    return Gate(routes, metrics, token=token, limit=RateLimit(limits.per_second), paths=PATHS)


class _Shortcut:
    """Answers ``POST /predict`` itself: through the routes of FastAPI it takes a quarter longer.

    Args:
        app: Has the same route, for its documentation, and all others.
        predict: The route.
    """

    def __init__(self, app: ASGIApp, predict: Route) -> None:
        self._app = app
        self._predict = predict

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (scope["method"], scope["path"]) != ("POST", "/predict"):
            await self._app(scope, receive, send)
            return
        try:
            response = await self._predict(Request(scope, receive))
        except BadRequestError as fault:
            response = _refusal(fault)
        except AutometaError as exc:
            response = _failure(exc)
        await response(scope, receive, send)


def _application(predictor: Predictor, batcher: Batcher) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        batcher.close()

    return FastAPI(
        title=f"autometa: {predictor.manifest.get('name', 'model')}",
        version=autometa.__version__,
        description=f"Predicts {predictor.manifest.get('target', 'the target')}.",
        docs_url=None,  # FastAPI's own pages fetch scripts of another host
        redoc_url=None,
        redirect_slashes=False,  # redirects name the host that the client claims
        lifespan=lifespan,
    )


def _add_predict(
    app: FastAPI, predictor: Predictor, inputs: Inputs, batcher: Batcher, limits: Limits
) -> Route:
    @app.post("/predict", openapi_extra=operation(predictor, inputs.columns, limits.rows))
    async def predict(request: Request) -> Response:
        """Predict the rows of a JSON object or of a CSV table."""
        body = await _read_body(request, limits)
        table = read_table(body, request.headers.get("content-type", ""), limits.rows)
        rows = inputs.read(table)
        outputs = await batcher.predict(rows)
        return _json(answer(predictor, outputs, rows.notes))

    return predict


def _add_views(app: FastAPI, facts: Mapping[str, Any], metrics: Metrics) -> None:
    @app.get("/health", responses={200: _object_answer("It answers.")})
    async def health() -> Response:
        """Say that the model answers."""
        return _json({"status": "ok", "model": facts["name"], "digest": facts["digest"]})

    @app.get("/metadata", responses=_documented("What the model takes and gives."))
    async def describe() -> Response:
        """Describe the model: columns, classes, metrics, versions."""
        return _json(facts)

    @app.get("/metrics", response_class=Response, responses=_documented_text())
    async def measure() -> Response:
        """Give counts and times for Prometheus."""
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _add_page(app: FastAPI, *, needs_token: bool) -> None:
    @app.get("/docs", include_in_schema=False)
    async def show(request: Request) -> Response:
        # What a client calls this server may be anything; where it listens is known.
        host, port = request.scope.get("server") or ("127.0.0.1", 8000)
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        text = page(app.openapi(), url, needs_token=needs_token)
        return Response(text, headers=HEADERS, media_type="text/html")


def _json(content: Mapping[str, Any], status: int = 200, **options: Any) -> Response:
    # ASCII: a text that no encoding takes cannot stop an answer.
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    return Response(text, status, media_type=JSON, **options)


def _object_answer(text: str) -> dict[str, Any]:
    return {"description": text, "content": {JSON: {"schema": {"type": "object"}}}}


def _refusals() -> dict[int | str, dict[str, Any]]:
    texts = {401: "A token is needed.", 429: "Too many requests from this address."}
    return {
        status: {"description": text, "content": {JSON: {"schema": FAULT}}}
        for status, text in texts.items()
    }


def _documented(text: str) -> dict[int | str, dict[str, Any]]:
    return {200: _object_answer(text), **_refusals()}


def _documented_text() -> dict[int | str, dict[str, Any]]:
    page = {"description": "The page.", "content": {"text/plain": {"schema": {"type": "string"}}}}
    return {200: page, **_refusals()}


async def _read_body(request: Request, limits: Limits) -> bytes:
    """Gives the body of a request.

    Raises:
        BadRequestError: If it is too large (413), too slow (408), or cut off (400).
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > limits.body_bytes:
        raise _too_large(limits)
    chunks: list[bytes] = []
    n_bytes = 0
    try:
        async with asyncio.timeout(limits.body_seconds):
            async for chunk in request.stream():
                chunks.append(chunk)
                n_bytes += len(chunk)
                if n_bytes > limits.body_bytes:
                    raise _too_large(limits)
    except TimeoutError as exc:
        message = f"the body did not come within {limits.body_seconds:g} s."
        raise BadRequestError(message, status=408, headers={"Connection": "close"}) from exc
    except ClientDisconnect as exc:
        raise BadRequestError("the body was cut off.") from exc
    return b"".join(chunks)


def _too_large(limits: Limits) -> BadRequestError:
    return BadRequestError(
        f"the body may have {limits.body_bytes} bytes.",
        hint="Send several requests.",
        status=413,
        headers={"Connection": "close"},
    )


def _add_faults(app: FastAPI) -> None:
    """Gives every refusal the same form, one JSON object with ``error``."""

    @app.exception_handler(BadRequestError)
    async def refuse(_: Request, fault: BadRequestError) -> Response:
        return _refusal(fault)

    @app.exception_handler(HTTPException)
    async def say(request: Request, exc: HTTPException) -> Response:
        known = "Known: POST /predict, GET /health, /metadata, /metrics, /docs."
        fault = BadRequestError(f"{request.method} here: {exc.detail}.", hint=known)
        return _json(fault.to_json(), exc.status_code, headers=exc.headers)

    @app.exception_handler(AutometaError)
    async def fail(_: Request, exc: AutometaError) -> Response:
        return _failure(exc)


def _refusal(fault: BadRequestError) -> Response:
    return _json(fault.to_json(), fault.status, headers=fault.headers)


def _failure(exc: AutometaError) -> Response:
    _log.error("a prediction failed: %s", exc)
    return _json({"error": f"the model failed: {exc}"}, 500)
