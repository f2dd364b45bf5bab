"""The request pipeline: the route of the path, the access policy of its API, the faults, then the work."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from http import HTTPStatus

from starlette.requests import Request
from starlette.routing import Match, Route

from squadstack_emulator import json_text
from squadstack_emulator.access_policy import (
    AccessPolicy,
    ContactCenterAccessPolicy,
    RecordingAccessPolicy,
    SquadStackAccessPolicy,
)
from squadstack_emulator.contact_center.endpoints import ENDPOINTS as CONTACT_CENTER
from squadstack_emulator.contact_center.store import ContactCenterStore
from squadstack_emulator.endpoint import Endpoint
from squadstack_emulator.faults.fault import FaultKind
from squadstack_emulator.faults.plan import FaultPlan
from squadstack_emulator.faults.responses import faulty_response
from squadstack_emulator.recordings.endpoints import ENDPOINTS as RECORDINGS
from squadstack_emulator.request_context import RequestContext
from squadstack_emulator.request_log import RequestLog
from squadstack_emulator.responses import ApiResponse, redirect, web_page
from squadstack_emulator.scenario import Api, Scenario
from squadstack_emulator.squadstack.endpoints import ENDPOINTS as SQUADSTACK
from squadstack_emulator.squadstack.entries import leads_in
from squadstack_emulator.squadstack.get_leads import leads_passed
from squadstack_emulator.squadstack.journeys import judge
from squadstack_emulator.squadstack.lead import Lead
from squadstack_emulator.squadstack.lead_store import CampaignLeads, LeadStore
from squadstack_emulator.squadstack.page_cache import PageCache
from squadstack_emulator.squadstack.webhook_events import events_of
from squadstack_emulator.webhook_sender import WebhookSender

ROUTES = [Route(each.path, each) for each in (*SQUADSTACK, *CONTACT_CENTER, *RECORDINGS)]


class RequestPipeline:
    """Everything but the network. Its methods may be called from any thread."""

    def __init__(
        self, scenario: Scenario, *, clock: Callable[[], datetime], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.monotonic = monotonic
        self.request_log = RequestLog(window_seconds=scenario.window_seconds)
        self.store = LeadStore(scenario.seed)
        self.portal = ContactCenterStore(scenario.seed)
        self.scenario = scenario
        self.webhook_sender = WebhookSender(self.request_log)
        self._access: Mapping[Api, AccessPolicy] = {
            "squadstack": SquadStackAccessPolicy(),
            "portal": ContactCenterAccessPolicy(),
            "recordings": RecordingAccessPolicy(),
        }
        self._cache = PageCache()
        self._faults = FaultPlan(scenario.faults)
        self._busy: Counter[str] = Counter()
        self._drifted_pages = 0
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
                self._faults = FaultPlan(scenario.faults)
            if "busy_leads" in renewed:
                self._busy.clear()
            if renewed & {"drift_pages", "drift_leads_per_page"}:
                self._drifted_pages = 0

    def end_journey(self, leads: CampaignLeads, lead: Lead, at: datetime) -> None:
        """Judge a lead, and post the events of the journey that ended."""
        with self.lock:
            judged = judge(lead, seed=self.scenario.seed, at=at)
            leads.put(judged)
            if self.scenario.webhook is not None:
                webhook, style = self.scenario.webhook, self.scenario.time_style
                for event in events_of(judged, leads.campaign, webhook.kinds, seed=self.scenario.seed, style=style):
                    self.webhook_sender.post(event, webhook)

    def receive(self, request: Request, body: bytes, at: float) -> RequestContext:
        """Take in a request on its arrival."""
        with self.lock:
            endpoint, parameters = _find_endpoint(request.scope["path"])
            target, query = parameters.get("target", ""), dict(request.query_params)
            seq = self.request_log.open_call(
                at=at,
                method=request.method,
                path=request.scope["path"],
                query=query,
                target=target,
                api=endpoint.api if endpoint else "squadstack",
            )
            context = RequestContext(
                request=request,
                query=query,
                at=at,
                seq=seq,
                scenario=self.scenario,
                request_log=self.request_log,
                portal=self.portal,
                cache=self._cache,
                busy=self._busy,
                endpoint=endpoint,
                now=self.clock(),
                target=target,
            )
            if endpoint is None:
                context.response = _unknown_path(context)
            else:
                context.operation = parameters.get("operation", endpoint.operation)
                context.response = self._access[endpoint.api].refusal(context, endpoint)
                if context.response is None:
                    self._admit(context, endpoint, body)
            return context

    def serve(self, context: RequestContext) -> ApiResponse:
        """Return the answer to a request, which a fault of the connection may still keep back."""
        if context.response is not None or context.endpoint is None:
            return context.response or ApiResponse(HTTPStatus.NOT_FOUND)
        with self.lock:
            response = self._work(context, context.endpoint)
            if context.fault is None:
                return response
            return faulty_response(context.fault.kind, response, context.endpoint.errors, context.host)

    def close(self, context: RequestContext, response: ApiResponse | None) -> None:
        """Record how a request ended; no response means that its connection was reset."""
        is_write = context.endpoint is not None and context.endpoint.traffic == "write"
        leads = len(leads_in(context.body)) if is_write else response.leads if response else 0
        self.request_log.close_call(
            context.seq,
            status=response.status_code if response is not None else None,
            fault=context.fault.kind.value if context.fault is not None else None,
            leads=leads,
        )

    def _admit(self, context: RequestContext, endpoint: Endpoint, body: bytes) -> None:
        campaign = endpoint.find(context.scenario, context.target)
        names = frozenset({context.target} if campaign is None else {campaign.id, campaign.ref_id})
        context.leads = None if campaign is None else self.store[campaign.id]
        context.body = _read_json(context.request, body) if endpoint.reads_json else None
        context.fault = self._faults.strike(endpoint.traffic, names, context.request.scope["path"])
        if context.fault is not None and context.fault.kind is FaultKind.THROTTLE:
            context.response = self._access[endpoint.api].throttle(context.scenario)
        else:
            keys = endpoint.keys(context.target, context.body)
            context.overlapping = self.request_log.hold(context.seq, keys)

    def _work(self, context: RequestContext, endpoint: Endpoint) -> ApiResponse:
        """Do what the request asks for, all of it, half of it or nothing, as its fault says."""
        if context.fault is not None and context.fault.kind is FaultKind.HALF_HANG:
            context.only_first = len(leads_in(context.body)) // 2
        elif context.fault is not None and not context.fault.is_applied:
            context.only_first = 0
        if context.only_first == 0:
            return ApiResponse(HTTPStatus.OK)
        context.now = self.clock()
        response = endpoint(context)
        if endpoint.traffic == "read" and response.status_code == HTTPStatus.OK:
            self._drift(context)
        return response

    def _drift(self, context: RequestContext) -> None:
        """Let leads of the page just given leave the window, as when they are called again meanwhile."""
        leads, scenario = context.leads, context.scenario
        if leads is None or not scenario.drift_leads_per_page or self._drifted_pages >= scenario.drift_pages:
            return
        if passed := leads_passed(context)[: scenario.drift_leads_per_page]:
            self._drifted_pages += 1
            for lead_id in passed:
                self.end_journey(leads, leads.leads[lead_id], context.now)


@lru_cache(maxsize=1024)
def _find_endpoint(path: str) -> tuple[Endpoint | None, Mapping[str, str]]:
    """Find the endpoint of a path and the parameters in it; the method is the access policy's business."""
    for route in ROUTES:
        match, child = route.matches({"type": "http", "method": "", "path": path})
        if match is not Match.NONE:
            return child["endpoint"], child["path_params"]
    return None, {}


def _unknown_path(context: RequestContext) -> ApiResponse:
    scope = context.request.scope
    with_slash = f"{scope['path']}/"
    if _find_endpoint(with_slash)[0] is not None:
        context.violation("the path lacks its trailing slash")
        query = scope["query_string"].decode("latin-1")
        return redirect(HTTPStatus.MOVED_PERMANENTLY, f"{with_slash}?{query}" if query else with_slash)
    context.violation("there is no such path")
    return web_page(HTTPStatus.NOT_FOUND, "Not Found", "The requested resource was not found on this server.")


def _read_json(request: Request, body: bytes) -> object:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        return json_text.InvalidJson(f'Unsupported media type "{media_type}" in request.')
    try:
        return json_text.loads(body)
    except ValueError:
        return json_text.InvalidJson("JSON parse error")
