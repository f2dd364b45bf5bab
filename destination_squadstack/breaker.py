"""Stops a sync whose config cannot be right: the first 200 records of a lane all fail for one and the same reason.

Until a lane has proved itself or its evidence has aged, states are held back, so that none of those records is
acknowledged.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from destination_squadstack.errors import ConfigError
from destination_squadstack.operations import LOOKS_LIKE_A_RESTART
from destination_squadstack.reasons import Reason
from destination_squadstack.routing import Lane

TRIP_AT = 200
HOLD_SECONDS = 300.0
_COUNTED = frozenset({400, 403, 404})


@dataclass(slots=True)
class _Suspicion:
    reason: str
    failures: int
    until: float


class Breaker:
    """Watches the first outcomes of every lane."""

    def __init__(self, trip_at: int = TRIP_AT, hold_seconds: float = HOLD_SECONDS) -> None:
        self._trip_at = trip_at
        self._hold_seconds = hold_seconds
        self._cleared: set[int] = set()
        self._suspects: dict[int, _Suspicion] = {}

    def passed(self, lane: Lane) -> None:
        """Note that a record of a lane was accepted, or failed in a way that says nothing about the config."""
        self._cleared.add(lane.index)
        self._suspects.pop(lane.index, None)

    def failed(self, lane: Lane, status: int, reason: Reason, now: float) -> None:
        """Note that a record of a lane was refused.

        Raises:
            ConfigError: It is the 200th, all were refused for the same reason, and none was accepted.
        """
        if lane.index in self._cleared or reason.cause in LOOKS_LIKE_A_RESTART:
            return
        suspicion = self._suspects.setdefault(lane.index, _Suspicion(reason.text, 0, now + self._hold_seconds))
        if status not in _COUNTED or suspicion.reason != reason.text:
            self.passed(lane)
            return
        suspicion.failures += 1
        if suspicion.failures >= self._trip_at:
            suspicion.until = math.inf
            raise ConfigError(
                f"The first {self._trip_at} records for {lane.operation.endpoint} were all refused for one reason: "
                f"{reason.text.rstrip('.')}. "
                f"Check {lane.at} and its field_map, then sync again; none of these records has been acknowledged."
            )

    def holds(self, now: float) -> bool:
        """Tell whether states have to wait."""
        if not self._suspects:
            return False
        return any(suspicion.until > now for suspicion in self._suspects.values())

    def held_until(self) -> float | None:
        """Return when the last hold ends."""
        return max((suspicion.until for suspicion in self._suspects.values()), default=None)

    def release(self) -> None:
        """Let states go: what was found is all there will be, or there is no more room to wait for more."""
        for suspicion in self._suspects.values():
            suspicion.until = suspicion.until if suspicion.until == math.inf else -math.inf

    def suspicions(self) -> Mapping[int, int]:
        """Return how many failures each suspected lane has."""
        return {lane: suspicion.failures for lane, suspicion in self._suspects.items()}
