"""A stand-in for the vendors' APIs that answers as their documents say, keeps books and misbehaves on request."""

from squadstack_emulator.books import Applied, Books, Call, Post
from squadstack_emulator.emulator import Emulator
from squadstack_emulator.lead import Lead
from squadstack_emulator.leads_v1 import v1_lead_id
from squadstack_emulator.portal import Portal, PortalCampaign
from squadstack_emulator.scenario import Campaign, Fault, FaultKind, Scenario, Webhook

__all__ = [
    "Applied",
    "Books",
    "Call",
    "Campaign",
    "Emulator",
    "Fault",
    "FaultKind",
    "Lead",
    "Portal",
    "PortalCampaign",
    "Post",
    "Scenario",
    "Webhook",
    "v1_lead_id",
]
