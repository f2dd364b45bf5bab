"""Which states may leave: those before which all records have an outcome and the rejected ones are safe.

Why one has not left: `StateRelease.take` waits for a record before it without an outcome (`checkpoint`), for the
circuit breaker or for the delivery log, or more was rejected than `max_rejected_percent` allows.
"""

from collections.abc import Mapping, Sequence, Sized

from destination_squadstack.engine.checkpoint import Ledger, ReleasableState
from destination_squadstack.engine.circuit_breaker import CircuitBreaker
from destination_squadstack.engine.rejection import RejectedRecords
from destination_squadstack.engine.tracking import Deliveries
from destination_squadstack.errors import ConfigError
from destination_squadstack.progress import Progress
from destination_squadstack.routing import Route

MIN_RECORDS_FOR_PERCENT = 1_000


class StateRelease:
    """Lets states go.

    Args:
        routes: The routes of the sync.
        ledger: Says before which states every record has an outcome.
        breaker: Holds states back while the config may be wrong.
        rejected_records: Has to be committed before a state that covers a rejected record.
        progress: Counts.
        deliveries: The delivery log, committed before the states whose records it tells of.
        outcomes: How many records of each lane have one, as it is at any moment.
        ahead_of_responses: Records rejected by ourselves while earlier ones had no response, by lane; as well.
        max_rejected_percent: The config's.
    """

    def __init__(
        self,
        routes: Sequence[Route],
        *,
        ledger: Ledger,
        breaker: CircuitBreaker,
        rejected_records: RejectedRecords,
        progress: Progress,
        deliveries: Deliveries | None,
        outcomes: Mapping[int, int],
        ahead_of_responses: Mapping[int, Sized],
        max_rejected_percent: int | None,
    ) -> None:
        self._lanes = {route.key: route.lane for route in routes}
        self._ledger = ledger
        self._breaker = breaker
        self._rejected_records = rejected_records
        self._progress = progress
        self._deliveries = deliveries
        self._outcomes = outcomes
        self._ahead_of_responses = ahead_of_responses
        self._max_rejected_percent = max_rejected_percent
        self._over_limit = False

    def wait_for_log_until(self) -> float | None:
        """Return when the states leave that wait for the next commit of the delivery log; None if none do."""
        if self._deliveries is None or not self._ledger.has_releasable_state:
            return None
        return self._deliveries.due_at

    def take(self, now: float, *, finished: bool) -> list[bytes]:
        """Return the states that may leave now, as messages; none if there are no more.

        What was rejected before them is safe.

        Raises:
            ConfigError: More records were rejected than the config allows, or all of them for what the config says.
        """
        if self._deliveries is not None and self._ledger.has_releasable_state:
            if now < self._deliveries.due_at and not finished:
                return []
            self._deliveries.commit()
        # No rejected record is before these: neither storage, breaker nor limit holds them back.
        if written := self._ledger.take_releasable(all_written=True):
            return self._release(written)
        if finished:
            self._breaker.end(self._outcomes)
        if self._over_limit or self._breaker.holds(now):
            return []
        self._check_limit(finished=finished)
        if not self._ledger.has_releasable_state:
            return []
        # First, since a state that has been taken and cannot leave would be missing for ever.
        self._rejected_records.commit()
        return self._release(self._ledger.take_releasable())

    def _release(self, released: Sequence[ReleasableState]) -> list[bytes]:
        for state in released:
            self._progress.state(state.difference)
            for stream, count in state.rejected.items():
                self._breaker.acknowledged(self._lanes[stream], count)
        return [state.line for state in released]

    def _check_limit(self, *, finished: bool) -> None:
        """Compare the rejected records with those that have an outcome, both only up to the API's responses."""
        percent = self._max_rejected_percent
        if percent is None or not self._progress.rejected_total:
            return
        rejected = self._progress.rejected_total - sum(len(ahead) for ahead in self._ahead_of_responses.values())
        total = rejected + self._progress.written
        if total < MIN_RECORDS_FOR_PERCENT and not finished:
            return
        if rejected * 100 > percent * total:
            self._over_limit = True
            raise ConfigError(
                f"{rejected} of {total} records were rejected, more than the {percent} % of max_rejected_percent. "
                "The states that cover the last of them have not been acknowledged."
            )
