"""A contact center's portal as its vendor's page describes it, with every liberty that the page leaves it.

The page documents activity as a bare array and has a `startKey` without a place where the next one would be told; it
says neither by which time of an activity it filters nor what a page holds at most. All times here are integers, seconds
of the world's own clock; `shift` lays that clock on the real one.
"""

import hashlib
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from test_support.in_process_source import Answer, Call

MINUTE = 60
DAY = 86_400

SHAPES = ("array", "data", "cdrs", "header", "key_ignored")
"""How activity comes: a bare array that ends at the cap, two envelopes, an array with its key in a header, and an
envelope whose key leads to the same page again."""

FILTERS = ("start", "end", "overlap")
LOGIN = {"username": "reader", "password": "a-password-of-tests", "domain": "tenant"}
ACCOUNT = "an-account"


@dataclass
class Activity:
    """A call: it appears when it is over, and changes when its disposition comes."""

    number: int
    version: int
    start: int
    seconds: int
    changed_at_call: int


@dataclass
class PortalLead:
    """A lead of a portal's campaign."""

    lead_id: str
    version: int


@dataclass(frozen=True)
class PortalBehaviour:
    """What a portal does that its documentation does not say."""

    shape: str = "array"
    filter: str = "start"
    order: str = "ascending"
    cap: int = 1000
    keys_are_numbers: bool = False
    dead_keys_are_refused: bool = False


