"""The budget of calls per minute, with a line in the log when a call has to wait."""

import threading
import time
from collections.abc import Callable
from typing import Any

from airbyte_cdk.sources.streams.call_rate import APIBudget, CallRateLimitHit

from source_squadstack.components.log import LOGGER

SECONDS_BETWEEN_NOTES = 60.0


class LoggedBudget(APIBudget):
    """The manifest's call budget that logs once a minute why it waits: the CDK's own waits in silence."""

    def __init__(self, budget: APIBudget, sleep: Callable[[float], None] = time.sleep) -> None:
        super().__init__(policies=[])
        self._budget = budget
        self._sleep = sleep
        self._lock = threading.Lock()
        self._said_at = float("-inf")
        self.is_used_up = False  # the latest call had to wait

    def acquire_call(self, request: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: ARG002
        """Take a call from the budget, waiting until there is one."""
        waited = False
        while True:
            try:
                self._budget.acquire_call(request, block=False)
            except CallRateLimitHit as hit:
                wait = max(hit.time_to_wait.total_seconds(), 0.01)
                waited = self.is_used_up = True
                self._say(wait)
                self._sleep(wait)
            else:
                self.is_used_up = waited
                return

    def _say(self, wait: float) -> None:
        with self._lock:
            now = time.monotonic()
            if now - self._said_at < SECONDS_BETWEEN_NOTES:
                return
            self._said_at = now
        LOGGER.info("All calls of this minute are used (`calls_per_minute`); the next may be made in %.0f s.", wait)
