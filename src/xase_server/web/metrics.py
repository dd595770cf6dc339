"""Counters for Prometheus: requests by endpoint and status, and how long they took.

Labels hold path templates only, so nothing that a caller writes becomes a label. Counted here, because the
client library's own counters take a lock three times for each request; it writes the page.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

MEDIA: Final = CONTENT_TYPE_PLAIN_0_0_4.encode()
_BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BUCKETS: Final = (*map(str, _BOUNDS), "+Inf")


class Metrics(Collector):
    """The counters of one application; only its event loop counts."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
        self._buckets: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * len(_BUCKETS))

    def observe(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count one answer to an endpoint, named by its template."""
        name = (method, path)
        self._requests[method, path, status] += 1
        self._seconds[name] += seconds
        self._buckets[name][bisect_left(_BOUNDS, seconds)] += 1

    def collect(self) -> Iterator[Metric]:
        """The counters as the client library knows them."""
        requests = CounterMetricFamily("xase_http_requests", "Requests answered.", labels=("method", "path", "status"))
        for (method, path, status), count in self._requests.items():
            requests.add_metric((method, path, str(status)), count)
        yield requests
        durations = HistogramMetricFamily(
            "xase_http_request_seconds",
            "Time from the first byte of a request to the last of its answer.",
            labels=("method", "path"),
        )
        for name, counts in self._buckets.items():
            durations.add_metric(name, list(zip(_BUCKETS, accumulate(counts), strict=True)), self._seconds[name])
        yield durations

    def page(self) -> bytes:
        """The counters as Prometheus reads them."""
        return generate_latest(self)
