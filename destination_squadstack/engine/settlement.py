"""The outcomes of records, written or rejected, and what this run learns of leads from them.

Which states may leave because of them is in `state_release`.
"""

import sys
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence

from destination_squadstack.api.error_text import Reason
from destination_squadstack.api.outcomes import RowError
from destination_squadstack.campaigns import CampaignOperation
from destination_squadstack.engine.batcher import Batcher, Record, RecordError
from destination_squadstack.engine.calls import Call
from destination_squadstack.engine.checkpoint import Ledger, Segment
from destination_squadstack.engine.circuit_breaker import TRIP_AT, CircuitBreaker
from destination_squadstack.engine.lead_facts import LeadFacts, namespaces_of
from destination_squadstack.engine.rejection import RejectedRecords, Rejection
from destination_squadstack.engine.seen_leads import SeenLeads
from destination_squadstack.engine.state_release import StateRelease
from destination_squadstack.engine.tracking import (
    Deliveries,
    Origin,
    Outcome,
    SentLeadsTracker,
    Source,
    Unchanged,
    Verdict,
)
from destination_squadstack.mapping import SUPPRESSED, InvalidRecord, RecordMapper, StopReason
from destination_squadstack.operations import FACT_OF_CAUSE, Cause, Fact
from destination_squadstack.progress import Progress
from destination_squadstack.routing import Route

_AS_THE_API_WOULD_SAY = 400
_NO_SUCH_LEAD = frozenset({Cause.UNKNOWN_LEAD, Cause.DELETED})
_OF_A_LEAD_THAT_IS_GONE = frozenset({400, 404, 410})
# Of leads that are stopped because their rows are gone, many may never have been sent.
_NOT_FOUND = frozenset({404, 410})
# Refusals because of the lead's present state, or of the config: the same record may be accepted tomorrow.
_PASSING = frozenset({Cause.BUSY, Cause.STILL_ACTIVE, Cause.NO_INTEGRATION, Cause.NOT_ENABLED})
_VERDICT_OF_STOP = {
    StopReason.DELETED_AT_SOURCE: Verdict.DELETED_AT_SOURCE,
    StopReason.SUPPRESSED: Verdict.SUPPRESSED,
}


