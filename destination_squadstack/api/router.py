"""The client that a sync uses: it passes each call to the client of its API."""

from collections.abc import Sequence

from destination_squadstack.api.client import CallTarget
from destination_squadstack.api.contact_center import ContactCenterClient
from destination_squadstack.api.outcomes import NotLoggedIn, Response
from destination_squadstack.api.squadstack import SquadStackClient
from destination_squadstack.config import Config
from destination_squadstack.operations import CONTACT_CENTER


class ApiRouter:
    """Sends each lead to the API of its operation."""

    def __init__(self, config: Config) -> None:
        self._squadstack = SquadStackClient(config.squadstack.base_url, config.squadstack.token)
        self._contact_center = None if config.contact_center is None else ContactCenterClient(config.contact_center)

    @property
    def read_timeout(self) -> float:
        """The seconds for which a call without a response may still be at work."""
        return self._squadstack.read_timeout

    def log_in(self) -> Response:
        """Log in to the contact center, and do nothing else."""
        return NotLoggedIn("login") if self._contact_center is None else self._contact_center.log_in()

    def send(self, lane: CallTarget, bodies: Sequence[bytes]) -> Response:
        """Send leads (JSON texts); return the response, or why there is none."""
        if lane.operation.api == CONTACT_CENTER and self._contact_center is not None:
            return self._contact_center.send(lane, bodies)
        return self._squadstack.send(lane, bodies)

    def close(self) -> None:
        """Close the connections of the calling thread."""
        self._squadstack.close()
        if self._contact_center is not None:
            self._contact_center.close()
