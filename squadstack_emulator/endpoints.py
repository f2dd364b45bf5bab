"""Every path the emulator knows: one row each in `ENDPOINTS`. Adding an API is adding rows."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from squadstack_emulator.contact_center import activity, reads, writes
from squadstack_emulator.faults.fault import Traffic
from squadstack_emulator.json_body import read_body
from squadstack_emulator.messages import CrmErrors, ErrorResponses, PortalErrors, Request, Response, V4Errors
from squadstack_emulator.request_context import RequestContext
from squadstack_emulator.request_log import LeadKey
from squadstack_emulator.scenario import Api, Campaign, Scenario
from squadstack_emulator.squadstack import crm_v2, get_leads, lead_writes


@dataclass(frozen=True)
class Endpoint:
    """One path.

    Attributes:
        pattern: The path, with the groups `target` and `operation` where the path names such.
        method: The one documented method.
        accepts: The method that is accepted instead, by the scenario, where public clients use another one.
        traffic: What faults call it.
        errors: How it spells errors.
        api: Whose it is, and so which access policy holds.
        find: The SquadStack campaign behind `target`, None if there is none.
        read_body: Parses the body of a write.
        keys: What identifies the leads of a call, by target and body.
        handle: Does the work.
    """

    pattern: re.Pattern[str]
    method: str
    traffic: Traffic
    errors: ErrorResponses
    handle: Callable[[RequestContext], Response]
    api: Api = "squadstack"
    find: Callable[[Scenario, str], Campaign | None] = lambda _scenario, _target: None
    read_body: Callable[[Request], object] = lambda _request: None
    keys: Callable[[str, object], Iterable[LeadKey]] = crm_v2.lead_keys
    accepts: Callable[[Scenario], str] | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """An endpoint and what its path points at."""

    endpoint: Endpoint
    target: str
    operation: str


def find_endpoint(path: str) -> Match | None:
    """The endpoint of a path, None for a path no document has."""
    for endpoint in ENDPOINTS:
        if found := endpoint.pattern.fullmatch(path):
            groups = found.groupdict()
            return Match(endpoint, groups.get("target") or "", groups.get("operation") or "")
    return None


def _by_id(scenario: Scenario, campaign_id: str) -> Campaign | None:
    return next((campaign for campaign in scenario.campaigns if campaign.id == campaign_id), None)


def _by_ref_id(scenario: Scenario, ref_id: str) -> Campaign | None:
    return next((campaign for campaign in scenario.campaigns if campaign.ref_id == ref_id), None)


def _portal_read(path: str, handle: Callable[[RequestContext], Response]) -> Endpoint:
    pattern = re.compile(path)
    return Endpoint(pattern, method="GET", traffic="portal", errors=PortalErrors(), api="portal", handle=handle)


def _lead_write(name: str, write: lead_writes.LeadWrite) -> Endpoint:
    return Endpoint(
        pattern=re.compile(rf"/api/(?P<operation>{name})/(?P<target>[^/]+)/"),
        method=write.method,
        traffic="write",
        errors=V4Errors(allow=f"{write.method}, OPTIONS"),
        find=_by_id,
        read_body=read_body,
        handle=lead_writes.write_leads,
    )


def _portal_write(
    method: str,
    path: str,
    handle: Callable[[RequestContext], Response],
    keys: Callable[[str, object], Iterable[LeadKey]],
) -> Endpoint:
    pattern = re.compile(path)
    return Endpoint(
        pattern, method=method, traffic="portal", errors=PortalErrors(), api="portal", handle=handle, keys=keys
    )


_ADD_LEAD = Endpoint(
    pattern=re.compile(r"/api/v2/config/campaigns/(?P<target>[^/]+)/lead"),
    method="PUT",
    accepts=lambda scenario: scenario.add_lead_method,
    traffic="portal",
    errors=PortalErrors(),
    api="portal",
    read_body=read_body,
    keys=writes.added_lead,
    handle=writes.add_lead,
)

ENDPOINTS = (
    Endpoint(
        pattern=re.compile(r"/api/(?P<operation>v4|v1)/leads/responses/(?P<target>[^/]+)/"),
        method="GET",
        traffic="read",
        errors=V4Errors(),
        find=_by_id,
        handle=get_leads.get_leads,
    ),
    Endpoint(
        pattern=re.compile(r"/voice/crm-integration-v2/(?P<target>[^/]+)/(?P<operation>[^/]+)"),
        method="POST",
        traffic="write",
        errors=CrmErrors(),
        find=_by_ref_id,
        read_body=read_body,
        handle=crm_v2.write_leads,
    ),
    *(_lead_write(name, write) for name, write in lead_writes.WRITES.items()),
    Endpoint(
        pattern=re.compile(r"/api/v2/login"),
        method="POST",
        traffic="login",
        errors=PortalErrors(),
        api="portal",
        read_body=read_body,
        handle=reads.log_in,
    ),
    _portal_read(r"/api/v2/reports/campaigns/leads/status", reads.campaign_status),
    _portal_read(r"/api/v2/config/campaigns/(?P<target>[^/]+)/leads", reads.campaign_leads),
    _portal_read(r"/api/v2/reports/campaigns/leads/history", activity.campaign_activity),
    _portal_read(r"/callcenter/queues/status", reads.queue_status),
    _ADD_LEAD,
    _portal_write(
        "POST",
        r"/api/v2/config/campaigns/leads/(?P<target>[^/]+)/status/(?P<operation>[^/]+)",
        writes.set_status,
        writes.lead_of_path,
    ),
    _portal_write(
        "DELETE",
        r"/api/v2/config/campaigns/leads/(?P<target>[^/]+)",
        writes.delete_lead,
        writes.lead_of_path,
    ),
    _portal_write(
        "PUT",
        r"/api/v2/config/campaigns/call/(?P<target>[^/]+)/disposition/voicemail",
        writes.voicemail,
        writes.call_of_path,
    ),
)