class Settlement:
    """The outcomes of records, and what this run has learned of leads from them."""

    def __init__(
        self,
        routes: Sequence[Route],
        *,
        ledger: Ledger,
        batcher: Batcher,
        rejected_records: RejectedRecords,
        seen_leads: SeenLeads,
        progress: Progress,
        ignore_duplicates: bool,
        max_rejected_percent: int | None,
        tolerate_rejections: bool = False,
        sent_leads: SentLeadsTracker | None = None,
        deliveries: Deliveries | None = None,
    ) -> None:
        self._sent_leads = sent_leads
        self._deliveries = deliveries
        self._ledger = ledger
        self._batcher = batcher
        self._rejected_records = rejected_records
        self._progress = progress
        self._ignore_duplicates = ignore_duplicates
        self.breaker = CircuitBreaker(sys.maxsize if tolerate_rejections else TRIP_AT)
        lanes = [lane for route in routes for lane in route.lanes]
        self._facts = LeadFacts(lanes, seen_leads)
        # After a crash and a restart their records meet leads that they have ended themselves.
        # A namespace without a campaign stands for those that records name.
        self._namespaces_with_endings = {lane.lead_namespace for lane in lanes if lane.operation.ends_leads}
        # The newest batch when a record failed our own validation: records read before it may have no response yet.
        self._ahead_of_responses: defaultdict[int, deque[int]] = defaultdict(deque)
        self._outcomes: Counter[int] = Counter()
        self._accepting_lanes: set[int] = set()
        self.states = StateRelease(
            routes,
            ledger=ledger,
            breaker=self.breaker,
            rejected_records=rejected_records,
            progress=progress,
            deliveries=deliveries,
            outcomes={} if tolerate_rejections else self._outcomes,
            ahead_of_responses=self._ahead_of_responses,
            max_rejected_percent=None if tolerate_rejections else max_rejected_percent,
        )

    # --- outcomes

    @property
    def unresolved(self) -> int:
        """How many records have no outcome yet."""
        return self._ledger.unresolved

    def written(self, call: Call, records: Sequence[Record]) -> None:
        """Note that records are written."""
        if not records:
            return
        lane = call.lane
        self._facts.written(lane, [record.lead_id for record in records])
        self.breaker.accepted(lane)
        self._accepting_lanes.add(lane.index)
        self._remember(records, Outcome.ENDED if lane.operation.stops_calls else Outcome.ACCEPTED)
        if self._deliveries is not None and (self._deliveries.keeps_all or lane.operation.stops_calls):
            for record in records:
                self._log_sent(record, _verdict(record))
        # Most calls carry records of one stream, read between two states: their outcomes are noted together.
        for together in _of_one_stream_and_state(records):
            self._resolve(call, together[0].segment, together, written=True)

    def has_accepted(self, lane: CampaignOperation) -> bool:
        """Tell whether a record of a lane was accepted."""
        return lane.index in self._accepting_lanes

    def refused(self, call: Call, refused: Sequence[tuple[Record, RowError]], now: float) -> list[Record]:
        """Record the final refusals of a call's records; return those that nevertheless mean "written".

        The caller passes these to `written`.
        """
        known = self._known_before(call, refused)
        done = call.lane.operation.done_after_unknown_outcome
        written = []
        claimed = 0
        for record, row_error in refused:
            cause = row_error.reason.cause
            if record.maybe_applied and cause in done and record.lead_id not in known.get(FACT_OF_CAUSE[cause], ()):
                written.append(record)
                claimed += 1
                continue
            self._facts.refused(call.lane, record.lead_id, cause)
            if cause is Cause.DUPLICATE_LEAD and self._ignore_duplicates:
                self._progress.already_there += 1
                # The lead exists, but not as this record says.
                self._remember([record], Outcome.NOT_APPLIED)
                self._log_sent(record, Verdict.WRITTEN, row_error)
                self._resolve(call, record.segment, [record], written=True)
            elif (record.stop is not None or _has_left(record)) and cause in _NO_SUCH_LEAD:
                # The campaign does not have the lead, so nobody is called: that is what was asked for.
                self._progress.not_there += 1
                self._remember([record], Outcome.ENDED)
                self._log_sent(record, _verdict(record), row_error)
                self._resolve(call, record.segment, [record], written=True)
            else:
                self.reject(call, record, RecordError(row_error.status, row_error.reason), now)
        if claimed:
            operation = call.lane.operation
            self._progress.log(
                "INFO",
                f"Counted {claimed} records of {operation.name} as written: an earlier call for them went unanswered, "
                f"and {operation.service} now says that what they ask for is already so.",
            )
        return written

    def _known_before(self, call: Call, refused: Sequence[tuple[Record, RowError]]) -> Mapping[Fact, set[str]]:
        """Return the leads whose "already done" proves nothing: this run knew it before the lost response."""
        lane = call.lane
        doubtful: dict[Fact, list[str]] = {}
        for record, row_error in refused:
            cause = row_error.reason.cause
            if record.maybe_applied and cause in lane.operation.done_after_unknown_outcome:
                doubtful.setdefault(FACT_OF_CAUSE[cause], []).append(record.lead_id)
        return self._facts.known(lane, doubtful)

    def give_up(self, call: Call, record: Record, error: RecordError, now: float) -> None:
        """Reject a record about which the API gave no final answer."""
        if record.maybe_applied:
            self._facts.maybe_written(call.lane, record.lead_id)
        self.reject(call, record, error, now)

    def reject(self, call: Call, record: Record, error: RecordError, now: float) -> None:
        """Reject a record that was sent."""
        self._log_sent(record, Verdict.REJECTED, error)
        if _has_left(record):
            # The memory keeps it, and the next sync disables it if it can.
            self._progress.not_disabled[error.reason.text] += 1
            self._remember([record], Outcome.UNKNOWN)
        else:
            self._remember([record], _outcome_of(error), error.reason.text)
            self._keep(
                record.route,
                record.number,
                record.line,
                record.lead_id,
                error,
                operation=record.lane.operation.name,
                attempts=record.calls,
            )
        missing = record.stop is not None and error.status in _NOT_FOUND and error.reason.cause is Cause.OTHER
        if not missing and not self._looks_like_a_restart(call.lane, error):
            self.breaker.record_failed(call.lane, error.status or 0, error.reason, now, batch=call.batch.number)
        self._resolve(call, record.segment, [record], written=False)

    def batch_rejected(self, call: Call, reason: Reason) -> None:
        """Note that the API refused a list as a whole."""
        call.batch.rejected = True
        self.breaker.batch_rejected(
            call.lane,
            reason,
            len(call.records),
            batch=call.batch.number,
            oldest_unanswered=self._batcher.oldest_unanswered(call.lane),
        )

    def not_for_sending(self, route: Route, source: Source, mapper: RecordMapper, verdict: Verdict) -> None:
        """Record that a record is not to be sent: states count it like a written one."""
        if self._deliveries is not None and self._deliveries.is_kept:
            self._log(route, route.lane, mapper.lead_id(source.data), verdict, number=source.number)
        if self._sent_leads is not None and source.own is None:
            self._sent_leads.absent(route, mapper.lead_id(source.data))
        self._without_call(route, source, written=True)

    def unchanged(
        self, route: Route, lane: CampaignOperation, lead_id: str, source: Source, unchanged: Unchanged
    ) -> None:
        """Note a record that is not sent because SquadStack has it, or has refused it, already."""
        if unchanged.reason is None:
            self._progress.unchanged += 1
            self._log(route, lane, lead_id, Verdict.UNCHANGED, number=source.number)
        else:
            reason = f"unchanged since it was rejected: {unchanged.reason}"
            error = RecordError(None, Reason(Cause.OTHER, reason))
            self._log(route, lane, lead_id, Verdict.REJECTED, error, number=source.number)
            operation = lane.operation.name
            self._keep(route, source.number, source.line, lead_id, error, operation=operation, attempts=0)
        self._without_call(route, source, written=unchanged.reason is None)

    def _without_call(self, route: Route, source: Source, *, written: bool) -> None:
        """Note the outcome of a record for which no call is made."""
        if source.own is None:
            self._ledger.resolve(self._ledger.add_record(0), route.key, 0, written=written)
        else:
            source.own.settled(written)

    def _remember(self, records: Sequence[Record], outcome: Outcome, reason: str | None = None) -> None:
        if self._sent_leads is not None:
            for record in records:
                self._sent_leads.settled(record.route, record.lane, record.lead_id, record.body, outcome, reason)

    def _log_sent(self, record: Record, verdict: Verdict, error: RecordError | RowError | None = None) -> None:
        number, calls, status = record.number, record.calls, record.status
        self._log(record.route, record.lane, record.lead_id, verdict, error, status, number=number, calls=calls)

    def _log(
        self,
        route: Route,
        lane: CampaignOperation,
        lead_id: str | None,
        verdict: Verdict,
        error: RecordError | RowError | None = None,
        status: int | None = None,
        *,
        number: int,
        calls: int = 0,
    ) -> None:
        if self._deliveries is None:
            return
        status, reason = (status, None) if error is None else (error.status, error.reason.text)
        self._deliveries.add(
            route, lane, lead_id, verdict, number=number, status_code=status, reason=reason, calls=calls
        )

    def invalid_record(self, route: Route, source: Source, invalid: InvalidRecord, now: float) -> None:
        """Reject a record that fails our own validation."""
        lane = route.lane
        error = RecordError(None, Reason(Cause.OTHER, invalid.reason), retryable=invalid.retryable)
        verdict = Verdict.SUPPRESSED if invalid.reason == SUPPRESSED else Verdict.REJECTED
        self._log(route, lane, invalid.lead_id, verdict, error, number=source.number)
        if self._sent_leads is not None and source.own is None:
            self._sent_leads.present(route, invalid.lead_id)
        self._keep(route, source.number, source.line, invalid.lead_id, error, operation=lane.operation.name, attempts=0)
        self._without_call(route, source, written=False)
        if source.own is not None:
            return
        oldest = self._batcher.oldest_unsettled(lane)
        if oldest <= self._batcher.newest:
            self._ahead_of_responses[lane.family].append(self._batcher.newest)
        if invalid.about_config:
            self.breaker.record_failed(lane, _AS_THE_API_WOULD_SAY, error.reason, now, batch=self._batcher.newest)
            self.breaker.check(lane, oldest)

    def _looks_like_a_restart(self, lane: CampaignOperation, error: RecordError) -> bool:
        if lane.operation.removes_leads and error.status in _OF_A_LEAD_THAT_IS_GONE:
            return True
        return not self._namespaces_with_endings.isdisjoint(namespaces_of(lane)) and error.reason.cause in _NO_SUCH_LEAD

    def _keep(
        self,
        route: Route,
        number: int,
        line: bytes,
        lead_id: str | None,
        error: RecordError,
        *,
        operation: str,
        attempts: int,
    ) -> None:
        self._progress.reject(operation, error.reason.text)
        self._rejected_records.add(
            Rejection(
                route=route,
                operation=operation,
                number=number,
                line=line,
                lead_id=lead_id,
                status=error.status,
                reason=error.reason.text,
                retryable=error.retryable,
                attempts=attempts,
            )
        )

    def _resolve(self, call: Call, segment: Segment, records: Sequence[Record], *, written: bool) -> None:
        """Note the outcome of records of one stream that were read between two states."""
        count = len(records)
        if (own := records[0].own) is None:
            self._progress.written += count * written
        else:
            self._progress.own[own.origin] += count * written
            for record in records:
                if record.own is not None:
                    record.own.settled(written)
        size = sum([record.size for record in records])
        self._ledger.resolve(segment, records[0].route.key, size, written=written, records=count)
        batch = call.batch
        self._outcomes[batch.lane.family] += count
        batch.unsettled -= count
        if not batch.unsettled:
            self._batcher.settle(batch)
            self._check_breaker(batch.lane)

    def _check_breaker(self, lane: CampaignOperation) -> None:
        """Check what had to wait for the responses to earlier records."""
        oldest = self._batcher.oldest_unsettled(lane)
        ahead = self._ahead_of_responses[lane.family]
        while ahead and ahead[0] < oldest:
            ahead.popleft()
        self.breaker.check(lane, oldest)

    def close(self) -> None:
        """Delete the temporary files."""
        self._facts.close()


def _of_one_stream_and_state(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """Divide records where the next one is of another stream than the one before it, or read after another state."""
    start, segment, route = 0, records[0].segment, records[0].route
    for at, record in enumerate(records):
        if record.segment is not segment or record.route is not route:
            yield records[start:at]
            start, segment, route = at, record.segment, record.route
    yield records[start:]


def _has_left(record: Record) -> bool:
    """Tell whether a record is about a lead that its stream does not hold any more."""
    return record.own is not None and record.own.origin is Origin.GONE


def _verdict(record: Record) -> Verdict:
    """Return what the delivery log says of a record that was carried out."""
    if _has_left(record):
        return Verdict.DISABLED_GONE
    return Verdict.WRITTEN if record.stop is None else _VERDICT_OF_STOP[record.stop]


def _outcome_of(error: RecordError) -> Outcome:
    """Return what a rejection means for the memory of what was sent."""
    if error.retryable:
        return Outcome.UNKNOWN
    return Outcome.NOT_APPLIED if error.reason.cause in _PASSING else Outcome.REJECTED
