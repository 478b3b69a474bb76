"""Latency of ``autometa serve`` at a fixed rate, and what malformed requests do to it.

    python benchmarks/serve.py

A second process (this one) sends single rows over open connections of the loopback at moments
that were fixed beforehand, so that a slow answer delays no later request; a latency counts from
the moment at which the request was due. Then an hour's worth of such requests as fast as they are
answered, and malformed bodies of many kinds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import common
import numpy as np
import pandas as pd
from common import AUTOMETA, Results, Row
from startup import write_table

MORE_MIB = 4.0  # what an allocator may keep

RATE = 200.0
N_CLIENTS = 4  # open connections; one that waits for an answer delays its own next request only
DEFAULT = "onnx"  # what computes where a model has such a form
COLUMNS = {
    "latency": ["engine", "requests", "p50_ms", "p99_ms", "max_ms", "load"],
    "hour": ["engine", "requests", "per_second", "mib_before", "mib_after"],
    "malformed": ["requests", "refused", "failed", "without_reason", "mib_before", "mib_after"],
}
BOUNDS = {"p50_ms": 1.0, "p99_ms": 10.0}
LEARNERS = {
    "logistic": "autometa_tabular.learners.logistic:Logistic",
    "lightgbm": "autometa_tabular.learners.lightgbm:LightGBM",
}


def build(folder: Path) -> tuple[Path, list[dict[str, Any]]]:
    """Fits two learners on 1,000 rows; gives the folder of their average, and rows to ask for."""
    from autometa.dataset import Dataset
    from autometa.learner import FitContext, TrainingData
    from autometa.modelfolder import Member, write
    from autometa.resolve import resolve

    write_table(folder / "table.csv")
    raw = pd.read_csv(folder / "table.csv")
    y = (raw.pop("left") == "gone").to_numpy().astype(np.int64)
    dataset = Dataset.from_frame(raw)
    members = []
    for number, (name, factory) in enumerate(LEARNERS.items()):
        context = FitContext(rng=np.random.default_rng(0), deadline=float("inf"), n_threads=1)
        model = resolve(factory)({}).fit(TrainingData(dataset.frame, y, 2), context)
        place = folder / name
        place.mkdir()
        model.save(place)
        kind = f"{type(model).__module__}:{type(model).__name__}"
        members.append(Member(number, 0.5, name, [(place, kind)]))
    header = {
        "name": "served",
        "problem": "classification",
        "classes": ["gone", "stays"],
        "target": "left",
        "schema": dataset.schema.to_json(),
        "requires": {"autometa-tabular": "0.1.0"},
    }
    rows = json.loads(raw.to_json(orient="records"))
    return write(folder / "model", header, members), rows


def request(body: bytes, media_type: str = "application/json") -> bytes:
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: {media_type}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Connection:
    """One open connection; a request at a time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._lock = asyncio.Lock()

    async def ask(self, message: bytes) -> tuple[int, bytes]:
        """Gives status and body; opens anew after the server has closed."""
        async with self._lock:
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = self._streams
            writer.write(message)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0])
            body = await reader.readexactly(length)
            if b"connection: close" in head:
                writer.close()
                self._streams = None
            return int(head.split()[1]), body


