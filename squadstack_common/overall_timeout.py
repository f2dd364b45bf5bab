"""A time in which an answer has to come whole.

A socket's timeout starts anew with each byte, so that an answer which comes a byte at a time would be read for ever.
Here what is left of the whole answer's time is the timeout of each read, from the status line to the end of the body:
neither a thread nor a timer is needed.
"""

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any, Protocol

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager

from squadstack_common.clock import Clock, SystemClock

# So many read timeouts an answer may take as a whole. One goes by before the first byte of a slow answer; a page of two
# megabytes comes through 20 kilobytes a second in the rest of a minute's.
READ_TIMEOUTS = 3
# http.client takes each interim response but 100 for the answer; 101 is one, and nobody asks for it.
SKIPPED_INTERIM = range(102, 200)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the body of a file has to come, in the place of a time for all of it: after some seconds, on the whole.

    What surrounds the file in its body (the lines of chunks and trailers) counts as part of it.
    """

    grace_seconds: float
    bytes_a_second: float


class AnswerTooSlowError(TimeoutError):
    """An answer that did not come to its end in its time."""


class OverallTimeoutAdapter(HTTPAdapter):
    """An adapter of `requests` whose answers have to come whole within `READ_TIMEOUTS` times the call's read timeout.

    Where they do not, the call fails as it does after its read timeout. That includes a proxy's answer.

    Args:
        clock: What time goes by.
        pace: What the time of a body is, where answers may be files: else it is part of the whole answer's.
        pools: What `HTTPAdapter` takes.
    """

    def __init__(self, clock: Clock | None = None, pace: Pace | None = None, **pools: Any) -> None:
        monotonic = (clock or SystemClock()).monotonic
        self._pool_classes = {
            scheme: limited(pool, monotonic, pace)
            for scheme, pool in (("http", HTTPConnectionPool), ("https", HTTPSConnectionPool))
        }
        super().__init__(**pools)

    def init_poolmanager(self, *given: Any, **named: Any) -> None:
        """Make the pools of direct connections."""
        super().init_poolmanager(*given, **named)
        self.poolmanager.pool_classes_by_scheme = self._pool_classes

    def proxy_manager_for(self, *given: Any, **named: Any) -> PoolManager:
        """Return the pools of connections through a proxy."""
        manager: PoolManager = super().proxy_manager_for(*given, **named)
        manager.pool_classes_by_scheme = self._pool_classes
        return manager


def answer_too_slow(error: BaseException | None) -> bool:
    """Tell whether a call failed because its answer did not come whole in its time."""
    while error is not None:
        if isinstance(error, AnswerTooSlowError):
            return True
        error = error.__cause__ or error.__context__
    return False


def limited(
    pool: type[HTTPConnectionPool], monotonic: Callable[[], float], pace: Pace | None = None
) -> type[HTTPConnectionPool]:
    """Return a kind of pool whose connections read answers within their time."""

    class Response(HTTPResponse):
        def __init__(self, sock: Socket, *given: Any, **named: Any) -> None:
            super().__init__(sock, *given, **named)  # type: ignore[arg-type]  # a socket, or what acts as one
            # The timeout of a socket that has been sent a request is the read timeout; while a proxy is asked for a
            # tunnel, the one for connecting.
            timeout = sock.gettimeout()
            self._deadline: Deadline | None = None
            if timeout is not None:
                self._deadline = Deadline(sock, monotonic, monotonic() + READ_TIMEOUTS * timeout)
                self.fp = io.BufferedReader(ReaderUntil(self.fp.detach(), self._deadline))

        def begin(self) -> None:
            super().begin()
            while self.status in SKIPPED_INTERIM:
                self.headers = None  # type: ignore[assignment]  # else http.client has nothing left to begin
                super().begin()
            if pace and self._deadline:
                self._deadline.follow(pace)

    connection: Any = pool.ConnectionCls
    return type(
        pool.__name__,
        (pool,),
        {"ConnectionCls": type(connection.__name__, (connection,), {"response_class": Response})},
    )


class Socket(Protocol):
    """What is used of a socket."""

    def gettimeout(self) -> float | None:
        """Return the seconds that an operation may take."""

    def settimeout(self, seconds: float, /) -> None:
        """Set the seconds that an operation may take."""


class Deadline:
    """The moment until which a socket may be read."""

    def __init__(self, sock: Socket, monotonic: Callable[[], float], at: float) -> None:
        self._sock = sock
        self._timeout = sock.gettimeout() or math.inf
        self._monotonic = monotonic
        self._at = at
        self._bytes_a_second = math.inf

    def follow(self, pace: Pace) -> None:
        """Begin a body, whose time grows with what comes of it."""
        self._at = self._monotonic() + pace.grace_seconds
        self._bytes_a_second = pace.bytes_a_second

    def received(self, size: int) -> None:
        """Take note of bytes that came."""
        self._at += size / self._bytes_a_second

    def prepare(self) -> None:
        """Let the next read of the socket take no longer than what is left.

        Raises:
            AnswerTooSlowError: nothing is left.
        """
        left = self._at - self._monotonic()
        if left <= 0:
            raise AnswerTooSlowError
        allowed = min(left, self._timeout)
        if allowed != (self._sock.gettimeout() or math.inf):
            self._sock.settimeout(allowed)


class ReaderUntil(io.RawIOBase):
    """The bytes of an answer, until its deadline."""

    def __init__(self, stream: io.RawIOBase, deadline: Deadline) -> None:
        super().__init__()
        self._stream = stream
        self._deadline = deadline

    def readable(self) -> bool:
        """Return that it can be read: `BufferedReader` asks."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read what there is, as much as fits."""
        self._deadline.prepare()
        try:
            size = self._stream.readinto(buffer)
        except TimeoutError:
            self._deadline.prepare()
            raise
        self._deadline.received(size or 0)
        return size

    def close(self) -> None:
        """Let go of the socket."""
        super().close()
        self._stream.close()
