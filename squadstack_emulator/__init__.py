"""A stand-in for the vendors' APIs that answers as their documents say, keeps request_log and misbehaves on request."""

from squadstack_emulator.contact_center.portal import Portal, PortalCampaign
from squadstack_emulator.emulator import Emulator
from squadstack_emulator.faults.fault import Fault, FaultKind
from squadstack_emulator.request_log import Applied, Call, Post, RequestLog
from squadstack_emulator.scenario import Campaign, Scenario, Webhook
from squadstack_emulator.squadstack.lead import Lead
from squadstack_emulator.squadstack.rows_v1 import v1_lead_id

__all__ = [
    "Applied",
    "Call",
    "Campaign",
    "Emulator",
    "Fault",
    "FaultKind",
    "Lead",
    "Portal",
    "PortalCampaign",
    "Post",
    "RequestLog",
    "Scenario",
    "Webhook",
    "v1_lead_id",
]
