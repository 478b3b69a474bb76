"""Joins requests that arrive while a prediction is running into the next one.

There is no waiting time: a request that finds the engine idle is computed at once, alone. The
window in which others are collected is the time that a prediction takes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from autometa.serve.engine import Engine
from autometa.serve.faults import BadRequestError
from autometa.serve.inputs import Array, Rows, join

MAX_BATCH = 1024
"""Rows beyond which no further request is joined."""

MAX_WAITING = 100_000
"""Rows that may wait; a request beyond is told to come back."""

_FEW = 16


class Batcher:
    """Computes predictions in one thread.

    Args:
        engine: What computes them.
        observe: Called with the number of requests and rows of each batch.
    """

    def __init__(self, engine: Engine, observe: Callable[[int, int], None]) -> None:
        self._engine = engine
        self._observe = observe
        self._waiting: deque[tuple[Rows, asyncio.Future[Array]]] = deque()
        self._n_waiting = 0
        self._running: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="predict")

    async def predict(self, rows: Rows) -> Array:
        """Gives (n,) values or (n, n_classes) probabilities.

        Raises:
            BadRequestError: 503, if too many rows wait.
            AutometaError: If the engine cannot predict these rows.
        """
        if self._running is None and self._engine.is_quick and len(rows) <= _FEW:
            self._observe(1, len(rows))
            return self._engine.predict(rows)
        if self._n_waiting + len(rows) > MAX_WAITING:
            raise BadRequestError(
                "too many rows are waiting.",
                hint="Try again in a second.",
                status=503,
                headers={"Retry-After": "1"},
            )
        future: asyncio.Future[Array] = asyncio.get_running_loop().create_future()
        self._waiting.append((rows, future))
        self._n_waiting += len(rows)
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._compute(self._take())
        finally:
            self._running = None

    def _take(self) -> list[tuple[Rows, asyncio.Future[Array]]]:
        batch = [self._waiting.popleft()]
        n_rows = len(batch[0][0])
        while self._waiting and n_rows + len(self._waiting[0][0]) <= MAX_BATCH:
            batch.append(self._waiting.popleft())
            n_rows += len(batch[-1][0])
        self._n_waiting -= n_rows
        # Who has gone needs no answer.
        return [part for part in batch if not part[1].cancelled()]

    async def _compute(self, batch: list[tuple[Rows, asyncio.Future[Array]]]) -> None:
        if not batch:
            return
        joined = join([rows for rows, _ in batch])
        self._observe(len(batch), len(joined))
        loop = asyncio.get_running_loop()
        computing = loop.run_in_executor(self._thread, self._engine.predict, joined)
        await asyncio.wait([computing])
        # Whatever a model raises belongs to the requests that asked, not to this loop.
        if (fault := computing.exception()) is not None:
            await self._fail(batch, fault)
            return
        outputs = computing.result()
        start = 0
        for rows, future in batch:
            if not future.done():
                future.set_result(outputs[start : start + len(rows)])
            start += len(rows)

    async def _fail(
        self, batch: list[tuple[Rows, asyncio.Future[Array]]], fault: BaseException
    ) -> None:
        """Tells the one request that failed; of several, each is computed alone."""
        if len(batch) > 1:
            for part in batch:
                await self._compute([part])
        elif not batch[0][1].done():
            batch[0][1].set_exception(fault)

    def close(self) -> None:
        """Ends the thread once its prediction is done."""
        self._thread.shutdown(wait=True, cancel_futures=True)
