"""Outcomes and what follows from them: records written or rejected, and the states that may leave.

A state leaves when all records before it have an outcome and the rejected ones among them are safe.
"""

import sys
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import attrgetter

from destination_squadstack.api.error_text import Reason
from destination_squadstack.api.outcomes import RowError
from destination_squadstack.engine.batcher import Batcher, Problem, Record
from destination_squadstack.engine.calls import Call
from destination_squadstack.engine.checkpoint import Covered, Ledger, Segment, StreamKey
from destination_squadstack.engine.circuit_breaker import TRIP_AT, CircuitBreaker
from destination_squadstack.engine.seen_leads import SeenLeads
from destination_squadstack.errors import ConfigError
from destination_squadstack.mapping import InvalidRecord
from destination_squadstack.operations import FACT_OF_CAUSE, Cause, Fact
from destination_squadstack.progress import Progress
from destination_squadstack.rejected_records.writer import RejectedRecordWriter, Rejection
from destination_squadstack.routing import CampaignOperation, Route

MIN_RECORDS_FOR_PERCENT = 1_000
_AS_THE_API_WOULD_SAY = 400
_NO_SUCH_LEAD = frozenset({Cause.UNKNOWN_LEAD, Cause.DELETED})
_OF_A_LEAD_THAT_IS_GONE = frozenset({400, 404, 410})
_SEGMENT_AND_ROUTE = attrgetter("segment", "route")


