"""Answers that come a byte at a time, by a clock that nobody waits for."""

import contextlib
import io
from collections.abc import Iterator
from typing import Any
from unittest import mock


class TrickleClock:
    """A clock that the bytes of an answer move."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return self.now

    def wall(self) -> float:
        """Return Unix seconds."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


class _Stream(io.RawIOBase):
    def __init__(self, sock: "TricklingSocket") -> None:
        super().__init__()
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        byte = self._sock.receive()
        buffer[: len(byte)] = byte
        return len(byte)


class TricklingSocket:
    """A socket whose peer answers with these bytes, so many seconds before each."""

    def __init__(self, answer: Iterator[bytes], clock: TrickleClock, seconds: float) -> None:
        self._answer = answer
        self._clock = clock
        self._seconds = seconds
        self._timeout: float | None = None
        self.sent = b""

    def receive(self) -> bytes:
        """Wait for the next byte, as long as the timeout lets it."""
        if self._timeout is not None and self._seconds > self._timeout:
            self._clock.now += self._timeout
            raise TimeoutError("timed out")
        self._clock.now += self._seconds
        return next(self._answer, b"")

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        """Return the bytes that come as a file."""
        return io.BufferedReader(_Stream(self))

    def sendall(self, content: bytes) -> None:
        """Take what is sent."""
        self.sent += content

    def settimeout(self, seconds: float | None) -> None:
        """Set how long a byte is waited for."""
        self._timeout = seconds

    def gettimeout(self) -> float | None:
        """Return how long a byte is waited for."""
        return self._timeout

    def close(self) -> None:
        """Have nothing to close."""


def bytes_of(answer: bytes, then: bytes = b"") -> Iterator[bytes]:
    """Yield the bytes of an answer, then others for ever."""
    yield from (answer[at : at + 1] for at in range(len(answer)))
    while then:
        yield from (then[at : at + 1] for at in range(len(then)))


@contextlib.contextmanager
def trickling(
    answer: bytes, clock: TrickleClock, *, seconds: float, then: bytes = b""
) -> Iterator[list[TricklingSocket]]:
    """Let every connection be answered so; yields the sockets of those that were made."""
    made: list[TricklingSocket] = []

    def connect(_address: object, timeout: float | None, *_: Any, **__: Any) -> TricklingSocket:
        made.append(TricklingSocket(bytes_of(answer, then), clock, seconds))
        made[-1].settimeout(timeout)
        return made[-1]

    with mock.patch("urllib3.util.connection.create_connection", connect):
        yield made
