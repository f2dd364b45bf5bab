"""Records in, calls out, answers in, states out: the whole flow, without threads, time, input or output of its own.

One thread owns it, so nothing in it is locked, and a test drives it through any order of events with a clock that it
makes up.

Every record ends in exactly one way: written, rejected, or unresolved when the sync fails. What an answer means is in
`verdict`, what to do about none in `retry`, what follows from an outcome in `settlement`.
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from destination_squadstack.api.error_text import Reason
from destination_squadstack.api.fix_messages import fix_message
from destination_squadstack.api.outcomes import (
    BatchRejected,
    ConfigProblem,
    Mismatch,
    Outcome,
    OutcomeUnknown,
    ProbeLead,
    Response,
    RowError,
    RowResults,
    Throttled,
    classify_response,
)
from destination_squadstack.api.transport import read_timeout_for
from destination_squadstack.engine.batcher import MAX_BYTES_PER_CALL, RECORD_OVERHEAD, Batcher, Problem, Record
from destination_squadstack.engine.calls import SQUADSTACK, Call, api_of
from destination_squadstack.engine.checkpoint import Ledger
from destination_squadstack.engine.rate_limiter import MAX_PAUSE_SECONDS, RateLimiter
from destination_squadstack.engine.retry import (
    LOST_CALL_SECONDS,
    MAX_BLAME,
    MAX_STALLED_TRIES,
    MAX_TRIES_PER_RECORD,
    MAX_UNKNOWN_IN_A_ROW,
    PARTS,
    TRIES_THAT_COUNT,
    FailedAttempt,
    FailureRate,
    Step,
    backoff,
    next_step,
)
from destination_squadstack.engine.scheduler import CallQueue
from destination_squadstack.engine.settlement import Settlement
from destination_squadstack.errors import ConfigError, SyncError, TransientError
from destination_squadstack.mapping import Deleted, InvalidRecord, RecordMapper
from destination_squadstack.operations import CONTACT_CENTER, Cause
from destination_squadstack.progress import Progress
from destination_squadstack.protocol import MalformedInput, Message
from destination_squadstack.rejected_records.writer import RejectedRecordWriter
from destination_squadstack.routing import Route
from squadstack_common.api_limits import LONGEST_THROTTLED, TOO_MANY_REQUESTS

# What may be read ahead of the API's answers.
MAX_RECORDS = 10_000
MAX_BYTES = 64 * 1024 * 1024
MAX_STATES = 10_000
# Each byte of a lead under way is also one of the body that is sent, two of an answer that repeats it, and up to
# fifteen of that answer parsed: 16 MB of leads with thousands of fields took 600 MB.
MAX_BYTES_UNDER_WAY = MAX_BYTES_PER_CALL


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What the engine needs of the config and of the client."""

    # How many calls may be under way to each of the two APIs.
    workers: int
    ignore_duplicates: bool = False
    max_rejected_percent: int | None = None
    # Whether many rejections say nothing about the config, as in a replay: rejected rows are what they are.
    tolerate_rejections: bool = False
    # How long the API may still be at work on a call whose answer did not come, however many leads it holds.
    read_timeout: float = 300.0


