"""Stops a sync whose config cannot be right: the first 200 records of a lane all fail for the same reason.

First in order of reading: records that fail our own validation have their outcome at once, and records that were read
before them only when the API has answered. Until a lane has had a record accepted or its evidence has aged, states are
held back, so that none of those records is acknowledged. At the end of the input fewer are enough, if what the API said
of all of them is about the config.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from destination_squadstack.api.error_text import Reason
from destination_squadstack.api.fix_messages import fix_message
from destination_squadstack.api.outcomes import config_problem
from destination_squadstack.campaigns import CampaignOperation
from destination_squadstack.errors import ConfigError
from destination_squadstack.operations import RESTART_CAUSES

TRIP_AT = 200
# A refused list is divided to find the lead that causes it. Once so many leads were refused alone for one
# reason, further lists refused for it need not be: 416 calls for one wrong field map would take four minutes.
REFUSED_ALONE = 50
HOLD_SECONDS = 300.0
_COUNTED = frozenset({400, 401, 403, 404})


@dataclass(slots=True)
class _Suspicion:
    lane: CampaignOperation
    reason: str
    failures: int
    until: float
    # The key in `fix_messages` of what the reason says of the config.
    problem: str | None
    # The newest batch that was open when the last of the failures was read.
    batch: float = 0


class CircuitBreaker:
    """Watches the first outcomes of every lane; lanes whose campaigns records name in one field count as one."""

    def __init__(self, trip_at: int = TRIP_AT, hold_seconds: float = HOLD_SECONDS) -> None:
        self._trip_at = trip_at
        self._hold_seconds = hold_seconds
        self._cleared: set[int] = set()
        self._suspects: dict[int, _Suspicion] = {}
        self._acknowledged: Counter[int] = Counter()
        # How many records each batch held that was refused as a whole, by lane and reason.
        self._lists: dict[tuple[int, str], dict[int, int]] = {}

    def accepted(self, lane: CampaignOperation) -> None:
        """Note that a record of a lane was accepted, or failed in a way that says nothing about the config."""
        if lane.family not in self._cleared:
            self._cleared.add(lane.family)
            self._lists = {key: lists for key, lists in self._lists.items() if key[0] != lane.family}
        self._suspects.pop(lane.family, None)

    def record_failed(self, lane: CampaignOperation, status: int, reason: Reason, now: float, *, batch: int) -> None:
        """Note that a record of a lane was refused, read while no newer batch than the given one was open."""
        if lane.family in self._cleared or reason.cause in RESTART_CAUSES:
            return
        suspicion = self._suspects.setdefault(lane.family, self._suspicion(lane, status, reason, now))
        if status not in _COUNTED or suspicion.reason != reason.text:
            self.accepted(lane)
            return
        if suspicion.failures < self._trip_at:
            suspicion.failures += 1
            suspicion.batch = max(suspicion.batch, batch)
        if suspicion.failures >= self._trip_at:
            suspicion.until = math.inf

    def batch_rejected(
        self, lane: CampaignOperation, reason: Reason, records: int, *, batch: int, oldest_unanswered: float
    ) -> None:
        """Note that a list was refused as a whole, given the lane's oldest batch that was not answered at all.

        Raises:
            ConfigError: Leads were refused alone for the same reason, none was accepted, and with this list it is 200.
        """
        if lane.family in self._cleared or reason.cause in RESTART_CAUSES:
            return
        lists = self._lists.setdefault((lane.family, reason.text), {})
        lists.setdefault(batch, records)
        suspicion = self._suspects.get(lane.family)
        if suspicion is None or suspicion.reason != reason.text or suspicion.failures < REFUSED_ALONE:
            return
        if sum(lists.values()) >= self._trip_at and oldest_unanswered > batch:
            raise self._tripped(
                suspicion,
                f"All calls for {lane.operation.endpoint} so far, with {sum(lists.values())} records, were refused as "
                f"a whole, and {suspicion.failures} of the records alone as well,",
            )

    def _suspicion(self, lane: CampaignOperation, status: int, reason: Reason, now: float) -> _Suspicion:
        return _Suspicion(lane, reason.text, 0, now + self._hold_seconds, config_problem(status, reason.cause))

    def check(self, lane: CampaignOperation, oldest_unsettled: float) -> None:
        """Look at a lane again, given its oldest batch that has a record without an outcome.

        Raises:
            ConfigError: Its first 200 records were refused for the same reason, and none was accepted.
        """
        suspicion = self._suspects.get(lane.family)
        if suspicion is None or suspicion.failures < self._trip_at or oldest_unsettled <= suspicion.batch:
            return
        raise self._tripped(
            suspicion, f"The first {self._trip_at} records for {lane.operation.endpoint} were all refused"
        )

    def end(self, outcomes: Mapping[int, int]) -> None:
        """Release states at the end of the input, given how many records of each lane have an outcome.

        Raises:
            ConfigError: All of a lane's records were refused for the same reason, and that is about the config.
        """
        for index, suspicion in self._suspects.items():
            if suspicion.problem is not None and suspicion.failures == outcomes.get(index):
                what = f"All {outcomes[index]} records" if outcomes[index] > 1 else "The only record"
                were = "were" if outcomes[index] > 1 else "was"
                raise self._tripped(suspicion, f"{what} for {suspicion.lane.operation.endpoint} {were} refused")
        self.release()

    def _tripped(self, suspicion: _Suspicion, what_happened: str) -> ConfigError:
        lane = suspicion.lane
        acknowledged = self._acknowledged[lane.family]
        fate = (
            f"{acknowledged} of its rejected records had been acknowledged before that"
            if acknowledged
            else "none of these records has been acknowledged"
        )
        what = f"Check {lane.config_entry} and its field_map, then sync again"
        if suspicion.problem is not None:
            what = fix_message(suspicion.problem, "", lane.fix_context).rstrip(".")
        return ConfigError(f"{what_happened} for one reason: {suspicion.reason.rstrip('.')}. {what}; {fate}.")

    def acknowledged(self, lane: CampaignOperation, count: int) -> None:
        """Note that a state has left that covers so many rejected records of a lane."""
        self._acknowledged[lane.family] += count

    def holds(self, now: float) -> bool:
        """Return whether states have to wait."""
        if not self._suspects:
            return False
        return any(suspicion.until > now for suspicion in self._suspects.values())

    def held_until(self) -> float | None:
        """Return the time at which the last hold ends; None if nothing is held, or not by time."""
        return max((each.until for each in self._suspects.values() if each.until < math.inf), default=None)

    def release(self) -> None:
        """Release states: no more outcomes will come, or there is no room to wait for more."""
        for suspicion in self._suspects.values():
            suspicion.until = suspicion.until if suspicion.until == math.inf else -math.inf
