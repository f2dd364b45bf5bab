"""`check`: each configured section with the requests that `read` makes, and the unit of SquadStack's time filters."""

import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.types import StreamSlice
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_squadstack.components.requester import ApiRequester
from source_squadstack.components.response_body import Body, read_body
from squadstack_common.privacy_settings import SHORTEST_SALT, PrivacySettings
from squadstack_common.timestamps import parse_time

SAMPLE = 20
HOUR = 3600

RequesterOf = Callable[[str], ApiRequester]


def check_squadstack(requester_of: RequesterOf, section: Mapping[str, Any], logger: logging.Logger) -> None:
    """Ask each campaign (the first `SAMPLE`) for one lead, as `read` asks, and prove `timestamp_unit` on the way.

    Raises:
        AirbyteTracedException: with the sentence that says what to fix.
    """
    requester = requester_of("leads")
    campaigns = section["campaign_ids"]
    configured = section.get("timestamp_unit", "milliseconds")
    found_unit = None
    for campaign in campaigns[:SAMPLE]:
        if found_unit:
            ask_leads(requester, campaign, {})
            continue
        found_unit = prove_unit(requester, campaign)
        if found_unit and found_unit != configured:
            raise AirbyteTracedException(
                message=f"`squadstack.timestamp_unit` is {configured}, but campaign {campaign} answers time filters in "
                f"{found_unit}: with the wrong unit leads would be missed. Set it to {found_unit}.",
                failure_type=FailureType.config_error,
            )
    if not found_unit:
        logger.warning(
            "No campaign has a processed lead yet, so `squadstack.timestamp_unit` (%s) could not be proven. Test the "
            "connection again when there are some.",
            configured,
        )
    if len(campaigns) > SAMPLE:
        logger.info("Tested the first %d of %d campaigns.", SAMPLE, len(campaigns))


YEAR_2000 = datetime(2000, 1, 1, tzinfo=UTC)


def prove_unit(requester: ApiRequester, campaign: str) -> str | None:
    """Return the unit in which a campaign's time filters are read, `None` while it has no lead to tell by.

    "From 2000 to now in seconds" finds leads only where the API reads seconds: as milliseconds it is ten days of 1970.
    "From 2000 to now in milliseconds" then finds leads where it reads milliseconds: as seconds it begins after the year
    30000. Neither begins at 0, which may stand for no time; the time of a lead of 1970 has lost a factor of 1,000, and
    proves nothing.
    """
    now = int(time.time())
    for unit, scale in (("seconds", 1), ("milliseconds", 1000)):
        window = {"processed_after": int(YEAR_2000.timestamp()) * scale, "processed_before": now * scale}
        page = ask_leads(requester, campaign, window)
        moments = [parse_time(row.get("processed_at")) for row in page.rows]
        if page.parsed["count"] > 0 and all(moment is None or moment >= YEAR_2000 for moment in moments):
            return unit
    return None


def ask_leads(requester: ApiRequester, campaign: str, filters: Mapping[str, int]) -> Body:
    """Request one campaign's first page of one lead."""
    return ask(requester, "lead_page", {"campaign_id": campaign}, {**filters, "page": 1, "page_size": 1})


def warn_of_privacy(section: Mapping[str, Any], logger: logging.Logger) -> None:
    """Warn of what `privacy` can do, and does not do well."""
    if PrivacySettings.of(section).salt_is_short:
        logger.warning(
            "`privacy.salt` is so short that it can be found by trying, and then whose hash is whose. Before the "
            "first sync, replace it by %d random characters or more; later, hashes would no longer match earlier ones.",
            SHORTEST_SALT,
        )


def check_contact_center(requester_of: RequesterOf) -> None:
    """Log in and ask each endpoint that `read` asks: campaigns, one campaign's leads, the last hour's activity, queues.

    Raises:
        AirbyteTracedException: with the sentence that says what to fix.
    """
    campaigns = ask(requester_of("contact_center_campaigns"), "status_report").rows
    for campaign in campaigns[:1]:
        partition = {"campaign_id": str(campaign["id"])}
        ask(requester_of("contact_center_leads"), "campaign_leads", partition, {"page_size": 1})
    now = int(time.time())
    window = {"start_time": str(now - HOUR), "end_time": str(now)}
    ask(requester_of("contact_center_activity"), "activity", params={"pageSize": 1}, window=window)
    ask(requester_of("contact_center_queues"), "queues")


def check_webhooks(requester_of: RequesterOf) -> None:
    """Ask the receiver for one event, as `read` asks. Without a state the request confirms nothing to the receiver.

    Raises:
        AirbyteTracedException: with the sentence that says what to fix.
    """
    ask(requester_of("webhook_events"), "webhook_events", params={"limit": 1})


def ask(
    requester: ApiRequester,
    shape: str,
    partition: Mapping[str, str] | None = None,
    params: Mapping[str, int] | None = None,
    window: Mapping[str, str] | None = None,
) -> Body:
    """Make one request as `read` makes it and return the answer's body."""
    response = requester.send_request(
        stream_slice=StreamSlice(partition=partition or {}, cursor_slice=window or {}),
        request_params=params or {},
    )
    assert response is not None  # noqa: S101  # no error filter of the manifest ignores a response
    return read_body(response, shape)
