"""What a sync sends leads through: a client of an API, of both, or of none."""

from collections.abc import Sequence
from typing import Protocol

from destination_squadstack.api.outcomes import Response
from destination_squadstack.operations import Operation


class CallTarget(Protocol):
    """Where leads go: an operation, and its path for one campaign."""

    @property
    def operation(self) -> Operation:
        """What is done to them."""

    @property
    def path(self) -> str:
        """The path of the operation."""


class ApiClient(Protocol):
    """Sends leads, from any thread; each has connections of its own."""

    @property
    def read_timeout(self) -> float:
        """How long after a call was sent it may still be at work, unanswered."""

    def send(self, lane: CallTarget, bodies: Sequence[bytes]) -> Response:
        """Send leads, given as JSON texts."""

    def close(self) -> None:
        """Close what the calling thread has opened."""
