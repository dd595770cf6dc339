"""Counters for Prometheus: requests by endpoint and status, and how long they took.

Labels hold path templates only, so nothing that a caller writes becomes a label.
"""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

MEDIA: Final = CONTENT_TYPE_PLAIN_0_0_4.encode()
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The counters of one application."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "xase_http_requests", "Requests answered.", ("method", "path", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "xase_http_request_seconds",
            "Time from the first byte of a request to the last of its answer.",
            ("method", "path"),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def observe(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count one answer to an endpoint, named by its template."""
        name = (method, path, status)
        known = self._known.get(name)
        if known is None:
            known = self._requests.labels(method, path, str(status)), self._seconds.labels(method, path)
            self._known[name] = known
        requests, duration = known
        requests.inc()
        duration.observe(seconds)

    def page(self) -> bytes:
        """The counters as Prometheus reads them."""
        return generate_latest(self._registry)
