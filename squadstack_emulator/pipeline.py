"""The request pipeline: the endpoint of the path, the access policy of its API, the faults, then the work."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from http import HTTPStatus

from squadstack_emulator.access_policy import AccessPolicy, ContactCenterAccessPolicy, SquadStackAccessPolicy
from squadstack_emulator.contact_center.store import PortalStore
from squadstack_emulator.endpoints import Match, find_endpoint
from squadstack_emulator.faults.fault import Fault, FaultKind
from squadstack_emulator.faults.plan import FaultPlan
from squadstack_emulator.faults.responses import OriginalAnswer, faulty_response
from squadstack_emulator.messages import Request, Response, html_response
from squadstack_emulator.request_context import RequestContext
from squadstack_emulator.request_log import LeadKey, RequestLog
from squadstack_emulator.scenario import Api, Scenario
from squadstack_emulator.squadstack import crm_v2, get_leads
from squadstack_emulator.squadstack.journeys import judge
from squadstack_emulator.squadstack.lead import Lead
from squadstack_emulator.squadstack.lead_store import CampaignLeads, Store
from squadstack_emulator.squadstack.page_cache import PageCache
from squadstack_emulator.squadstack.webhook_events import events_of
from squadstack_emulator.webhook_sender import WebhookSender


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """A call that has arrived: either answered already or to be served.

    Attributes:
        seq: Number of the call in the request log.
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
    refusal: Response | None = None
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


class RequestPipeline:
    """Everything but the network. Its methods may be called from any thread."""

    def __init__(
        self, scenario: Scenario, *, clock: Callable[[], datetime], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.monotonic = monotonic
        self.request_log = RequestLog(window_seconds=scenario.window_seconds)
        self.store = Store(scenario.seed)
        self.portal = PortalStore(scenario.seed)
        self.scenario = scenario
        self.webhook_sender = WebhookSender(self.request_log)
        self._access_policies: Mapping[Api, AccessPolicy] = {
            "squadstack": SquadStackAccessPolicy(self.request_log),
            "portal": ContactCenterAccessPolicy(self.request_log, self.portal.tokens),
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
            self.request_log.set_window(scenario.window_seconds)
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
                    self.webhook_sender.post(event, webhook)

    def receive(self, request: Request) -> PendingRequest:
        """Take a call in at its arrival."""
        with self.lock:
            match = find_endpoint(request.path)
            seq = self.request_log.open_call(
                at=request.at,
                method=request.method,
                path=request.path,
                query=request.query,
                target=match.target if match else "",
                api=match.endpoint.api if match else "squadstack",
            )
            pending = PendingRequest(seq, request, self.scenario)
            if match is None:
                return replace(pending, refusal=self._unknown_path(request))
            refusal = self._access_policies[match.endpoint.api].refusal(request, match.endpoint, self.scenario)
            if refusal is not None:
                return replace(pending, refusal=refusal)
            return self._admitted(replace(pending, match=match))

    def serve(self, pending: PendingRequest) -> Response:
        """The answer to a call, as far as it is an answer at all: a fault of the connection may still keep it back."""
        if pending.refusal is not None:
            return pending.refusal
        with self.lock:
            match, fault = pending.match, pending.fault
            if match is None:
                raise ValueError("A pending has a refusal or a match")
            honest = self._work(pending, match)
            if fault is None:
                return honest
            return faulty_response(fault.kind, OriginalAnswer(honest, match.endpoint.errors, pending.request.host))

    def close(self, pending: PendingRequest, response: Response | None) -> None:
        """Enter how a call ended; no response means that its connection was reset."""
        if pending.match is not None and pending.match.endpoint.traffic == "write":
            leads = len(crm_v2.leads_in(pending.body))
        else:
            leads = response.leads if response is not None else 0
        self.request_log.close_call(
            pending.seq,
            status=int(response.status) if response is not None else None,
            fault=pending.fault.kind.value if pending.fault is not None else None,
            leads=leads,
        )

    def _unknown_path(self, request: Request) -> Response:
        if find_endpoint(f"{request.path}/") is not None:
            self._violation(request, "the path lacks its trailing slash")
            query = f"?{request.query_string}" if request.query_string else ""
            location = (("Location", f"{request.path}/{query}"),)
            return Response(
                HTTPStatus.MOVED_PERMANENTLY, b"", content_type="text/html; charset=utf-8", headers=location
            )
        self._violation(request, "there is no such path")
        return html_response(HTTPStatus.NOT_FOUND, "Not Found", "The requested resource was not found on this server.")

    def _admitted(self, pending: PendingRequest) -> PendingRequest:
        if pending.match is None:
            raise ValueError("Only a call with an endpoint is admitted")
        endpoint, target = pending.match.endpoint, pending.match.target
        campaign = endpoint.find(pending.scenario, target)
        names = frozenset({target} if campaign is None else {campaign.id, campaign.ref_id})
        body = endpoint.read_body(pending.request)
        fault = self._progress.faults.strike(endpoint.traffic, names, pending.request.path)
        if fault is not None and fault.kind is FaultKind.THROTTLE:
            return replace(pending, fault=fault, refusal=self._access_policies[endpoint.api].throttle(pending.scenario))
        overlapping = self.request_log.hold(pending.seq, endpoint.keys(target, body))
        return replace(pending, body=body, fault=fault, overlapping=overlapping)

    def _work(self, pending: PendingRequest, match: Match) -> Response:
        """Do what the call asks for, all of it, half of it or nothing, as its fault says."""
        only_first = None
        if pending.fault is not None and pending.fault.kind is FaultKind.HALF_HANG:
            only_first = len(crm_v2.leads_in(pending.body)) // 2
        elif pending.fault is not None and not pending.fault.is_applied:
            only_first = 0
        if only_first == 0:
            return Response(HTTPStatus.OK, b"")
        context = self._context(pending, match, only_first)
        response = match.endpoint.handle(context)
        if match.endpoint.traffic == "read" and response.status == HTTPStatus.OK:
            self._drift(context)
        return response

    def _context(self, pending: PendingRequest, match: Match, only_first: int | None) -> RequestContext:
        campaign = match.endpoint.find(pending.scenario, match.target)

        def is_busy(lead_id: str) -> bool:
            if pending.overlapping and LeadKey(match.target, lead_id) in pending.overlapping:
                return True
            if self._progress.busy[lead_id] >= pending.scenario.busy_leads.get(lead_id, 0):
                return False
            self._progress.busy[lead_id] += 1
            return True

        return RequestContext(
            seq=pending.seq,
            request=pending.request,
            body=pending.body,
            target=match.target,
            endpoint=match.operation,
            leads=None if campaign is None else self.store[campaign.id],
            portal=self.portal,
            scenario=pending.scenario,
            request_log=self.request_log,
            now=self.clock(),
            cache=self._cache,
            is_busy=is_busy,
            only_first=only_first,
        )

    def _drift(self, context: RequestContext) -> None:
        """Let leads of the page just given leave the window, as when they are called again meanwhile."""
        leads, scenario = context.leads, context.scenario
        if leads is None or not scenario.drift_leads_per_page or self._progress.drifted_pages >= scenario.drift_pages:
            return
        if passed := get_leads.leads_passed(context)[: scenario.drift_leads_per_page]:
            self._progress.drifted_pages += 1
            for lead_id in passed:
                self.end_journey(leads, leads.leads[lead_id], context.now)

    def _violation(self, request: Request, what: str) -> None:
        self.request_log.violation(request.breach(what))
