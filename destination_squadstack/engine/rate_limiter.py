"""When the next call may leave. `RateLimiter.throttled` says what follows from a 429.

By a moving window in the client, one pause for all calls when the API says 429, and a share of the allowance that
follows what the API lets through.

The allowance belongs to the whole business. A 429 means that others call as well: this connector then goes on with a
smaller share, in even steps instead of all at once, and its share grows with every call that the API takes, until the
next 429: additive increase, multiplicative decrease (AIMD), so that connectors that know nothing of each other end up
with like shares. The factors are those with which `test_support/rate_simulation.py` keeps its bounds.
"""

import random
from collections import deque
from collections.abc import Callable

from squadstack_common.api_limits import LONGEST_GUESS, WINDOW_SECONDS, WINDOW_STATED

MAX_PAUSE_SECONDS = 900.0
_FIRST_PAUSE = 1.0
_SMALLEST_SHARE = 2.0
_CUT = 0.75
# 429s soon after a cut answer calls that were sent before it.
_SECONDS_BETWEEN_CUTS = 10.0
_GROWTH_PER_CALL = 0.04
_GROWTH_PER_WINDOW = 0.1
# Connectors with the same rhythm would meet at the server again and again.
_UNEVENNESS = 0.15


class Window:
    """At most `allowance` units in any `seconds`."""

    def __init__(self, allowance: int, seconds: float = WINDOW_SECONDS) -> None:
        self._allowance = allowance
        self._seconds = seconds
        self._spent: deque[tuple[float, int]] = deque()
        self._sum = 0

    def due(self, units: int, now: float) -> float:
        """Return the time at which `units` may be spent. More units than the allowance wait for an empty window."""
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


class Share:
    """This connector's share of the allowance, in calls a window: all of it until a 429 shows that others call."""

    def __init__(self, allowance: int) -> None:
        self._all = float(allowance)
        self._cut_at = -_SECONDS_BETWEEN_CUTS
        self.calls = self._all

    @property
    def contested(self) -> bool:
        """Whether another client uses the allowance as well."""
        return self.calls < self._all

    @property
    def step(self) -> float:
        """Seconds from one call to the next."""
        return WINDOW_SECONDS / self.calls

    def taken(self) -> None:
        """Record that the API accepted a call."""
        self.calls = min(self._all, self.calls + _GROWTH_PER_CALL + _GROWTH_PER_WINDOW / self.calls)

    def refused(self, now: float) -> None:
        """Record a 429."""
        if now - self._cut_at >= _SECONDS_BETWEEN_CUTS:
            self._cut_at = now
            self.calls = min(self.calls, max(_SMALLEST_SHARE, self.calls * _CUT))


class RateLimiter:
    """The rate limiter of all calls to one API."""

    def __init__(
        self,
        calls_per_minute: int,
        records_per_minute: int | None = None,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._calls = Window(calls_per_minute)
        self._records = None if records_per_minute is None else Window(records_per_minute)
        self._share = Share(calls_per_minute)
        self._chance = chance
        self._paused_until = 0.0
        self._pauses_in_a_row = 0
        self._next_step = 0.0
        # The seconds of all pauses since a call was taken.
        self.waited = 0.0

    @property
    def share(self) -> int:
        """How many calls a minute this connector allows itself at present."""
        return round(self._share.calls)

    def due(self, records: int, now: float) -> float:
        """Return the time at which a call with so many records may leave."""
        due = max(self._paused_until, self._calls.due(1, now))
        if self._share.contested:
            due = max(due, self._next_step)
        return due if self._records is None else max(due, self._records.due(records, now))

    def spend(self, records: int, now: float) -> None:
        """Note that a call leaves."""
        self._calls.spend(1, now)
        self._next_step = now + self._share.step * (1.0 + _UNEVENNESS * (2.0 * self._chance() - 1.0))
        if self._records is not None:
            self._records.spend(records, now)

    def throttled(self, wait: float | None, sent_at: float, now: float) -> float:
        """Begin or lengthen the pause after a 429; return its seconds. Calls that were under way together share one."""
        if sent_at >= self._paused_until:
            self._pauses_in_a_row += 1
            self._share.refused(now)
        if wait is None or wait == WINDOW_STATED:
            pause = self._guess()
        else:
            pause = min(MAX_PAUSE_SECONDS, wait + self._share.step * self._chance())
        self.waited += max(0.0, now + pause - max(now, self._paused_until))
        self._paused_until = max(self._paused_until, now + pause)
        return self._paused_until - now

    def _guess(self) -> float:
        """Return when a slot should be free: after a step of our share, and later each time that proves too soon."""
        first = max(_FIRST_PAUSE, self._share.step) * (0.5 + self._chance())
        return min(LONGEST_GUESS, first * 2.0 ** min(self._pauses_in_a_row - 1, 10))

    def answered(self, sent_at: float) -> None:
        """Note that the API took a call: if it was sent after the last pause, the next one starts small again."""
        self._share.taken()
        self.waited = 0.0
        if sent_at >= self._paused_until:
            self._pauses_in_a_row = 0

    def used(self, now: float) -> int:
        """Return how many calls left within the window."""
        return self._calls.used(now)
