"""The log of a sync: totals by operation and reason. No lead id, phone number or name reaches a log line."""

from collections import Counter, deque
from collections.abc import Callable

from destination_squadstack.engine.tracking import Origin
from destination_squadstack.mapping import SUPPRESSED, Change, StopReason
from squadstack_common.api_limits import WINDOW_SECONDS

REPORT_SECONDS = 30.0
_MAX_REASONS = 20
_MAX_COUNTED_REASONS = 500
_MAX_DIFFERENCES = 10
_MAX_REASONS_IN_A_LINE = 3
# Calls leave in bursts, up to a minute apart: a shorter interval would give a rate of zero, or far too high.
_RATE_SECONDS = 300.0

Log = Callable[[str, str], None]


class Progress:
    """Counts outcomes, and logs them every 30 seconds and at the end."""

    def __init__(self, log: Log, *, now: float, acknowledges: bool = True) -> None:
        self.log = log
        self._acknowledges = acknowledges
        self._fate = "passed on" if acknowledges else "held back"
        self.read = 0
        self.written = 0
        self.already_there = 0
        # Rows deleted at their source for which nothing is sent.
        self.deleted_at_source = 0
        # Leads that are sent to another operation than their stream's, by reason and operation.
        self.stopped: Counter[tuple[StopReason, str]] = Counter()
        # Leads among these that SquadStack does not have.
        self.not_there = 0
        # Records that fail their stream's filter, by stream.
        self.filtered: Counter[str] = Counter()
        self.changed: Counter[Change] = Counter()
        # Records that no list takes, by stream.
        self.alone: Counter[str] = Counter()
        # Records that SquadStack has already.
        self.unchanged = 0
        # Records that the source has not sent and that were written: by where they come from.
        self.own: Counter[Origin] = Counter()
        # Leads that have left and could not be disabled, by reason.
        self.not_disabled: Counter[str] = Counter()
        self.retried = 0
        self.calls = 0
        self.throttled = 0
        self.states = 0
        self.rejected: Counter[tuple[str, str]] = Counter()
        self.differences = 0
        self._next = now + REPORT_SECONDS
        self._started = now
        self._progress: deque[tuple[float, int]] = deque([(now, 0)])

    @property
    def rejected_total(self) -> int:
        """How many records were rejected."""
        return self.rejected.total()

    @property
    def next_at(self) -> float:
        """When the next line is due."""
        return self._next

    def sent_alone(self, stream: str) -> None:
        """Count a record that takes a call of its own; of the first of a stream, say so while there is time to stop."""
        self.alone[stream] += 1
        if self.alone[stream] == 1:
            self.log(
                "WARN",
                f"The stream '{stream}' has records without phone_number or contact_name. SquadStack takes those one a "
                "call, in place of 100: each costs a call of the allowance.",
            )

    def reject(self, operation: str, reason: str) -> None:
        """Count a rejected record."""
        known = (operation, reason) in self.rejected or len(self.rejected) < _MAX_COUNTED_REASONS
        self.rejected[operation, reason if known else "further reasons"] += 1

    def state(self, difference: tuple[int, int] | None) -> None:
        """Count a state that leaves, and warn if its source counted another number of records than arrived."""
        self.states += 1
        if difference is None:
            return
        self.differences += 1
        if self.differences <= _MAX_DIFFERENCES:
            theirs, ours = difference
            self.log(
                "WARN",
                f"State {self.states}: the source counted {theirs} records, {ours} arrived here since its last state.",
            )

    def tick(self, now: float, *, waiting: int, used: int, allowance: int, input_ended: bool = False) -> None:
        """Write a log line if it is due."""
        if now < self._next:
            return
        self._next = now + REPORT_SECONDS
        rate = self._rate(now)
        left = f" The input has ended: about {_duration(waiting / rate)} left." if input_ended and rate else ""
        self.log("INFO", f"{self._line(waiting)} {_calls(used, allowance)}{left}")

    def _rate(self, now: float) -> float:
        """Return how many records a second got an outcome in the last minutes."""
        dealt_with = self.written + self.unchanged + self.deleted_at_source + self.filtered.total()
        dealt_with += self.rejected_total + self.own.total()
        self._progress.append((now, dealt_with))
        while self._progress[1][0] <= now - _RATE_SECONDS:
            self._progress.popleft()
        (since, done_then), (_, done) = self._progress[0], self._progress[-1]
        return (done - done_then) / (now - since)

    def end(self, now: float, *, waiting: int, used: int, allowance: int) -> None:
        """Write the last line, and one for each reason of rejection."""
        line = self._line(waiting, with_reasons=False)
        self.log("INFO", f"Finished after {now - self._started:.1f} s: {line} {_calls(used, allowance)}")
        if summary := self._rules():
            self.log("INFO", summary)
        for stream, count in self.filtered.most_common():
            self.log("INFO", f"{count} records of the stream '{stream}' did not pass the filter and were not sent.")
        for stream, count in self.alone.most_common():
            self.log(
                "INFO",
                f"{count} records of the stream '{stream}' had no phone_number or no contact_name: each took a call of "
                "its own.",
            )
        if self.differences:
            self.log(
                "WARN", f"{self.differences} states came with another number of records than their source counted."
            )
        if self.deleted_at_source:
            self.log(
                "INFO",
                f"{self.deleted_at_source} records were rows deleted at their source (deleted_field is filled) "
                "and were not sent: on_deleted is skip.",
            )
        if self.not_there:
            self.log(
                "INFO",
                f"{self.not_there} leads that were to be disabled or deleted are not in their campaigns, "
                "so there was nothing to do.",
            )
        self._say_what_the_source_has_not_sent()
        for (operation, reason), count in self.rejected.most_common(_MAX_REASONS):
            self.log("WARN", f"Rejected by {operation}: {count} times: {reason}")
        if (more := len(self.rejected) - _MAX_REASONS) > 0:
            self.log("WARN", f"Rejected for {more} further reasons; the rejected records name them.")

    def _say_what_the_source_has_not_sent(self) -> None:
        # A dry run says at its end what would be sent: nothing was.
        if self.own[Origin.RETRIED] and self._acknowledges:
            self.log("INFO", f"{self.own[Origin.RETRIED]} records that earlier syncs rejected were written now.")
        if self.own[Origin.GONE] and self._acknowledges:
            self.log("INFO", f"{self.own[Origin.GONE]} leads that have left their stream were disabled.")
        for reason, count in self.not_disabled.most_common(_MAX_REASONS):
            self.log("WARN", f"{count} leads that have left their stream could not be disabled: {reason}")

    def _rules(self) -> str:
        """Return a line with how the config's rules changed records; empty if other lines say all of it."""
        suppressed = sum(count for (_, reason), count in self.rejected.items() if reason == SUPPRESSED)
        changed = ", ".join(f"{self.changed[kind]:,} {kind}" for kind in Change if self.changed[kind])
        parts = [
            f"changed: {changed}" if changed else "",
            f"filtered {self.filtered.total():,}" if self.filtered else "",
            self._stopped(StopReason.DELETED_AT_SOURCE, self.deleted_at_source),
            self._stopped(StopReason.SUPPRESSED, suppressed),
        ]
        if not changed and not self.filtered and not suppressed and not self.stopped:
            return ""
        summary = "; ".join(filter(None, parts))
        return f"{summary[0].upper()}{summary[1:]}."

    def _stopped(self, why: StopReason, not_sent: int) -> str:
        """Return how many records were of leads that may not be called, and what is done to those that are sent."""
        sent = {operation: count for (reason, operation), count in self.stopped.items() if reason is why}
        total = not_sent + sum(sent.values())
        told = "".join(f", {count:,} of them sent to {operation}" for operation, count in sent.items())
        return f"{why} {total:,}{told}" if total else ""

    def _reasons(self) -> str:
        """Return the most frequent reasons of rejection."""
        if not self.rejected:
            return ""
        said = [
            f"{count} by {operation}: {reason.rstrip('.')}"
            for (operation, reason), count in self.rejected.most_common(_MAX_REASONS_IN_A_LINE)
        ]
        more = len(self.rejected) - len(said)
        return f" ({'; '.join([*said, f'{more} further reasons'] if more else said)})"

    def _line(self, waiting: int, *, with_reasons: bool = True) -> str:
        why = self._reasons() if with_reasons else ""
        there = f" ({self.already_there} of them there already)" if self.already_there else ""
        deleted = f", deleted at the source and not sent {self.deleted_at_source}" if self.deleted_at_source else ""
        unchanged = f", unchanged {self.unchanged}" if self.unchanged else ""
        filtered = f", filtered {self.filtered.total()}" if self.filtered else ""
        return (
            f"read {self.read}, written {self.written}{there}{unchanged}{deleted}{filtered}, "
            f"rejected {self.rejected_total}{why}, waiting {waiting}, sent again {self.retried}, "
            f"states {self._fate} {self.states}, calls {self.calls}, throttled {self.throttled}."
        )


def _calls(used: int, allowance: int) -> str:
    return f"Calls in the last {WINDOW_SECONDS:.0f} s: {used}, of {allowance} a minute."


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
