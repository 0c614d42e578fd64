"""Our own plain numbers of HTTP, read by the collector at scrape time."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator

from vms.metrics.collector import Distribution, Sample
from vms.metrics.counters import HTTP_REQUEST_SECONDS, HTTP_REQUESTS

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class HttpFigures:
    """Requests by method and class of status, and how long they took."""

    def __init__(self) -> None:
        self._requests: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._buckets = [0] * (len(HTTP_REQUEST_SECONDS.buckets) + 1)
        self._total_s = 0.0

    def count(self, method: str, status: int, took_s: float, *, is_stream: bool = False) -> None:
        """One request was answered."""
        known = method if method in METHODS else "other"
        self._requests[known, f"{status // 100}xx"] += 1
        if not is_stream:
            self._buckets[bisect_left(HTTP_REQUEST_SECONDS.buckets, took_s)] += 1
            self._total_s += took_s

    def samples(self) -> Iterator[Sample | Distribution]:
        """What `/metrics` shows."""
        for labels, number in self._requests.items():
            yield Sample(HTTP_REQUESTS, number, labels)
        yield Distribution(HTTP_REQUEST_SECONDS, tuple(self._buckets), self._total_s)
