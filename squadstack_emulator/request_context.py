"""One call on its way through the emulator: what the code of an endpoint gets to see."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from squadstack_emulator.contact_center.store import PortalStore
from squadstack_emulator.messages import Request
from squadstack_emulator.request_log import RequestLog
from squadstack_emulator.scenario import Scenario
from squadstack_emulator.squadstack.lead_store import CampaignLeads
from squadstack_emulator.squadstack.page_cache import PageCache


@dataclass(frozen=True, slots=True)
class RequestContext:
    """A call that was admitted.

    Attributes:
        seq: Number of the call in the request log.
        request: The call.
        body: Its parsed JSON, None for a read.
        target: Campaign id or ref id of the path, "" where the path has none.
        endpoint: Last part of the path of a CRM v2 call, version of a Get Leads, version and operation of a write of v4
            or v1, the status that a lead of the contact center is to have, "" for the rest of the contact center.
        leads: What the path points at, None if there is no such campaign or integration, and for the contact center.
        portal: What the contact center holds.
        scenario: The scenario at the moment of arrival.
        request_log: Where violations and applied operations go.
        now: The time by the business clock.
        cache: Rendered pages.
        is_busy: Whether another request for a lead, by its id, "is getting processed already".
        only_first: So many entries of a bulk write are carried out, then the server falls silent; None is all.
    """

    seq: int
    request: Request
    body: object
    target: str
    endpoint: str
    leads: CampaignLeads | None
    portal: PortalStore
    scenario: Scenario
    request_log: RequestLog
    now: datetime
    cache: PageCache
    is_busy: Callable[[str], bool]
    only_first: int | None = None

    def violation(self, what: str) -> None:
        """Enter a breach of the documents by this call."""
        self.request_log.violation(self.request.breach(what))