class Settlement:
    """Owns what became of records, and what this run has learned of leads from it."""

    def __init__(
        self,
        routes: Sequence[Route],
        *,
        ledger: Ledger,
        batcher: Batcher,
        rejected_records: RejectedRecordWriter,
        progress: Progress,
        ignore_duplicates: bool,
        max_rejected_percent: int | None,
        tolerate_rejections: bool = False,
    ) -> None:
        self._ledger = ledger
        self._batcher = batcher
        self._rejected_records = rejected_records
        self._progress = progress
        self._ignore_duplicates = ignore_duplicates
        self._max_rejected_percent = None if tolerate_rejections else max_rejected_percent
        self.breaker = CircuitBreaker(sys.maxsize if tolerate_rejections else TRIP_AT)
        self._known = SeenLeads()
        self._lanes: dict[StreamKey, CampaignOperation] = {route.key: route.lane for route in routes}
        lanes = list(self._lanes.values())
        # Only what an operation of the same campaign may ask for is remembered.
        self._asked: dict[int, set[Fact]] = {lane.lead_namespace: set() for lane in lanes}
        for lane in lanes:
            self._asked[lane.lead_namespace] |= {
                FACT_OF_CAUSE[cause] for cause in lane.operation.done_after_unknown_outcome
            }
        # After a crash and a restart their records meet leads that they have ended themselves.
        self._ending = {lane.lead_namespace for lane in lanes if lane.operation.ends_leads}
        # Records that failed our own validation before those read earlier had their answers: the newest batch then.
        self._ahead: dict[int, deque[int]] = {lane.index: deque() for lane in lanes}
        self._outcomes: Counter[int] = Counter()
        self._accepting: set[int] = set()
        self._tolerate_rejections = tolerate_rejections
        self._over_limit = False

    # --- outcomes

    def written(self, call: Call, records: Sequence[Record]) -> None:
        """Note that records are written."""
        if not records:
            return
        lane = call.lane
        if self._asked[lane.lead_namespace]:
            ids = [record.lead_id for record in records]
            for fact in self._asked[lane.lead_namespace] & lane.operation.establishes:
                self._known.add(lane.lead_namespace, fact, ids)
            for fact in self._asked[lane.lead_namespace] & lane.operation.ends:
                self._known.discard(lane.lead_namespace, fact, ids)
        self.breaker.passed(lane)
        self._accepting.add(lane.index)
        # Most calls carry records of one stream, read between two states: their outcomes are noted together.
        for (segment, _), same in groupby(records, key=_SEGMENT_AND_ROUTE):
            self._resolve(call, segment, list(same), written=True)

    def accepts(self, lane: CampaignOperation) -> bool:
        """Tell whether a record of a lane was accepted."""
        return lane.index in self._accepting

    def refused(self, call: Call, refused: Sequence[tuple[Record, RowError]], now: float) -> list[Record]:
        """Note the final refusals of a call's records; return those that mean "written" all the same.

        They have to be passed on to `written`.
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
            self._learn(call.lane, record, cause)
            if cause is Cause.DUPLICATE_LEAD and self._ignore_duplicates:
                self._progress.already_there += 1
                self._resolve(call, record.segment, [record], written=True)
            else:
                self.reject(call, record, Problem(row_error.status, row_error.reason), now)
        if claimed:
            operation = call.lane.operation
            self._progress.log(
                "INFO",
                f"Counted {claimed} records of {operation.name} as written: an earlier call for them went unanswered, "
                f"and {operation.service} now says that what they ask for is already so.",
            )
        return written

    def _known_before(self, call: Call, refused: Sequence[tuple[Record, RowError]]) -> Mapping[Fact, set[str]]:
        """Return the leads whose "already so" proves nothing: this run knew of it before the lost answer."""
        lane = call.lane
        doubtful: dict[Fact, list[str]] = {}
        for record, row_error in refused:
            cause = row_error.reason.cause
            if record.maybe_applied and cause in lane.operation.done_after_unknown_outcome:
                doubtful.setdefault(FACT_OF_CAUSE[cause], []).append(record.lead_id)
        return {fact: self._known.among(lane.lead_namespace, fact, ids) for fact, ids in doubtful.items()}

    def _learn(self, lane: CampaignOperation, record: Record, cause: Cause) -> None:
        """Remember what a refusal says of a lead."""
        fact = FACT_OF_CAUSE.get(cause)
        if fact is Fact.GONE and not lane.operation.removes_leads:
            # "Does not exist" is also what an update is told about a lead that has been processed.
            return
        if fact in self._asked[lane.lead_namespace]:
            self._known.add(lane.lead_namespace, fact, [record.lead_id])

    def give_up(self, call: Call, record: Record, problem: Problem, now: float) -> None:
        """Reject a record about which the API gave no final answer."""
        lane = call.lane
        if record.maybe_applied:
            # It may be so by now, and then the next record of the lead could take that for its own work.
            for fact in self._asked[lane.lead_namespace] & lane.operation.establishes:
                self._known.add(lane.lead_namespace, fact, [record.lead_id])
        self.reject(call, record, problem, now)

    def reject(self, call: Call, record: Record, problem: Problem, now: float) -> None:
        """Reject a record that was sent."""
        self._store(record.route, record.number, record.line, record.lead_id, problem, attempts=record.calls)
        if not self._looks_like_a_restart(call.lane, problem):
            self.breaker.failed(call.lane, problem.status or 0, problem.reason, now, batch=call.batch.number)
        self._resolve(call, record.segment, [record], written=False)

    def list_refused(self, call: Call, reason: Reason) -> None:
        """Note that the API refused a list as a whole."""
        call.batch.refused = True
        self.breaker.list_refused(
            call.lane,
            reason,
            len(call.records),
            batch=call.batch.number,
            oldest_unanswered=self._batcher.oldest_unanswered(call.lane),
        )

    def cannot_be_sent(self, route: Route, number: int, line: bytes, why: InvalidRecord, now: float) -> None:
        """Reject a record that fails our own validation."""
        lane, problem = route.lane, Problem(None, Reason(Cause.OTHER, why.reason))
        segment = self._ledger.add_record(0)
        self._store(route, number, line, why.lead_id, problem, attempts=0)
        self._ledger.resolve(segment, route.key, 0, written=False)
        oldest = self._batcher.oldest_unsettled(lane)
        if oldest <= self._batcher.newest:
            self._ahead[lane.index].append(self._batcher.newest)
        self.breaker.failed(lane, _AS_THE_API_WOULD_SAY, problem.reason, now, batch=self._batcher.newest)
        self.breaker.check(lane, oldest)

    def _looks_like_a_restart(self, lane: CampaignOperation, problem: Problem) -> bool:
        if lane.operation.removes_leads and problem.status in _OF_A_LEAD_THAT_IS_GONE:
            return True
        return lane.lead_namespace in self._ending and problem.reason.cause in _NO_SUCH_LEAD

    def _store(
        self, route: Route, number: int, line: bytes, lead_id: str | None, problem: Problem, *, attempts: int
    ) -> None:
        self._progress.reject(route.lane.operation.name, problem.reason.text)
        self._rejected_records.add(
            Rejection(
                route=route,
                number=number,
                line=line,
                lead_id=lead_id,
                status=problem.status,
                reason=problem.reason.text,
                retryable=problem.retryable,
                attempts=attempts,
            )
        )

    def _resolve(self, call: Call, segment: Segment, records: Sequence[Record], *, written: bool) -> None:
        """Note the outcome of records of one stream that were read between two states."""
        count = len(records)
        self._progress.written += count * written
        size = sum([record.size for record in records])
        self._ledger.resolve(segment, records[0].route.key, size, written=written, records=count)
        batch = call.batch
        self._outcomes[batch.lane.index] += count
        batch.unsettled -= count
        if not batch.unsettled:
            self._batcher.settle(batch)
            self._look_again(batch.lane)

    def _look_again(self, lane: CampaignOperation) -> None:
        """Judge what had to wait for the answers to earlier records."""
        oldest = self._batcher.oldest_unsettled(lane)
        ahead = self._ahead[lane.index]
        while ahead and ahead[0] < oldest:
            ahead.popleft()
        self.breaker.check(lane, oldest)

    # --- states

    def take_states(self, now: float, *, finished: bool) -> list[bytes]:
        """Return the states that may leave now, as messages; none if there are no more.

        What was rejected before them is safe.

        Raises:
            ConfigError: More records were rejected than the config allows, or all of them for what the config says.
        """
        # Nothing was rejected that these would cover: no store, breaker or limit has a say in them.
        if written := self._ledger.take_covered(all_written=True):
            return self._leaving(written)
        if finished:
            self.breaker.end({} if self._tolerate_rejections else self._outcomes)
        if self._over_limit or self.breaker.holds(now):
            return []
        self._check_limit(finished=finished)
        if not self._ledger.covers:
            return []
        # First, since a state that has been taken and cannot leave would be missing for ever.
        self._rejected_records.commit()
        return self._leaving(self._ledger.take_covered())

    def _leaving(self, covered: Sequence[Covered]) -> list[bytes]:
        for state in covered:
            self._progress.state(state.difference)
            for stream, count in state.rejected.items():
                self.breaker.acknowledged(self._lanes[stream], count)
        return [state.line for state in covered]

    def _check_limit(self, *, finished: bool) -> None:
        """Compare what was rejected with what has an outcome, both without what is ahead of the API's answers."""
        percent = self._max_rejected_percent
        if percent is None or not self._progress.rejected_total:
            return
        rejected = self._progress.rejected_total - sum(len(ahead) for ahead in self._ahead.values())
        total = rejected + self._progress.written
        if total < MIN_RECORDS_FOR_PERCENT and not finished:
            return
        if rejected * 100 > percent * total:
            self._over_limit = True
            raise ConfigError(
                f"{rejected} of {total} records were rejected, more than the {percent} % of max_rejected_percent. "
                "The states that cover the last of them have not been acknowledged."
            )

    def close(self) -> None:
        """Let go of what is held outside the memory."""
        self._known.close()
