"""Writes of v4 and v1, `/api/{v4|v1}/leads/{operation}/{campaign_id}/` (pages "Leads" of squadstack-v4, squadvoice-v1).

Create and disable take a list, or one lead alone as the pages' shell examples send it; the list is answered as a whole.
Update, convert and delete take one lead. Documented: 201 for create and disable, 202 for delete, 200 for update and
convert, 400 with the specific error, 404 for a lead_id that "doesn't exist on our platform" (update, convert, delete).

Undocumented, decided here:

* The words of a refusal are those of the bulk page, in the framework's spelling: a field's under its name, in a list at
  its lead's position; anything else as `detail`. The first lead that is refused is the one that is named.
* What else is done of a list that is refused is `Scenario.refused_list_applies`.
* A lead that "another request" works on is a 409, as in CRM v2; a campaign that does not exist a 404 "Not found.", as
  in Get Leads; a lead that cannot be created, changed or disabled a 400.
* A good answer is `{"detail": "Success."}`: the pages read JSON and do not show any.
* A lead_id of v1 is an integer; text is a 400. `state_code` is two letters.
* More than 100 leads, an empty list and a body that is no list of leads are a 400 for the whole call and a violation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from squadstack_emulator.json_text import InvalidJson
from squadstack_emulator.request_context import RequestContext
from squadstack_emulator.responses import ApiResponse
from squadstack_emulator.squadstack.entries import MAX_LEADS, Entry, FieldError, Wrong, leads_in, text_of
from squadstack_emulator.squadstack.error_texts import NOT_WITH_US, bulk_error
from squadstack_emulator.squadstack.lead_store import CampaignLeads
from squadstack_emulator.squadstack.operations import OPERATIONS, Problem

MAX_DETAIL = 32
_STATE_CODE_LETTERS = 2


@dataclass(frozen=True)
class LeadWrite:
    """One operation of v4 or v1.

    Attributes:
        method: Its HTTP method.
        status: The documented status of a good answer.
        takes_list: Whether it takes a list.
        extra: Mandatory fields besides those of CRM v2.
    """

    method: str
    status: HTTPStatus
    takes_list: bool = False
    extra: tuple[str, ...] = ()


WRITES: Mapping[str, LeadWrite] = {
    "v4/leads/create": LeadWrite("POST", HTTPStatus.CREATED, takes_list=True),
    "v4/leads/update": LeadWrite("PATCH", HTTPStatus.OK),
    "v4/leads/convert": LeadWrite("POST", HTTPStatus.OK),
    "v4/leads/disable": LeadWrite("POST", HTTPStatus.CREATED, takes_list=True),
    "v4/leads/delete": LeadWrite("POST", HTTPStatus.ACCEPTED),
    "v1/leads/create": LeadWrite("POST", HTTPStatus.CREATED, takes_list=True, extra=("state_code",)),
    "v1/leads/disable": LeadWrite("POST", HTTPStatus.CREATED, takes_list=True),
}


def write_leads(context: RequestContext) -> ApiResponse:
    """Carry out a call."""
    if context.query:
        context.violation("there are no query parameters")
    if context.leads is None:
        return ApiResponse(HTTPStatus.NOT_FOUND, {"detail": "Not found."})
    write, name = WRITES[context.operation], context.operation.rpartition("/")[2]
    if refusal := _wrong_body(context.body, write):
        context.violation(refusal)
        return ApiResponse(HTTPStatus.BAD_REQUEST, {"detail": refusal})
    entries = [entry for entry in leads_in(context.body) if isinstance(entry, dict)]
    refused = _carry_out_list(context, context.leads, write, name, entries[: context.only_first])
    if refused is None:
        return ApiResponse(write.status, {"detail": "Success."})
    return _refusal(context, write, name, entries, *refused)


def _carry_out_list(
    context: RequestContext, leads: CampaignLeads, write: LeadWrite, name: str, entries: list[dict[str, object]]
) -> tuple[int, Problem | FieldError] | None:
    """Carry out what the scenario says of a list; return the position of the first lead that is refused, and why."""
    applies = context.scenario.refused_list_applies
    if context.only_first is not None and applies == "nothing":
        applies = "others"
    before, done = dict(leads.leads), list[str]()
    refused: tuple[int, Problem | FieldError] | None = None
    for position, entry in enumerate(entries):
        why = _carry_out(context, leads, write, name, entry)
        if why is None:
            done.append(text_of(entry["lead_id"]))
            continue
        refused = refused or (position, why)
        if applies != "others":
            break
    if refused is not None and applies == "nothing":
        leads.restore(before)
        done.clear()
    for lead_id in done:
        context.applied(name, lead_id)
    return refused


def _wrong_body(body: object, write: LeadWrite) -> str | None:
    if isinstance(body, InvalidJson):
        return body.text
    entries = leads_in(body)
    if not write.takes_list and not isinstance(body, dict):
        return "Invalid data. Expected a lead."
    if not entries or not all(isinstance(entry, dict) for entry in entries):
        return "Invalid data. Expected a list of leads."
    return f"A maximum of {MAX_LEADS} leads per API call" if len(entries) > MAX_LEADS else None


def _refusal(
    context: RequestContext,
    write: LeadWrite,
    name: str,
    entries: list[dict[str, object]],
    position: int,
    why: Problem | FieldError,
) -> ApiResponse:
    if isinstance(why, FieldError):
        errors: list[dict[str, object]] = [{} for _ in entries]
        errors[position] = {why.field: [why.wrong.value]}
        return ApiResponse(HTTPStatus.BAD_REQUEST, errors if isinstance(context.body, list) else errors[0])
    if why in {Problem.UNKNOWN, Problem.DELETED} and not write.takes_list:
        return ApiResponse(HTTPStatus.NOT_FOUND, NOT_WITH_US)
    error = bulk_error(name, why, text_of(entries[position].get("lead_id")), context.target)
    status = HTTPStatus.CONFLICT if why is Problem.BUSY else HTTPStatus.BAD_REQUEST
    return ApiResponse(status, {"detail": error.content["error_msg"]})


def _carry_out(
    context: RequestContext, leads: CampaignLeads, write: LeadWrite, name: str, entry: Entry
) -> Problem | FieldError | None:
    """Carry out the operation on one lead, or return why not."""
    operation = OPERATIONS[name]
    if context.operation.startswith("v1/") and "lead_id" in entry:
        number = entry["lead_id"]
        if not isinstance(number, int) or isinstance(number, bool):
            if number not in ("", None):
                context.violation("a lead_id of v1 is no integer")
            return FieldError("lead_id", Wrong.INVALID)
        entry = {**entry, "lead_id": str(number)}
    required = (*operation.required, *write.extra)
    return (
        operation.error_of(context, entry, context.operation, required, Wrong.BLANK)
        or _wrong_code(entry, write, name)
        or operation.carry_out(context, leads, entry)
    )


def _wrong_code(entry: Entry, write: LeadWrite, name: str) -> FieldError | None:
    state_code, detail = entry.get("state_code"), entry.get("detail")
    if "state_code" in write.extra and not (
        isinstance(state_code, str) and len(state_code) == _STATE_CODE_LETTERS and state_code.isalpha()
    ):
        return FieldError("state_code", Wrong.INVALID)
    if name == "convert" and not (isinstance(detail, str) and len(detail) <= MAX_DETAIL):
        return FieldError("detail", Wrong.INVALID)
    return None
