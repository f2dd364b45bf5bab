"""Every path of the contact center (page Campaigns): one row each."""

from typing import Any

from squadstack_emulator.contact_center import activity, login, reads, writes
from squadstack_emulator.contact_center.errors import CONTACT_CENTER_ERRORS
from squadstack_emulator.endpoint import Endpoint

_CAMPAIGNS = "/api/v2/config/campaigns"


def _endpoint(method: str, path: str, handle: Any, traffic: Any = "portal", **more: Any) -> Endpoint:
    return Endpoint(path, method, handle, traffic, CONTACT_CENTER_ERRORS, api="portal", **more)


ENDPOINTS = (
    _endpoint("POST", "/api/v2/login", login.log_in, "login", reads_json=True),
    _endpoint("GET", "/api/v2/reports/campaigns/leads/status", reads.campaign_status),
    _endpoint("GET", _CAMPAIGNS + "/{target}/leads", reads.campaign_leads),
    _endpoint("GET", "/api/v2/reports/campaigns/leads/history", activity.campaign_activity),
    _endpoint("GET", "/callcenter/queues/status", reads.queue_status),
    _endpoint(
        "PUT",
        _CAMPAIGNS + "/{target}/lead",
        writes.add_lead,
        reads_json=True,
        keys=writes.added_lead,
        accepts=lambda scenario: scenario.add_lead_method,
    ),
    _endpoint("POST", _CAMPAIGNS + "/leads/{target}/status/{operation}", writes.set_status, keys=writes.lead_of_path),
    _endpoint("DELETE", _CAMPAIGNS + "/leads/{target}", writes.delete_lead, keys=writes.lead_of_path),
    _endpoint("PUT", _CAMPAIGNS + "/call/{target}/disposition/voicemail", writes.voicemail, keys=writes.call_of_path),
)
