"""CRM integration v2, `POST /voice/crm-integration-v2/{ref_id}/lead-*` (the bulk page).

A JSON array is the bulk call: always HTTP 200 with `{status, message, result, metadata}`, one entry of `result` per
lead, by position. A JSON object is the single call. Leads are carried out in the order of the array, so the second of
two that create one id is the duplicate.

Undocumented, decided here: more than 100 leads, an empty array, a body that is no array of objects and no object, and
one that is no JSON are each a 400 for the whole call, of which nothing is carried out, and a violation. So is a
Content-Type that is not JSON ("You may be sending invalid headers"). A lead in the array that is no object is an entry
with 400. A key that convert, disable or delete does not document is ignored, echoed and a violation.
"""

from collections.abc import Mapping
from http import HTTPStatus

from squadstack_emulator.json_text import InvalidJson
from squadstack_emulator.request_context import RequestContext
from squadstack_emulator.responses import ApiResponse
from squadstack_emulator.squadstack.entries import MAX_LEADS, Entry, FieldError, leads_in, text_of
from squadstack_emulator.squadstack.error_texts import bulk_error, single_error
from squadstack_emulator.squadstack.lead_store import CampaignLeads
from squadstack_emulator.squadstack.operations import OPERATIONS, Operation, Problem

_ENDPOINTS: Mapping[str, Operation] = {
    "lead-created": OPERATIONS["create"],
    "lead-upserted": OPERATIONS["upsert"],
    "lead-updated": OPERATIONS["update"],
    "lead-converted": OPERATIONS["convert"],
    "lead-disabled": OPERATIONS["disable"],
    "lead-deleted": OPERATIONS["delete"],
}


def write_leads(context: RequestContext) -> ApiResponse:
    """Carry out a bulk or a single call."""
    if context.query:
        context.violation("there are no query parameters")
    if context.leads is None:
        return ApiResponse(HTTPStatus.NOT_FOUND, {"error_msg": "No active integration found."})
    operation = _ENDPOINTS.get(context.operation)
    if operation is None:
        context.violation("there is no such endpoint")
    if operation is None or context.operation in context.scenario.disabled_endpoints:
        return ApiResponse(HTTPStatus.NOT_FOUND, {"error_msg": "This endpoint is not enabled in your Integration"})
    if refusal := _wrong_body(context.body):
        context.violation(refusal)
        return ApiResponse(HTTPStatus.BAD_REQUEST, {"error_msg": refusal})
    if isinstance(context.body, dict):
        return _single(context, context.leads, operation, context.body)
    return _bulk(context, context.leads, operation)


def _wrong_body(body: object) -> str | None:
    if isinstance(body, InvalidJson):
        return body.text
    if not isinstance(body, dict | list):
        return "Invalid data. Expected a list of leads or a lead."
    if body == []:
        return "This list may not be empty."
    return f"A maximum of {MAX_LEADS} leads per API call" if len(leads_in(body)) > MAX_LEADS else None


def _bulk(context: RequestContext, leads: CampaignLeads, operation: Operation) -> ApiResponse:
    entries = leads_in(context.body)[: context.only_first]
    results = [_bulk_result(context, leads, operation, entry) for entry in entries]
    success = sum(result["status_code"] == HTTPStatus.OK for result in results)
    # "partial_sucess" is spelt like this in the document.
    status = "success" if success == len(results) else "partial_sucess" if success else "failure"
    content = {
        "status": status,
        "message": "Bulk operation completed successfully",
        "result": results,
        "metadata": {"total_leads": len(results), "success": success, "failed": len(results) - success},
    }
    return ApiResponse(HTTPStatus.OK, content)


def _bulk_result(
    context: RequestContext, leads: CampaignLeads, operation: Operation, entry: object
) -> dict[str, object]:
    if not isinstance(entry, dict):
        context.violation("an entry of the array is no object")
        text = f"Invalid data. Expected a dictionary, but got {type(entry).__name__}."
        return {"status_code": 400, "data": {"error_msg": text}}
    why = _carry_out(context, leads, operation, entry, operation.required)
    if why is None:
        return {"status_code": 200, "data": entry}
    error = bulk_error(operation.name, why, text_of(entry.get("lead_id")), leads.campaign.id)
    return {"status_code": error.status, "data": error.content}


def _single(
    context: RequestContext, leads: CampaignLeads, operation: Operation, entry: dict[str, object]
) -> ApiResponse:
    exists = text_of(entry.get("lead_id")) in leads.leads
    required = tuple(name for name in operation.required if not (exists and name in operation.first_time_only))
    why = _carry_out(context, leads, operation, entry, required)
    if why is None:
        return ApiResponse(HTTPStatus.OK, entry)
    error = single_error(operation.name, why, text_of(entry.get("lead_id")), leads.campaign.id)
    return ApiResponse(error.status, error.content)


def _carry_out(
    context: RequestContext, leads: CampaignLeads, operation: Operation, entry: Entry, required: tuple[str, ...]
) -> Problem | FieldError | None:
    """Carry out the operation and record it, or return why not."""
    why = operation.error_of(context, entry, context.operation, required, operation.empty_is) or operation.carry_out(
        context, leads, entry
    )
    if why is None:
        context.applied(operation.name, text_of(entry["lead_id"]))
    return why
