"""Whom the engine tells what becomes of records: the memory of what was sent, and the delivery log.

Both are optional, and what they need to know of a record is here, so that the engine knows neither of them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, Protocol

import msgspec

from destination_squadstack.campaigns import CampaignOperation
from destination_squadstack.routing import Route


class Outcome(Enum):
    """How a record that was sent ended, as far as the memory goes."""

    ACCEPTED = "a"
    # Accepted by an operation after which SquadStack does not call the lead any more.
    ENDED = "e"
    REJECTED = "r"
    # Not applied, and to be sent again.
    NOT_APPLIED = "n"
    UNKNOWN = "u"
    # A later record of the lead was read that is not sent: its row is filtered, or was deleted at its source.
    WITHDRAWN = "w"


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A record that need not be sent. `reason`: why its like was rejected, None if it was accepted."""

    reason: str | None


class Verdict(StrEnum):
    """What became of a record, as the delivery log calls it."""

    WRITTEN = "written"
    REJECTED = "rejected"
    UNCHANGED = "unchanged"
    FILTERED = "filtered"
    DELETED_AT_SOURCE = "deleted_at_source"
    SUPPRESSED = "suppressed"
    DISABLED_GONE = "disabled_gone"


class Origin(Enum):
    """Where a record comes from that this sync did not read from its source. No state counts it."""

    # A row that an earlier sync rejected and that may work now.
    RETRIED = "retried"
    # A lead that has left its stream.
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class OwnRecord:
    """A record that this sync did not read from its source. `settled` is told whether it was written."""

    origin: Origin
    route: Route
    line: bytes
    data: dict[str, Any]
    settled: Callable[[bool], None]


class Source(msgspec.Struct, frozen=True):
    """A record as it came. `number` and `line` are those of its message; `own` is set where there was none."""

    number: int
    line: bytes
    data: dict[str, Any]
    own: OwnRecord | None = None


class SentLeadsTracker(Protocol):
    """The memory of what was sent."""

    def decide(
        self, route: Route, lane: CampaignOperation, lead_id: str, body: bytes, *, own: bool = False
    ) -> Unchanged | None:
        """Return that a record is unchanged; None, and it counts as on its way, where it is to be sent."""

    def present(self, route: Route, lead_id: str | None) -> None:
        """Note a record that cannot be sent; its lead is in the stream all the same."""

    def absent(self, route: Route, lead_id: str | None) -> None:
        """Note a record that says that its lead does not belong to the stream: filtered, or deleted at its source."""

    def before_sending(self, leads: Iterable[tuple[Route, CampaignOperation, str]]) -> None:
        """Make it safe that records of these leads are sent now.

        Raises:
            SyncError: It cannot be done.
        """

    def settled(
        self,
        route: Route,
        lane: CampaignOperation,
        lead_id: str,
        body: bytes,
        outcome: Outcome,
        reason: str | None = None,
    ) -> None:
        """Note what became of a record that was on its way."""

    def stream_status(self, namespace: str | None, stream: str, status: str) -> None:
        """Note what the source says about how far it has read a stream."""


class Deliveries(Protocol):
    """The delivery log."""

    @property
    def is_kept(self) -> bool:
        """Whether any rows are kept."""

    @property
    def keeps_all(self) -> bool:
        """Whether each record has a row; else those that say that their lead is not to be called."""

    @property
    def due_at(self) -> float:
        """When the rows that wait are to be committed; a moment that is past where none do."""

    def add(
        self,
        route: Route,
        lane: CampaignOperation,
        lead_id: str | None,
        verdict: Verdict,
        *,
        number: int = 0,
        status_code: int | None = None,
        reason: str | None = None,
        calls: int = 0,
    ) -> None:
        """Note what became of the record that stood in a line of the input; it is safe once `commit` has returned."""

    def commit(self) -> None:
        """Make every row taken so far survive whatever happens to this process.

        Raises:
            SyncError: It cannot be done.
        """
