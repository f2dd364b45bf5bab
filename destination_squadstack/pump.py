"""Records in, calls out, answers in, states out: the whole flow, without threads, time, input or output of its own.

One thread owns it, so nothing in it is locked, and a test drives it through any order of events with a clock that it
makes up.

Every record ends in exactly one way: written, rejected, or unresolved when the sync fails. A state leaves when all
records before it are resolved and the rejected ones among them are safe.
"""

import heapq
import math
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter

from destination_squadstack.advice import advice
from destination_squadstack.batcher import Batch, Batcher, Record
from destination_squadstack.breaker import Breaker
from destination_squadstack.errors import ConfigError, SyncError, TransientError
from destination_squadstack.known_leads import KnownLeads
from destination_squadstack.ledger import Covered, Ledger, Segment
from destination_squadstack.limiter import Limiter
from destination_squadstack.operations import CONTACT_CENTER, NO_LEAD, Cause
from destination_squadstack.protocol import MalformedInput, Message
from destination_squadstack.reasons import Reason
from destination_squadstack.rejects import RejectedStore, Rejection
from destination_squadstack.report import Report
from destination_squadstack.routing import Lane, Route
from destination_squadstack.shaping import Deleted, Shaper
from destination_squadstack.shaping import Refused as CannotBeSent
from destination_squadstack.verdict import (
    Ambiguous,
    Answer,
    ListRefused,
    Mismatch,
    NoLead,
    Refusal,
    Refused,
    Settled,
    Throttled,
    Verdict,
    judge,
)

# What may be read ahead of the API's answers.
MOST_RECORDS = 10_000
MOST_BYTES = 64 * 1024 * 1024
MOST_STATES = 10_000

# A record that is refused as busy, throttled or by a server error is sent again: after 1, 2, 4, 8 and 16 seconds.
TRIES_PER_RECORD = 6
# A call without a usable answer is sent again for two minutes or more; from the fourth time on in halves, since one
# lead that the API chokes on, or a list that takes it too long, must not hold up the others. But only when the API is
# known to answer: where it answers nothing at all, halves of halves would be thousands of calls.
TRIES_PER_CALL = 12
TRIES_BEFORE_HALVES = 4
LONGEST_BACKOFF = 30.0
# After so many calls in a row without a usable answer an API seems to be down.
SEEMS_DOWN_AFTER = 4

# An API that is down must not turn lead after lead into one that may or may not be there.
MOST_UNKNOWN_IN_A_ROW = 10

MIN_RECORDS_FOR_PERCENT = 1_000
AS_THE_API_WOULD_SAY = 400


SQUADSTACK = "squadstack"
_SEGMENT_AND_ROUTE = attrgetter("segment", "route")


