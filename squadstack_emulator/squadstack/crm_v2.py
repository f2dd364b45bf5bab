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

from squadstack_emulator.json_body import Unreadable
from squadstack_emulator.messages import Response, json_response
from squadstack_emulator.request_context import RequestContext
from squadstack_emulator.request_log import LeadKey
from squadstack_emulator.squadstack.error_texts import bulk_refusal, single_refusal
from squadstack_emulator.squadstack.field_rules import FieldError, first_error, text_of
from squadstack_emulator.squadstack.lead_store import CampaignLeads
from squadstack_emulator.squadstack.operations import OPERATIONS, Circumstances, Operation, Problem

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


def write_leads(context: RequestContext) -> Response:
    """Carry out a bulk or a single call."""
    if context.request.query_string:
        context.violation("there are no query parameters")
    if context.leads is None:
        return json_response(HTTPStatus.NOT_FOUND, {"error_msg": "No active integration found."})
    operation = OPERATIONS.get(context.endpoint)
    if operation is None:
        context.violation("there is no such endpoint")
    if operation is None or context.endpoint in context.scenario.disabled_endpoints:
        return json_response(HTTPStatus.NOT_FOUND, {"error_msg": "This endpoint is not enabled in your Integration"})
    if refusal := _wrong_body(context):
        context.violation(refusal)
        return json_response(HTTPStatus.BAD_REQUEST, {"error_msg": refusal})
    if isinstance(context.body, dict):
        return _single(context, context.leads, operation, context.body)
    return _bulk(context, context.leads, operation)


def _wrong_body(context: RequestContext) -> str | None:
    if isinstance(context.body, Unreadable):
        return context.body.text
    if not isinstance(context.body, dict | list):
        return "Invalid data. Expected a list of leads or a lead."
    if not context.body and isinstance(context.body, list):
        return "This list may not be empty."
    if len(leads_in(context.body)) > MAX_LEADS:
        return f"A maximum of {MAX_LEADS} leads per API call"
    return None


def _bulk(context: RequestContext, leads: CampaignLeads, operation: Operation) -> Response:
    entries = leads_in(context.body)
    results = [_bulk_entry(context, leads, operation, entry) for entry in entries[: context.only_first]]
    success = sum(result.status_code == HTTPStatus.OK for result in results)
    content = {
        "status": _status(success, len(results)),
        "message": MESSAGE,
        "result": [{"status_code": result.status_code, "data": result.data} for result in results],
        "metadata": {"total_leads": len(results), "success": success, "failed": len(results) - success},
    }
    return json_response(HTTPStatus.OK, content, leads=len(entries))


def _status(success: int, total: int) -> str:
    if success == total:
        return "success"
    return "partial_sucess" if success else "failure"  # spelt like this in the document


def _bulk_entry(context: RequestContext, leads: CampaignLeads, operation: Operation, entry: object) -> _Result:
    if not isinstance(entry, dict):
        context.violation("an entry of the array is no object")
        text = f"Invalid data. Expected a dictionary, but got {type(entry).__name__}."
        return _Result(HTTPStatus.BAD_REQUEST, {"error_msg": text})
    why = _carry_out(context, leads, operation, entry, operation.required)
    if why is None:
        return _Result(HTTPStatus.OK, entry)
    return _Result(*bulk_refusal(operation, why, text_of(entry.get("lead_id")), leads.campaign.id))


def _single(context: RequestContext, leads: CampaignLeads, operation: Operation, entry: dict[str, object]) -> Response:
    exists = text_of(entry.get("lead_id")) in leads.leads
    required = tuple(name for name in operation.required if not (exists and name in operation.first_time_only))
    why = _carry_out(context, leads, operation, entry, required)
    if why is None:
        return json_response(HTTPStatus.OK, entry, leads=1)
    refusal = single_refusal(operation, why, text_of(entry.get("lead_id")), leads.campaign.id)
    return json_response(refusal.status, refusal.content, leads=1)


def _carry_out(
    context: RequestContext,
    leads: CampaignLeads,
    operation: Operation,
    entry: Mapping[str, object],
    required: tuple[str, ...],
) -> Problem | FieldError | None:
    """Do it, and enter it in the request log; gives why not, if not."""
    if operation.takes is not None and not entry.keys() <= operation.takes:
        context.violation(f"{operation.endpoint} takes {' and '.join(sorted(operation.takes))} only")
    error = first_error(
        entry,
        required,
        custom_values=operation.takes is None,
        empty_is=operation.empty_is,
        violation=context.violation,
    )
    if error is not None:
        return error
    lead_id = text_of(entry["lead_id"])
    if context.is_busy(lead_id):
        return Problem.BUSY
    how = Circumstances(now=context.now, reactivates=context.scenario.reactivates)
    outcome = operation.carry_out(leads.leads.get(lead_id), entry, how)
    if isinstance(outcome, Problem):
        return outcome
    leads.put(outcome)
    context.request_log.applied_operation(context.seq, context.target, operation.name, lead_id)
    return None
