"""What the flow sends leads to: SquadStack by its token, or nobody at all."""

from collections.abc import Sequence
from typing import Protocol

import requests

from destination_squadstack.api.outcomes import ApiResponse, Response
from destination_squadstack.api.transport import CONNECT_SECONDS, READ_SECONDS, Transport
from destination_squadstack.operations import Operation
from squadstack_common.clock import Clock
from squadstack_common.lossless_json import load


class CallTarget(Protocol):
    """What has to be known of where leads go."""

    @property
    def operation(self) -> Operation:
        """What is done to them."""

    @property
    def path(self) -> str:
        """The path of the operation."""


class Api(Protocol):
    """What can be sent to."""

    @property
    def read_timeout(self) -> float:
        """How long after a call was sent it may still be at work, unanswered."""

    def send(self, lane: CallTarget, bodies: Sequence[bytes]) -> Response:
        """Send leads, given as JSON texts."""

    def close(self) -> None:
        """Close what the calling thread has opened."""


class DryRun:
    """Accepts everything and sends nothing."""

    read_timeout = 0.0

    def send(self, lane: CallTarget, bodies: Sequence[bytes]) -> Response:
        """Answer as if every lead had been accepted."""
        if not lane.operation.has_row_results:
            return ApiResponse(status=requests.codes.ok, body={})
        rows = [{"status_code": requests.codes.ok, "data": {"lead_id": load(body)["lead_id"]}} for body in bodies]
        return ApiResponse(status=requests.codes.ok, body={"result": rows})

    def close(self) -> None:
        """Have nothing to close."""


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
        """How long after a call was sent it may still be at work, unanswered."""
        return self._transport.read_timeout

    def send(self, lane: CallTarget, bodies: Sequence[bytes]) -> Response:
        """Send leads, given as JSON texts."""
        return self._transport.send(lane.operation.request(lane.path, bodies), self._headers, leads=len(bodies))

    def close(self) -> None:
        """Close the connection of the calling thread."""
        self._transport.close()
