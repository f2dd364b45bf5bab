"""Which call is sent next and when: the queues of the two APIs.

A call waits for its turn in the queue, for a worker, for the memory that calls under way may take, and for the rate
limiter (a 429 pauses all calls of an API there).
"""

import heapq
import math
from collections import deque
from collections.abc import Mapping

from destination_squadstack.engine.batcher import MAX_BYTES_PER_CALL, Batcher
from destination_squadstack.engine.calls import ApiCall, Call, Probe
from destination_squadstack.engine.rate_limiter import RateLimiter
from destination_squadstack.engine.retry import SEEMS_DOWN_AFTER

# Each byte of a lead under way is also one of the body that is sent, two of an answer that repeats it, and up to
# fifteen of that answer parsed: 16 MB of leads with thousands of fields took 600 MB.
MAX_BYTES_UNDER_WAY = MAX_BYTES_PER_CALL


class CallQueue:
    """The calls to one API: parts and probed calls go first, then retries and calls never sent before in turn.

    In turn, since leads that fail again and again may need more calls than the allowance has, and no lead is to blame
    before others get through.
    """

    def __init__(self, limiter: RateLimiter, *, workers: int, max_bytes: int = MAX_BYTES_UNDER_WAY) -> None:
        self.limiter = limiter
        self.sent = 0
        self.under_way = 0
        self._bytes_under_way = 0
        self._workers = workers
        self._max_bytes = max_bytes
        self._first: deque[ApiCall] = deque()
        self._retries: deque[ApiCall] = deque()
        self._new: deque[ApiCall] = deque()
        self._delayed: list[tuple[float, int, ApiCall]] = []
        self._delays = 0
        self._took_retry_last = False
        # The batches whose calls got no usable response since the API gave its last one.
        self._failing_batches: set[int] = set()
        # Whether a probe has been answered since a call left that had never been sent.
        self._probe_answered = False

    def __bool__(self) -> bool:
        return bool(self._first or self._retries or self._new or self._delayed)

    # --- calls to send

    def add(self, call: Call) -> None:
        """Queue a call that has not been sent before."""
        self._new.append(call)

    def put_first(self, call: ApiCall) -> None:
        """Put a call before all others."""
        self._first.appendleft(call)

    def delay(self, call: ApiCall, due: float) -> None:
        """Queue a call for a later time."""
        self._delays += 1
        heapq.heappush(self._delayed, (due, self._delays, call))

    # --- calls to make now

    def take(self, now: float) -> ApiCall | None:
        """Return a call that is to be made now, counted as under way; None if there is none."""
        while self._delayed and self._delayed[0][0] <= now:
            self._retries.append(heapq.heappop(self._delayed)[2])
        if self._due(now) > now:
            return None
        queue = self._next()
        call = queue.popleft()
        if queue is self._new:
            self._took_retry_last = self._probe_answered = False
        elif queue is self._retries:
            self._took_retry_last = True
        self.limiter.spend(max(1, len(call.records)), now)
        self.sent += 1
        self.under_way += 1
        self._bytes_under_way += call.size
        return call

    def returned(self, call: ApiCall) -> None:
        """Record that a call is no longer under way."""
        self.under_way -= 1
        self._bytes_under_way -= call.size

    def wake_at(self, now: float) -> float:
        """Return when there may be a call to make; infinity if that takes a response first."""
        return min(self._due(now), self._delayed[0][0] if self._delayed else math.inf)

    def _due(self, now: float) -> float:
        queue = self._next()
        if not queue or self.under_way >= self._workers:
            return math.inf
        if self._bytes_under_way and self._bytes_under_way + queue[0].size > self._max_bytes:
            return math.inf
        return self.limiter.due(max(1, len(queue[0].records)), now)

    def _next(self) -> deque[ApiCall]:
        """Return the queue whose first call is the next, empty if there is none."""
        if self._first:
            return self._first
        if (
            self._new
            and (self._took_retry_last or not self._retries)
            and (self._probe_answered or not self._seems_down)
        ):
            return self._new
        return self._retries

    # --- whether the API responds

    @property
    def _seems_down(self) -> bool:
        """Whether calls that have not been tried should wait until one of those that have gets through."""
        return len(self._failing_batches) >= SEEMS_DOWN_AFTER and bool(self._retries or self._delayed)

    def unusable_response(self, call: Call) -> None:
        """Note that the API gave no usable response to a call."""
        self._failing_batches.add(call.batch.number)

    def usable_response(self, call: ApiCall) -> None:
        """Note that the API gave a usable response to a call."""
        self.limiter.answered(call.sent_at)
        self._failing_batches.clear()
        # Suspect leads that fail at once would have the API seem down again before another's turn comes.
        self._probe_answered |= isinstance(call, Probe)


class Scheduler:
    """The queues of both APIs, filled by the batcher.

    Each API has workers of its own, so that one that answers nothing holds up none of the other's calls.
    """

    def __init__(self, batcher: Batcher, limiters: Mapping[str, RateLimiter], *, workers: int) -> None:
        self._batcher = batcher
        self._queues = {api: CallQueue(limiter, workers=workers) for api, limiter in limiters.items()}

    @property
    def under_way(self) -> int:
        """How many calls have been handed out and not returned."""
        return sum(queue.under_way for queue in self._queues.values())

    @property
    def is_idle(self) -> bool:
        """Whether no call is under way and none is queued."""
        return not self.under_way and not any(self._queues.values())

    def queue(self, api: str) -> CallQueue:
        """Return the queue of an API."""
        return self._queues[api]

    def queue_of(self, call: ApiCall) -> CallQueue:
        """Return the queue that a call belongs to."""
        return self._queues[call.api]

    def collect(self) -> None:
        """Queue the batches that are sealed and wait for no other."""
        while (batch := self._batcher.take()) is not None:
            call = Call(batch, list(batch.records))
            self._queues[call.api].add(call)

    def take(self, now: float) -> list[ApiCall]:
        """Return the calls that are to be made now, counted as under way."""
        calls = []
        for queue in self._queues.values():
            while (call := queue.take(now)) is not None:
                calls.append(call)
        return calls

    def wake_at(self, now: float) -> float:
        """Return when there may be a call to make; infinity if that takes a response first."""
        return min(queue.wake_at(now) for queue in self._queues.values())
