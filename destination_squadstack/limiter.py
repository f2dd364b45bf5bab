"""When the next call may leave: a moving window in the client, and one pause for everybody when the API says 429.

The server counts arrivals in its own moving minute, and a call takes a varying time to get there. A window of 61
seconds keeps the two apart (measured: 60 seconds draw 429s, 61 none) and still uses 98 % of the allowance.
"""

from collections import deque

WINDOW_SECONDS = 61.0
LONGEST_PAUSE = 900.0
_FIRST_PAUSE = 1.0
_LONGEST_GUESS = 60.0


class Window:
    """At most `allowance` units in any `seconds`."""

    def __init__(self, allowance: int, seconds: float = WINDOW_SECONDS) -> None:
        self._allowance = allowance
        self._seconds = seconds
        self._spent: deque[tuple[float, int]] = deque()
        self._sum = 0

    def due(self, units: int, now: float) -> float:
        """Return when `units` may be spent: `now` if at once. More than the allowance waits for an empty window."""
        self._forget(now)
        over = self._sum + min(units, self._allowance) - self._allowance
        if over <= 0:
            return now
        for spent_at, spent in self._spent:
            over -= spent
            if over <= 0:
                return spent_at + self._seconds
        return now

    def spend(self, units: int, now: float) -> None:
        """Note that `units` were spent."""
        self._spent.append((now, units))
        self._sum += units

    def used(self, now: float) -> int:
        """Return how many units the window holds."""
        self._forget(now)
        return self._sum

    def _forget(self, now: float) -> None:
        while self._spent and self._spent[0][0] + self._seconds <= now:
            self._sum -= self._spent.popleft()[1]


class Limiter:
    """Shared by all calls of the process."""

    def __init__(self, calls_per_minute: int, records_per_minute: int | None = None) -> None:
        self._calls = Window(calls_per_minute)
        self._records = None if records_per_minute is None else Window(records_per_minute)
        self._paused_until = 0.0
        self._pauses_in_a_row = 0

    def due(self, records: int, now: float) -> float:
        """Return when a call with so many records may leave."""
        due = max(self._paused_until, self._calls.due(1, now))
        return due if self._records is None else max(due, self._records.due(records, now))

    def spend(self, records: int, now: float) -> None:
        """Note that a call leaves."""
        self._calls.spend(1, now)
        if self._records is not None:
            self._records.spend(records, now)

    def throttled(self, wait: float | None, sent_at: float, now: float) -> float:
        """Begin or lengthen the pause after a 429; return its seconds. Calls that were under way together share one."""
        if sent_at >= self._paused_until:
            self._pauses_in_a_row += 1
        guess = min(_FIRST_PAUSE * 2 ** (self._pauses_in_a_row - 1), _LONGEST_GUESS)
        pause = min(LONGEST_PAUSE, guess if wait is None else max(wait, 0.0))
        self._paused_until = max(self._paused_until, now + pause)
        return self._paused_until - now

    def answered(self, sent_at: float) -> None:
        """Note that the API took a call: it was sent after the last pause, so the next pause starts small again."""
        if sent_at >= self._paused_until:
            self._pauses_in_a_row = 0

    def used(self, now: float) -> int:
        """Return how many calls left within the window."""
        return self._calls.used(now)
