"""Prometheus reads how many calls ended how, and how long they took."""

from __future__ import annotations

import math

from prometheus_client.parser import text_string_to_metric_families

from release.metrics import Metrics


def samples(metrics: Metrics, *, log_size: int | None, ready: bool) -> dict[tuple[str, ...], float]:
    text = metrics.render(log_size=log_size, ready=ready).decode()
    return {
        (each.name, *each.labels.values()): each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
    }


def test_calls_are_counted_by_their_outcome() -> None:
    metrics = Metrics()
    for outcome in ("yes", "yes", "licence-used-up"):
        metrics.begin()
        metrics.end("release", outcome, 0.03)
    metrics.begin()
    found = samples(metrics, log_size=7, ready=True)
    assert found["symbolon_broker_calls_total", "release", "yes"] == 2
    assert found["symbolon_broker_calls_total", "release", "licence-used-up"] == 1
    assert found["symbolon_broker_calls_in_progress",] == 1
    assert found["symbolon_broker_call_seconds_bucket", "release", "0.02"] == 0
    assert found["symbolon_broker_call_seconds_bucket", "release", "0.05"] == 3
    assert (found["symbolon_broker_log_entries",], found["symbolon_broker_ready",]) == (7, 1)


def test_what_is_not_known_is_no_number() -> None:
    found = samples(Metrics(), log_size=None, ready=False)
    assert math.isnan(found["symbolon_broker_log_entries",])
    assert found["symbolon_broker_ready",] == 0


def test_two_brokers_of_one_process_count_apart() -> None:
    one, other = Metrics(), Metrics()
    one.begin()
    one.end("release", "yes", 0.1)
    assert ("symbolon_broker_calls_total", "release", "yes") not in samples(other, log_size=0, ready=True)
