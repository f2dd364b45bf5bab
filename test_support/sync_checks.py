"""Runs the destination's engine against the model of the API, on a clock of its own, and checks what it did.

The checks use the server's log, the input, the states that left and the rejected records, and nothing of the engine.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson

from destination_squadstack.api.outcomes import NoResponse
from destination_squadstack.api.timeouts import READ_SECONDS, read_timeout_for
from destination_squadstack.api.transport import read_reply
from destination_squadstack.errors import SyncError, TransientError
from test_support.crm_model import Exchange, Json, Key, Row, Server

# A sync that is at work for longer than this after the weather has cleared hangs. A lead that is never answered takes a
# quarter of an hour to find, and a worker is held meanwhile.
LONGEST_SYNC = 12 * 3600.0
LEADS_A_CALL = 100
MANY_TURNS = 1000

# Answers to a whole call after which nothing of it can have been done.
_NEVER_CARRIED_OUT = frozenset({400, 413, 422, 429, 503})


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """A record as it was fed. `key` is None where the record has no id to be told apart by."""

    number: int
    operation: str
    key: Key | None
    line: bytes
    valid: bool = True  # as far as the documents tell without knowing the campaign


@dataclass(slots=True)
class Attempt:
    """One call that held a record."""

    exchange: Exchange
    row: int
    begun: float
    ended: float | None = None
    answer: Row | None = None  # what the connector was told of the record
    status: int | None = None  # of the whole call, None without an answer
    unreadable: bool = False

    @property
    def open_question(self) -> bool:
        """Whether the connector has to reckon with the record having been carried out, and was not told."""
        if self.answer is not None:
            return self.answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        return self.status not in _NEVER_CARRIED_OUT


@dataclass(slots=True)
class Run:
    """One process: what it was fed, what it sent, what it let go."""

    bench: Any
    server: Server
    now: float
    ignores_duplicates: bool = False
    reads: list[Read] = field(default_factory=list)
    attempts: dict[int, list[Attempt]] = field(default_factory=dict)
    marks: list[tuple[int, int]] = field(default_factory=list)  # number of the state, records read before it
    states_left: list[int] = field(default_factory=list)
    acknowledged: int = 0
    counted: list[int] = field(default_factory=lambda: [0, 0])
    failure: BaseException | None = None
    ended: bool = False
    under_way: list[tuple[float, Any, Exchange, list[Attempt]]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    last_final: list[tuple[float, int]] = field(default_factory=list)  # when which record got a final answer
    idle_turns: int = 0

    @property
    def dead(self) -> bool:
        """Whether the sync has ended."""
        return self.failure is not None or self.ended

    def feed(self, message: Any, read: Read | None = None, mark: int | None = None) -> bool:
        """Hand one message over, as soon as the engine takes more; false if the sync has ended before."""
        waited = self.now
        while not self.dead and self.bench.engine.saturated:
            self.step(self.now + 3600.0)
            if self.now - waited > LONGEST_SYNC:
                self.complain("takes no more input, for hours")
                return False
        if self.dead:
            return False
        if read is not None:
            self.reads.append(read)
        if mark is not None:
            self.marks.append((mark, len(self.reads)))
        self._try(lambda: self.bench.engine.feed(message, self.now))
        return not self.dead

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        until = self.now + seconds
        while not self.dead and self.now < until:
            self.step(until)

    def finish(self) -> None:
        """End the input and run until the sync has ended."""
        if not self.dead:
            self._try(self.bench.engine.end_input)
        started = self.now
        while not self.dead:
            self._take_states()
            if self.bench.engine.finished and not self.bench.engine.waiting_states:
                self.ended = True
                break
            self.step(self.now + 3600.0)
            if self.now - started > LONGEST_SYNC:
                self.complain("does not end")
                break

    def step(self, until: float) -> None:
        """Let everything happen that is due, then move on to the next thing, at most until then."""
        engine = self.bench.engine
        before = (len(self.server.exchanges), len(self.states_left))
        self._take_states()
        self._take_calls()
        if self.dead:
            return
        candidates = [until, *(each[0] for each in self.under_way)]
        if (change := self.server.next_change) is not None:
            candidates.append(change)
        if (wake := engine.wake_at(self.now)) is not None:
            candidates.append(wake)
        soonest = min(candidates)
        if soonest <= self.now and before == (len(self.server.exchanges), len(self.states_left)):
            self.idle_turns += 1
            if self.idle_turns > MANY_TURNS and not any(each[0] <= self.now for each in self.under_way):
                self.complain("wants to be woken again and again without doing anything")
                self.failure = RuntimeError("spins")
        else:
            self.idle_turns = 0
        self.now = max(self.now, soonest)
        self.server.advance(self.now)
        for each in sorted((e for e in self.under_way if e[0] <= self.now), key=lambda e: (e[0], e[2].number)):
            if each in self.under_way and not self.dead:
                self.under_way.remove(each)
                self._answer(*each[1:])

    def complain(self, sentence: str) -> None:
        """Note a broken promise."""
        self.complaints.append(sentence)

    def _try(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except SyncError as error:
            self.failure = error
        except Exception as error:  # noqa: BLE001 - whatever else comes out is a finding
            self.failure = error
            self.complain(f"the engine broke: {error!r}")
        return None

    def _take_states(self) -> None:
        while not self.dead and (taken := self._try(lambda: self.bench.engine.take_states(self.now))):
            for line in taken:
                self._state_left(orjson.loads(line)["state"])

    def _state_left(self, state: Json) -> None:
        index = len(self.states_left)
        mark, covered = self.marks[index]
        if state.get("id") != mark:
            self.complain(f"state {state.get('id')} left where {mark} was next")
        stats = state.get("destinationStats", {})
        written, rejected = stats.get("recordCount"), stats.get("rejectedRecordCount")
        since = covered - self.acknowledged
        if written + rejected != since:
            self.complain(f"a state counts {written} + {rejected} of {since} records")
        check_covered(self, self.reads[self.acknowledged : covered], written, rejected)
        self.states_left.append(mark)
        self.acknowledged = covered
        self.counted[0] += written
        self.counted[1] += rejected

    def _take_calls(self) -> None:
        for call in self._try(lambda: self.bench.engine.take_calls(self.now)) or ():
            operation = call.lane.operation
            request = operation.request(call.lane.path, call.bodies)
            body = orjson.loads(request.body)
            leads = [body] if isinstance(body, dict) else body
            ref = call.lane.path.split("/crm-integration-v2/")[1].split("/")[0]
            name = request.path.rstrip("/").rsplit("/lead-", 1)[1]
            exchange = self.server.receive(_NAMES[name], ref, body, self.now)
            attempts = self._note(call, exchange, leads)
            limit = self.now + read_timeout_for(len(leads), READ_SECONDS)
            at = limit if exchange.answered_at is None else min(exchange.answered_at, limit)
            self.under_way.append((at, call, exchange, attempts))

    def _note(self, call: Any, exchange: Exchange, leads: Sequence[Any]) -> list[Attempt]:
        by_line = {read.line: read for read in self.reads[max(0, self.acknowledged - 5) :]}
        attempts = []
        if len(leads) > LEADS_A_CALL:
            self.complain(f"a call of {len(leads)} leads")
        flying = {
            self.reads[number].key
            for number, tries in self.attempts.items()
            for attempt in tries
            if attempt.ended is None
        }
        for row, (record, lead) in enumerate(zip(call.records, leads, strict=bool(call.records))):
            read = by_line[record.line]
            if (
                read.key is None
                or lead["lead_id"] != read.key[1]
                or lead.get("seq", str(read.number)) != str(read.number)
            ):
                self.complain("a record was sent as another lead or with another's fields")
            if read.operation != exchange.operation or (read.key and read.key[0] != exchange.ref):
                self.complain("a record went to another campaign or operation")
            if read.key in flying:
                self.complain(f"two calls for one lead in flight, records {read.number}")
            if read.number < self.acknowledged:
                self.complain("a record was sent after it had been acknowledged")
            for later in self.reads[read.number + 1 :]:
                if later.key == read.key and self.attempts.get(later.number):
                    self.complain(f"record {read.number} was sent after record {later.number} of the same lead")
                    break
            attempt = Attempt(exchange, row, self.now)
            self.attempts.setdefault(read.number, []).append(attempt)
            attempts.append(attempt)
        return attempts

    def _answer(self, call: Any, exchange: Exchange, attempts: list[Attempt]) -> None:
        answered = exchange.answered_at is not None and exchange.answered_at <= self.now
        response = self.server.response(exchange) if answered else None
        answer: Any
        if response is None:
            gone = "the connection was closed" if answered else "no answer in time"
            answer = NoResponse(gone, may_be_applied=True, timed_out=not answered)
        else:
            answer = read_reply(response.status, response.headers, response.body, self.now)
        for attempt in attempts:
            attempt.ended = self.now
            attempt.status = None if response is None else response.status
            readable = response is not None and exchange.fault in {None, "slow"}
            attempt.answer = exchange.rows[attempt.row] if readable else None
            attempt.unreadable = response is not None and not readable
            if attempt.answer is not None and attempt.answer.final:
                self.last_final.append((self.now, id(attempt)))
        self._try(lambda: self.bench.engine.handle_response(call, answer, self.now))


_NAMES = {
    "created": "create",
    "upserted": "upsert",
    "updated": "update",
    "converted": "convert",
    "disabled": "disable",
    "deleted": "delete",
}


def check_covered(run: Run, reads: Sequence[Read], written: int, rejected: int) -> None:
    """Hold a state that leaves to the records it covers: each applied by this run's own call, or kept as rejected."""
    safe = {each.line: each for each in run.bench.rejected_records.rejections[: run.bench.rejected_records.committed]}
    unsafe = {each.line for each in run.bench.rejected_records.rejections[run.bench.rejected_records.committed :]}
    applied = _applied_by(run)
    is_rejected = 0
    for read in reads:
        if read.line in unsafe and read.line not in safe:
            run.complain(f"a state left before the rejected record {read.number} was safe")
        if read.line in safe:
            is_rejected += 1
            _check_rejected(run, read, safe[read.line], read.number in applied)
        elif not _is_written(run, read, applied):
            run.complain(f"record {read.number} ({read.operation}) counts as written and was not carried out")
    if is_rejected != rejected or len(reads) - is_rejected != written:
        run.complain(f"a state counts {written} + {rejected}; {is_rejected} of {len(reads)} were rejected")


