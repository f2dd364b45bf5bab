"""A rejected record, and the interface of what keeps it."""

from dataclasses import dataclass
from typing import Protocol

from destination_squadstack.routing import Route


@dataclass(frozen=True, slots=True)
class Rejection:
    """One record that was not accepted. `number`, `line`: those of its message. `status`: None if it was not sent.

    `operation` is that of its stream, or the one that was to be done to the lead in place of that.
    """

    route: Route
    operation: str
    number: int
    line: bytes
    lead_id: str | None
    status: int | None
    reason: str
    retryable: bool
    attempts: int


class RejectedRecords(Protocol):
    """Keeps rejected records."""

    def add(self, rejection: Rejection) -> None:
        """Take a rejected record; it is safe once `commit` has returned."""

    def commit(self) -> None:
        """Make every record taken so far survive whatever happens to this process.

        Raises:
            SyncError: It cannot be done.
        """