@dataclass(slots=True, eq=False)
class Call:
    """One request: a batch, or what is left of it; or a question without records whether the API answers at all."""

    batch: Batch
    records: list[Record]
    tries: int = 0
    sent_at: float = 0.0
    # How many usable answers its API had given when it was sent: first, and last.
    heard_at_first: int = 0
    heard: int = 0
    trouble: str = ""
    about: "Call | None" = None

    @property
    def bodies(self) -> list[bytes]:
        """The leads that are sent."""
        return [NO_LEAD] if self.about else [record.body for record in self.records]

    @property
    def lane(self) -> Lane:
        """The lane it belongs to."""
        return self.batch.lane

    @property
    def api(self) -> str:
        """Whose allowance it is made on: all of SquadStack's APIs share one."""
        return CONTACT_CENTER if self.lane.operation.api == CONTACT_CENTER else SQUADSTACK


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a record is rejected. `status` is None when the API has said nothing about it."""

    status: int | None
    reason: Reason
    retryable: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """What the pump needs of the config and of the client."""

    workers: int
    ignore_duplicates: bool = False
    max_rejected_percent: int | None = None
    # How long the API may still be at work on a call whose answer did not come.
    patience: float = 30.0


class Pump:
    """See the module."""

    def __init__(
        self,
        routes: Sequence[Route],
        shapers: Sequence[Shaper],
        *,
        settings: Settings,
        batcher: Batcher,
        limiter: Limiter,
        portal_limiter: Limiter | None = None,
        rejects: RejectedStore,
        report: Report,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._routes = {
            (namespace, route.stream): (route, shaper)
            for route, shaper in zip(routes, shapers, strict=True)
            for namespace in _spellings(route)
        }
        self._settings = settings
        self._batcher = batcher
        self._limiters = {SQUADSTACK: limiter, CONTACT_CENTER: portal_limiter or limiter}
        self._rejects = rejects
        self._report = report
        self._jitter = jitter
        self._ledger = Ledger()
        self._breaker = Breaker()
        self._known = KnownLeads()
        self._remember = {route.lane.scope for route in routes if route.lane.operation.unless_known}
        self._ready: dict[str, deque[Call]] = {SQUADSTACK: deque(), CONTACT_CENTER: deque()}
        self._departed = dict.fromkeys(self._ready, 0)
        self._unknown_in_a_row = dict.fromkeys(self._ready, 0)
        self._silent_in_a_row = dict.fromkeys(self._ready, 0)
        self._heard = dict.fromkeys(self._ready, 0)
        self._delayed: list[tuple[float, int, Call]] = []
        self._delays = 0
        self._under_way = 0
        self._input_ended = False
        self._over_limit = False

    # --- state of the flow

    @property
    def under_way(self) -> int:
        """How many calls have been handed out and not answered."""
        return self._under_way

    @property
    def calls_on_allowance(self) -> int:
        """How many calls have been handed out that are SquadStack's to count."""
        return self._departed[SQUADSTACK]

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
        return (
            ledger.unresolved >= MOST_RECORDS or ledger.held_bytes >= MOST_BYTES or ledger.waiting_states >= MOST_STATES
        )

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
            route, shaper = self._routes[record.get("namespace"), record["stream"]]
        except (KeyError, TypeError):
            raise MalformedInput(
                f"Line {number} of the input is a RECORD of a stream that the catalog does not have."
            ) from None
        self._report.read += 1
        segment = self._ledger.add_record(len(line))
        try:
            lead_id, body = shaper.shape(record["data"])
        except Deleted:
            # It is dealt with, so states may leave: they count it like a record that was written.
            self._report.deleted_at_source += 1
            self._ledger.resolve(segment, route.key, len(line), written=True)
            return
        except CannotBeSent as refused:
            problem = Problem(None, Reason(Cause.OTHER, refused.reason))
            self._store(route, number, line, refused.lead_id, problem, attempts=0)
            self._ledger.resolve(segment, route.key, len(line), written=False)
            self._breaker.failed(route.lane, AS_THE_API_WOULD_SAY, problem.reason, now)
            return
        self._batcher.add(Record(route, lead_id, body, number, line, segment), now)

    def end_input(self) -> None:
        """Note that no more messages will come."""
        self._input_ended = True
        self._batcher.seal_all()

    # --- calls

    def take_calls(self, now: float) -> list[Call]:
        """Return the calls that are to be made now."""
        calls: list[Call] = []
        self._batcher.seal_due(now)
        if self.saturated:
            self._make_room()
        self._collect(now)
        while self._under_way < self._settings.workers:
            due = [api for api in self._ready if self._due(api, now) <= now]
            if not due:
                break
            # In turns, so that the one with many calls does not keep the workers from the other.
            api = min(due, key=self._departed.__getitem__)
            call = self._ready[api].popleft()
            self._limiters[api].spend(max(1, len(call.records)), now)
            self._departed[api] += 1
            self._depart(call, now)
            calls.append(call)
        return calls

    def _due(self, api: str, now: float) -> float:
        """Return when the next call to an API may leave."""
        ready = self._ready[api]
        if not ready or (not ready[0].tries and self._seems_down(api)):
            return math.inf
        return self._limiters[api].due(max(1, len(ready[0].records)), now)

    def _seems_down(self, api: str) -> bool:
        """Tell whether calls that have not been tried should wait until one of those that have gets through."""
        if self._silent_in_a_row[api] < SEEMS_DOWN_AFTER:
            return False
        return any(call.api == api for _, _, call in self._delayed)

    def _collect(self, now: float) -> None:
        """Line up what can be sent: repeats first, since everything behind them waits."""
        while self._delayed and self._delayed[0][0] <= now:
            self._again(heapq.heappop(self._delayed)[2])
        while (batch := self._batcher.take()) is not None:
            call = Call(batch, list(batch.records))
            self._ready[call.api].append(call)

    def _again(self, call: Call) -> None:
        self._ready[call.api].appendleft(call)

    def _depart(self, call: Call, now: float) -> None:
        if not call.tries:
            call.heard_at_first = self._heard[call.api]
        else:
            self._report.retried += len(call.records)
        call.tries += 1
        call.sent_at, call.heard = now, self._heard[call.api]
        self._under_way += 1
        self._report.calls += 1
        for record in call.records:
            record.calls += 1

    def _make_room(self) -> None:
        """Go on although no more can be read: nothing is on its way that would free memory by itself."""
        if self._under_way or any(self._ready.values()) or self._delayed:
            return
        if not self._batcher.seal_oldest():
            self._breaker.release()

    def wake_at(self, now: float) -> float | None:
        """Return when there is something to do even if nothing happens."""
        moments = [self._batcher.next_deadline(), self._breaker.held_until() if self._breaker.holds(now) else None]
        if self._under_way < self._settings.workers:
            if self._delayed:
                moments.append(self._delayed[0][0])
            moments += [self._due(api, now) for api, ready in self._ready.items() if ready]
        return min((moment for moment in moments if moment is not None), default=None)

    # --- answers

    def answered(self, call: Call, answer: Answer, now: float) -> None:
        """Take the answer to a call.

        Raises:
            SyncError: The sync cannot go on.
        """
        self._under_way -= 1
        verdict = judge(call.records if call.about is None else [NoLead()], answer, call.lane.operation)
        if isinstance(verdict, Ambiguous):
            self._silent_in_a_row[call.api] += 1
        elif not isinstance(verdict, Throttled):
            self._limiters[call.api].answered(call.sent_at)
            self._unknown_in_a_row[call.api] = self._silent_in_a_row[call.api] = 0
            self._heard[call.api] += 1
        if call.about is not None and not isinstance(verdict, Throttled | Refused):
            self._told(call.about, verdict, now)
            return
        match verdict:
            case Settled():
                self._settle(call, verdict.refusals, now)
            case Throttled():
                self._throttled(call, verdict, now)
            case Ambiguous():
                self._ambiguous(call, verdict, now)
            case ListRefused():
                self._list_refused(call, verdict, now)
            case Refused():
                raise ConfigError(advice(verdict.problem, verdict.detail, call.lane.where))
            case Mismatch():
                operation = call.lane.operation
                raise SyncError(
                    f"{operation.service}'s answer to {operation.endpoint} names another lead than was sent at "
                    "the same position. Nothing can be said about the leads of that call, none is acknowledged."
                )

    def abandoned(self) -> None:
        """Note that a call will never be answered; its records stay without an outcome."""
        self._under_way -= 1

    def _settle(self, call: Call, refusals: Sequence[Refusal | None] | None, now: float) -> None:
        if refusals is None:
            self._written(call, call.records)
            return
        known = self._known_before(call, refusals)
        written: list[Record] = []
        again: list[Record] = []
        claimed = 0
        for record, refusal in zip(call.records, refusals, strict=True):
            if refusal is None:
                written.append(record)
            elif refusal.try_again:
                self._refused_for_now(call, record, refusal, again, now)
            elif self._was_our_own(record, refusal, known):
                written.append(record)
                claimed += 1
            else:
                self._refused(call, record, refusal, now)
        if claimed:
            self._audit(call.lane, claimed)
        self._written(call, written)
        if again:
            self._delay(Call(call.batch, again), now + self._backoff(max(record.refused for record in again)))

    def _known_before(self, call: Call, refusals: Sequence[Refusal | None]) -> set[str]:
        """Return the leads whose "already there" proves nothing: this run knew of them before the lost answer."""
        operation = call.lane.operation
        doubtful = [
            record.lead_id
            for record, refusal in zip(call.records, refusals, strict=True)
            if refusal is not None and record.maybe_applied and refusal.reason.cause in operation.unless_known
        ]
        return self._known.among(call.lane.scope, doubtful) if doubtful else set()

    def _was_our_own(self, record: Record, refusal: Refusal, known: set[str]) -> bool:
        done = record.route.lane.operation.done_after_silence
        return record.maybe_applied and refusal.reason.cause in done and record.lead_id not in known

    def _audit(self, lane: Lane, count: int) -> None:
        self._report.log(
            "INFO",
            f"Counted {count} records of {lane.operation.name} as written: an earlier call for them went unanswered, "
            f"and {lane.operation.service} now says that what they ask for is already so.",
        )

    def _refused_for_now(self, call: Call, record: Record, refusal: Refusal, again: list[Record], now: float) -> None:
        record.refused += 1
        record.maybe_applied |= refusal.may_be_applied
        if record.refused < TRIES_PER_RECORD:
            again.append(record)
        else:
            self._reject(call, record, Problem(refusal.status, refusal.reason, retryable=True), now)

    def _refused(self, call: Call, record: Record, refusal: Refusal, now: float) -> None:
        scope = call.lane.scope
        if refusal.reason.cause is Cause.DUPLICATE_LEAD:
            if scope in self._remember:
                self._known.add(scope, [record.lead_id])
            if self._settings.ignore_duplicates:
                self._report.already_there += 1
                self._resolve(call, record.segment, [record], written=True)
                return
        self._reject(call, record, Problem(refusal.status, refusal.reason), now)

    def _throttled(self, call: Call, verdict: Throttled, now: float) -> None:
        self._report.throttled += 1
        limiter, service = self._limiters[call.api], call.lane.operation.service
        pause = limiter.throttled(verdict.wait, call.sent_at, now)
        share = f", then go on with {limiter.share} a minute for now" if call.api == SQUADSTACK else ""
        self._report.log(
            "INFO", f"{service}'s allowance is used up (HTTP 429): all calls to it wait {pause:.1f} s{share}."
        )
        call.tries -= 1
        self._again(call)

    def _ambiguous(self, call: Call, verdict: Ambiguous, now: float) -> None:
        call.trouble = verdict.what
        if verdict.may_be_applied:
            for record in call.records:
                record.maybe_applied = True
            if not call.lane.operation.repeatable:
                self._outcome_unknown(call, verdict, now)
                return
        if call.tries >= TRIES_PER_CALL:
            self._give_up(call, verdict, now)
            return
        due = now + self._backoff(call.tries)
        if verdict.may_be_applied and not verdict.answered:
            # The API may be at it still; sent now, two calls for one lead would be under way.
            due = max(due, call.sent_at + self._settings.patience)
        endpoint = call.lane.operation.endpoint
        self._report.log(
            "INFO", f"No usable answer to {endpoint} ({verdict.what}): sending again in {due - now:.0f} s."
        )
        stuck = call.tries >= TRIES_BEFORE_HALVES and (verdict.answered or verdict.timed_out)
        if not stuck or len(call.records) == 1:
            self._delay(call, due)
        elif self._heard[call.api] > call.heard:
            for part in _halves(call):
                self._delay(part, due)
        else:
            self._ask(call, due)

    def _ask(self, call: Call, due: float) -> None:
        """Find out whether the API answers at all, instead of sending a call again."""
        self._delay(Call(call.batch, [], tries=call.tries, about=call), due)

    def _told(self, call: Call, verdict: Verdict, now: float) -> None:
        """Go on with a call: it is to blame itself if the API answers others."""
        if isinstance(verdict, Ambiguous):
            call.tries += 1
            self._ambiguous(call, verdict, now)
        elif len(call.records) == 1:
            self._unanswerable(call, now)
        else:
            for part in _halves(call):
                self._again(part)

    def _give_up(self, call: Call, verdict: Ambiguous, now: float) -> None:
        """End the sync, unless it is one lead that the API cannot answer for while it answers for others."""
        can_ask = call.api == SQUADSTACK
        alone = verdict.answered and len(call.records) == 1
        if alone and self._heard[call.api] > (call.heard if can_ask else call.heard_at_first):
            self._unanswerable(call, now)
        elif alone and can_ask and call.tries == TRIES_PER_CALL:
            self._ask(call, now + self._backoff(1))
        else:
            operation = call.lane.operation
            raise TransientError(
                f"{operation.service} gave no usable answer to {operation.endpoint} in {TRIES_PER_CALL} tries; "
                f"the last time: {verdict.what}. The records of that call have not been acknowledged."
            )

    def _unanswerable(self, call: Call, now: float) -> None:
        reason = Reason(Cause.OTHER, f"Outcome unknown: {call.trouble}, every time.")
        self._reject(call, call.records[0], Problem(None, reason, retryable=True), now)

    def _outcome_unknown(self, call: Call, verdict: Ambiguous, now: float) -> None:
        """Reject what may be there already, and would be there twice if it were sent again."""
        operation = call.lane.operation
        reason = Reason(
            Cause.OTHER, f"outcome_unknown: {verdict.what}. It may have been carried out, so it was not sent again."
        )
        for record in call.records:
            self._reject(call, record, Problem(None, reason), now)
        self._unknown_in_a_row[call.api] += 1
        if self._unknown_in_a_row[call.api] >= MOST_UNKNOWN_IN_A_ROW:
            raise TransientError(
                f"{operation.service} gave no usable answer to {operation.endpoint} {MOST_UNKNOWN_IN_A_ROW} times "
                f"in a row; the last time: {verdict.what}. What became of these records is not known: look at the "
                "rejected rows, and whether the leads are there, before the next sync."
            )

    def _list_refused(self, call: Call, verdict: ListRefused, now: float) -> None:
        if len(call.records) == 1:
            busy = verdict.reason.cause is Cause.BUSY
            self._settle(call, [Refusal(verdict.status, verdict.reason, try_again=busy)], now)
            return
        for record in call.records:
            # Part of a refused list may have been applied: what is "already there" afterwards is our own.
            record.maybe_applied = True
        for part in _halves(call):
            part.tries = 0
            self._again(part)

    def _delay(self, call: Call, due: float) -> None:
        self._delays += 1
        heapq.heappush(self._delayed, (due, self._delays, call))

    def _backoff(self, tries: int) -> float:
        """Return 1, 2, 4, … seconds, shortened by up to half, so that who failed together does not return together."""
        return min(LONGEST_BACKOFF, 2.0 ** (tries - 1)) * (1.0 - self._jitter() / 2)

    # --- outcomes

    def _written(self, call: Call, records: Sequence[Record]) -> None:
        if not records:
            return
        lane = call.lane
        if lane.scope in self._remember:
            note = self._known.discard if lane.operation.removes_leads else self._known.add
            note(lane.scope, [record.lead_id for record in records])
        self._breaker.passed(lane)
        # Most calls carry records of one stream, read between two states: their outcomes are noted together.
        for (segment, _), same in groupby(records, key=_SEGMENT_AND_ROUTE):
            self._resolve(call, segment, list(same), written=True)

    def _reject(self, call: Call, record: Record, problem: Problem, now: float) -> None:
        self._store(record.route, record.number, record.line, record.lead_id, problem, attempts=record.calls)
        self._resolve(call, record.segment, [record], written=False)
        self._breaker.failed(call.lane, problem.status or 0, problem.reason, now)

    def _store(
        self, route: Route, number: int, line: bytes, lead_id: str | None, problem: Problem, *, attempts: int
    ) -> None:
        self._report.reject(route.lane.operation.name, problem.reason.text)
        self._rejects.add(
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
        self._report.written += count * written
        size = sum([len(record.line) for record in records])
        self._ledger.resolve(segment, records[0].route.key, size, written=written, records=count)
        batch = call.batch
        batch.unsettled -= count
        if not batch.unsettled:
            self._batcher.settle(batch)

    # --- output

    def take_states(self, now: float) -> list[bytes]:
        """Return the states that may leave now, as messages; none if there are no more.

        What was rejected before them is safe.

        Raises:
            ConfigError: More records were rejected than the config allows.
        """
        if self.finished:
            self._breaker.release()
        # Nothing was rejected that these would cover: no store, breaker or limit has a say in them.
        if written := self._ledger.take_covered(all_written=True):
            return self._leaving(written)
        if self._over_limit or self._breaker.holds(now):
            return []
        self._check_limit()
        if not self._ledger.covers:
            return []
        # First, since a state that has been taken and cannot leave would be missing for ever.
        self._rejects.commit()
        return self._leaving(self._ledger.take_covered())

    def _leaving(self, covered: Sequence[Covered]) -> list[bytes]:
        for state in covered:
            self._report.state(state.difference)
        return [state.line for state in covered]

    def _check_limit(self) -> None:
        percent = self._settings.max_rejected_percent
        rejected, total = self._report.rejected_total, self._report.rejected_total + self._report.written
        if percent is None or not rejected or (total < MIN_RECORDS_FOR_PERCENT and not self.finished):
            return
        if rejected * 100 > percent * total:
            self._over_limit = True
            raise ConfigError(
                f"{rejected} of {total} records were rejected, more than the {percent} % of max_rejected_percent. "
                "The states that cover the last of them have not been acknowledged."
            )

    def close(self) -> None:
        """Let go of what the pump holds outside its memory."""
        self._known.close()


def _halves(call: Call) -> list[Call]:
    """Return two calls with half of the records each; one with all of them if there is only one."""
    middle = (len(call.records) + 1) // 2
    parts = [part for part in (call.records[:middle], call.records[middle:]) if part]
    return [replace(call, records=part) for part in parts]


def _spellings(route: Route) -> tuple[str | None, ...]:
    """Return how the records of a stream may spell its namespace: none at all and an empty one are the same."""
    return (route.namespace,) if route.namespace else (None, "")
