"""The requests that may be under way at once, and those among them that are sent ahead of their turn."""

import functools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

Result = TypeVar("Result")


class RequestSlots:
    """A slot for each request that may be under way in this process.

    A request ahead of its turn takes a slot only if one is free, and keeps it until its thread ends: so there are never
    more such threads than slots, however many campaigns are read. Nobody waits for a thread whose result is not wanted
    any more, neither after an error nor when the process ends.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._free = threading.Semaphore(limit)
        self._thread = threading.local()
        self._lock = threading.Lock()
        self._readers = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold a slot, waiting until one is free."""
        if getattr(self._thread, "has_one", False):
            yield
            return
        with self._free:
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Count as one of those who read, and share the slots."""
        with self._lock:
            self._readers += 1
        try:
            yield
        finally:
            with self._lock:
                self._readers -= 1

    @property
    def share(self) -> int:
        """How many requests one reader may have under way or not taken yet.

        Each is a page in memory while stdout is read slowly, and there are never more of them than slots.
        """
        return max(self._limit // max(self._readers, 1), 1)

    def send_ahead(self, send: Callable[[], Result]) -> Future[Result] | None:
        """Let a thread send a request; returns `None` where no slot is free."""
        if not self._free.acquire(blocking=False):
            return None
        answer: Future[Result] = Future()

        def run() -> None:
            self._thread.has_one = True
            try:
                result = send()
            except BaseException as error:  # noqa: BLE001  # raised where the answer is wanted
                self._free.release()
                answer.set_exception(error)
            else:
                self._free.release()  # first: whoever gets the answer may have the slot for the next request
                answer.set_result(result)

        threading.Thread(target=run, name="ahead", daemon=True).start()
        return answer


@functools.cache
def request_slots(limit: int) -> RequestSlots:
    """Return the slots of this process: the CDK makes a requester for each stream."""
    return RequestSlots(limit)
