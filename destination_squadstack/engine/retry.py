"""The retry policy for calls without an outcome: pure functions of what has happened.

An API that is down, whether it says so once for a call or row by row, is waited for, and no record is to blame. One is
to blame only when others of its lane get their final answers while it does not; a list is split to find it. Where no
others are left to show that the API answers, a probe is sent in place of the call.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

# A record is given up once the tries that failed while other calls were completed weigh so much. Six rows in which the
# API speaks of that very record are enough; a call without any response takes as long as a call may take, so four of
# them are; of calls that failed as a whole, as others may too, it takes twelve.
MAX_BLAME = 12
ROW_BLAME = 2
UNANSWERED_BLAME = 3
# A lead that an outage of others excuses must not keep a sync going for ever: half an hour at 30 seconds a try.
MAX_TRIES_PER_RECORD = 60
# A call without a usable response is sent again for three minutes or more (1, 2, 4, 8, 16, 30, … seconds).
MAX_STALLED_TRIES = 12
# Tries before a list is split: one failure is not enough. Two without a response have cost minutes already.
TRIES_BEFORE_SPLIT = 4
UNANSWERED_TRIES_BEFORE_SPLIT = 2
# Halves; more parts if each step costs the wait for a response that does not come.
PARTS = 2
UNANSWERED_PARTS = 10
MAX_BACKOFF_SECONDS = 30.0
# After a connection was lost the API may still be at work on the call; sent at once, it would meet itself.
LOST_CALL_SECONDS = 30.0
# After so many calls in a row without a usable response an API seems to be down.
SEEMS_DOWN_AFTER = 4
# An API that is down must not use up lead after lead as unknown.
MAX_UNKNOWN_IN_A_ROW = 10
# How many tries of one record tell of the API; those of a record that is to blame would excuse it for ever.
TRIES_THAT_COUNT = 8

# In an outage of a part of all calls others get through as well: a record is given up only if so many failures in a row
# would be that unlikely.
_BY_CHANCE = 1e-6
_UNTIL_KNOWN = 20.0
_HALF_LIFE = 500.0


class FailureRate:
    """The share of recent tries that failed; small until there are enough of them."""

    def __init__(self) -> None:
        self._good = 0.0
        self._bad = 0.0

    def note(self, good: int, bad: int) -> None:
        """Take the outcomes of tries."""
        fade = 0.5 ** ((good + bad) / _HALF_LIFE)
        self._good, self._bad = self._good * fade + good, self._bad * fade + bad

    def explains(self, failures: int) -> bool:
        """Tell whether a record may well have failed so often in a row without being to blame."""
        others = max(0.0, self._bad - min(failures, TRIES_THAT_COUNT))
        share = others / (self._good + others + _UNTIL_KNOWN)
        return bool(share**failures > _BY_CHANCE)


@dataclass(slots=True)
class LaneHistory:
    """The history of one lane's tries."""

    # How many of its calls brought a final answer for a record.
    completions: int = 0
    calls: FailureRate = field(default_factory=FailureRate)
    rows: FailureRate = field(default_factory=FailureRate)


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """Why a try of a call brought no outcome."""

    what: str
    # Whether anything responded; and if not, whether the call may have reached the API.
    answered: bool
    reached: bool = True
    timed_out: bool = False
    row_by_row: bool = False
    # Whether it is deliberate, as a firewall's page is: the same response would come again at once.
    deliberate: bool = False

    @property
    def tries_before_split(self) -> int:
        """How often a whole list is sent before it is split."""
        if self.deliberate:
            return 1
        return TRIES_BEFORE_SPLIT if self.answered else UNANSWERED_TRIES_BEFORE_SPLIT

    @property
    def blame(self) -> int:
        """How much a try that ended like this tells against a record."""
        if self.row_by_row or self.deliberate:
            return ROW_BLAME
        return 1 if self.answered else UNANSWERED_BLAME

    @property
    def parts(self) -> int:
        """Into how many parts a list is split."""
        return PARTS if self.answered else UNANSWERED_PARTS


NOT_FAILED = FailedAttempt("", answered=True)


