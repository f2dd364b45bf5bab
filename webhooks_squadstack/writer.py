"""Group commit: events that arrive during a commit are committed together by the next one."""

import asyncio
import enum
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from webhooks_squadstack.events import Event

_MAX_EVENTS = 500
_MAX_WAITING_CHARACTERS = 64 * 1024 * 1024
# Senders wait for an answer, and give up at a moment of their own: one that comes late is worth nothing.
_SECONDS = 15.0
_T = TypeVar("_T")


class Outcome(enum.Enum):
    """The outcome of a webhook."""

    STORED = "stored"
    REPEATED = "repeated"
    # The store failed, or did not end in time: it may be stored all the same, and then a repeat is recognised.
    UNKNOWN = "unknown"
    REFUSED = "refused"


class Writer:
    """Writes events to a store in a thread of its own: one transaction at a time, with the events that wait.

    Use it from one event loop. Other writes go through `run`, so that SQLite has one writer and no waiting.
    """

    def __init__(
        self,
        append: Callable[[Sequence[Event]], list[bool]],
        *,
        committed: Callable[[Sequence[Event], float], None] = lambda _events, _seconds: None,
        failed: Callable[[Exception], None] = lambda _error: None,
        seconds: float = _SECONDS,
    ) -> None:
        self._append = append
        self._committed = committed
        self._failed = failed
        self._seconds = seconds
        self._waiting: deque[tuple[Event, asyncio.Future[Outcome]]] = deque()
        self._characters = 0
        self._commits: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "webhooks-writer")

    @property
    def waiting(self) -> int:
        """How many events wait for a commit to begin."""
        return len(self._waiting)

    async def write(self, event: Event) -> Outcome:
        """Store an event; returns when it is on disk, or will not be."""
        if self._characters > _MAX_WAITING_CHARACTERS:
            return Outcome.REFUSED
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((event, future))
        self._characters += len(event.payload)
        if self._commits is None:
            self._commits = asyncio.create_task(self._commit_all())
        done, _ = await asyncio.wait({future}, timeout=self._seconds)
        return future.result() if done else Outcome.UNKNOWN

    async def run(self, job: Callable[[], _T]) -> _T:
        """Run something else that writes, between two commits."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, job)

    async def close(self) -> None:
        """Wait until all events are written."""
        if self._commits is not None:
            await self._commits
        self._thread.shutdown(wait=False)

    async def _commit_all(self) -> None:
        try:
            while self._waiting:
                await self._commit([self._waiting.popleft() for _ in range(min(len(self._waiting), _MAX_EVENTS))])
        finally:
            self._commits = None

    async def _commit(self, batch: Sequence[tuple[Event, asyncio.Future[Outcome]]]) -> None:
        events = [event for event, _ in batch]
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            new = await self.run(lambda: self._append(events))
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing of the batch was stored and the senders must hear it
            self._failed(error)
            outcomes = [Outcome.UNKNOWN] * len(batch)
        else:
            self._committed([event for event, fresh in zip(events, new, strict=True) if fresh], loop.time() - began)
            outcomes = [Outcome.STORED if fresh else Outcome.REPEATED for fresh in new]
        self._characters -= sum(len(event.payload) for event in events)
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            future.set_result(outcome)
