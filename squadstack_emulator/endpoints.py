"""Every path the emulator knows: one row each in `ENDPOINTS`. Adding an API is adding rows."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from squadstack_emulator import crm_v2, leads_api
from squadstack_emulator.messages import CrmDialect, Dialect, Reply, Request, V4Dialect
from squadstack_emulator.scenario import Campaign, Scenario, Traffic
from squadstack_emulator.visit import Visit


@dataclass(frozen=True)
class Endpoint:
    """One path.

    Attributes:
        pattern: The path, with the groups `target` and, where the path names an operation, `endpoint`.
        method: The one documented method.
        traffic: What faults call it.
        dialect: How it spells errors.
        find: The campaign behind `target`, None if there is none.
        read_body: Parses the body of a write.
        handle: Does the work.
    """

    pattern: re.Pattern[str]
    method: str
    traffic: Traffic
    dialect: Dialect
    find: Callable[[Scenario, str], Campaign | None]
    read_body: Callable[[Request], object]
    handle: Callable[[Visit], Reply]


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
            return Match(endpoint, groups["target"], groups.get("operation") or "")
    return None


def _by_id(scenario: Scenario, campaign_id: str) -> Campaign | None:
    return next((campaign for campaign in scenario.campaigns if campaign.id == campaign_id), None)


def _by_ref_id(scenario: Scenario, ref_id: str) -> Campaign | None:
    return next((campaign for campaign in scenario.campaigns if campaign.ref_id == ref_id), None)


def _no_body(_request: Request) -> None:
    return None


ENDPOINTS = (
    Endpoint(
        pattern=re.compile(r"/api/v4/leads/responses/(?P<target>[^/]+)/"),
        method="GET",
        traffic="read",
        dialect=V4Dialect(),
        find=_by_id,
        read_body=_no_body,
        handle=leads_api.get_leads,
    ),
    Endpoint(
        pattern=re.compile(r"/voice/crm-integration-v2/(?P<target>[^/]+)/(?P<operation>[^/]+)"),
        method="POST",
        traffic="write",
        dialect=CrmDialect(),
        find=_by_ref_id,
        read_body=crm_v2.read_body,
        handle=crm_v2.write_leads,
    ),
)
