"""One request on its way through the emulator."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from starlette.requests import Request

from squadstack_emulator.contact_center.store import ContactCenterStore
from squadstack_emulator.endpoint import Endpoint
from squadstack_emulator.faults.fault import Fault
from squadstack_emulator.request_log import LeadKey, RequestLog
from squadstack_emulator.responses import ApiResponse
from squadstack_emulator.scenario import Scenario
from squadstack_emulator.squadstack.lead_store import CampaignLeads
from squadstack_emulator.squadstack.page_cache import PageCache


@dataclass(slots=True, kw_only=True)
class RequestContext:
    """A request that has arrived, and what its endpoint needs to serve it.

    Attributes:
        request: The request.
        query: Its parameters; of one given twice the last counts, as in the vendor's framework.
        at: Its arrival, in seconds of the monotonic clock.
        seq: Its number in the request log.
        scenario: The scenario at its arrival.
        request_log: Where violations and applied operations go.
        portal: What the contact center holds.
        cache: Rendered pages.
        busy: How many times each lead was busy.
        endpoint: Its endpoint, None for a path that no document has.
        target: Campaign id, ref id, lead or call of the path, "" where the path has none.
        operation: Operation of the endpoint or of the path.
        response: The answer, if the request was refused on arrival.
        body: Its parsed JSON, None where the endpoint reads none.
        fault: The fault that hits it.
        overlapping: Those of its leads that an earlier request was working on when it arrived.
        leads: The campaign, None if there is no such campaign, and for the contact center.
        now: Business time when it is served.
        only_first: So many leads of a write are carried out, then the server falls silent; None is all.
    """

    request: Request
    query: dict[str, str]
    at: float
    seq: int
    scenario: Scenario
    request_log: RequestLog
    portal: ContactCenterStore
    cache: PageCache
    busy: Counter[str]
    endpoint: Endpoint | None
    now: datetime
    target: str = ""
    operation: str = ""
    response: ApiResponse | None = None
    body: object = None
    fault: Fault | None = None
    overlapping: frozenset[LeadKey] = field(default_factory=frozenset)
    leads: CampaignLeads | None = None
    only_first: int | None = None

    @property
    def host(self) -> str:
        """The host and port the client spoke to."""
        return self.request.headers.get("host", "localhost")

    def violation(self, what: str) -> None:
        """Record a breach of the documents by this request."""
        self.request_log.violation(f"{self.request.method} {self.request.scope['path']}: {what}")

    def check_parameters(self, documented: frozenset[str]) -> None:
        """Record every parameter that no page documents, or that was given more than once."""
        for name in self.query.keys() - documented:
            self.violation(f"there is no query parameter {name!r}")
        given = self.request.query_params.multi_items()
        if len(given) > len(self.query):
            for name, times in Counter(name for name, _ in given).items():
                if times > 1:
                    self.violation(f"the query parameter {name!r} was given more than once")

    def is_busy(self, lead_id: str) -> bool:
        """Tell whether another request for a lead "is getting processed already"; counts the scenario's busy leads."""
        if LeadKey(self.target, lead_id) in self.overlapping:
            return True
        if self.busy[lead_id] >= self.scenario.busy_leads.get(lead_id, 0):
            return False
        self.busy[lead_id] += 1
        return True

    def applied(self, operation: str, lead_id: str, target: str | None = None) -> None:
        """Record an operation that was carried out on a lead."""
        self.request_log.applied_operation(self.seq, self.target if target is None else target, operation, lead_id)
