"""The clock, passed in so that a test of hours runs in milliseconds."""

import time
from typing import Protocol


class Clock(Protocol):
    """The interface of a clock."""

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""

    def wall(self) -> float:
        """Return Unix seconds, for timestamps that people read."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The machine's clock."""

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return time.monotonic()

    def wall(self) -> float:
        """Return Unix seconds, for timestamps that people read."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
