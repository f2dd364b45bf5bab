"""CRM integration v2, `POST /voice/crm-integration-v2/{ref_id}/lead-*` (the bulk page).

A JSON array is the bulk call: always HTTP 200 with `{status, message, result, metadata}`, one entry of `result` per
lead, by position. A JSON object is the single call. Leads are carried out in the order of the array, so the second of
two that create one id is the duplicate.

Undocumented, decided here: more than 100 leads, an empty array, a body that is no array of objects and no object, and
one that is no JSON are each a 400 for the whole call, of which nothing is carried out, and a violation. So is a
Content-Type that is not JSON ("You may be sending invalid headers"). A lead in the array that is no object is an entry
with 400. A key that convert, disable or delete does not document is ignored, echoed and a violation.
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import NamedTuple

from squadstack_emulator.books import LeadKey
from squadstack_emulator.crm_fields import FieldError, first_error, text_of
from squadstack_emulator.crm_operations import OPERATIONS, Circumstances, Operation, Problem
from squadstack_emulator.crm_texts import bulk_refusal, single_refusal
from squadstack_emulator.json_body import Unreadable
from squadstack_emulator.messages import Reply, json_reply
from squadstack_emulator.store import CampaignLeads
from squadstack_emulator.visit import Visit

MAX_LEADS = 100
MESSAGE = "Bulk operation completed successfully"


class _Result(NamedTuple):
    status_code: int
    data: Mapping[str, object]


def leads_in(body: object) -> list[object]:
    """The leads of a body, be it one or a list."""
    if isinstance(body, list):
        return body
    return [body] if isinstance(body, dict) else []


def lead_keys(ref_id: str, body: object) -> Iterable[LeadKey]:
    """What identifies the leads of a body."""
    for entry in leads_in(body):
        # An empty one identifies nothing: whoever asks what a lead without an id would be answered may ask at any time.
        if isinstance(entry, dict) and isinstance(entry.get("lead_id"), (str, int)) and entry["lead_id"] != "":
            yield LeadKey(ref_id, text_of(entry["lead_id"]))


def write_leads(visit: Visit) -> Reply:
    """Carry out a bulk or a single call."""
    if visit.request.query_string:
        visit.violation("there are no query parameters")
    if visit.leads is None:
        return json_reply(HTTPStatus.NOT_FOUND, {"error_msg": "No active integration found."})
    operation = OPERATIONS.get(visit.endpoint)
    if operation is None:
        visit.violation("there is no such endpoint")
    if operation is None or visit.endpoint in visit.scenario.disabled_endpoints:
        return json_reply(HTTPStatus.NOT_FOUND, {"error_msg": "This endpoint is not enabled in your Integration"})
    if refusal := _wrong_body(visit):
        visit.violation(refusal)
        return json_reply(HTTPStatus.BAD_REQUEST, {"error_msg": refusal})
    if isinstance(visit.body, dict):
        return _single(visit, visit.leads, operation, visit.body)
    return _bulk(visit, visit.leads, operation)


def _wrong_body(visit: Visit) -> str | None:
    if isinstance(visit.body, Unreadable):
        return visit.body.text
    if not isinstance(visit.body, dict | list):
        return "Invalid data. Expected a list of leads or a lead."
    if not visit.body and isinstance(visit.body, list):
        return "This list may not be empty."
    if len(leads_in(visit.body)) > MAX_LEADS:
        return f"A maximum of {MAX_LEADS} leads per API call"
    return None


def _bulk(visit: Visit, leads: CampaignLeads, operation: Operation) -> Reply:
    entries = leads_in(visit.body)
    results = [_bulk_entry(visit, leads, operation, entry) for entry in entries[: visit.only_first]]
    success = sum(result.status_code == HTTPStatus.OK for result in results)
    content = {
        "status": _status(success, len(results)),
        "message": MESSAGE,
        "result": [{"status_code": result.status_code, "data": result.data} for result in results],
        "metadata": {"total_leads": len(results), "success": success, "failed": len(results) - success},
    }
    return json_reply(HTTPStatus.OK, content, leads=len(entries))


def _status(success: int, total: int) -> str:
    if success == total:
        return "success"
    return "partial_sucess" if success else "failure"  # spelt like this in the document


def _bulk_entry(visit: Visit, leads: CampaignLeads, operation: Operation, entry: object) -> _Result:
    if not isinstance(entry, dict):
        visit.violation("an entry of the array is no object")
        text = f"Invalid data. Expected a dictionary, but got {type(entry).__name__}."
        return _Result(HTTPStatus.BAD_REQUEST, {"error_msg": text})
    why = _carry_out(visit, leads, operation, entry, operation.required)
    if why is None:
        return _Result(HTTPStatus.OK, entry)
    return _Result(*bulk_refusal(operation, why, text_of(entry.get("lead_id")), leads.campaign.id))


def _single(visit: Visit, leads: CampaignLeads, operation: Operation, entry: dict[str, object]) -> Reply:
    exists = text_of(entry.get("lead_id")) in leads.leads
    required = tuple(name for name in operation.required if not (exists and name in operation.first_time_only))
    why = _carry_out(visit, leads, operation, entry, required)
    if why is None:
        return json_reply(HTTPStatus.OK, entry, leads=1)
    refusal = single_refusal(operation, why, text_of(entry.get("lead_id")), leads.campaign.id)
    return json_reply(refusal.status, refusal.content, leads=1)


def _carry_out(
    visit: Visit,
    leads: CampaignLeads,
    operation: Operation,
    entry: Mapping[str, object],
    required: tuple[str, ...],
) -> Problem | FieldError | None:
    """Do it, and enter it in the books; gives why not, if not."""
    if operation.takes is not None and not entry.keys() <= operation.takes:
        visit.violation(f"{operation.endpoint} takes {' and '.join(sorted(operation.takes))} only")
    error = first_error(
        entry,
        required,
        custom_values=operation.takes is None,
        empty_is=operation.empty_is,
        violation=visit.violation,
    )
    if error is not None:
        return error
    lead_id = text_of(entry["lead_id"])
    if visit.is_busy(lead_id):
        return Problem.BUSY
    how = Circumstances(now=visit.now, reactivates=visit.scenario.reactivates)
    outcome = operation.carry_out(leads.leads.get(lead_id), entry, how)
    if isinstance(outcome, Problem):
        return outcome
    leads.put(outcome)
    visit.books.applied_operation(visit.seq, visit.target, operation.name, lead_id)
    return None
