"""The health of hosts: an outage is waited out once, not by every request."""

import functools
import threading
import time
from collections.abc import Callable

ATTEMPTS_IN_AN_OUTAGE = 2
PAUSE_SECONDS = 60.0


class HostHealth:
    """The health of one host: tells a failure of the host from a failure of one address, and limits attempts.

    An address whose request failed in all its attempts is not asked for `PAUSE_SECONDS`, then gets one attempt at a
    time until it answers: otherwise each of three hundred windows would fail on its own. When two addresses have failed
    and the host has sent nothing usable since, it is an outage, and requests get `ATTEMPTS_IN_AN_OUTAGE`. A host that
    cannot be connected to, or that sends nothing at all to two addresses, is not asked either: each of a thousand
    campaigns would wait for its own timeout. The same goes for a host that asks for a longer wait than a sync has.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failed: dict[str, tuple[float, str]] = {}
        self._failed_since_an_answer: set[str] = set()
        self._unanswered: set[str] = set()
        self._paused_until: float | None = None
        self._reason = ""

    def reason_to_skip(self, address: str) -> str:
        """Return why an address must not be asked, empty if it may: then this caller alone may try it for a while."""
        with self._lock:
            now = self._clock()
            if self._paused_until is not None:
                if now < self._paused_until:
                    return self._reason
                self._paused_until = now + PAUSE_SECONDS
            elif address in self._failed:
                until, reason = self._failed[address]
                if now < until:
                    return reason
                self._failed[address] = now + PAUSE_SECONDS, reason
            return ""

    def attempts(self, address: str, usual: int) -> int:
        """Return how many attempts a request to an address gets."""
        with self._lock:
            if address in self._failed or self._paused_until is not None:
                return 1
            return min(usual, ATTEMPTS_IN_AN_OUTAGE) if len(self._failed_since_an_answer) > 1 else usual

    def answered(self, address: str, *, usable: bool) -> None:
        """Record an answer; `usable` says whether it is one of a healthy address."""
        with self._lock:
            self._paused_until = None
            self._unanswered.clear()
            if usable:
                self._failed_since_an_answer.clear()
                self._failed.pop(address, None)

    def pause(self, reason: str) -> None:
        """Keep every request from the host for a while."""
        with self._lock:
            self._paused_until, self._reason = self._clock() + PAUSE_SECONDS, reason

    def failed(self, address: str, how: str, *, unanswered: bool, reached: bool) -> None:
        """Record a request that failed in all its attempts."""
        with self._lock:
            self._failed[address] = self._clock() + PAUSE_SECONDS, f"{how} to another request"
            self._failed_since_an_answer.add(address)
            if unanswered:
                self._unanswered.add(address)
                if not reached or len(self._unanswered) > 1:
                    self._paused_until = self._clock() + PAUSE_SECONDS
                    self._reason = "no answer to other requests"


@functools.cache
def health_of(host: str) -> HostHealth:  # noqa: ARG001  # the cache's key
    """Return the process's one record of a host: every stream has an error handler of its own."""
    return HostHealth()
