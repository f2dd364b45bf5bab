"""Every stream of the source at once: what serves them, what reads them, and what makes two readings comparable."""

import json
from datetime import UTC, datetime
from typing import Any

from squadstack_emulator import Campaign, Portal, PortalCampaign, Scenario
from test_support.messages import Outcome

FROM, TO = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
SCENARIO = Scenario(
    campaigns=(
        Campaign(responses=120, unprocessed=5, seed_from=FROM, seed_to=TO),
        Campaign(id="OTHER", ref_id="ref-other", responses=30, seed_from=FROM, seed_to=TO),
    ),
    calls_per_minute=None,
    portal=Portal(campaigns=(PortalCampaign(leads=12, activities=15, seed_from=FROM, seed_to=TO),), queues=2),
)


def catalog(outcome: Outcome) -> list[dict[str, Any]]:
    """Return the streams of a `discover`, by name."""
    (found,) = outcome.of("CATALOG")
    return sorted(found["streams"], key=lambda stream: stream["name"])


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
