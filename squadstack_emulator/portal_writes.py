"""Writes to the contact center (page Campaigns): add a lead, set its status, delete it, call disposition to voicemail.

Undocumented, decided here: the answers have the page's words in `{"data": …}`; a field of an added lead that the page
does not name, or of another type than it names, is a 400 and a violation; `number` is the one field that is needed; a
number that a campaign has is added once more; any status will do; a lead or campaign that does not exist is a 400, the
only refusal the page knows, as is a call of `Scenario.portal_unknown_cdrs`.
"""

from collections.abc import Iterable
from http import HTTPStatus

from squadstack_emulator.books import LeadKey
from squadstack_emulator.messages import PortalDialect, Reply, json_reply
from squadstack_emulator.portal_paging import note_unknown_parameters
from squadstack_emulator.visit import Visit

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


def add_lead(visit: Visit) -> Reply:
    """`PUT /api/v2/config/campaigns/{campaign_id}/lead`, "Add Lead to campaign"."""
    note_unknown_parameters(visit, frozenset())
    body = visit.body
    if not isinstance(body, dict) or any(type(value) is not _FIELDS.get(name) for name, value in body.items()):
        visit.violation("the body is not an object with the documented fields")
        return PortalDialect().invalid()
    if not body.get("number") or all(each.id != visit.target for each in visit.scenario.portal.campaigns):
        return PortalDialect().invalid()
    visit.portal.add_lead(visit.target, body, visit.now)
    visit.books.applied_operation(visit.seq, visit.target, "add_lead", body["number"])
    return json_reply(HTTPStatus.OK, {"data": "Lead added to campaign successfully."}, leads=1)


def set_status(visit: Visit) -> Reply:
    """`POST /api/v2/config/campaigns/leads/{leadID}/status/{status}`, "Set lead status"."""
    note_unknown_parameters(visit, frozenset())
    if not visit.portal.set_status(visit.target, visit.endpoint):
        return PortalDialect().invalid()
    visit.books.applied_operation(visit.seq, LEADS, "set_status", visit.target)
    return json_reply(HTTPStatus.OK, {"data": "Lead status set successfully."}, leads=1)


def delete_lead(visit: Visit) -> Reply:
    """`DELETE /api/v2/config/campaigns/leads/{leadID}`, "Delete lead"."""
    note_unknown_parameters(visit, frozenset())
    if not visit.portal.delete_lead(visit.target):
        return PortalDialect().invalid()
    visit.books.applied_operation(visit.seq, LEADS, "delete_lead", visit.target)
    return json_reply(HTTPStatus.OK, {"data": "Lead deleted successfully."}, leads=1)


def voicemail(visit: Visit) -> Reply:
    """`PUT /api/v2/config/campaigns/call/{cdrID}/disposition/voicemail`, "Set call disposition to Voicemail"."""
    note_unknown_parameters(visit, frozenset())
    if visit.target in visit.scenario.portal_unknown_cdrs:
        return PortalDialect().invalid()
    visit.books.applied_operation(visit.seq, CALLS, "voicemail_disposition", visit.target)
    return json_reply(HTTPStatus.OK, {"data": "Call disposition set successfully."}, leads=1)
