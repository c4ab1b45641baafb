"""What the broker counts for whoever watches it, in Prometheus's text.

No name of a holder, a licence or a model is in it: which ones there are is nobody's who can reach the port.

Source: Prometheus, "Exposition formats", "Naming".
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS_S = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Metrics:
    """The numbers of one process, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._calls = Counter(
            "symbolon_broker_calls",
            "Calls that were answered, by what was called and how it ended: `yes`, or the refusal's code.",
            ["call", "outcome"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "symbolon_broker_call_seconds",
            "From a call's arrival to its answer.",
            ["call"],
            buckets=_BUCKETS_S,
            registry=self._registry,
        )
        self._working = Gauge(
            "symbolon_broker_calls_in_progress",
            "Calls that have arrived and are not answered.",
            registry=self._registry,
        )
        self._log_size = Gauge(
            "symbolon_broker_log_entries", "Entries of the log, when this was asked.", registry=self._registry
        )
        self._ready = Gauge(
            "symbolon_broker_ready",
            "1 where it releases, when this was asked.",
            registry=self._registry,
        )

    def begin(self) -> None:
        """A call has arrived."""
        self._working.inc()

    def end(self, call: str, outcome: str, seconds: float) -> None:
        """It is answered."""
        self._working.dec()
        self._calls.labels(call, outcome).inc()
        self._seconds.labels(call).observe(seconds)

    def render(self, *, log_size: int | None, ready: bool) -> bytes:
        """What stands behind /metrics."""
        self._ready.set(1 if ready else 0)
        self._log_size.set(float("nan") if log_size is None else log_size)
        return generate_latest(self._registry)
