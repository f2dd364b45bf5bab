"""The endpoint "Get Leads" as its vendor's page describes it, with every liberty that the page leaves a server.

The page says neither in which order leads come, nor whether bounds are inclusive, nor what a page holds at most, nor in
which unit times are. All times here are integers, microseconds of the world's own clock; `shift` lays that clock on the
real one, so that time passes without anybody waiting.
"""

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from test_support.in_process_source import Answer, Call

SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 86_400 * SECOND

ORDERS = ("ascending", "descending", "by_id", "shuffled", "new_each_call", "ties_by_page")
"""Ways to sort. The last two are no order that paging can rely on: one is drawn anew with every call, the other sorts
by time alone, so that leads of one time come in an order of each page's own, the same in every pass."""

STABLE_ORDERS = ORDERS[:4]
SPELLINGS = ("seconds", "milliseconds", "microseconds", "offset", "epoch_milliseconds")
"""How a time is shown: never later than it is, by less than one of its last digit."""

TOKEN = "a-token-of-tests"

BASE = datetime(1970, 1, 1, tzinfo=UTC)


def shown(time: int, spelling: str) -> str | int:
    """Spell a time, in microseconds since 1970, cutting off what the spelling does not hold."""
    moment = BASE + timedelta(microseconds=time)
    match spelling:
        case "epoch_milliseconds":
            return time // 1000
        case "offset":
            return moment.astimezone(timezone(timedelta(hours=5, minutes=30))).isoformat(timespec="microseconds")
        case _:
            return moment.isoformat(timespec=spelling)


@dataclass
class Lead:
    """A lead as the server holds it: a new version with each change."""

    lead_id: str
    version: int
    processed_at: int | None
    changed_at_call: int


@dataclass(frozen=True)
class Behaviour:
    """What a server does that its documentation does not say."""

    order: str = "ascending"
    spelling: str = "microseconds"
    cap: int = 1000
    unit: str = "milliseconds"
    inclusive_after: bool = True
    inclusive_before: bool = True


