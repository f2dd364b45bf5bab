"""The client of a dry run."""

from collections.abc import Sequence

import requests

from destination_squadstack.api.client import CallTarget
from destination_squadstack.api.outcomes import ApiResponse, Response
from squadstack_common.lossless_json import load


class DryRun:
    """Accepts everything and sends nothing."""

    read_timeout = 0.0

    def send(self, lane: CallTarget, bodies: Sequence[bytes]) -> Response:
        """Respond as if the API had accepted every lead."""
        if not lane.operation.has_row_results:
            return ApiResponse(status=requests.codes.ok, body={})
        rows = [{"status_code": requests.codes.ok, "data": {"lead_id": load(body)["lead_id"]}} for body in bodies]
        return ApiResponse(status=requests.codes.ok, body={"result": rows})

    def close(self) -> None:
        """Do nothing: there is no connection."""
