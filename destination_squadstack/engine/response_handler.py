"""What follows from a response: records get their outcomes, or the call is sent again, split, probed for or given up.

What a response means is in `api.outcomes`, when a call without an outcome is sent again in `retry`, what becomes of a
record with an outcome in `settlement`.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import repeat

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
    about_named_campaign,
    classify_response,
)
from destination_squadstack.api.timeouts import read_timeout_for
from destination_squadstack.engine.batcher import Record, RecordError
from destination_squadstack.engine.calls import SQUADSTACK, ApiCall, Call, Probe
from destination_squadstack.engine.rate_limiter import MAX_PAUSE_SECONDS
from destination_squadstack.engine.retry import (
    LOST_CALL_SECONDS,
    MAX_BLAME,
    MAX_STALLED_TRIES,
    MAX_TRIES_PER_RECORD,
    MAX_UNKNOWN_IN_A_ROW,
    PARTS,
    FailedAttempt,
    LaneHistory,
    Step,
    backoff,
    countable_tries,
    is_exhausted,
    is_to_blame,
    next_step,
    others_got_through,
    probe_tells,
    step_after_probe,
)
from destination_squadstack.engine.scheduler import Scheduler
from destination_squadstack.engine.settlement import Settlement
from destination_squadstack.errors import ConfigError, SyncError, TransientError
from destination_squadstack.operations import CONTACT_CENTER, Cause
from destination_squadstack.progress import Progress
from squadstack_common.api_limits import LONGEST_THROTTLED, TOO_MANY_REQUESTS


class ResponseHandler:
    """Acts on responses, and keeps the history of each lane's calls."""

    def __init__(
        self,
        *,
        scheduler: Scheduler,
        settlement: Settlement,
        progress: Progress,
        read_timeout: float,
        jitter: Callable[[], float],
    ) -> None:
        self._histories: defaultdict[int, LaneHistory] = defaultdict(LaneHistory)
        self._scheduler = scheduler
        self._settlement = settlement
        self._progress = progress
        self._read_timeout = read_timeout
        self._jitter = jitter
        # How many calls to each API in a row were rejected because their outcome is unknown.
        self._unknown_in_a_row: Counter[str] = Counter()

    def note_sent(self, call: ApiCall, now: float) -> None:
        """Note that a call leaves."""
        self._progress.calls += 1
        if isinstance(call, Probe):
            call.sent_at = now
            return
        if call.is_retry:
            self._progress.retried += len(call.records)
        call.note_sent(self._history(call).completions, now)

    def handle(self, call: ApiCall, response: Response, now: float) -> None:
        """Act on a response.

        Raises:
            SyncError: The sync cannot go on.
        """
        records = [ProbeLead()] if isinstance(call, Probe) else call.records
        outcome = classify_response(
            records, response, call.lane.operation, lane_has_accepted=self._settlement.has_accepted(call.lane)
        )
        if call.lane.is_of_record:
            outcome = about_named_campaign(outcome, len(records), call.lane.operation)
        if isinstance(outcome, ConfigProblem):
            raise ConfigError(fix_message(outcome.problem, outcome.detail, call.lane.fix_context))
        if isinstance(outcome, Throttled):
            self._throttled(call, outcome.wait, now)
            if isinstance(call, Call):
                # The API did not accept it, so this does not count as a try.
                call.tries -= 1
            self._scheduler.queue_of(call).put_first(call)
        elif isinstance(call, Probe):
            self._probe_returned(call, outcome, now)
        elif isinstance(outcome, RowResults):
            self._row_results(call, outcome, now)
        elif isinstance(outcome, OutcomeUnknown):
            self._outcome_unknown(call, outcome, now)
        elif isinstance(outcome, BatchRejected):
            self._batch_rejected(call, outcome, now)
        else:
            raise _mismatch(call, outcome)

    def _history(self, call: ApiCall) -> LaneHistory:
        return self._histories[call.lane.index]

    def _usable_response(self, call: ApiCall) -> None:
        """Note that the API gave a usable response to a call."""
        self._scheduler.queue_of(call).usable_response(call)
        self._unknown_in_a_row[call.api] = 0

    def _throttled(self, call: ApiCall, wait: float | None, now: float) -> None:
        """Pause all calls of an API after a 429."""
        self._progress.throttled += 1
        limiter, service = self._scheduler.queue_of(call).limiter, call.lane.operation.service
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

    # --- responses with a result for each record, or one for all of them

    def _all_written(self, call: Call) -> None:
        history = self._history(call)
        if call.tries == 1:
            history.calls.note(1, 0)
        history.rows.note(countable_tries(call.records), 0)
        history.completions += 1
        self._usable_response(call)
        self._settlement.written(call, call.records)

    def _row_results(self, call: Call, results: RowResults, now: float) -> None:
        statuses = results.statuses
        each = repeat(statuses) if isinstance(statuses, int) else statuses
        for record, status in zip(call.records, each, strict=False):
            record.status = status
        if results.row_errors is None:
            self._all_written(call)
            return
        history = self._history(call)
        pairs = list(zip(call.records, results.row_errors, strict=True))
        later = [(record, error) for record, error in pairs if error is not None and error.retryable]
        if call.tries == 1:
            history.calls.note(1, 0)
        history.rows.note(countable_tries(call.records) - countable_tries([record for record, _ in later]), 0)
        if len(later) < len(pairs):
            self._usable_response(call)
            history.completions += 1
            written = [record for record, error in pairs if error is None]
            refused = [(record, error) for record, error in pairs if error is not None and not error.retryable]
            if refused:
                written += self._settlement.refused(call, refused, now)
            self._settlement.written(call, written)
        if later:
            # Records that got their outcome from the same call count as others that got through.
            completions_seen = history.completions - 1
            left = call if len(later) == len(pairs) else Call(call.batch, [], completions_seen=completions_seen)
            self._retry_rows(left, later, call.sent_at, now)

    def _retry_rows(self, call: Call, later: Sequence[tuple[Record, RowError]], sent_at: float, now: float) -> None:
        """Send records again that the API refused for now; one that our own earlier call still holds costs no try."""
        held_by_own_call: list[Record] = []
        failed: list[tuple[Record, RowError]] = []
        for record, error in later:
            if error.reason.cause is Cause.BUSY and now < record.busy_until:
                held_by_own_call.append(record)
                continue
            record.maybe_applied |= error.may_be_applied
            record.last_error = RecordError(error.status, error.reason, retryable=True)
            failed.append((record, error))
        if held_by_own_call:
            self._wait_for_own_call(call.only(held_by_own_call), now)
        if not failed:
            return
        history = self._history(call)
        history.rows.note(0, countable_tries([record for record, _ in failed]))
        statuses = sorted({error.status for _, error in failed})
        wait = max(error.wait or 0.0 for _, error in failed)
        left = call.only([record for record, _ in failed])
        left.row_by_row, left.sent_at = True, sent_at
        if TOO_MANY_REQUESTS in statuses:
            self._throttled(left, wait or None, now)
        if left.completions_seen == history.completions:
            self._scheduler.queue_of(left).unusable_response(left)
        what = f"HTTP {' and '.join(map(str, statuses))} for {len(failed)} of its leads"
        failure = FailedAttempt(what, answered=True, row_by_row=True)
        self._failed(left, failure, now, now + min(wait, MAX_PAUSE_SECONDS))

    def _wait_for_own_call(self, call: Call, now: float) -> None:
        tries = max(record.calls for record in call.records) - 1
        self._scheduler.queue_of(call).delay(call, now + backoff(tries, self._jitter()))

    def _batch_rejected(self, call: Call, outcome: BatchRejected, now: float) -> None:
        busy = outcome.reason.cause is Cause.BUSY
        if len(call.records) == 1:
            error = RowError(outcome.status, outcome.reason, retryable=busy)
            self._row_results(call, RowResults([error], outcome.status), now)
            return
        self._usable_response(call)
        if busy and any(now < record.busy_until for record in call.records):
            self._wait_for_own_call(call, now)
            return
        self._settlement.batch_rejected(call, outcome.reason)
        for record in call.records:
            # Part of a refused list may have been applied: what is "already there" afterwards is our own.
            record.maybe_applied |= outcome.may_be_applied
        for part in call.parts(PARTS):
            self._scheduler.queue_of(part).put_first(part)

    # --- calls without an outcome

    def _outcome_unknown(self, call: Call, outcome: OutcomeUnknown, now: float) -> None:
        history = self._history(call)
        if outcome.problem and call.api == CONTACT_CENTER and not history.completions:
            raise ConfigError(fix_message(outcome.problem, outcome.what, call.lane.fix_context))
        self._scheduler.queue_of(call).unusable_response(call)
        call.row_by_row = False
        if call.tries == 1:
            history.calls.note(0, 1)
        earliest = now + min(outcome.wait or 0.0, MAX_PAUSE_SECONDS)
        if outcome.may_be_applied:
            read_timeout = read_timeout_for(len(call.records), self._read_timeout)
            for record in call.records:
                record.maybe_applied = True
                # The API may be at work for as long again as its response was waited for.
                record.busy_until = call.sent_at + 2 * read_timeout
            if not call.lane.operation.repeatable:
                self._reject_as_unknown(call, outcome, now)
                return
            if not outcome.answered:
                # The API may still be at work on it: sent now, two calls for one lead would be under way.
                earliest = max(earliest, call.sent_at + min(read_timeout, LOST_CALL_SECONDS))
        reason = Reason(Cause.OTHER, f"Outcome unknown: {outcome.what} at the last try.")
        for record in call.records:
            # What the API has said about the record itself is more precise.
            if record.last_error is None or record.last_error.status is None:
                record.last_error = RecordError(None, reason, retryable=True)
        failure = FailedAttempt(
            outcome.what,
            answered=outcome.answered,
            reached=outcome.answered or outcome.may_be_applied,
            timed_out=outcome.timed_out,
            deliberate=bool(outcome.problem),
        )
        self._failed(call, failure, now, earliest)

    def _reject_as_unknown(self, call: Call, outcome: OutcomeUnknown, now: float) -> None:
        """Reject records that the API may have, and would have twice if they were sent again."""
        operation = call.lane.operation
        reason = Reason(
            Cause.OTHER, f"outcome_unknown: {outcome.what}. It may have been carried out, so it was not sent again."
        )
        for record in call.records:
            self._settlement.reject(call, record, RecordError(None, reason), now)
        self._unknown_in_a_row[call.api] += 1
        if self._unknown_in_a_row[call.api] >= MAX_UNKNOWN_IN_A_ROW:
            raise TransientError(
                f"{operation.service} gave no usable answer to {operation.endpoint} {MAX_UNKNOWN_IN_A_ROW} times "
                f"in a row; the last time: {outcome.what}. What became of these records is not known: look at the "
                "rejected records, and whether the leads are there, before the next sync."
            )

    def _failed(self, call: Call, failure: FailedAttempt, now: float, earliest: float) -> None:
        """Count a failed try, reject the records that cause it, and continue with the others."""
        history = self._history(call)
        others_completed = call.note_failure(failure, history.completions)
        to_blame = [record for record in call.records if is_to_blame(record, history)]
        left = [record for record in call.records if not is_to_blame(record, history)]
        self._give_up(call, to_blame, now)
        if is_exhausted(left):
            operation = call.lane.operation
            raise TransientError(
                f"{operation.service} gave no final answer for a lead of {operation.endpoint} in "
                f"{MAX_TRIES_PER_RECORD} tries, and others failed too often for the lead to be to blame; the last "
                f"time: {failure.what}. The lead has not been acknowledged."
            )
        if left:
            self._go_on(call.only(left), now, earliest, others_completed=others_completed)

    def _give_up(self, call: Call, records: Sequence[Record], now: float) -> None:
        for record in records:
            if record.last_error is not None:
                self._settlement.give_up(call, record, record.last_error, now)

    def _go_on(self, call: Call, now: float, earliest: float, *, others_completed: bool) -> None:
        """Take the next step with a call that brought no outcome."""
        operation, queue, failure = call.lane.operation, self._scheduler.queue_of(call), call.failure
        step = next_step(
            call,
            others_completed=others_completed,
            can_probe=call.api == SQUADSTACK,
            others_completed_since_first_failure=others_got_through(call.records, self._history(call)),
        )
        if step is Step.REJECT:
            self._give_up(call, call.records, now)
            return
        if step is Step.FAIL:
            raise TransientError(
                f"{operation.service} gave no usable answer to {operation.endpoint} in {MAX_STALLED_TRIES} tries; "
                f"the last time: {failure.what}. The records of that call have not been acknowledged."
            )
        due = max(earliest, now + backoff(call.failures, self._jitter()))
        if step is Step.SPLIT:
            due = earliest
            for part in call.parts(failure.parts, suspect=True):
                queue.delay(part, due)
        else:
            queue.delay(Probe(call) if step is Step.PROBE else call, due)
        self._progress.log(
            "INFO", f"No usable answer to {operation.endpoint} ({failure.what}): going on in {due - now:.0f} s."
        )

    def _probe_returned(self, probe: Probe, outcome: Outcome, now: float) -> None:
        """Go on with a call after a probe was sent in its place."""
        call = probe.call
        if isinstance(outcome, OutcomeUnknown):
            if outcome.problem:
                raise ConfigError(fix_message(outcome.problem, outcome.what, call.lane.fix_context))
            what, wait = outcome.what, outcome.wait
        elif (
            isinstance(outcome, RowResults)
            and outcome.row_errors
            and (error := outcome.row_errors[0]) is not None
            and error.retryable
        ):
            what, wait = f"HTTP {error.status} for a lead without an id", error.wait
        else:
            self._usable_response(probe)
            self._api_answers(call)
            return
        self._scheduler.queue_of(call).unusable_response(call)
        call.stalled_tries += 1
        call.failure = replace(call.failure, what=what)
        self._go_on(call, now, now + min(wait or 0.0, MAX_PAUSE_SECONDS), others_completed=False)

    def _api_answers(self, call: Call) -> None:
        """Go on with a call now that the API is known to answer."""
        queue, history = self._scheduler.queue_of(call), self._history(call)
        if step_after_probe(call) is Step.SPLIT:
            for part in call.parts(call.failure.parts, suspect=True):
                queue.put_first(part)
            return
        if probe_tells(
            others_completed_since_first_failure=others_got_through(call.records, history),
            is_only_record_left=self._settlement.unresolved == len(call.records) == 1,
        ):
            call.note_probe(MAX_BLAME, history.completions)
        queue.put_first(call)


def _mismatch(call: Call, _: Mismatch) -> SyncError:
    operation = call.lane.operation
    return SyncError(
        f"{operation.service}'s answer to {operation.endpoint} names another lead than was sent at "
        "the same position. Nothing can be said about the leads of that call, none is acknowledged."
    )
