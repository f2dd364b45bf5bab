"""The front desk: what a call goes through. Path; then the gate of its API; then faults; then the work."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from http import HTTPStatus

from squadstack_emulator import crm_v2, leads_api
from squadstack_emulator.books import Books, LeadKey
from squadstack_emulator.calling import judge
from squadstack_emulator.endpoints import Match, find_endpoint
from squadstack_emulator.events import events_of
from squadstack_emulator.faults import FaultPlan
from squadstack_emulator.gates import Gate, PortalGate, SquadStackGate
from squadstack_emulator.lead import Lead
from squadstack_emulator.messages import Reply, Request, html_reply
from squadstack_emulator.page_cache import PageCache
from squadstack_emulator.portal_store import PortalStore
from squadstack_emulator.poster import Poster
from squadstack_emulator.scenario import Api, Fault, FaultKind, Scenario
from squadstack_emulator.spoiling import Spoiling, spoilt
from squadstack_emulator.store import CampaignLeads, Store
from squadstack_emulator.visit import Visit


@dataclass(frozen=True, slots=True)
class Ticket:
    """A call that has arrived: either answered already or to be served.

    Attributes:
        seq: Number of the call in the books.
        request: The call.
        scenario: The scenario at its arrival.
        refusal: The answer, if the call got no further.
        match: Its endpoint, if it did.
        body: Its parsed body.
        fault: The fault that strikes it.
        overlapping: Those of its leads that an earlier call was working on at its arrival.
    """

    seq: int
    request: Request
    scenario: Scenario
    refusal: Reply | None = None
    match: Match | None = None
    body: object = None
    fault: Fault | None = None
    overlapping: frozenset[LeadKey] = frozenset()


@dataclass(slots=True)
class Progress:
    """How far the switches of the scenario have gone."""

    faults: FaultPlan
    busy: Counter[str] = field(default_factory=Counter)
    drifted_pages: int = 0


class Desk:
    """Everything but the network. Its methods may be called from any thread."""

    def __init__(
        self, scenario: Scenario, *, clock: Callable[[], datetime], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.monotonic = monotonic
        self.books = Books(window_seconds=scenario.window_seconds)
        self.store = Store(scenario.seed)
        self.portal = PortalStore(scenario.seed)
        self.scenario = scenario
        self.poster = Poster(self.books)
        self._gates: Mapping[Api, Gate] = {
            "squadstack": SquadStackGate(self.books),
            "portal": PortalGate(self.books, self.portal.tokens),
        }
        self._cache = PageCache()
        self._progress = Progress(FaultPlan(scenario.faults))
        self.store.open(scenario.campaigns)
        self.portal.open(scenario.portal)

    def set_scenario(self, scenario: Scenario, renewed: frozenset[str]) -> None:
        """Go on with another scenario; the switches named in `renewed` count from the beginning."""
        with self.lock:
            self.store.open(scenario.campaigns)
            self.portal.open(scenario.portal)
            self.scenario = scenario
            self.books.set_window(scenario.window_seconds)
            if "faults" in renewed:
                self._progress.faults = FaultPlan(scenario.faults)
            if "busy_leads" in renewed:
                self._progress.busy.clear()
            if renewed & {"drift_pages", "drift_leads_per_page"}:
                self._progress.drifted_pages = 0

    def end_journey(self, leads: CampaignLeads, lead: Lead, at: datetime) -> None:
        """Judge a lead, and post what there is to tell of the journey that ended."""
        with self.lock:
            judged = judge(lead, seed=self.scenario.seed, at=at)
            leads.put(judged)
            if self.scenario.webhook is not None:
                webhook, style = self.scenario.webhook, self.scenario.time_style
                for event in events_of(judged, leads.campaign, webhook.kinds, seed=self.scenario.seed, style=style):
                    self.poster.post(event, webhook)

    def receive(self, request: Request) -> Ticket:
        """Take a call in at its arrival."""
        with self.lock:
            match = find_endpoint(request.path)
            seq = self.books.open_call(
                at=request.at,
                method=request.method,
                path=request.path,
                query=request.query,
                target=match.target if match else "",
                api=match.endpoint.api if match else "squadstack",
            )
            ticket = Ticket(seq, request, self.scenario)
            if match is None:
                return replace(ticket, refusal=self._unknown_path(request))
            refusal = self._gates[match.endpoint.api].refusal(request, match.endpoint, self.scenario)
            if refusal is not None:
                return replace(ticket, refusal=refusal)
            return self._admitted(replace(ticket, match=match))

    def serve(self, ticket: Ticket) -> Reply:
        """The answer to a call, as far as it is an answer at all: a fault of the wire may still keep it back."""
        if ticket.refusal is not None:
            return ticket.refusal
        with self.lock:
            match, fault = ticket.match, ticket.fault
            if match is None:
                raise ValueError("A ticket has a refusal or a match")
            honest = self._work(ticket, match)
            if fault is None:
                return honest
            return spoilt(fault.kind, Spoiling(honest, match.endpoint.dialect, ticket.request.host))

    def close(self, ticket: Ticket, reply: Reply | None) -> None:
        """Enter how a call ended; no reply means that its connection was reset."""
        if ticket.match is not None and ticket.match.endpoint.traffic == "write":
            leads = len(crm_v2.leads_in(ticket.body))
        else:
            leads = reply.leads if reply is not None else 0
        self.books.close_call(
            ticket.seq,
            status=int(reply.status) if reply is not None else None,
            fault=ticket.fault.kind.value if ticket.fault is not None else None,
            leads=leads,
        )

    def _unknown_path(self, request: Request) -> Reply:
        if find_endpoint(f"{request.path}/") is not None:
            self._violation(request, "the path lacks its trailing slash")
            query = f"?{request.query_string}" if request.query_string else ""
            location = (("Location", f"{request.path}/{query}"),)
            return Reply(HTTPStatus.MOVED_PERMANENTLY, b"", content_type="text/html; charset=utf-8", headers=location)
        self._violation(request, "there is no such path")
        return html_reply(HTTPStatus.NOT_FOUND, "Not Found", "The requested resource was not found on this server.")

    def _admitted(self, ticket: Ticket) -> Ticket:
        if ticket.match is None:
            raise ValueError("Only a call with an endpoint is admitted")
        endpoint, target = ticket.match.endpoint, ticket.match.target
        campaign = endpoint.find(ticket.scenario, target)
        names = frozenset({target} if campaign is None else {campaign.id, campaign.ref_id})
        body = endpoint.read_body(ticket.request)
        fault = self._progress.faults.strike(endpoint.traffic, names, ticket.request.path)
        if fault is not None and fault.kind is FaultKind.THROTTLE:
            return replace(ticket, fault=fault, refusal=self._gates[endpoint.api].throttle(ticket.scenario))
        overlapping = self.books.hold(ticket.seq, endpoint.keys(target, body))
        return replace(ticket, body=body, fault=fault, overlapping=overlapping)

    def _work(self, ticket: Ticket, match: Match) -> Reply:
        """Do what the call asks for, all of it, half of it or nothing, as its fault says."""
        only_first = None
        if ticket.fault is not None and ticket.fault.kind is FaultKind.HALF_HANG:
            only_first = len(crm_v2.leads_in(ticket.body)) // 2
        elif ticket.fault is not None and not ticket.fault.is_applied:
            only_first = 0
        if only_first == 0:
            return Reply(HTTPStatus.OK, b"")
        visit = self._visit(ticket, match, only_first)
        reply = match.endpoint.handle(visit)
        if match.endpoint.traffic == "read" and reply.status == HTTPStatus.OK:
            self._drift(visit)
        return reply

    def _visit(self, ticket: Ticket, match: Match, only_first: int | None) -> Visit:
        campaign = match.endpoint.find(ticket.scenario, match.target)

        def is_busy(lead_id: str) -> bool:
            if ticket.overlapping and LeadKey(match.target, lead_id) in ticket.overlapping:
                return True
            if self._progress.busy[lead_id] >= ticket.scenario.busy_leads.get(lead_id, 0):
                return False
            self._progress.busy[lead_id] += 1
            return True

        return Visit(
            seq=ticket.seq,
            request=ticket.request,
            body=ticket.body,
            target=match.target,
            endpoint=match.operation,
            leads=None if campaign is None else self.store[campaign.id],
            portal=self.portal,
            scenario=ticket.scenario,
            books=self.books,
            now=self.clock(),
            cache=self._cache,
            is_busy=is_busy,
            only_first=only_first,
        )

    def _drift(self, visit: Visit) -> None:
        """Let leads of the page just given leave the window, as when they are called again meanwhile."""
        leads, scenario = visit.leads, visit.scenario
        if leads is None or not scenario.drift_leads_per_page or self._progress.drifted_pages >= scenario.drift_pages:
            return
        if passed := leads_api.leads_passed(visit)[: scenario.drift_leads_per_page]:
            self._progress.drifted_pages += 1
            for lead_id in passed:
                self.end_journey(leads, leads.leads[lead_id], visit.now)

    def _violation(self, request: Request, what: str) -> None:
        self.books.violation(request.breach(what))