def _applied_by(run: Run) -> set[int]:
    done = {(each.call, each.row) for each in run.server.state.applied}
    return {
        number
        for number, tries in run.attempts.items()
        if any((attempt.exchange.number, attempt.row) in done for attempt in tries)
    }


def _is_written(run: Run, read: Read, applied: set[int]) -> bool:
    return read.number in applied or _unknowable(run, read) or _ignored(run, read)


def _ignored(run: Run, read: Read) -> bool:
    """Whether the user has said that a lead which is there already counts as created."""
    tries = run.attempts.get(read.number, [])
    last = tries[-1].answer if tries else None
    return (
        run.ignores_duplicates
        and read.operation == "create"
        and last is not None
        and last.status == HTTPStatus.CONFLICT
        and last.final
    )


def _unknowable(run: Run, read: Read) -> bool:
    """Whether the API's words leave it open: a call of this record had no answer and may have been carried out.

    Then "already there" is all that the API ever says, whoever did it, as long as this run has not seen the lead
    resolved before.
    """
    tries = run.attempts.get(read.number, [])
    if read.operation not in {"create", "convert", "delete"} or not any(each.open_question for each in tries[:-1]):
        return False
    earlier = [
        attempt
        for other in run.reads[: read.number]
        if other.key == read.key and other.operation == read.operation
        for attempt in run.attempts.get(other.number, [])
    ]
    return not any(attempt.answer is not None and _tells_that_it_is_so(attempt.answer) for attempt in earlier)


