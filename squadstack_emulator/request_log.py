"""What happened: every call, every applied operation, every breach of the documents. Read it from any thread."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple

from squadstack_emulator.scenario import Api
from squadstack_emulator.squadstack.rate_limit import busiest

TOO_MANY_REQUESTS = 429


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP call.

    Attributes:
        seq: Number of the call, from 1, in the order of arrival.
        at: Arrival, in seconds of the monotonic clock.
        method: HTTP method.
        path: Path without the query.
        query: Query parameters.
        status: Status of the answer; None while there is none, and for ever where the connection was reset.
        fault: Name of the fault that struck, None for an honest answer.
        leads: Leads in the body of a write, rows in the answer of a read.
        target: Campaign id (v4, v1, contact center) or ref id (CRM v2) of the path, "" where the path has none.
        api: Whose path it is; a path that no document has counts as SquadStack's.
    """

    seq: int
    at: float
    method: str
    path: str
    query: Mapping[str, str]
    target: str
    status: int | None = None
    fault: str | None = None
    leads: int = 0
    api: Api = "squadstack"


class Applied(NamedTuple):
    """One operation that was carried out on one lead."""

    seq: int
    call_seq: int
    ref_id: str
    operation: str
    lead_id: str


class Post(NamedTuple):
    """One attempt to post an event to the webhook.

    Attributes:
        event: Number of the event, from 1, in the order in which they happened.
        kind: The kind of event.
        lead_id: Whose it is.
        body: What was posted.
        status: Status of the answer, None where there was none.
    """

    event: int
    kind: str
    lead_id: str
    body: bytes
    status: int | None


class LeadKey(NamedTuple):
    """What identifies a lead in the CRM v2 endpoints."""

    ref_id: str
    lead_id: str


class RequestLog:
    """The request log. All of it is kept until `reset`."""

    def __init__(self, *, window_seconds: float = 60.0) -> None:
        self._window_seconds = window_seconds
        self._lock = threading.Lock()
        self._last_call = 0
        self._last_applied = 0
        self._calls: dict[int, Call] = {}
        self._applied: list[Applied] = []
        self._posts: list[Post] = []
        self._logins = 0
        self._violations: list[str] = []
        self._overlapping: list[LeadKey] = []
        self._open: set[int] = set()
        self._held: dict[int, frozenset[LeadKey]] = {}

    @property
    def calls(self) -> list[Call]:
        """Every call so far, in the order of arrival."""
        with self._lock:
            return list(self._calls.values())

    @property
    def applied(self) -> list[Applied]:
        """Every operation that changed the store, in order."""
        with self._lock:
            return list(self._applied)

    @property
    def posts(self) -> list[Post]:
        """Every attempt to post an event, in the order in which they ended."""
        with self._lock:
            return list(self._posts)

    @property
    def violations(self) -> list[str]:
        """Breaches of the documents, as sentences without lead data."""
        with self._lock:
            return list(self._violations)

    @property
    def overlapping(self) -> list[LeadKey]:
        """Leads that were in two calls at once, once for each time."""
        with self._lock:
            return list(self._overlapping)

    @property
    def logins(self) -> int:
        """How many logins at the contact center gave a token."""
        return self._logins

    @property
    def throttled(self) -> int:
        """How many calls were answered 429."""
        return sum(call.status == TOO_MANY_REQUESTS for call in self.calls)

    @property
    def max_calls_in_window(self) -> int:
        """The most arrivals at SquadStack in any moving window of the rate limit; calls answered 429 do not count."""
        counted = (call for call in self.calls if call.api == "squadstack" and call.status != TOO_MANY_REQUESTS)
        return busiest([call.at for call in counted], self._window_seconds)

    def reset(self) -> None:
        """Clear the log. Calls in flight finish unrecorded; sequence numbers go on."""
        with self._lock:
            self._calls.clear()
            self._applied.clear()
            self._posts.clear()
            self._logins = 0
            self._violations.clear()
            self._overlapping.clear()

    def set_window(self, seconds: float) -> None:
        """Judge `max_calls_in_window` by a window of another length."""
        self._window_seconds = seconds

    def open_call(
        self, *, at: float, method: str, path: str, query: Mapping[str, str], target: str, api: Api = "squadstack"
    ) -> int:
        """Enter a call on its arrival; gives its number."""
        with self._lock:
            self._last_call += 1
            call = Call(seq=self._last_call, at=at, method=method, path=path, query=query, target=target, api=api)
            self._calls[call.seq] = call
            self._open.add(call.seq)
            return call.seq

    def close_call(self, seq: int, *, status: int | None, fault: str | None, leads: int) -> None:
        """Enter how a call ended, and let go of its leads; only the first word on a call counts."""
        with self._lock:
            if seq not in self._open:
                return
            self._open.remove(seq)
            self._held.pop(seq, None)
            if seq in self._calls:
                self._calls[seq] = replace(self._calls[seq], status=status, fault=fault, leads=leads)

    def hold(self, seq: int, keys: Iterable[LeadKey]) -> frozenset[LeadKey]:
        """Enter the leads of a call; gives those that an earlier call is still working on, which are overlapping."""
        with self._lock:
            held = frozenset(keys)
            overlapping = held.intersection(chain.from_iterable(self._held.values()))
            self._overlapping += sorted(overlapping)
            self._held[seq] = held
            return overlapping

    def applied_operation(self, call_seq: int, ref_id: str, operation: str, lead_id: str) -> None:
        """Enter an operation that was carried out."""
        with self._lock:
            self._last_applied += 1
            self._applied.append(Applied(self._last_applied, call_seq, ref_id, operation, lead_id))

    def posted(self, post: Post) -> None:
        """Enter an attempt to post an event."""
        with self._lock:
            self._posts.append(post)

    def login(self) -> None:
        """Enter a login that gave a token."""
        with self._lock:
            self._logins += 1

    def violation(self, sentence: str) -> None:
        """Enter a breach of the documents. The sentence must not hold lead data or a token."""
        with self._lock:
            self._violations.append(sentence)
