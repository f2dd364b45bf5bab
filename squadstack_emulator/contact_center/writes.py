"""Writes to the contact center (page Campaigns): add a lead, set its status, delete it, call disposition to voicemail.

Undocumented, decided here: the answers have the page's words in `{"data": …}`; a field of an added lead that the page
does not name, or of another type than it names, is a 400 and a violation; `number` is the one field that is needed; a
number that a campaign has is added once more; any status will do; a lead or campaign that does not exist is a 400, the
only refusal the page knows, as is a call of `Scenario.portal_unknown_cdrs`.
"""

from collections.abc import Iterable
from http import HTTPStatus

from squadstack_emulator.contact_center.paging import note_unknown_parameters
from squadstack_emulator.messages import PortalErrors, Response, json_response
from squadstack_emulator.request_context import RequestContext
from squadstack_emulator.request_log import LeadKey

LEADS = "contact center"
CALLS = "contact center, calls"
_FIELDS = {
    "number": str,
    "retries": int,
    "first_name": str,
    "last_name": str,
    "type": str,
    "priority": int,
    "ticket_id": str,
    "note": str,
    "cool_off": int,
}


def added_lead(campaign_id: str, body: object) -> Iterable[LeadKey]:
    """What identifies a lead that is being added: it has no id yet."""
    if isinstance(body, dict) and isinstance(body.get("number"), str):
        yield LeadKey(campaign_id, body["number"])


def lead_of_path(lead_id: str, _body: object) -> Iterable[LeadKey]:
    """What identifies the lead of a path."""
    yield LeadKey(LEADS, lead_id)


def call_of_path(cdr_id: str, _body: object) -> Iterable[LeadKey]:
    """What identifies the call of a path."""
    yield LeadKey(CALLS, cdr_id)


def add_lead(context: RequestContext) -> Response:
    """`PUT /api/v2/config/campaigns/{campaign_id}/lead`, "Add Lead to campaign"."""
    note_unknown_parameters(context, frozenset())
    body = context.body
    if not isinstance(body, dict) or any(type(value) is not _FIELDS.get(name) for name, value in body.items()):
        context.violation("the body is not an object with the documented fields")
        return PortalErrors().invalid()
    if not body.get("number") or all(each.id != context.target for each in context.scenario.portal.campaigns):
        return PortalErrors().invalid()
    context.portal.add_lead(context.target, body, context.now)
    context.request_log.applied_operation(context.seq, context.target, "add_lead", body["number"])
    return json_response(HTTPStatus.OK, {"data": "Lead added to campaign successfully."}, leads=1)


def set_status(context: RequestContext) -> Response:
    """`POST /api/v2/config/campaigns/leads/{leadID}/status/{status}`, "Set lead status"."""
    note_unknown_parameters(context, frozenset())
    if not context.portal.set_status(context.target, context.endpoint):
        return PortalErrors().invalid()
    context.request_log.applied_operation(context.seq, LEADS, "set_status", context.target)
    return json_response(HTTPStatus.OK, {"data": "Lead status set successfully."}, leads=1)


def delete_lead(context: RequestContext) -> Response:
    """`DELETE /api/v2/config/campaigns/leads/{leadID}`, "Delete lead"."""
    note_unknown_parameters(context, frozenset())
    if not context.portal.delete_lead(context.target):
        return PortalErrors().invalid()
    context.request_log.applied_operation(context.seq, LEADS, "delete_lead", context.target)
    return json_response(HTTPStatus.OK, {"data": "Lead deleted successfully."}, leads=1)


def voicemail(context: RequestContext) -> Response:
    """`PUT /api/v2/config/campaigns/call/{cdrID}/disposition/voicemail`, "Set call disposition to Voicemail"."""
    note_unknown_parameters(context, frozenset())
    if context.target in context.scenario.portal_unknown_cdrs:
        return PortalErrors().invalid()
    context.request_log.applied_operation(context.seq, CALLS, "voicemail_disposition", context.target)
    return json_response(HTTPStatus.OK, {"data": "Call disposition set successfully."}, leads=1)