class TriedRecord(Protocol):
    """The interface of a record that the decisions need."""

    @property
    def blame(self) -> int:
        """What the tries weigh that failed while other calls of the lane were completed."""

    @property
    def blamed_tries(self) -> int:
        """How many such tries there were."""

    @property
    def completions_before(self) -> int | None:
        """How many calls of the lane had been completed before the record failed for the first time."""


class TriedCall(Protocol):
    """The interface of a call that the decisions need."""

    @property
    def failure(self) -> FailedAttempt:
        """What happened to it the last time."""

    @property
    def tries(self) -> int:
        """How often it was sent."""

    @property
    def stalled_tries(self) -> int:
        """How many tries in a row failed while no other call of the lane was completed."""

    @property
    def suspect(self) -> bool:
        """Whether it is a part of a list that got no usable response."""

    @property
    def failure_is_per_record(self) -> bool:
        """Whether its failure is that of each of its records, not perhaps of another record in the call."""


class Step(Enum):
    """What to do next with a call."""

    RETRY = "retry"
    SPLIT = "split"
    PROBE = "probe"
    # Reject its records as retryable.
    REJECT = "reject"
    # End the sync before any state that covers them.
    FAIL = "fail"


def is_to_blame(record: TriedRecord, history: LaneHistory) -> bool:
    """Return whether to give a record up: it failed too often, and the failures of others do not explain that."""
    if record.blame < MAX_BLAME:
        return False
    return not (history.calls.explains(record.blamed_tries) or history.rows.explains(record.blamed_tries))


def is_exhausted(records: Sequence[TriedRecord]) -> bool:
    """Return whether a record has been tried so often that the sync has to end, although it is not the cause."""
    return any(record.blamed_tries >= MAX_TRIES_PER_RECORD for record in records)


def others_got_through(records: Sequence[TriedRecord], history: LaneHistory) -> bool:
    """Tell whether other calls of the lane were completed since the records of a call failed first."""
    return history.completions > (records[0].completions_before or 0)


def next_step(
    call: TriedCall, *, others_completed: bool, can_probe: bool, others_completed_since_first_failure: bool = False
) -> Step:
    """Return the next step of a call without an outcome.

    Args:
        call: The call.
        others_completed: Whether other calls of its lane were completed since it was tried before.
        can_probe: Whether the API answers a probe.
        others_completed_since_first_failure: Whether some were since its records failed first.
    """
    if call.stalled_tries >= MAX_STALLED_TRIES:
        alone = call.failure_is_per_record and not can_probe
        return Step.REJECT if alone and others_completed_since_first_failure else Step.FAIL
    # Minutes without a response, while others get theirs, are not a short disturbance.
    at_once = call.suspect or (others_completed and call.failure.timed_out)
    if not call.failure.reached or call.tries < (1 if at_once else call.failure.tries_before_split):
        return Step.RETRY
    if others_completed:
        return Step.RETRY if call.failure_is_per_record else Step.SPLIT
    return Step.PROBE if can_probe else Step.RETRY


def step_after_probe(call: TriedCall) -> Step:
    """Return the next step of a call now that the API is known to respond: the call may be the cause itself."""
    return Step.RETRY if call.failure_is_per_record else Step.SPLIT


def probe_tells(*, others_completed_since_first_failure: bool, is_only_record_left: bool) -> bool:
    """Tell whether an answered probe counts against the record for which it was sent.

    An API that answers probes only would have every record rejected: others must have got through since the first
    failure, or there must be no others left.
    """
    return others_completed_since_first_failure or is_only_record_left


def countable_tries(records: Sequence[TriedRecord]) -> int:
    """Return how many of these records' tries count for the API's failure rate, not against the lead."""
    return sum([record.blamed_tries < TRIES_THAT_COUNT for record in records])


def backoff(tries: int, jitter: float) -> float:
    """Return 1, 2, 4, … seconds, shortened by up to half, so that calls that failed together are not sent together."""
    return min(MAX_BACKOFF_SECONDS, 2.0 ** (max(1, tries) - 1)) * (1.0 - jitter / 2)
