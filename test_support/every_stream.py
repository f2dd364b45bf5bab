"""Every stream of the source at once: what serves them, what reads them, and what makes two readings comparable."""

import json
from datetime import UTC, datetime
from typing import Any

from squadstack_emulator import Campaign, Emulator, Portal, PortalCampaign, Scenario
from test_support.connectors import Outcome

FROM, TO = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
SCENARIO = Scenario(
    campaigns=(
        Campaign(responses=120, unprocessed=5, seed_from=FROM, seed_to=TO),
        Campaign(id="OTHER", ref_id="ref-other", responses=30, seed_from=FROM, seed_to=TO),
    ),
    calls_per_minute=None,
    portal=Portal(campaigns=(PortalCampaign(leads=12, activities=15, seed_from=FROM, seed_to=TO),), queues=2),
)


def config_of(emulator: Emulator, api_version: str) -> dict[str, Any]:
    """Return a config of both accounts."""
    portal = emulator.scenario.portal
    return {
        "squadstack": {
            "token": emulator.scenario.token,
            "campaign_ids": ["0PT711", "OTHER"],
            "start_date": "2026-01-01T00:00:00Z",
            "api_version": api_version,
            "base_url": emulator.url,
            "calls_per_minute": 100_000,
        },
        "contact_center": {
            "portal_url": emulator.url,
            "username": portal.username,
            "password": portal.password,
            "domain": portal.domain,
            "account_id": portal.account_id,
            "start_date": "2026-01-01T00:00:00Z",
        },
    }


def catalog(outcome: Outcome) -> list[dict[str, Any]]:
    """Return the streams of a `discover`, by name."""
    (found,) = outcome.of("CATALOG")
    return sorted(found["streams"], key=lambda stream: stream["name"])


def everything_of(streams: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a configured catalog of all streams, incremental where they can."""
    return {
        "streams": [
            {
                "stream": stream,
                "sync_mode": "incremental" if "incremental" in stream["supported_sync_modes"] else "full_refresh",
                "destination_sync_mode": "append",
            }
            for stream in streams
        ]
    }


def records(outcome: Outcome) -> list[str]:
    """Return every record with its stream, in an order of its own; `read_at` is the moment of the very run."""
    found = [(record["stream"], record["data"]) for record in outcome.of("RECORD")]
    return sorted(
        json.dumps([stream, {**row, "read_at": "now"} if "read_at" in row else row], sort_keys=True)
        for stream, row in found
    )


def final_states(outcome: Outcome) -> dict[str, str]:
    """Return each stream's last state; partitions in an order of their own."""
    last = {}
    for state in outcome.states:
        content = dict(state["stream"]["stream_state"])
        content.pop("lookback_window", None)  # the seconds that the sync took
        partitions = sorted(content.get("states", []), key=lambda each: str(each["partition"]))
        ordered = {**content, "states": partitions} if partitions else content
        last[state["stream"]["stream_descriptor"]["name"]] = json.dumps(ordered, sort_keys=True)
    return last
