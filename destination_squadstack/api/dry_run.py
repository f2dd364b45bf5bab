"""The client of a dry run."""

from collections.abc import Sequence

import requests

from destination_squadstack.api.bulk_answer import lead_id_of
from destination_squadstack.api.client import CallTarget
from destination_squadstack.api.outcomes import ApiResponse, Response


class DryRun:
    """Accepts everything and sends nothing."""

    read_timeout = 0.0

    def send(self, lane: CallTarget, bodies: Sequence[bytes]) -> Response:
        """Respond as if the API had accepted every lead."""
        if not lane.operation.has_row_results:
            return ApiResponse(status=requests.codes.ok, body={})
        return ApiResponse(status=requests.codes.ok, body=None, accepted=[lead_id_of(body) for body in bodies])

    def close(self) -> None:
        """Do nothing: there is no connection."""