class Engine:
    """See the module."""

    def __init__(
        self,
        routes: Sequence[Route],
        mappers: Sequence[RecordMapper],
        *,
        settings: EngineSettings,
        batcher: Batcher,
        limiter: RateLimiter,
        portal_limiter: RateLimiter | None = None,
        rejected_records: RejectedRecordWriter,
        progress: Progress,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._routes = {
            (namespace, route.stream): (route, mapper)
            for route, mapper in zip(routes, mappers, strict=True)
            for namespace in _spellings(route)
        }
        self._settings = settings
        self._batcher = batcher
        self._queues = {
            # Each API has workers of its own, so that one that answers nothing holds up none of the other's calls.
            api: CallQueue(own, workers=settings.workers, max_bytes=MAX_BYTES_UNDER_WAY)
            for api, own in ((SQUADSTACK, limiter), (CONTACT_CENTER, portal_limiter or limiter))
        }
        self._progress = progress
        self._jitter = jitter
        self._ledger = Ledger()
        self._settlement = Settlement(
            routes,
            ledger=self._ledger,
            batcher=batcher,
            rejected_records=rejected_records,
            progress=progress,
            ignore_duplicates=settings.ignore_duplicates,
            max_rejected_percent=settings.max_rejected_percent,
            tolerate_rejections=settings.tolerate_rejections,
        )
        self._unknown_in_a_row = dict.fromkeys(self._queues, 0)
        # How many calls of each lane brought a final answer for a record.
        self._heard: dict[int, int] = {route.lane.index: 0 for route in routes}
        self._failing = {lane: (FailureRate(), FailureRate()) for lane in self._heard}
        self._input_ended = False

    # --- state of the flow

    @property
    def under_way(self) -> int:
        """How many calls have been handed out and not answered."""
        return sum(queue.under_way for queue in self._queues.values())

    @property
    def most_under_way(self) -> int:
        """How many calls may be under way at once: so many to each API that is used."""
        apis = {api_of(route.lane) for route, _ in self._routes.values()}
        return self._settings.workers * max(1, len(apis))

    @property
    def calls_on_allowance(self) -> int:
        """How many calls have been handed out that are SquadStack's to count."""
        return self._queues[SQUADSTACK].sent

    @property
    def waiting(self) -> int:
        """How many records have no outcome yet."""
        return self._ledger.unresolved

    @property
    def waiting_states(self) -> int:
        """How many states have not left yet."""
        return self._ledger.waiting_states

    @property
    def input_ended(self) -> bool:
        """Whether all input has been read."""
        return self._input_ended

    @property
    def saturated(self) -> bool:
        """Whether no more input should be fed."""
        ledger = self._ledger
        return ledger.unresolved >= MAX_RECORDS or ledger.held_bytes >= MAX_BYTES or ledger.waiting_states >= MAX_STATES

    @property
    def finished(self) -> bool:
        """Whether all input has been read and every record has an outcome."""
        return self._input_ended and not self._ledger.unresolved

    # --- input

    def feed(self, message: Message, now: float) -> None:
        """Take a RECORD or STATE."""
        number, content, line = message
        if content["type"] == "STATE":
            self._ledger.add_state(content["state"], line)
            return
        record = content["record"]
        try:
            route, mapper = self._routes[record.get("namespace"), record["stream"]]
        except (KeyError, TypeError):
            raise MalformedInput(
                f"Line {number} of the input is a RECORD of a stream that the catalog does not have."
            ) from None
        self._progress.read += 1
        try:
            lead_id, body = mapper.shape(record["data"])
        except Deleted:
            # It is dealt with, so states may leave: they count it like a record that was written.
            self._progress.deleted_at_source += 1
            self._ledger.resolve(self._ledger.add_record(0), route.key, 0, written=True)
            return
        except InvalidRecord as refused:
            self._settlement.cannot_be_sent(route, number, line, refused, now)
            return
        segment = self._ledger.add_record(len(line) + len(body) + RECORD_OVERHEAD)
        self._batcher.add(Record(route, lead_id, body, number, line, segment), now)

    def end_input(self) -> None:
        """Note that no more messages will come."""
        self._input_ended = True
        self._batcher.seal_all()

    # --- calls

    def take_calls(self, now: float) -> list[Call]:
        """Return the calls that are to be made now."""
        self._batcher.seal_due(now)
        self._collect()
        if self.saturated and self._make_room():
            self._collect()
        calls: list[Call] = []
        for queue in self._queues.values():
            while (call := queue.take(now)) is not None:
                self._depart(call, now)
                calls.append(call)
        return calls

    def _collect(self) -> None:
        while (batch := self._batcher.take()) is not None:
            call = Call(batch, list(batch.records))
            self._queues[call.api].add(call)

    def _again(self, call: Call) -> None:
        self._queues[call.api].first(call)

    def _depart(self, call: Call, now: float) -> None:
        if not call.fresh:
            self._progress.retried += len(call.records)
        if call.heard is None:
            call.heard = self._heard[call.lane.index]
        call.tries += 1
        call.sent_at = now
        self._progress.calls += 1
        for record in call.records:
            record.calls += 1

    def _make_room(self) -> bool:
        """Go on although no more can be read, if nothing is on its way that would free memory by itself."""
        if self.under_way or any(self._queues.values()):
            return False
        if self._batcher.seal_oldest():
            return True
        self._settlement.breaker.release()
        return False

    def wake_at(self, now: float) -> float | None:
        """Return when there is something to do even if nothing happens."""
        breaker = self._settlement.breaker
        moments = [self._batcher.next_deadline(), breaker.held_until() if breaker.holds(now) else None]
        moments += [queue.wake_at(now) for queue in self._queues.values()]
        return min((moment for moment in moments if moment not in (None, math.inf)), default=None)

    # --- answers

    def answered(self, call: Call, answer: Response, now: float) -> None:
        """Take the answer to a call.

        Raises:
            SyncError: The sync cannot go on.
        """
        self.abandon(call)
        records = call.records if call.about is None else [ProbeLead()]
        outcome = classify_response(
            records, answer, call.lane.operation, lane_has_accepted=self._settlement.accepts(call.lane)
        )
        if isinstance(outcome, ConfigProblem):
            raise ConfigError(fix_message(outcome.problem, outcome.detail, call.lane.where))
        if isinstance(outcome, Throttled):
            self._throttled(call, outcome.wait, now)
            self._again(call)
            call.tries -= 1
            return
        if call.about is not None:
            self._told(call, call.about, outcome, now)
            return
        match outcome:
            case RowResults():
                self._settle(call, outcome.row_errors, now)
            case OutcomeUnknown():
                self._ambiguous(call, outcome, now)
            case BatchRejected():
                self._list_refused(call, outcome, now)
            case Mismatch():
                operation = call.lane.operation
                raise SyncError(
                    f"{operation.service}'s answer to {operation.endpoint} names another lead than was sent at "
                    "the same position. Nothing can be said about the leads of that call, none is acknowledged."
                )

    def abandon(self, call: Call) -> None:
        """Note that a call is not under way any more; its records stay without an outcome."""
        self._queues[call.api].returned(call)

    def _throttled(self, call: Call, wait: float | None, now: float) -> None:
        self._progress.throttled += 1
        limiter, service = self._queues[call.api].limiter, call.lane.operation.service
        if limiter.waited >= LONGEST_THROTTLED:
            raise TransientError(
                f"{service}'s allowance has been used up for an hour (HTTP 429): no call was taken. "
                "What has no outcome yet has not been acknowledged."
            )
        pause = limiter.throttled(wait, call.sent_at, now)
        share = f", then go on with {limiter.share} a minute for now" if call.api == SQUADSTACK else ""
        self._progress.log(
            "INFO", f"{service}'s allowance is used up (HTTP 429): all calls to it wait {pause:.1f} s{share}."
        )

    def _speaks(self, call: Call) -> None:
        """Note that the API gave a usable answer to a call."""
        self._queues[call.api].spoke(call)
        self._unknown_in_a_row[call.api] = 0

    def _settle(self, call: Call, row_errors: Sequence[RowError | None] | None, now: float) -> None:
        """Take an answer that has a word for each record, or one for all of them."""
        pairs = list(zip(call.records, row_errors or [None] * len(call.records), strict=True))
        later = [(record, row_error) for record, row_error in pairs if row_error is not None and row_error.retryable]
        calls, rows = self._failing[call.lane.index]
        if call.tries == 1:
            calls.note(1, 0)
        rows.note(_that_tell(call.records) - _that_tell([record for record, _ in later]), 0)
        if len(later) < len(pairs):
            self._speaks(call)
            self._heard[call.lane.index] += 1
            written = [record for record, row_error in pairs if row_error is None]
            refused = [
                (record, row_error) for record, row_error in pairs if row_error is not None and not row_error.retryable
            ]
            if refused:
                written += self._settlement.refused(call, refused, now)
            self._settlement.written(call, written)
        if later:
            # Others that got their answers with the same call have got through as well.
            left = call if len(later) == len(pairs) else Call(call.batch, [], heard=self._heard[call.lane.index] - 1)
            self._not_now(left, later, call.sent_at, now)

    def _not_now(self, call: Call, later: Sequence[tuple[Record, RowError]], sent_at: float, now: float) -> None:
        """Send records again that the API would not take now; one that our own call still holds costs no try."""
        own: list[Record] = []
        rest: list[tuple[Record, RowError]] = []
        for record, row_error in later:
            if row_error.reason.cause is Cause.BUSY and now < record.busy_until:
                own.append(record)
                continue
            record.maybe_applied |= row_error.may_be_applied
            record.problem = Problem(row_error.status, row_error.reason, retryable=True)
            rest.append((record, row_error))
        if own:
            self._wait_for_our_own(call.only(own), now)
        if not rest:
            return
        self._failing[call.lane.index][1].note(0, _that_tell([record for record, _ in rest]))
        statuses = sorted({row_error.status for _, row_error in rest})
        wait = max(row_error.wait or 0.0 for _, row_error in rest)
        left = call.only([record for record, _ in rest])
        left.by_row, left.sent_at = True, sent_at
        if TOO_MANY_REQUESTS in statuses:
            self._throttled(left, wait or None, now)
        if left.heard == self._heard[left.lane.index]:
            self._queues[left.api].silent(left)
        what = f"HTTP {' and '.join(map(str, statuses))} for {len(rest)} of its leads"
        self._go_on(left, FailedAttempt(what, answered=True, by_row=True), now, now + min(wait, MAX_PAUSE_SECONDS))

    def _wait_for_our_own(self, call: Call, now: float) -> None:
        self._delay(call, now + backoff(max(record.calls for record in call.records) - 1, self._jitter()))

    def _ambiguous(self, call: Call, outcome: OutcomeUnknown, now: float) -> None:
        if outcome.problem and call.api == CONTACT_CENTER and not self._heard[call.lane.index]:
            raise ConfigError(fix_message(outcome.problem, outcome.what, call.lane.where))
        self._queues[call.api].silent(call)
        call.by_row = False
        if call.tries == 1:
            self._failing[call.lane.index][0].note(0, 1)
        earliest = now + min(outcome.wait or 0.0, MAX_PAUSE_SECONDS)
        if outcome.may_be_applied:
            read_timeout = read_timeout_for(len(call.records), self._settings.read_timeout)
            for record in call.records:
                record.maybe_applied = True
                # It may be at work for as long again as its answer was waited for.
                record.busy_until = call.sent_at + 2 * read_timeout
            if not call.lane.operation.repeatable:
                self._outcome_unknown(call, outcome, now)
                return
            if not outcome.answered:
                # The API may be at it still; sent now, two calls for one lead would be under way.
                earliest = max(earliest, call.sent_at + min(read_timeout, LOST_CALL_SECONDS))
        reason = Reason(Cause.OTHER, f"Outcome unknown: {outcome.what} at the last try.")
        for record in call.records:
            # What the API has said of the record itself says more.
            if record.problem is None or record.problem.status is None:
                record.problem = Problem(None, reason, retryable=True)
        trouble = FailedAttempt(
            outcome.what,
            answered=outcome.answered,
            reached=outcome.answered or outcome.may_be_applied,
            timed_out=outcome.timed_out,
            deliberate=bool(outcome.problem),
        )
        self._go_on(call, trouble, now, earliest)

    def _go_on(self, call: Call, trouble: FailedAttempt, now: float, earliest: float) -> None:
        """Count a try that brought no outcome, and do what is to be done then."""
        call.trouble = trouble
        heard = self._heard[call.lane.index]
        meanwhile = heard > (call.heard or 0) and trouble.reached
        first = heard if call.tries else heard - 1
        call.heard = heard
        call.stalled_tries = 0 if meanwhile else call.stalled_tries + 1
        for record in call.records:
            if record.completions_before is None:
                record.completions_before = first
            if meanwhile and call.blames:
                record.refused += trouble.weight
                record.counted += 1
        given_up = [record for record in call.records if self._is_to_blame(record)]
        left = [record for record in call.records if not self._is_to_blame(record)]
        self._give_up(call, given_up, now)
        if any(record.counted >= MAX_TRIES_PER_RECORD for record in left):
            operation = call.lane.operation
            raise TransientError(
                f"{operation.service} gave no final answer for a lead of {operation.endpoint} in "
                f"{MAX_TRIES_PER_RECORD} tries, and others failed too often for the lead to be to blame; the last "
                f"time: {trouble.what}. "
                "The lead has not been acknowledged."
            )
        if left:
            self._send_again(call.only(left), now, earliest, meanwhile=meanwhile)

    def _is_to_blame(self, record: Record) -> bool:
        if record.refused < MAX_BLAME:
            return False
        return not any(rate.explains(record.counted) for rate in self._failing[record.route.lane.index])

    def _give_up(self, call: Call, records: Sequence[Record], now: float) -> None:
        for record in records:
            if record.problem is not None:
                self._settlement.give_up(call, record, record.problem, now)

    def _others_got_through(self, call: Call) -> bool:
        """Tell whether others of the lane got their final answers since the records of a call failed first."""
        return self._heard[call.lane.index] > (call.records[0].completions_before or 0)

    def _send_again(self, call: Call, now: float, earliest: float, *, meanwhile: bool) -> None:
        """Send a call again, in parts, or a question in its place; or end the sync."""
        operation = call.lane.operation
        can_ask = call.api == SQUADSTACK
        step = next_step(call, heard=meanwhile, can_ask=can_ask)
        if step is Step.FAIL:
            if call.blames and not can_ask and self._others_got_through(call):
                self._give_up(call, call.records, now)
                return
            raise TransientError(
                f"{operation.service} gave no usable answer to {operation.endpoint} in {MAX_STALLED_TRIES} tries; "
                f"the last time: {call.trouble.what}. The records of that call have not been acknowledged."
            )
        due = max(earliest, now + backoff(call.failures, self._jitter()))
        if step is Step.PARTS:
            due = earliest
            for part in call.parts(call.trouble.parts, suspect=True):
                self._delay(part, due)
        else:
            self._delay(call if step is Step.AGAIN else Call(call.batch, [], about=call), due)
        self._progress.log(
            "INFO", f"No usable answer to {operation.endpoint} ({call.trouble.what}): going on in {due - now:.0f} s."
        )

    def _told(self, question: Call, call: Call, outcome: Outcome, now: float) -> None:
        """Go on with a call after a question was asked in its place."""
        if isinstance(outcome, OutcomeUnknown):
            if outcome.problem:
                raise ConfigError(fix_message(outcome.problem, outcome.what, call.lane.where))
            what, wait = outcome.what, outcome.wait
        elif (
            isinstance(outcome, RowResults)
            and outcome.row_errors
            and (said := outcome.row_errors[0])
            and said.retryable
        ):
            what, wait = f"HTTP {said.status} for a lead without an id", said.wait
        else:
            self._speaks(question)
            self._was_told(call)
            return
        self._queues[call.api].silent(call)
        call.stalled_tries += 1
        call.trouble = replace(call.trouble, what=what)
        self._send_again(call, now, now + min(wait or 0.0, MAX_PAUSE_SECONDS), meanwhile=False)

    def _was_told(self, call: Call) -> None:
        """Go on with a call now that the API is known to answer: it may be to blame itself."""
        if not call.blames:
            for part in call.parts(call.trouble.parts, suspect=True):
                self._again(part)
            return
        # An API that answers questions only would have every record rejected: others must have got through since the
        # first failure, or there must be no others left.
        if self._others_got_through(call) or self._ledger.unresolved == len(call.records) == 1:
            for record in call.records:
                # Not more: it has to have one more try now that the API is back.
                record.refused = min(record.refused + call.stalled_tries * call.trouble.weight, MAX_BLAME - 1)
                record.counted += call.stalled_tries
            # The question counts as one of the others.
            call.stalled_tries, call.heard = 0, self._heard[call.lane.index] - 1
        self._again(call)

    def _outcome_unknown(self, call: Call, outcome: OutcomeUnknown, now: float) -> None:
        """Reject what may be there already, and would be there twice if it were sent again."""
        operation = call.lane.operation
        reason = Reason(
            Cause.OTHER, f"outcome_unknown: {outcome.what}. It may have been carried out, so it was not sent again."
        )
        for record in call.records:
            self._settlement.reject(call, record, Problem(None, reason), now)
        self._unknown_in_a_row[call.api] += 1
        if self._unknown_in_a_row[call.api] >= MAX_UNKNOWN_IN_A_ROW:
            raise TransientError(
                f"{operation.service} gave no usable answer to {operation.endpoint} {MAX_UNKNOWN_IN_A_ROW} times "
                f"in a row; the last time: {outcome.what}. What became of these records is not known: look at the "
                "rejected rows, and whether the leads are there, before the next sync."
            )

    def _list_refused(self, call: Call, outcome: BatchRejected, now: float) -> None:
        busy = outcome.reason.cause is Cause.BUSY
        if len(call.records) == 1:
            self._settle(call, [RowError(outcome.status, outcome.reason, retryable=busy)], now)
            return
        self._speaks(call)
        if busy and any(now < record.busy_until for record in call.records):
            self._wait_for_our_own(call, now)
            return
        self._settlement.list_refused(call, outcome.reason)
        for record in call.records:
            # Part of a refused list may have been applied: what is "already there" afterwards is our own.
            record.maybe_applied |= outcome.may_be_applied
        for part in call.parts(PARTS):
            self._again(part)

    def _delay(self, call: Call, due: float) -> None:
        self._queues[call.api].delay(call, due)

    # --- output

    def take_states(self, now: float) -> list[bytes]:
        """Return the states that may leave now, as messages; none if there are no more.

        What was rejected before them is safe.

        Raises:
            ConfigError: More records were rejected than the config allows.
        """
        return self._settlement.take_states(now, finished=self.finished)

    def close(self) -> None:
        """Let go of what the engine holds outside its memory."""
        self._settlement.close()


def _that_tell(records: Sequence[Record]) -> int:
    """Return how many of these tries say something of the API and not of the lead."""
    return sum([record.counted < TRIES_THAT_COUNT for record in records])


def _spellings(route: Route) -> tuple[str | None, ...]:
    """Return how the records of a stream may spell its namespace: none at all and an empty one are the same."""
    return (route.namespace,) if route.namespace else (None, "")
