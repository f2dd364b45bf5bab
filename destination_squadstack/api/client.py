"""The interface of API clients: what a sync sends leads through."""

from collections.abc import Sequence
from typing import Protocol

from destination_squadstack.api.outcomes import Response
from destination_squadstack.operations import Operation


class CallTarget(Protocol):
    """The target of a call: an operation, and its path for one campaign."""

    @property
    def operation(self) -> Operation:
        """The operation on the leads."""

    @property
    def path(self) -> str:
        """The path of the operation."""


class ApiClient(Protocol):
    """Sends leads, from any thread; each has connections of its own."""

    @property
    def read_timeout(self) -> float:
        """The seconds for which a call without a response may still be at work."""

    def send(self, lane: CallTarget, bodies: Sequence[bytes]) -> Response:
        """Send leads (JSON texts); return the response, or why there is none."""

    def close(self) -> None:
        """Close the connections of the calling thread."""
