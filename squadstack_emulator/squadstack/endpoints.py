"""Every path of SquadStack, one row each: v4 and v1 (squadvoice-v4, squadvoice-v1), CRM v2 (the bulk page)."""

from squadstack_emulator.endpoint import Endpoint
from squadstack_emulator.scenario import Campaign, Scenario
from squadstack_emulator.squadstack import crm_v2, get_leads, lead_writes
from squadstack_emulator.squadstack.entries import lead_keys
from squadstack_emulator.squadstack.errors import CRM_ERRORS, V4_ERRORS


def _by_id(scenario: Scenario, campaign_id: str) -> Campaign | None:
    return next((campaign for campaign in scenario.campaigns if campaign.id == campaign_id), None)


def _by_ref_id(scenario: Scenario, ref_id: str) -> Campaign | None:
    return next((campaign for campaign in scenario.campaigns if campaign.ref_id == ref_id), None)


def _get_leads(version: str) -> Endpoint:
    path = f"/api/{version}/leads/responses/{{target}}/"
    return Endpoint(path, "GET", get_leads.get_leads, "read", V4_ERRORS, operation=version, find=_by_id)


ENDPOINTS = (
    _get_leads("v4"),
    Endpoint(
        path="/voice/crm-integration-v2/{target}/{operation}",
        method="POST",
        handle=crm_v2.write_leads,
        traffic="write",
        errors=CRM_ERRORS,
        find=_by_ref_id,
        reads_json=True,
        keys=lead_keys,
    ),
    _get_leads("v1"),
    *(
        Endpoint(
            path=f"/api/{name}/{{target}}/",
            method=write.method,
            handle=lead_writes.write_leads,
            traffic="write",
            errors=V4_ERRORS,
            operation=name,
            find=_by_id,
            reads_json=True,
            keys=lead_keys,
        )
        for name, write in lead_writes.WRITES.items()
    ),
)
