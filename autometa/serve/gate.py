"""Stands before the routes: who may ask, how often; and counts what was answered."""

from __future__ import annotations

import asyncio
import hmac
import json
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autometa.serve.faults import BadRequestError
from autometa.serve.metrics import Metrics

OPEN = "/health"
"""Answered to anybody and at any rate: who restarts a server must be able to ask."""

_MAX_CLIENTS = 10_000


_ENDING = BadRequestError("the server is ending.", hint="Ask again later.", status=503)


class RateLimit:
    """So many requests a second per client, with as many at once; a token bucket.

    Args:
        per_second: Requests; 0 = no limit.
        now: Gives monotonic seconds.
    """

    def __init__(self, per_second: float, now: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._now = now
        # By client: how many requests it may send, and when that was so. The longest idle first.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str) -> float:
        """Takes one request of a client; gives the seconds until it may come, 0 = now."""
        if not self._per_second:
            return 0.0
        most = max(1.0, self._per_second)
        left, then = self._left.pop(client, (most, self._now()))
        now = self._now()
        left = min(most, left + (now - then) * self._per_second)
        is_allowed = left >= 1.0
        self._left[client] = (left - 1.0 if is_allowed else left, now)
        if len(self._left) > _MAX_CLIENTS:
            self._left.popitem(last=False)
        return 0.0 if is_allowed else (1.0 - left) / self._per_second


class Gate:
    """An ASGI application around the routes.

    Args:
        app: The routes.
        metrics: Told of each answer.
        token: What ``Authorization: Bearer`` must hold; None = anybody may ask.
        limit: Of requests per client.
        paths: The known routes.
    """

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        *,
        token: str | None,
        limit: RateLimit,
        paths: frozenset[str],
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._wanted = None if token is None else f"Bearer {token}".encode()
        self._limit = limit
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, or passes on what is none."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._metrics.in_progress.inc()
        try:
            await self._answer(scope, receive, watch)
        except asyncio.CancelledError:
            # The server ends, and this request took longer than it waits.
            if not status:
                await _refuse(_ENDING, watch)
        finally:
            self._metrics.in_progress.dec()
            path = scope["path"] if scope["path"] in self._paths else "other"
            self._metrics.answered(path, status or 500, time.perf_counter() - started)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (fault := self._refusal(scope)) is not None:
            await _refuse(fault, send)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> BadRequestError | None:
        if scope["path"] == OPEN:
            return None
        client = scope["client"][0] if scope.get("client") else ""
        # Before the token is looked at, so that it cannot be guessed quickly.
        if seconds := self._limit.wait(client):
            return BadRequestError(
                "too many requests from this address.",
                hint="Send several rows in one request, or come back later.",
                status=429,
                headers={"Retry-After": str(math.ceil(seconds))},
            )
        given = dict(scope["headers"]).get(b"authorization", b"")
        if self._wanted is None or hmac.compare_digest(given, self._wanted):
            return None
        return BadRequestError(
            "a token is needed." if not given else "the token is not the right one.",
            hint="Send the header Authorization: Bearer TOKEN.",
            status=401,
            headers={"WWW-Authenticate": "Bearer"},
        )


async def _refuse(fault: BadRequestError, send: Send) -> None:
    body = json.dumps(fault.to_json()).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body))}
    headers |= {name.lower(): value for name, value in fault.headers.items()}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": fault.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
