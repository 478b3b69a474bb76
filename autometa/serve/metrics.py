"""What Prometheus may ask: requests, their times, rows and batches."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 256, 1024)


class Metrics:
    """Counts of one server.

    Args:
        model: Name of the task.
        digest: Of the model folder.
        engine: What computes.
    """

    def __init__(self, model: str, digest: str, engine: str) -> None:
        self._registry = CollectorRegistry()
        info = Gauge(
            "autometa_model_info",
            "The served model.",
            ["model", "digest", "engine"],
            registry=self._registry,
        )
        info.labels(model, digest, engine).set(1)
        self._requests = Counter(
            "autometa_requests",
            "Answered requests.",
            ["path", "status"],
            registry=self._registry,
        )
        self.in_progress = Gauge(
            "autometa_requests_in_progress",
            "Requests that are not answered yet.",
            registry=self._registry,
        )
        self._seconds = Histogram(
            "autometa_request_seconds",
            "From the first byte of a request to its answer.",
            ["path"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._rows = Counter("autometa_rows", "Predicted rows.", registry=self._registry)
        self._batch = Histogram(
            "autometa_batch_requests",
            "Requests that one prediction answered.",
            buckets=_SIZES,
            registry=self._registry,
        )

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Counts a request.

        Args:
            path: One of the known routes, or ``other``: strangers must not make up labels.
            status: Of the answer.
            seconds: How long it took.
        """
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def computed(self, n_requests: int, n_rows: int) -> None:
        """Counts a batch."""
        self._batch.observe(n_requests)
        self._rows.inc(n_rows)

    def text(self) -> bytes:
        """Gives the page that Prometheus reads."""
        return generate_latest(self._registry)