def _tells_that_it_is_so(row: Row) -> bool:
    """Whether an answer shows what the record asks for to be done, by whomever: a wrong number does not."""
    said = str(row.data)
    return row.accepted or any(
        words in said for words in ("already present", "marked as converted", "has been deleted")
    )


def _check_rejected(run: Run, read: Read, rejection: Any, applied: bool) -> None:
    tries = run.attempts.get(read.number, [])
    if rejection.status is None and not tries:
        if read.valid:
            run.complain(f"record {read.number} is valid and was rejected unsent: {rejection.reason}")
        return
    told = [attempt.answer.status for attempt in tries if attempt.answer is not None]
    whole = [attempt.status for attempt in tries if attempt.status is not None and attempt.answer is None]
    if rejection.status is not None and rejection.status not in told and rejection.status not in whole:
        run.complain(f"record {read.number} was rejected with {rejection.status}; the API said {told or whole}")
    if applied and not rejection.retryable:
        run.complain(f"record {read.number} ({read.operation}) was carried out and was rejected: {rejection.reason}")
    last = tries[-1].answer if tries else None
    if rejection.retryable and last is not None and last.final:
        run.complain(f"record {read.number} has a final answer and is called retryable: {rejection.reason}")
    blamed = bool(tries) and tries[-1].exchange.blamed is not None and len(tries[-1].exchange.leads) == 1
    if rejection.status is None and not rejection.retryable:
        run.complain(f"record {read.number} was rejected for good without an answer: {rejection.reason}")
    if not rejection.retryable and (last is None or not last.final) and not blamed:
        run.complain(f"record {read.number} was rejected for good without a final answer: {rejection.reason}")
    if rejection.retryable:
        mine = {id(attempt) for attempt in tries}
        others = [at for at, who in run.last_final if who not in mine and at >= tries[0].begun]
        if not others:
            run.complain(f"record {read.number} was given up while nothing got through: {rejection.reason}")


