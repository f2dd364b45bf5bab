"""Time for a destination's sync that runs in a test's own process: it moves when the sync waits, and only then."""

from queue import Empty, SimpleQueue
from typing import Any

HANG_SECONDS = 300  # after which a test that hangs fails: no bound on how slow a machine may be


class MovedClock:
    """A clock that waiting moves, and a test by hand."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return self.now

    wall = monotonic

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


class SyncEvents(SimpleQueue):  # type: ignore[type-arg]  # it holds whatever a sync puts into it
    """A sync's queue of events: where nothing is under way, waiting moves the clock."""

    sync: Any = None

    def get(self, timeout: float) -> Any:  # type: ignore[override]  # as a sync calls it
        """Return the next event."""
        try:
            return self.get_nowait()
        except Empty:
            engine = self.sync._engine
            if engine.under_way or not engine.input_ended:
                return super().get(timeout=HANG_SECONDS)
            self.sync._clock.now += timeout
            raise
