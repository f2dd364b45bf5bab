"""The client of SquadStack's APIs."""

from collections.abc import Sequence

from destination_squadstack.api.client import CallTarget
from destination_squadstack.api.outcomes import Response
from destination_squadstack.api.timeouts import CONNECT_SECONDS, READ_SECONDS
from destination_squadstack.api.transport import Transport
from squadstack_common.clock import Clock


class SquadStackClient:
    """Calls SquadStack."""

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        connect_seconds: float = CONNECT_SECONDS,
        read_seconds: float = READ_SECONDS,
        clock: Clock | None = None,
    ) -> None:
        self._transport = Transport(base_url, connect_seconds=connect_seconds, read_seconds=read_seconds, clock=clock)
        self._headers = {"Authorization": f"Bearer {token}"}

    @property
    def read_timeout(self) -> float:
        """The seconds for which a call without a response may still be at work."""
        return self._transport.read_timeout

    def send(self, lane: CallTarget, bodies: Sequence[bytes]) -> Response:
        """Send leads (JSON texts); return the response, or why there is none."""
        operation = lane.operation
        return self._transport.send(
            operation.request(lane.path, bodies),
            self._headers,
            leads=len(bodies),
            has_row_results=operation.has_row_results,
        )

    def close(self) -> None:
        """Close the connection of the calling thread."""
        self._transport.close()