def check_run(run: Run) -> None:
    """Hold a run that has ended to what must be true at any end."""
    if run.ended:
        if run.acknowledged != len(run.reads) and run.marks and run.marks[-1][1] == len(run.reads):
            run.complain("a sync succeeded without acknowledging everything")
        safe = {each.line for each in run.bench.rejected_records.rejections[: run.bench.rejected_records.committed]}
        applied = _applied_by(run)
        for read in run.reads[run.acknowledged :]:
            if (
                read.line not in safe
                and read.number not in applied
                and not _unknowable(run, read)
                and not _ignored(run, read)
            ):
                run.complain(f"a sync succeeded although record {read.number} is neither written nor kept")
    elif run.failure is not None and not isinstance(run.failure, TransientError):
        run.complain(f"failed as {type(run.failure).__name__}: {run.failure}")
    lines = [each.line for each in run.bench.rejected_records.rejections]
    if len(lines) != len(set(lines)):
        run.complain("a record was rejected twice")


def check_order(run: Run) -> None:
    """Hold the changes of each lead to the order in which its records were read."""
    numbers = {
        (attempt.exchange.number, attempt.row): number for number, tries in run.attempts.items() for attempt in tries
    }
    latest: dict[Key, int] = {}
    for change in run.server.state.applied:
        number = numbers.get((change.call, change.row))
        if number is None:
            continue
        if number < latest.get(change.key, -1):
            run.complain(f"record {number} was applied after record {latest[change.key]} of the same lead")
        latest[change.key] = max(number, latest.get(change.key, -1))