@dataclass
class PortalApi:
    """The portal: its books, its clock, and what is to happen between its answers."""

    behaviour: PortalBehaviour
    now: int
    clock_error: int
    shift: int = 0
    activities: dict[int, Activity] = field(default_factory=dict)
    campaigns: dict[str, dict[str, PortalLead]] = field(default_factory=dict)
    history: set[tuple[Any, int]] = field(default_factory=set)
    calls: list[Call] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    between_calls: dict[int, list[Callable[[], None]]] = field(default_factory=dict)
    token: str = ""
    logins: int = 0
    answered: int = 0
    versions: int = 0

    @property
    def clock(self) -> int:
        """What the portal takes for now."""
        return self.now + self.clock_error

    def put_activity(self, start: int, seconds: int, number: int | None = None) -> None:
        """Add an activity, or change one."""
        self.versions += 1
        number = self.versions if number is None else number
        self.activities[number] = Activity(number, self.versions, start, seconds, self.answered)
        self.history.add((number, self.versions))

    def put_lead(self, campaign_id: str, lead_id: str | None = None) -> None:
        """Add a lead, or change one."""
        self.versions += 1
        lead_id = lead_id or hashlib.md5(str(self.versions).encode()).hexdigest()
        self.campaigns[campaign_id][lead_id] = PortalLead(lead_id, self.versions)
        self.history.add((lead_id, self.versions))

    def begin_sync(self, shift: int, between_calls: dict[int, list[Callable[[], None]]]) -> None:
        """Lay the world's clock on the real one, and take what is to happen after which call."""
        self.shift = shift
        self.calls = []
        self.between_calls = between_calls

    def __call__(self, call: Call) -> Answer:
        """Answer a request; then let happen what is to happen."""
        self.calls.append(call)
        answer = self._answer(call)
        self.answered += 1
        for happen in self.between_calls.get(len(self.calls), []):
            happen()
        return answer

    def _reply(self, body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
        return Answer(self.clock + self.shift, body, status, headers or {})

    def _answer(self, call: Call) -> Answer:
        if call.path == "/api/v2/login":
            return self._login(call)
        if call.method != "GET" or call.headers.get("x-account-id") != ACCOUNT:
            self.violations.append(f"{call.method} {call.path}")
        if call.headers.get("authorization") != f"Bearer {self.token}":
            return self._reply({"message": "invalid_credentials"}, 401)
        return self._read(call)

    def _login(self, call: Call) -> Answer:
        if call.method != "POST" or json.loads(call.body) != LOGIN:
            return self._reply({"message": "invalid"}, 400)
        self.logins += 1
        self.token = f"token-{self.logins}"
        return self._reply({"user": {}, "access_token": self.token, "refresh_token": "refresh"})

    def _read(self, call: Call) -> Answer:
        if call.path == "/api/v2/reports/campaigns/leads/status":
            return self._reply(
                {
                    key: {"name": key, "status": "running", "total_leads": len(leads), "leads_by_status": {}}
                    for key, leads in self.campaigns.items()
                },
            )
        if call.path == "/api/v2/reports/campaigns/leads/history":
            return self._activity(call.parameters)
        prefix, suffix = "/api/v2/config/campaigns/", "/leads"
        if call.path.startswith(prefix) and call.path.endswith(suffix):
            return self._leads(call.path.removeprefix(prefix).removesuffix(suffix), call.parameters)
        self.violations.append(f"{call.method} {call.path}")
        return self._reply({"message": "not found"}, 404)

    def _size(self, parameters: dict[str, str], name: str) -> int:
        return min(int(parameters.get(name, "1000")), self.behaviour.cap)

    def _leads(self, campaign_id: str, parameters: dict[str, str]) -> Answer:
        if unknown := set(parameters) - {"page_size", "next_start_key"}:
            self.violations.append(f"leads with {unknown}")
        if campaign_id not in self.campaigns:
            return self._reply({"message": "bad_identifier"}, 404)
        key = parameters.get("next_start_key", "")
        ids = sorted(self.campaigns[campaign_id])
        if self.behaviour.keys_are_numbers:
            ids.sort(key=self._number)
            found = [one for one in ids if not key or self._number(one) >= int(key)]
        else:
            found = [one for one in ids if one >= key]
        if key and self.behaviour.dead_keys_are_refused and str(self._key(found[0]) if found else "") != key:
            return self._reply({"message": "invalid key"}, 400)
        size = self._size(parameters, "page_size")
        body: dict[str, Any] = {"data": [self._lead(campaign_id, one) for one in found[:size]]}
        if len(found) > size:
            body["next_start_key"] = self._key(found[size])
        return self._reply(body)

    def _number(self, lead_id: str) -> int:
        return int(lead_id[:12], 16)

    def _key(self, lead_id: str) -> str | int:
        return self._number(lead_id) if self.behaviour.keys_are_numbers else lead_id

    def _lead(self, campaign_id: str, lead_id: str) -> dict[str, Any]:
        lead = self.campaigns[campaign_id][lead_id]
        return {
            "created": 1665762498,
            "campaign_id": campaign_id,
            "number": "+12135550100",
            "status": "new",
            "id": lead_id,
            "version": lead.version,
        }

    def _activity(self, parameters: dict[str, str]) -> Answer:
        if set(parameters) - {"startDate", "endDate", "pageSize", "startKey"} or not {"startDate", "endDate"} <= set(
            parameters,
        ):
            self.violations.append(f"activity with {sorted(parameters)}")
        first, last = int(parameters["startDate"]) - self.shift, int(parameters["endDate"]) - self.shift
        if last - first > 31 * DAY:
            return self._reply({"message": "range is above 31 days"}, 400)
        rows = self._sorted([one for one in self.activities.values() if self._matches(one, first, last)])
        keys = [f"{rank:020d}-{one.number}" for rank, one in rows]
        start_key = parameters.get("startKey", "")
        shape = self.behaviour.shape
        begin = 0
        if start_key and shape not in {"array", "key_ignored"}:
            begin = next((index for index, key in enumerate(keys) if key >= start_key), len(keys))
        end = begin + self._size(parameters, "pageSize")
        page = [self._row(one) for _, one in rows[begin:end]]
        following = keys[end] if end < len(keys) else None
        match shape:
            case "array":
                return self._reply(page)
            case "header":
                return self._reply(page, headers={"next_start_key": following} if following else {})
            case "cdrs":
                return self._reply({"cdrs": page, "next_start_key": following or ""})
            case _:
                return self._reply({"data": page, **({"next_start_key": following} if following else {})})

    def _matches(self, activity: Activity, first: int, last: int) -> bool:
        start, end = activity.start, activity.start + activity.seconds
        match self.behaviour.filter:
            case "start":
                return first <= start <= last
            case "end":
                return first <= end <= last
            case _:
                return start <= last and end >= first

    def _sorted(self, activities: list[Activity]) -> list[tuple[int, Activity]]:
        """Sort, each with its rank: what a key is made of, so that it stays while others come and go."""

        def rank(one: Activity) -> int:
            match self.behaviour.order:
                case "ascending":
                    return one.start
                case "descending":
                    return 10**12 - one.start
                case _:
                    return int(hashlib.md5(str(one.number).encode()).hexdigest()[:8], 16)

        rows = sorted(((rank(one), one) for one in activities), key=lambda row: f"{row[0]:020d}-{row[1].number}")
        if self.behaviour.order == "new_each_call":
            random.Random(self.answered).shuffle(rows)
        return rows

    def _row(self, one: Activity) -> dict[str, Any]:
        timestamp = one.start + self.shift
        return {
            "datetime": datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S +0000 UTC"),
            "timestamp": timestamp,
            "campaign_name": "campaign",
            "lead_name": "Lead",
            "lead_number": "+12135550100",
            "agent_name": "Agent",
            "agent_extension": "1034",
            "lead_history": [{"event": "campaign dial", "uuid": f"uuid-{one.number}"}],
            "number": one.number,
            "version": one.version,
        }
