"""Writes to the contact center (page Campaigns): add a lead, set its status, delete it, call disposition to voicemail.

Undocumented, decided here: the answers have the page's words in `{"data": …}`; a field of an added lead that the page
does not name, or of another type than it names, is a 400 and a violation; `number` is the one field that is needed; a
number that a campaign has is added once more; any status will do; a lead or campaign that does not exist is a 400, the
only refusal the page knows, as is a call of `Scenario.portal_unknown_cdrs`.
"""

from collections.abc import Iterable
from http import HTTPStatus

from squadstack_emulator.contact_center.errors import INVALID
from squadstack_emulator.request_context import RequestContext
from squadstack_emulator.request_log import LeadKey
from squadstack_emulator.responses import ApiResponse

LEADS = "contact center"
CALLS = "contact center, calls"
_TEXTS = ("number", "first_name", "last_name", "type", "ticket_id", "note")
_FIELDS = dict.fromkeys(_TEXTS, str) | dict.fromkeys(("retries", "priority", "cool_off"), int)


def added_lead(campaign_id: str, body: object) -> Iterable[LeadKey]:
    """Return what identifies a lead that is being added: it has no id yet."""
    if isinstance(body, dict) and isinstance(body.get("number"), str):
        yield LeadKey(campaign_id, body["number"])


def lead_of_path(lead_id: str, _body: object) -> Iterable[LeadKey]:
    """Return what identifies the lead of a path."""
    yield LeadKey(LEADS, lead_id)


def call_of_path(cdr_id: str, _body: object) -> Iterable[LeadKey]:
    """Return what identifies the call of a path."""
    yield LeadKey(CALLS, cdr_id)


def add_lead(context: RequestContext) -> ApiResponse:
    """`PUT /api/v2/config/campaigns/{campaign_id}/lead`, "Add Lead to campaign"."""
    context.check_parameters(frozenset())
    body = context.body
    if not isinstance(body, dict) or any(type(value) is not _FIELDS.get(name) for name, value in body.items()):
        context.violation("the body is not an object with the documented fields")
        return INVALID
    if not body.get("number") or all(each.id != context.target for each in context.scenario.portal.campaigns):
        return INVALID
    context.portal.add_lead(context.target, body, context.now)
    return _done(context, context.target, "add_lead", body["number"], "Lead added to campaign")


def set_status(context: RequestContext) -> ApiResponse:
    """`POST /api/v2/config/campaigns/leads/{leadID}/status/{status}`, "Set lead status"."""
    context.check_parameters(frozenset())
    if not context.portal.set_status(context.target, context.operation):
        return INVALID
    return _done(context, LEADS, "set_status", context.target, "Lead status set")


def delete_lead(context: RequestContext) -> ApiResponse:
    """`DELETE /api/v2/config/campaigns/leads/{leadID}`, "Delete lead"."""
    context.check_parameters(frozenset())
    if not context.portal.delete_lead(context.target):
        return INVALID
    return _done(context, LEADS, "delete_lead", context.target, "Lead deleted")


def voicemail(context: RequestContext) -> ApiResponse:
    """`PUT /api/v2/config/campaigns/call/{cdrID}/disposition/voicemail`, "Set call disposition to Voicemail"."""
    context.check_parameters(frozenset())
    if context.target in context.scenario.portal_unknown_cdrs:
        return INVALID
    return _done(context, CALLS, "voicemail_disposition", context.target, "Call disposition set")


def _done(context: RequestContext, target: str, operation: str, lead_id: str, what: str) -> ApiResponse:
    context.applied(operation, lead_id, target)
    return ApiResponse(HTTPStatus.OK, {"data": f"{what} successfully."}, leads=1)
