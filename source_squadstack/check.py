"""`check`: one call a campaign, and the proof of the unit in which the API reads its time filters."""

import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.types import StreamSlice
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_squadstack.components import LeadsRequester, parse_time, read_page

SAMPLE = 20


def check_campaigns(requester: LeadsRequester, section: Mapping[str, Any], logger: logging.Logger) -> None:
    """Ask each campaign (the first `SAMPLE`) for one lead, as `read` asks, and prove `timestamp_unit` on the way.

    Raises:
        AirbyteTracedException: with the sentence that says what to fix.
    """
    campaigns = section["campaign_ids"]
    configured = section.get("timestamp_unit", "milliseconds")
    proven = None
    for campaign in campaigns[:SAMPLE]:
        if proven:
            ask(requester, campaign, {})
            continue
        proven = prove_unit(requester, campaign)
        if proven and proven != configured:
            raise AirbyteTracedException(
                message=f"`squadstack.timestamp_unit` is {configured}, but campaign {campaign} answers time filters in "
                f"{proven}: with the wrong unit leads would be missed. Set it to {proven}.",
                failure_type=FailureType.config_error,
            )
    if not proven:
        logger.warning(
            "No campaign has a processed lead yet, so `squadstack.timestamp_unit` (%s) could not be proven. Test the "
            "connection again when there are some.",
            configured,
        )
    if len(campaigns) > SAMPLE:
        logger.info("Tested the first %d of %d campaigns.", SAMPLE, len(campaigns))


def prove_unit(requester: LeadsRequester, campaign: str) -> str | None:
    """Return the unit in which a campaign's time filters are read, `None` while it has no lead to tell by.

    "From 0 to now in seconds" finds leads only where the API reads seconds: as milliseconds it ends in January 1970.
    "From 0 to now in milliseconds" then finds leads where it reads milliseconds; as seconds it ends far in the future,
    so a lead of the future is no proof.
    """
    now = time.time()
    if ask(requester, campaign, {"processed_after": 0, "processed_before": int(now)})["count"] > 0:
        return "seconds"
    page = ask(requester, campaign, {"processed_after": 0, "processed_before": int(now * 1000)})
    if page["count"] == 0:
        return None
    moments = [parse_time(row.get("processed_at")) for row in page["results"]]
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    return None if any(moment and moment > tomorrow for moment in moments) else "milliseconds"


def ask(requester: LeadsRequester, campaign: str, filters: Mapping[str, int]) -> dict[str, Any]:
    """Request one campaign's first page of one lead."""
    response = requester.send_request(
        stream_slice=StreamSlice(partition={"campaign_id": campaign}, cursor_slice={}),
        request_params={**filters, "page": 1, "page_size": 1},
    )
    assert response is not None  # noqa: S101  # no error filter of the manifest ignores a response
    return read_page(response)