class Client:
    """One open connection that waits for its answer.

    Not of an event loop, which rounds its waits up to whole milliseconds.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, message: bytes) -> None:
        """Sends a request, and reads the whole answer."""
        self._socket.sendall(message)
        answered = b""
        while b"\r\n\r\n" not in answered:
            answered += self._receive()
        head, _, body = answered.partition(b"\r\n\r\n")
        assert head.split()[1] == b"200", answered
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        while len(body) < length:
            body += self._receive()

    def _receive(self) -> bytes:
        if part := self._socket.recv(2**16):
            return part
        raise ConnectionError("the server closed the connection")


def measure_latency(port: int, messages: Sequence[bytes], seconds: float) -> list[float]:
    """Sends at `RATE`; gives the latencies in ms. The first second warms up."""
    started = time.perf_counter() + 0.1
    numbers = range(int(RATE * (seconds + 1)))

    def send(first: int) -> list[float]:
        client, latencies = Client(port), []
        for number in numbers[first::N_CLIENTS]:
            due = started + number / RATE
            time.sleep(max(0.0, due - time.perf_counter()))
            client.ask(messages[number % len(messages)])
            if number >= RATE:
                latencies.append(1000 * (time.perf_counter() - due))
        return latencies

    with ThreadPoolExecutor(N_CLIENTS) as clients:
        return [taken for part in clients.map(send, range(N_CLIENTS)) for taken in part]


def send_many(port: int, messages: Sequence[bytes], n_requests: int) -> None:
    """Sends as fast as the answers come."""

    def send(first: int) -> None:
        client = Client(port)
        for number in range(first, n_requests, N_CLIENTS):
            client.ask(messages[number % len(messages)])

    with ThreadPoolExecutor(N_CLIENTS) as clients:
        list(clients.map(send, range(N_CLIENTS)))


def malformed(rng: random.Random, row: Mapping[str, Any]) -> bytes:
    """Gives one of many wrong requests."""
    name = rng.choice(list(row))
    good = json.dumps({"rows": [row]}).encode()
    bodies = [
        good[: rng.randrange(len(good))],
        bytes(rng.randrange(256) for _ in range(rng.randrange(300))),
        b"[" * rng.randrange(1, 100_000),
        json.dumps({"rows": [{**row, "number_1": "x" * rng.randrange(1, 5000)}]}).encode(),
        json.dumps({"rows": [{k: v for k, v in row.items() if k != name}]}).encode(),
        json.dumps({"rows": [{**row, name: [rng.random()]}]}).encode(),
        json.dumps({"rows": [row] * 20 + [rng.random()]}).encode(),
        json.dumps({"rows": {str(rng.random()): 1}}).encode(),
        b'{"rows": [{"\\ud800": 1}]}',
    ]
    if rng.random() < 0.1:
        return request(f"{name},{name}\n{rng.random()}\n".encode(), "text/csv")
    if rng.random() < 0.05:
        return request(good, f"text/{rng.randrange(10**6)}")
    return request(rng.choice(bodies))


async def send_malformed(
    port: int, row: Mapping[str, Any], n_requests: int
) -> tuple[Counter[int], int]:
    """Gives how often each status came, and how many refusals had no reason."""
    statuses: Counter[int] = Counter()
    n_silent = 0
    rng = random.Random(0)
    connections = [Connection(port) for _ in range(8)]
    for _ in range(n_requests // 8):
        found = await asyncio.gather(*(c.ask(malformed(rng, row)) for c in connections))
        statuses.update(status for status, _ in found)
        n_silent += sum(not json.loads(body).get("error") for _, body in found)
    return statuses, n_silent


def resident_mib(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024


def measure(options: argparse.Namespace, results: Results) -> None:
    with common.workspace() as place:
        model, rows = build(place.folder)
        messages = [request(json.dumps({"rows": [row]}).encode()) for row in rows[:200]]
        for engine in ("onnx", "native"):
            command = [AUTOMETA, "serve", model, "--port", "0", "--rate", "0", "--json"]
            server = subprocess.Popen(
                [*map(str, command), "--engine", engine], stdout=subprocess.PIPE, text=True
            )
            try:
                line = server.stdout.readline() if server.stdout else ""
                port = int(json.loads(line)["url"].rpartition(":")[2])
                latencies = measure_latency(port, messages, options.seconds)
                results.add(_latency_row(engine, latencies))
                if engine == DEFAULT:
                    results.add(_hour_row(engine, server.pid, port, messages, options.hour))
                    results.add(_malformed_row(engine, server.pid, port, rows[0], options.requests))
            finally:
                server.send_signal(signal.SIGTERM)
                code = server.wait(30)
            if code:
                sys.exit(f"the server ended with {code}")


def _latency_row(engine: str, latencies: Sequence[float]) -> Row:
    cuts = statistics.quantiles(latencies, n=100)
    return {
        "kind": "latency",
        "engine": engine,
        "requests": len(latencies),
        "p50_ms": round(cuts[49], 3),
        "p99_ms": round(cuts[98], 3),
        "max_ms": round(max(latencies), 3),
    }


def _hour_row(engine: str, pid: int, port: int, messages: Sequence[bytes], n_requests: int) -> Row:
    """Sends what comes in an hour at `RATE`, as fast as it goes."""
    # A first part fills caches and pools; memory must be flat from there.
    send_many(port, messages, n_requests // 10)
    before = resident_mib(pid)
    started = time.perf_counter()
    send_many(port, messages, n_requests)
    return {
        "kind": "hour",
        "engine": engine,
        "requests": n_requests,
        "per_second": round(n_requests / (time.perf_counter() - started)),
        **_memory(before, pid),
    }


def _malformed_row(engine: str, pid: int, port: int, row: Row, n_requests: int) -> Row:
    asyncio.run(send_malformed(port, row, n_requests // 5))
    before = resident_mib(pid)
    statuses, n_silent = asyncio.run(send_malformed(port, row, n_requests))
    return {
        "kind": "malformed",
        "engine": engine,
        "requests": statuses.total(),
        "refused": sum(n for status, n in statuses.items() if 400 <= status < 500),
        "failed": sum(n for status, n in statuses.items() if status >= 500),
        "without_reason": n_silent,
        **_memory(before, pid),
    }


def _memory(before: float, pid: int) -> Row:
    return {"mib_before": round(before, 1), "mib_after": round(resident_mib(pid), 1)}


def report(rows: Sequence[Row]) -> str:
    parts = {kind: [row for row in rows if row["kind"] == kind] for kind in COLUMNS}
    tables = [common.markdown(parts[kind], columns) for kind, columns in COLUMNS.items()]
    return "\n\n".join([*tables, common.markdown(claims(parts))])


def claims(parts: Mapping[str, Sequence[Row]]) -> list[Row]:
    """Gives each claim with how many rows keep it; latencies are those of the default engine."""

    def claim(name: str, rows: Sequence[Row], is_kept: Callable[[Row], bool]) -> Row:
        n_kept = sum(map(is_kept, rows))
        verdict = "open" if not rows else "kept" if n_kept == len(rows) else "MISSED"
        return {"claim": name, "rows": f"{n_kept} of {len(rows)}", "verdict": verdict}

    def value(row: Row, column: str) -> float:
        return common.number(row, column)

    def is_flat(row: Row) -> bool:
        return value(row, "mib_after") <= value(row, "mib_before") + MORE_MIB

    def is_refused(row: Row) -> bool:
        return value(row, "refused") == value(row, "requests") and not value(row, "without_reason")

    def is_below(column: str, bound: float) -> Callable[[Row], bool]:
        return lambda row: value(row, column) < bound

    default = [row for row in parts["latency"] if row["engine"] == DEFAULT]
    return [
        *(
            claim(f"{name.removesuffix('_ms')} under {bound:g} ms", default, is_below(name, bound))
            for name, bound in BOUNDS.items()
        ),
        claim("malformed requests: all 4xx with a reason", parts["malformed"], is_refused),
        *(
            claim(f"{kind}: memory grows by at most {MORE_MIB:g} MiB", parts[kind], is_flat)
            for kind in ("malformed", "hour")
        ),
    ]


if __name__ == "__main__":
    parsed = common.parser(__doc__, "serve.csv")
    parsed.add_argument("--seconds", type=float, default=15.0, help="of each latency row")
    parsed.add_argument("--requests", type=int, default=10_000, help="malformed ones")
    parsed.add_argument("--hour", type=int, default=int(RATE * 3600), help="well-formed ones")
    common.main(parsed.parse_args(), measure, report)
