"""The calls to one API that are to be made: which one is next, and when."""

import heapq
import math
from collections import deque

from destination_squadstack.engine.calls import Call
from destination_squadstack.engine.rate_limiter import RateLimiter
from destination_squadstack.engine.retry import SEEMS_DOWN_AFTER


class CallQueue:
    """Hands out parts and answered questions first, then repeats and calls never sent before in turn.

    In turn, since leads that fail again and again may need more calls than the allowance has, and no lead is to blame
    before others get through.
    """

    def __init__(self, limiter: RateLimiter, *, workers: int, max_bytes: int) -> None:
        self.limiter = limiter
        self.sent = 0
        self.under_way = 0
        self._bytes_under_way = 0
        self._workers = workers
        self._max_bytes = max_bytes
        self._at_once: deque[Call] = deque()
        self._repeats: deque[Call] = deque()
        self._fresh: deque[Call] = deque()
        self._delayed: list[tuple[float, int, Call]] = []
        self._delays = 0
        self._repeated_last = False
        # The batches in trouble since the API gave its last usable answer.
        self._silent: set[int] = set()
        # Whether a question has been answered since a call left that had never been sent.
        self._was_told = False

    def __bool__(self) -> bool:
        return bool(self._at_once or self._repeats or self._fresh or self._delayed)

    # --- in

    def add(self, call: Call) -> None:
        """Line up a call that has not been sent before."""
        self._fresh.append(call)

    def first(self, call: Call) -> None:
        """Put a call before all others."""
        self._at_once.appendleft(call)

    def delay(self, call: Call, due: float) -> None:
        """Line up a call when its time has come."""
        self._delays += 1
        heapq.heappush(self._delayed, (due, self._delays, call))

    # --- out

    def take(self, now: float) -> Call | None:
        """Return a call that is to be made now, counted as under way; None if there is none."""
        while self._delayed and self._delayed[0][0] <= now:
            self._repeats.append(heapq.heappop(self._delayed)[2])
        if self._due(now) > now:
            return None
        line = self._next()
        call = line.popleft()
        if line is self._fresh:
            self._repeated_last = self._was_told = False
        elif line is self._repeats:
            self._repeated_last = True
        self.limiter.spend(max(1, len(call.records)), now)
        self.sent += 1
        self.under_way += 1
        self._bytes_under_way += call.size
        return call

    def returned(self, call: Call) -> None:
        """Note that a call is not under way any more."""
        self.under_way -= 1
        self._bytes_under_way -= call.size

    def wake_at(self, now: float) -> float:
        """Return when there may be a call to make; infinity if that takes an answer first."""
        return min(self._due(now), self._delayed[0][0] if self._delayed else math.inf)

    def _due(self, now: float) -> float:
        line = self._next()
        if not line or self.under_way >= self._workers:
            return math.inf
        if self._bytes_under_way and self._bytes_under_way + line[0].size > self._max_bytes:
            return math.inf
        return self.limiter.due(max(1, len(line[0].records)), now)

    def _next(self) -> deque[Call]:
        """Return the line whose first call is the next, empty if there is none."""
        if self._at_once:
            return self._at_once
        if self._fresh and (self._repeated_last or not self._repeats) and (self._was_told or not self._seems_down):
            return self._fresh
        return self._repeats

    # --- is the API there

    @property
    def _seems_down(self) -> bool:
        """Whether calls that have not been tried should wait until one of those that have gets through."""
        return len(self._silent) >= SEEMS_DOWN_AFTER and bool(self._repeats or self._delayed)

    def silent(self, call: Call) -> None:
        """Note that the API gave no usable answer to a call."""
        self._silent.add(call.batch.number)

    def spoke(self, call: Call) -> None:
        """Note that the API gave a usable answer to a call."""
        self.limiter.answered(call.sent_at)
        self._silent.clear()
        # Leads on trial that fail at once would have the API seem down again before another's turn comes.
        self._was_told |= call.about is not None