@dataclass
class Campaign:
    """The server's books of one campaign."""

    campaign_id: str
    behaviour: Behaviour
    leads: dict[str, Lead] = field(default_factory=dict)
    history: set[tuple[str, int]] = field(default_factory=set)

    def span_of(self, milliseconds_around: int) -> int:
        """The most leads that lie in so many milliseconds on both sides of a lead and the second it lies in."""
        times = [lead.processed_at // SECOND for lead in self.leads.values() if lead.processed_at is not None]
        around = 1 + milliseconds_around // 1000
        return max((sum(abs(other - time) <= around for other in times) for time in set(times)), default=0)


@dataclass(frozen=True)
class LeadCall:
    """A call that was answered: whether it filtered by time, and whether its answer held all that matched."""

    campaign_id: str
    filtered: bool
    whole: bool
    rows: int


class LeadApi:
    """The server: campaigns, a clock, and what is to happen between its answers."""

    def __init__(self, now: int, clock_error: int) -> None:
        self.now = now
        self.clock_error = clock_error
        self.shift = 0
        self.campaigns: dict[str, Campaign] = {}
        self.calls: list[LeadCall] = []
        self.between_calls: dict[int, list[Callable[[], None]]] = {}
        self.violations: list[str] = []
        self._versions = 0
        self.answered = 0

    @property
    def clock(self) -> int:
        """What the server takes for now."""
        return self.now + self.clock_error

    def put(self, campaign: Campaign, lead_id: str, processed_at: int | None) -> None:
        """Add a lead, or change one."""
        self._versions += 1
        campaign.leads[lead_id] = Lead(lead_id, self._versions, processed_at, self.answered)
        campaign.history.add((lead_id, self._versions))

    def add(self, campaign: Campaign, count: int, first: int, step: int) -> None:
        """Add leads that were processed at equal distances."""
        for number in range(count):
            self.put(campaign, f"L{self._versions + 1}", first + number * step)

    def begin_sync(self, shift: int, between_calls: dict[int, list[Callable[[], None]]]) -> None:
        """Lay the world's clock on the real one, and take what is to happen after which call."""
        self.shift = shift
        self.calls = []
        self.between_calls = between_calls

    def __call__(self, call: Call) -> Answer:
        """Answer a request; then let happen what is to happen."""
        answer = self._answer(call)
        self.answered += 1
        for happen in self.between_calls.get(len(self.calls), []):
            happen()
        self.now += 1000
        return answer

    def _require(self, call: Call) -> None:
        """Note what the page does not know: a real server may answer it in any way."""
        known = {"lead_id", "processed_after", "processed_before", "page", "page_size"}
        if (
            call.method != "GET"
            or not call.path.startswith("/api/v4/leads/responses/")
            or not call.path.endswith("/")
            or set(call.parameters) - known
            or not all(value.isdecimal() for value in call.parameters.values())
            or not 1 <= int(call.parameters.get("page_size", "100")) <= 1000
            or call.headers.get("authorization") != f"Bearer {TOKEN}"
        ):
            self.violations.append(f"{call.method} {call.path} {call.parameters}")

    def _reply(self, body: Any, status: int = 200) -> Answer:
        return Answer((self.clock + self.shift) / SECOND, body, status)

    def _answer(self, call: Call) -> Answer:
        campaign = self.campaigns.get(call.path.rstrip("/").rsplit("/", 1)[-1])
        parameters = call.parameters
        self._require(call)
        if campaign is None:
            return self._reply({"detail": "Not found."}, 404)
        matching = self._sorted(campaign, self._matching(campaign, parameters), int(parameters.get("page", "1")))
        size = min(int(parameters.get("page_size", "100")), campaign.behaviour.cap)
        page = int(parameters.get("page", "1"))
        rows = matching[(page - 1) * size : page * size]
        more = page * size < len(matching)
        self.calls.append(
            LeadCall(campaign.campaign_id, "processed_after" in parameters, not more and page == 1, len(rows))
        )
        if page > 1 and not rows:
            return self._reply({"detail": "Invalid page."}, 404)
        return self._reply(
            {
                "count": len(matching),
                "next": f"http://127.0.0.1:1{call.path}?page={page + 1}" if more else None,
                "previous": None,
                "results": [self._row(campaign, lead) for lead in rows],
            },
        )

    def _matching(self, campaign: Campaign, parameters: dict[str, str]) -> list[Lead]:
        bounds = {name: parameters[name] for name in ("processed_after", "processed_before") if name in parameters}
        if not bounds:
            return list(campaign.leads.values())
        behaviour = campaign.behaviour
        unit = 1000 if behaviour.unit == "milliseconds" else SECOND
        found = []
        for lead in campaign.leads.values():
            if lead.processed_at is None:
                continue
            time = lead.processed_at + self.shift
            after = int(bounds.get("processed_after", 0)) * unit
            before = int(bounds.get("processed_before", 10**15)) * unit
            if (time > after or (time == after and behaviour.inclusive_after)) and (
                time < before or (time == before and behaviour.inclusive_before)
            ):
                found.append(lead)
        return found

    def _sorted(self, campaign: Campaign, leads: list[Lead], page: int) -> list[Lead]:
        def chance(lead: Lead, salt: str = "") -> bytes:
            return hashlib.sha256(f"{lead.lead_id} {salt}".encode()).digest()

        def time(lead: Lead) -> int:
            return lead.processed_at or 0

        match campaign.behaviour.order:
            case "ascending":
                return sorted(leads, key=lambda lead: (time(lead), lead.lead_id))
            case "descending":
                return sorted(leads, key=lambda lead: (-time(lead), lead.lead_id))
            case "by_id":
                return sorted(leads, key=lambda lead: lead.lead_id)
            case "shuffled":
                return sorted(leads, key=chance)
            case "new_each_call":
                ordered = sorted(leads, key=lambda lead: lead.lead_id)
                random.Random(self.answered).shuffle(ordered)
                return ordered
            case _:
                return sorted(leads, key=lambda lead: (time(lead), chance(lead, str(page))))

    def _row(self, campaign: Campaign, lead: Lead) -> dict[str, Any]:
        time = lead.processed_at
        return {
            "phone_number": "+919000000000",
            "lead_id": lead.lead_id,
            "campaign_id": campaign.campaign_id,
            "processed_at": None if time is None else shown(time + self.shift, campaign.behaviour.spelling),
            "lead_responses": {},
            "version": lead.version,
        }
