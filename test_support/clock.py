"""A clock that sleeping alone moves: whoever would wait a minute goes on at once, and a minute has passed.

One clock is shared by a forked connector and the emulator that it calls: limits, tokens and waits all go by it.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from multiprocessing import get_context
from typing import Any

TRUE_SLEEP, TRUE_TIME, TRUE_TIME_NS, TRUE_MONOTONIC = time.sleep, time.time, time.time_ns, time.monotonic


class SleptClock:
    """A clock that stands still but for what is slept; it can be handed to another process.

    How long a machine takes makes no difference to it.
    """

    def __init__(self) -> None:
        self._began_ns = TRUE_TIME_NS()
        self._slept = get_context("forkserver").Value("d", 0.0)

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return float(self._slept.value)

    def time_ns(self) -> int:
        """Return Unix nanoseconds."""
        return self._began_ns + int(self.monotonic() * 10**9)

    def time(self) -> float:
        """Return Unix seconds."""
        return self.time_ns() / 10**9

    def now(self) -> datetime:
        """Return the moment, in UTC."""
        return datetime.fromtimestamp(self.time(), UTC)

    def sleep(self, seconds: float) -> None:
        """Let time pass. Those who sleep at the same time do so side by side: the longest sleep counts."""
        if threading.current_thread().daemon:
            # Housekeeping that sleeps, looks and sleeps again, as pyrate_limiter's, would make an hour of each second.
            TRUE_SLEEP(seconds)
            return
        until = self.monotonic() + seconds
        with self._slept.get_lock():
            self._slept.value = max(self._slept.value, until)
        TRUE_SLEEP(0)  # another thread's turn


class _Pace:
    """What this process takes for time: the machine's clock unless another one was set."""

    clock: SleptClock | None = None


def go_by(clock: SleptClock) -> None:
    """Take a clock for the time, wherever Python code of this process asks for it."""
    _Pace.clock = clock


def make_replaceable() -> None:
    """Prepare for `go_by`, before the modules are imported that keep `time.sleep` under a name of theirs."""
    time.sleep = _or_true(TRUE_SLEEP, SleptClock.sleep)
    time.monotonic = _or_true(TRUE_MONOTONIC, SleptClock.monotonic)
    time.time = _or_true(TRUE_TIME, SleptClock.time)
    time.time_ns = _or_true(TRUE_TIME_NS, SleptClock.time_ns)


def _or_true(true: Callable[..., Any], slept: Callable[..., Any]) -> Callable[..., Any]:
    def ask(*arguments: float) -> Any:
        return true(*arguments) if _Pace.clock is None else slept(_Pace.clock, *arguments)

    return ask
