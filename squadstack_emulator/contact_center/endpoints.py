"""Every path of the contact center (page Campaigns): one row each."""

from functools import partial

from squadstack_emulator.contact_center import activity, login, reads, writes
from squadstack_emulator.contact_center.errors import CONTACT_CENTER_ERRORS
from squadstack_emulator.endpoint import Endpoint

_CAMPAIGNS = "/api/v2/config/campaigns"
_endpoint = partial(Endpoint, api="portal", errors=CONTACT_CENTER_ERRORS)
_read = partial(_endpoint, traffic="portal", method="GET")
_write = partial(_endpoint, traffic="portal")

ENDPOINTS = (
    _endpoint("/api/v2/login", handle=login.log_in, traffic="login", method="POST", reads_json=True),
    _read("/api/v2/reports/campaigns/leads/status", handle=reads.campaign_status),
    _read(_CAMPAIGNS + "/{target}/leads", handle=reads.campaign_leads),
    _read("/api/v2/reports/campaigns/leads/history", handle=activity.campaign_activity),
    _read("/callcenter/queues/status", handle=reads.queue_status),
    _write(
        _CAMPAIGNS + "/{target}/lead",
        method="PUT",
        accepts=lambda scenario: scenario.add_lead_method,
        handle=writes.add_lead,
        reads_json=True,
        keys=writes.added_lead,
    ),
    _write(
        _CAMPAIGNS + "/leads/{target}/status/{operation}",
        method="POST",
        handle=writes.set_status,
        keys=writes.lead_of_path,
    ),
    _write(_CAMPAIGNS + "/leads/{target}", method="DELETE", handle=writes.delete_lead, keys=writes.lead_of_path),
    _write(
        _CAMPAIGNS + "/call/{target}/disposition/voicemail",
        method="PUT",
        handle=writes.voicemail,
        keys=writes.call_of_path,
    ),
)
