"""What the user gets to know: totals by operation and reason. No lead id, phone number or name reaches a log line."""

from collections import Counter
from collections.abc import Callable

from destination_squadstack.limiter import WINDOW_SECONDS

REPORT_SECONDS = 30.0
_MOST_REASONS = 20
_MOST_COUNTED = 500
_MOST_DIFFERENCES = 10

Log = Callable[[str, str], None]


class Report:
    """Counts, and says so every 30 seconds and at the end."""

    def __init__(self, log: Log, *, now: float, acknowledges: bool = True) -> None:
        self.log = log
        self._fate = "passed on" if acknowledges else "held back"
        self.read = 0
        self.written = 0
        self.already_there = 0
        self.retried = 0
        self.calls = 0
        self.throttled = 0
        self.states = 0
        self.rejected: Counter[tuple[str, str]] = Counter()
        self.differences = 0
        self._next = now + REPORT_SECONDS
        self._started = now

    @property
    def rejected_total(self) -> int:
        """How many records were rejected."""
        return self.rejected.total()

    @property
    def next_at(self) -> float:
        """When the next line is due."""
        return self._next

    def reject(self, operation: str, reason: str) -> None:
        """Count a rejected record."""
        known = (operation, reason) in self.rejected or len(self.rejected) < _MOST_COUNTED
        self.rejected[operation, reason if known else "further reasons"] += 1

    def state(self, difference: tuple[int, int] | None) -> None:
        """Count a state that leaves, and say so if its source counted other records than arrived here."""
        self.states += 1
        if difference is None:
            return
        self.differences += 1
        if self.differences <= _MOST_DIFFERENCES:
            theirs, ours = difference
            self.log(
                "WARN",
                f"State {self.states}: the source counted {theirs} records, {ours} arrived here since its last state.",
            )

    def tick(self, now: float, *, waiting: int, used: int, allowance: int) -> None:
        """Write a line if it is time."""
        if now >= self._next:
            self._next = now + REPORT_SECONDS
            self.log(
                "INFO",
                f"{self._line(waiting)} Calls in the last {WINDOW_SECONDS:.0f} s: {used}, of {allowance} a minute.",
            )

    def end(self, now: float, *, waiting: int) -> None:
        """Write the last line, and one for each reason of rejection."""
        self.log("INFO", f"Finished after {now - self._started:.1f} s: {self._line(waiting)}")
        if self.differences:
            self.log(
                "WARN", f"{self.differences} states came with another number of records than their source counted."
            )
        for (operation, reason), count in self.rejected.most_common(_MOST_REASONS):
            self.log("WARN", f"Rejected by {operation}: {count} times: {reason}")
        if (more := len(self.rejected) - _MOST_REASONS) > 0:
            self.log("WARN", f"Rejected for {more} further reasons; the rejected rows name them.")

    def _line(self, waiting: int) -> str:
        there = f" ({self.already_there} of them there already)" if self.already_there else ""
        return (
            f"read {self.read}, written {self.written}{there}, rejected {self.rejected_total}, waiting {waiting}, "
            f"sent again {self.retried}, states {self._fate} {self.states}, calls {self.calls}, "
            f"throttled {self.throttled}."
        )
