"""Listens until a signal, and finishes what was asked before it ends."""

from __future__ import annotations

import gc
import ipaddress
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from autometa.errors import TaskError

GRACE_SECONDS = 25
"""How long open requests may take once a signal has come; Kubernetes kills after 30."""

MAX_CONNECTIONS = 512


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach that address; of names, only ``localhost`` is sure."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def address(bound: socket.socket) -> str:
    """Gives the URL of a socket that is bound."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def listen(host: str, port: int) -> socket.socket:
    """Gives a socket that is bound: a port that is taken is known before a model is loaded.

    Args:
        host: Address or name.
        port: 0 = any free one.

    Raises:
        TaskError: If it cannot be bound.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except (OSError, OverflowError) as exc:
        reason = getattr(exc, "strerror", None) or exc
        raise TaskError(
            f"cannot listen at {host}, port {port}: {reason}.",
            hint="Choose another --port (0 = any free one) or --host.",
        ) from exc
    return bound


class _Server(uvicorn.Server):
    """Ends at a signal without passing it on: a server that was told to stop has done its job."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(number, self.handle_exit) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            os._exit(128 + sig)  # at once: a model may hang
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


def serve(app: ASGIApp, bound: socket.socket, ready: Callable[[], None] = lambda: None) -> None:
    """Serves until SIGINT or SIGTERM; a second one does not wait for open requests.

    Args:
        app: From `app.make_app`.
        bound: From `listen`.
        ready: Called once requests are answered.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    # What is loaded by now stays: the collector need not walk it in the middle of a request.
    gc.collect()
    gc.freeze()
    try:
        _Server(config, ready).run(sockets=[bound])
    finally:
        gc.unfreeze()
        bound.close()
