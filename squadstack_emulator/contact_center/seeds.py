"""What a portal starts with, the same at every run: every field of the page Campaigns for leads, activities, queues.

Where the page shows one value of a field, like the status "idle", the others here are of its form.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from squadstack_emulator.contact_center.portal import PortalCampaign
from squadstack_emulator.pseudo_random import hexadecimal, pseudo_random

Row = dict[str, object]

_FIRST_NAMES = ("Piper", "Yash", "Raven", "Jim", "Amara", "Lucía", "Noah", "Ivy", "Omar", "Tess")
_LAST_NAMES = ("Huffman", "Ellwood", "Shields", "Jones", "Okafor", "Núñez", "Baker", "Lindt", "Haddad", "Moore")
_LEAD_KEYS = ("created", "campaign_id", "number", "status", "retries", "first_name", "last_name", "priority", "id")
LEAD_STATUSES = ("new", "success", "failed")
_DISPOSITIONS = ("interested", "call back", "wrong number")
_STRATEGIES = ("single", "ring_all", "round_robin")
_SECOND = timedelta(seconds=1)
_NUMBERS = 8_000_000
# One activity of so many has no uuid at all, and one of so many happened in the second of the one before. The two never
# meet in neighbours, so that no two activities are the same in everything a client may tell them apart by.
_WITHOUT_UUID_EVERY = 7
_SAME_SECOND_EVERY = 5


@dataclass(frozen=True, slots=True)
class PortalLead:
    """A lead of a portal's campaign: the page's keys, in its order; its serial; what else an added lead came with."""

    created: int
    campaign_id: str
    number: str
    status: str
    retries: int
    first_name: str
    last_name: str
    priority: int
    id: str
    serial: int
    more: Mapping[str, object] = field(default_factory=dict)

    def row(self) -> Row:
        """Return the lead as `data` shows it."""
        return {name: getattr(self, name) for name in _LEAD_KEYS}


def seeded_lead(campaign: PortalCampaign, seed: int, number: int) -> PortalLead:
    """Return the campaign's lead of this number, from 0."""
    drawn = pseudo_random(seed, campaign.id, "lead", number)
    span = (campaign.seed_to - campaign.seed_from) // _SECOND
    return PortalLead(
        created=_unix(campaign.seed_from) + span * number // max(campaign.leads, 1),
        campaign_id=campaign.id,
        # A multiplier that shares no divisor with the count of numbers: no two leads of a campaign share one.
        number=f"+1213{2_000_000 + (pseudo_random(seed, campaign.id) + 7919 * number) % _NUMBERS:07d}",
        status=LEAD_STATUSES[drawn % 3],
        retries=drawn // 3 % 12,
        first_name=_FIRST_NAMES[drawn // 36 % 10],
        last_name=_LAST_NAMES[drawn // 360 % 10],
        priority=1 + drawn // 3600 % 9,
        id=hexadecimal(seed, campaign.id, "lead", number),
        serial=number,
    )


def activity_times(campaign: PortalCampaign) -> Iterator[int]:
    """Return the Unix seconds of the campaign's activities, in their order."""
    span = (campaign.seed_to - campaign.seed_from) // _SECOND
    first = _unix(campaign.seed_from)
    for number in range(campaign.activities):
        position = number - 1 if number % _SAME_SECOND_EVERY == _SAME_SECOND_EVERY - 1 else number
        yield first + span * position // campaign.activities


def activity_row(campaign: PortalCampaign, seed: int, number: int, timestamp: int) -> Row:
    """Return the campaign's activity of this number, from 0, as the history shows it."""
    drawn = pseudo_random(seed, campaign.id, "activity", number)
    lead = seeded_lead(campaign, seed, number % (campaign.leads or campaign.activities))
    agent = drawn % 80
    return {
        "datetime": f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d %H:%M:%S} +0000 UTC",
        "timestamp": timestamp,
        "campaign_name": campaign.name,
        "lead_name": f"{lead.first_name} {lead.last_name}",
        "lead_number": lead.number,
        "agent_name": f"Jim Jones{agent}",
        "agent_extension": f"10{agent:02d}",
        "lead_history": [
            _history_event(campaign, seed, number, position, timestamp) for position in range(1 + drawn // 80 % 2)
        ],
    }


def delay(campaign: PortalCampaign, seed: int, number: int, fact: str, minutes: int) -> int:
    """Return after how many seconds a fact of the campaign's activity of this number comes, up to so many minutes."""
    return pseudo_random(seed, campaign.id, "late", fact, number) % (60 * minutes + 1)


def disposition(campaign: PortalCampaign, seed: int, number: int) -> Row:
    """Return what the agent writes after the campaign's activity of this number."""
    drawn = pseudo_random(seed, campaign.id, "disposition", number)
    return {
        "agent_disposition": _DISPOSITIONS[drawn % 3],
        "follow_up_notes": f"Call again in {1 + drawn // 3 % 9} days",
    }


NO_DISPOSITION: Row = {"agent_disposition": None, "follow_up_notes": None}


def _history_event(campaign: PortalCampaign, seed: int, number: int, position: int, timestamp: int) -> Row:
    drawn = pseudo_random(seed, campaign.id, "history", number, position)
    agent, fraction = drawn % 80, drawn // 80 % 1_000_000 / 1_000_000
    first_name = _FIRST_NAMES[drawn % 10]
    event: Row = {
        "agent": {
            "delay": 0,
            "device_endpoints": [],
            "email": f"jones{agent}@jones.com",
            "endpoint": hexadecimal(seed, "agent", agent),
            "ext": f"10{agent:02d}",
            "first_name": first_name,
            "last_answered": timestamp - 447 + fraction,
            "last_attempt": timestamp - 447 + fraction / 2,
            "last_hangup": 0,
            "last_name": f"Jones{agent}",
            "status": "idle",
            "timeout": 20,
            "total_talk_time": drawn // 7 % 600,
            "type": "user",
        },
        "event": "campaign dial",
        "ext": f"10{agent:02d}",
        "last_attempt": timestamp + fraction,
        "type": "dial agent",
    }
    if number % _WITHOUT_UUID_EVERY != _WITHOUT_UUID_EVERY - 1:
        event["uuid"] = f"{hexadecimal(seed, campaign.id, number, position, digits=36)}-clicktocall"
    return event


def queue_row(seed: int, number: int) -> Row:
    """Return the portal's queue of this number, from 0; its counts are those of its agents."""
    drawn = pseudo_random(seed, "queue", number)
    agents = [_agent(seed, number, position) for position in range(drawn % 4)]

    def count(key: str, value: object) -> int:
        return sum(agent[key] == value for agent in agents)

    name = hexadecimal(seed, "queue", number)
    return {
        "id": f"{name[:8]}-{name[8:12]}-{name[12:16]}-{name[16:20]}-{name[20:]}",
        "name": f"QueueName{number}",
        "extension": str(5500 + number),
        "max_time_caller_in_queue": 120,
        "strategy": _STRATEGIES[drawn // 4 % 3],
        "agents": agents,
        "calls": {},
        "total_agents": len(agents),
        "logged_in_agents": count("logged_in", True),
        "logged_out_agents": count("logged_in", False),
        "idle_agents": sum(agent["logged_in"] is True and agent["status"] == "idle" for agent in agents),
        "misconfigured_agents": count("extension_is_valid", False),
        "agents_registered": count("registered", True),
        "agents_on_call": count("status", "on_call"),
    }


def _agent(seed: int, queue: int, position: int) -> Row:
    drawn = pseudo_random(seed, "agent", queue, position)
    logged_in = drawn % 2 == 1
    tag = {"id": hexadecimal(seed, "tag", queue), "name": f"Batch-{queue}", "color": f"#{drawn % 2**24:06x}"}
    return {
        "id": hexadecimal(seed, "agent", queue, position),
        "name": f"Agent{position} Name",
        "extension": str(5800 + 10 * queue + position),
        "extension_is_valid": drawn // 2 % 8 > 0,
        "delay": 0,
        "timeout": 15,
        "logged_in": logged_in,
        "status": "on_call" if logged_in and drawn // 16 % 3 == 0 else "idle",
        "registered": logged_in or drawn // 48 % 2 == 1,
        "tags": [tag] if drawn // 96 % 3 else [],
    }


def _unix(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // _SECOND
