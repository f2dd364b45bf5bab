"""What to do about a call without a usable answer: a pure function of what has happened.

An API that is down, whether it says so once for a call or row by row, is waited for, and no record is to blame. One is
to blame only when others of its lane get their final answers while it does not; a list is taken apart to find it.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

# A record is given up once the tries during which others got their final answers weigh so much. Six rows in which the
# API speaks of that very record are enough; a call without any answer takes as long as a call may take, so four of them
# are; of calls that failed as a whole, as others may too, it takes twelve.
MAX_BLAME = 12
ROW_BLAME = 2
UNANSWERED_BLAME = 3
# A lead that an outage of others excuses must not keep a sync going for ever: half an hour at 30 seconds a try.
MAX_TRIES_PER_RECORD = 60
# A call without a usable answer is sent again for three minutes or more (1, 2, 4, 8, 16, 30, … seconds).
MAX_STALLED_TRIES = 12
# Before a list is taken apart, which must not happen over a hiccup. Two without an answer have cost minutes already.
TRIES_BEFORE_SPLIT = 4
UNANSWERED_TRIES_BEFORE_SPLIT = 2
# Halves, unless each step costs the wait for an answer that does not come.
PARTS = 2
UNANSWERED_PARTS = 10
MAX_BACKOFF_SECONDS = 30.0
# After a connection was lost the API may still be at work on the call; sent at once, it would meet itself.
LOST_CALL_SECONDS = 30.0
# After so many calls in a row without a usable answer an API seems to be down.
SEEMS_DOWN_AFTER = 4
# An API that is down must not turn lead after lead into one that may or may not be there.
MAX_UNKNOWN_IN_A_ROW = 10


# In an outage of a part of all calls others get through as well: a record is given up only if so many failures in a row
# would be that unlikely.
_BY_CHANCE = 1e-6
_UNTIL_KNOWN = 20.0
# How many tries of one record tell of the API; those of a record that is to blame would excuse it for ever.
TRIES_THAT_COUNT = 8
_HALF_LIFE = 500.0


class FailureRate:
    """The share of tries that failed of late; small until there are enough of them to tell."""

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


class Step(Enum):
    """What to do next with a call."""

    AGAIN = "again"
    PARTS = "parts"
    ASK = "ask"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """Why a call brought no outcome."""

    what: str
    # Whether the API, or something in its place, has said anything; and if not, whether the call got there at all.
    answered: bool
    reached: bool = True
    timed_out: bool = False
    by_row: bool = False
    # Whether it is deliberate, as a firewall's page is: that will be said again at once.
    deliberate: bool = False

    @property
    def tries_before_split(self) -> int:
        """How often a whole list is sent before it is taken apart."""
        if self.deliberate:
            return 1
        return TRIES_BEFORE_SPLIT if self.answered else UNANSWERED_TRIES_BEFORE_SPLIT

    @property
    def weight(self) -> int:
        """How much a try that ended like this tells against a record."""
        if self.by_row or self.deliberate:
            return ROW_BLAME
        return 1 if self.answered else UNANSWERED_BLAME

    @property
    def parts(self) -> int:
        """Into how many parts a list is taken."""
        return PARTS if self.answered else UNANSWERED_PARTS


NOT_FAILED = FailedAttempt("", answered=True)


class Tried(Protocol):
    """What the decision needs of a call."""

    @property
    def trouble(self) -> FailedAttempt:
        """What happened to it the last time."""

    @property
    def tries(self) -> int:
        """How often it was sent."""

    @property
    def stalled_tries(self) -> int:
        """How many tries in a row failed while no other record of the lane got its final answer."""

    @property
    def suspect(self) -> bool:
        """Whether it is a part of a list that got no usable answer."""

    @property
    def blames(self) -> bool:
        """Whether its trouble is that of each of its records, and not perhaps of another one beside it."""


def next_step(call: Tried, *, heard: bool, can_ask: bool) -> Step:
    """Decide what to do with a call.

    Args:
        call: The call.
        heard: Whether others of its lane got their final answers since it was tried before.
        can_ask: Whether there is a question that the API would answer.
    """
    if call.stalled_tries >= MAX_STALLED_TRIES:
        return Step.FAIL
    # Minutes of silence while others are answered are no hiccup.
    at_once = call.suspect or (heard and call.trouble.timed_out)
    if not call.trouble.reached or call.tries < (1 if at_once else call.trouble.tries_before_split):
        return Step.AGAIN
    if heard:
        return Step.AGAIN if call.blames else Step.PARTS
    return Step.ASK if can_ask else Step.AGAIN


def backoff(tries: int, jitter: float) -> float:
    """Return 1, 2, 4, … seconds, shortened by up to half, so that who failed together does not return together."""
    return min(MAX_BACKOFF_SECONDS, 2.0 ** (max(1, tries) - 1)) * (1.0 - jitter / 2)
