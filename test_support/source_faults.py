"""The faults that the source bears over every stream at once, and the accounts that it reads meanwhile."""

from datetime import UTC, datetime
from typing import Any

from squadstack_emulator import Campaign, Emulator, Fault, FaultKind, Portal, PortalCampaign, Scenario
from test_support import configs
from test_support.configs import Config

FROM, TO = datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
TOKEN, PASSWORD = "token-canary", "password-canary"
SQUADSTACK = ("lead_responses", "leads", "outreach_events")
PORTAL = (
    "contact_center_campaigns",
    "contact_center_leads",
    "contact_center_activity",
    "contact_center_queues",
    "contact_center_queue_agents",
)
INCREMENTAL = ("lead_responses", "outreach_events", "contact_center_activity")


def scenario(**fields: Any) -> Scenario:
    """Return two accounts whose pages are short."""
    return Scenario(
        **{
            "token": TOKEN,
            "campaigns": (Campaign(responses=60, unprocessed=5, seed_from=FROM, seed_to=TO),),
            "calls_per_minute": None,
            "page_size_cap": 10,
            "portal": Portal(
                password=PASSWORD,
                campaigns=(PortalCampaign(id="c1", leads=25, activities=40, seed_from=FROM, seed_to=TO),),
                queues=2,
            ),
            "portal_page_cap": 6,
            "activity_shape": "envelope_data",
            "activity_cap": 8,
            **fields,
        }
    )


def config(emulator: Emulator) -> Config:
    """Return a config of both accounts, in which every stream but `webhook_events` exists."""
    return configs.both_accounts(emulator, api_version="v1", start_date="2026-09-01")


def passing(kind: FaultKind, **fields: Any) -> tuple[Fault, Fault]:
    """Return a fault that strikes every third call, four times, on both APIs."""
    strikes = {"every": 3, "times": 4, **fields}
    return (Fault(kind=kind, on="read", **strikes), Fault(kind=kind, on="portal", **strikes))


THROTTLED = {"faults": passing(FaultKind.THROTTLE), "window_seconds": 1.0}

# Each row of the docs' table whose outcome is "nothing is lost": its name, and what the emulator is told.
HARMLESS = {
    "HTTP 500": {"faults": passing(FaultKind.HTTP_500)},
    "HTTP 502": {"faults": passing(FaultKind.HTTP_502)},
    "HTTP 503": {"faults": passing(FaultKind.HTTP_503)},
    "HTTP 429 with Retry-After": {**THROTTLED, "throttle_answer": "retry_after"},
    "HTTP 429 with the wait in its text": {**THROTTLED, "throttle_answer": "documented"},
    "HTTP 429 with neither": {**THROTTLED, "throttle_answer": "bare"},
    "connection reset": {"faults": passing(FaultKind.RESET)},
    "truncated body": {"faults": passing(FaultKind.TRUNCATED)},
    "body shorter than announced": {"faults": passing(FaultKind.CUT_OFF)},
    "HTML with status 200": {"faults": passing(FaultKind.HTML_200)},
    "empty body with status 200": {"faults": passing(FaultKind.EMPTY_200)},
    # Of the contact center `null` is an empty list.
    "`results` null": {"faults": (Fault(kind=FaultKind.NULL_RESULTS, on="read", every=3, times=4),)},
    "no answer for a while": {"faults": passing(FaultKind.HANG, seconds=0.01)},
    "page size capped below what is asked": {"page_size_cap": 3, "portal_page_cap": 2, "activity_cap": 5},
    "rows in any order": {"order": "shuffled"},
    "`startKey` ignored": {"activity_ignores_start_key": True},
    "activity as a bare array": {"activity_shape": "bare"},
}
