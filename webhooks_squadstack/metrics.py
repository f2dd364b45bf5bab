"""Counters and gauges, as Prometheus reads them."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

from webhooks_squadstack.events import EVENT_TYPES, Event
from webhooks_squadstack.store import Summary

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Every reason for which a webhook is not answered with 201, with the status that it gets.
REFUSALS = {
    "wrong_key": 403,
    "unreadable": 400,
    "too_large": 413,
    "slow_body": 408,
    "cut_off": 400,
    "store_down": 503,
    "too_many_waiting": 503,
}
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_EVENTS = (1, 2, 5, 10, 20, 50, 100, 200, 500)


class Metrics:
    """The metrics: counters of this process since its start, and figures of the store."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # else each has a second series: when the process began
        self._registry = registry = CollectorRegistry()
        self.received = Counter("webhooks_received", "Webhooks that came, whatever became of them", registry=registry)
        self.repeated = Counter("webhooks_repeated", "Webhooks that were stored before", registry=registry)
        self._stored = Counter("webhooks_stored", "Events stored", ["event_type"], registry=registry)
        self._refused = Counter("webhooks_refused", "Webhooks not answered with 201", ["reason"], registry=registry)
        self._pulled = Counter("webhooks_pulled", "Events handed out", registry=registry)
        self._waiting = Gauge("webhooks_waiting", "Events that wait for a commit", registry=registry)
        self._commit = Histogram("webhooks_commit_seconds", "Time of a commit", buckets=_SECONDS, registry=registry)
        self._batch = Histogram("webhooks_commit_events", "New events of a commit", buckets=_EVENTS, registry=registry)
        self._up = Gauge("webhooks_store_up", "1 if the store answers", registry=registry)
        self._last = Gauge("webhooks_last_sequence", "Sequence of the newest event", registry=registry)
        self._lag = Gauge("webhooks_puller_lag", "Events not yet handed to a puller", ["puller"], registry=registry)
        self._pulled_at = Gauge(
            "webhooks_puller_last_pull_timestamp_seconds", "When a puller last asked", ["puller"], registry=registry
        )
        for event_type in EVENT_TYPES:
            self._stored.labels(event_type)
        for reason in REFUSALS:
            self._refused.labels(reason)

    def stored(self, events: Sequence[Event], seconds: float) -> None:
        """Count the new events of a commit."""
        for event in events:
            self._stored.labels(event.event_type).inc()
        self._commit.observe(seconds)
        self._batch.observe(len(events))

    def refused(self, reason: str) -> None:
        """Count a webhook that was not stored."""
        self._refused.labels(reason).inc()

    def pulled(self, events: int) -> None:
        """Count events that were handed out."""
        self._pulled.inc(events)

    def text(self, summary: Summary | None, *, waiting: int) -> bytes:
        """Return all metrics; without a summary (the store is down) those of the store are left out."""
        self._waiting.set(waiting)
        self._up.set(0 if summary is None else 1)
        self._lag.clear()
        self._pulled_at.clear()
        if summary is not None:
            self._last.set(summary.last_sequence)
            for consumer in summary.consumers:
                self._lag.labels(consumer.name).set(summary.last_sequence - consumer.position)
                self._pulled_at.labels(consumer.name).set(consumer.pulled_at / 1_000_000)
        return generate_latest(self._registry)
