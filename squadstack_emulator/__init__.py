"""A stand-in for the vendors' APIs that answers as their documents say, logs every request and fails on demand.

`emulator` is what tests, benchmarks and the demo use; `scenario` says how it behaves, `request_log` what happened.
A request goes from `server` through `pipeline` (route, `access_policy`, faults) to its endpoint: `squadstack/`,
`contact_center/` and `recordings/` have a table of them in `endpoints`. `faults/` holds what goes wrong. What a page
does not document is decided in the docstring of the module that follows that page.
"""

from squadstack_emulator.contact_center.portal import LateFacts, Portal, PortalCampaign
from squadstack_emulator.emulator import Emulator
from squadstack_emulator.faults.fault import Fault, FaultKind
from squadstack_emulator.recordings.recording import Recordings, recording_chunks
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
    "LateFacts",
    "Lead",
    "Portal",
    "PortalCampaign",
    "Post",
    "Recordings",
    "RequestLog",
    "Scenario",
    "Webhook",
    "recording_chunks",
    "v1_lead_id",
]
