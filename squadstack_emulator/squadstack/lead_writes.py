"""Writes of v4 and v1, `/api/{v4|v1}/leads/{operation}/{campaign_id}/` (pages "Leads" of squadstack-v4, squadvoice-v1).

Create and disable take a list, or one lead alone as the pages' shell examples send it; the list is answered as a whole.
Update, convert and delete take one lead. Documented: 201 for create and disable, 202 for delete, 200 for update and
convert, 400 with the specific error, 404 for a lead_id that "doesn't exist on our platform" (update, convert, delete).

Undocumented, decided here:

* The words of a refusal are those of the bulk page, in the framework's spelling: a field's under its name, in a list at
  its lead's place; anything else as `detail`. The first lead that is refused is the one that is named.
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

from squadstack_emulator.json_body import Unreadable
from squadstack_emulator.messages import Response, json_response
from squadstack_emulator.request_context import RequestContext
from squadstack_emulator.squadstack import operations
from squadstack_emulator.squadstack.crm_v2 import MAX_LEADS, leads_in
from squadstack_emulator.squadstack.error_texts import bulk_refusal
from squadstack_emulator.squadstack.field_rules import FieldError, Wrong, first_error, text_of
from squadstack_emulator.squadstack.lead_store import CampaignLeads
from squadstack_emulator.squadstack.operations import Circumstances, Problem

MAX_DETAIL = 32
_STATE_CODE_LETTERS = 2
_NOT_WITH_US = '"lead_id" provided does not exist with us.'
_ABSENT = frozenset({Problem.UNKNOWN, Problem.DELETED})


@dataclass(frozen=True)
class LeadWrite:
    """One operation of v4 or v1.

    Attributes:
        crm: The CRM v2 operation that does the same to a lead.
        method: Its HTTP method.
        status: The documented status of a good answer.
        takes_list: Whether it takes a list.
        extra: Mandatory fields besides those of CRM v2.
    """

    crm: str
    method: str
    status: HTTPStatus
    takes_list: bool = False
    extra: tuple[str, ...] = ()


WRITES: Mapping[str, LeadWrite] = {
    "v4/leads/create": LeadWrite("lead-created", "POST", HTTPStatus.CREATED, takes_list=True),
    "v4/leads/update": LeadWrite("lead-updated", "PATCH", HTTPStatus.OK),
    "v4/leads/convert": LeadWrite("lead-converted", "POST", HTTPStatus.OK),
    "v4/leads/disable": LeadWrite("lead-disabled", "POST", HTTPStatus.CREATED, takes_list=True),
    "v4/leads/delete": LeadWrite("lead-deleted", "POST", HTTPStatus.ACCEPTED),
    "v1/leads/create": LeadWrite("lead-created", "POST", HTTPStatus.CREATED, takes_list=True, extra=("state_code",)),
    "v1/leads/disable": LeadWrite("lead-disabled", "POST", HTTPStatus.CREATED, takes_list=True),
}


def write_leads(context: RequestContext) -> Response:
    """Carry out a call."""
    if context.request.query_string:
        context.violation("there are no query parameters")
    if context.leads is None:
        return json_response(HTTPStatus.NOT_FOUND, {"detail": "Not found."})
    write = WRITES[context.endpoint]
    if refusal := _wrong_body(context, write):
        context.violation(refusal)
        return json_response(HTTPStatus.BAD_REQUEST, {"detail": refusal})
    entries = [entry for entry in leads_in(context.body) if isinstance(entry, dict)]
    if context.only_first is not None or context.scenario.refused_list_applies != "nothing":
        return _one_by_one(context, context.leads, write, entries)
    return _all_or_nothing(context, context.leads, write, entries)


def _wrong_body(context: RequestContext, write: LeadWrite) -> str | None:
    if isinstance(context.body, Unreadable):
        return context.body.text
    entries = leads_in(context.body)
    if not write.takes_list and not isinstance(context.body, dict):
        return "Invalid data. Expected a lead."
    if not entries or not all(isinstance(entry, dict) for entry in entries):
        return "Invalid data. Expected a list of leads."
    if len(entries) > MAX_LEADS:
        return f"A maximum of {MAX_LEADS} leads per API call"
    return None


def _one_by_one(
    context: RequestContext, leads: CampaignLeads, write: LeadWrite, entries: list[dict[str, object]]
) -> Response:
    """Do what can be done; with "before" up to the first lead that is refused."""
    first: tuple[int, Problem | FieldError] | None = None
    for place, entry in enumerate(entries[: context.only_first]):
        why = _carry_out(context, leads, write, entry)
        if why is not None and first is None:
            first = place, why
            if context.scenario.refused_list_applies == "before":
                break
    return _good(write, entries) if first is None else _refusal(context, write, entries, *first)


def _all_or_nothing(
    context: RequestContext, leads: CampaignLeads, write: LeadWrite, entries: list[dict[str, object]]
) -> Response:
    before = dict(leads.leads)
    done: list[str] = []
    for place, entry in enumerate(entries):
        why = _carry_out(context, leads, write, entry, done)
        if why is not None:
            leads.leads.clear()
            leads.leads.update(before)
            leads.changed()
            return _refusal(context, write, entries, place, why)
    for lead_id in done:
        _enter(context, lead_id)
    return _good(write, entries)


def _good(write: LeadWrite, entries: list[dict[str, object]]) -> Response:
    return json_response(write.status, {"detail": "Success."}, leads=len(entries))


def _refusal(
    context: RequestContext, write: LeadWrite, entries: list[dict[str, object]], place: int, why: Problem | FieldError
) -> Response:
    if isinstance(why, FieldError):
        errors: list[dict[str, object]] = [{} for _ in entries]
        errors[place] = {why.field: [why.wrong.value]}
        content: object = errors if isinstance(context.body, list) else errors[0]
        return json_response(HTTPStatus.BAD_REQUEST, content, leads=len(entries))
    if why in _ABSENT and not write.takes_list:
        return json_response(HTTPStatus.NOT_FOUND, {"detail": _NOT_WITH_US}, leads=1)
    operation = operations.OPERATIONS[write.crm]
    text = bulk_refusal(operation, why, text_of(entries[place].get("lead_id")), context.target).content["error_msg"]
    if why is Problem.BUSY:
        return json_response(HTTPStatus.CONFLICT, {"detail": text}, leads=len(entries))
    return json_response(HTTPStatus.BAD_REQUEST, {"detail": text}, leads=len(entries))


def _carry_out(
    context: RequestContext,
    leads: CampaignLeads,
    write: LeadWrite,
    entry: Mapping[str, object],
    later: list[str] | None = None,
) -> Problem | FieldError | None:
    """Do it, and enter it in the request log or in `later`; gives why not, if not."""
    operation = operations.OPERATIONS[write.crm]
    if operation.takes is not None and not entry.keys() <= operation.takes:
        context.violation(f"{context.endpoint} takes {' and '.join(sorted(operation.takes))} only")
    read = _read_lead(context, write, entry)
    if isinstance(read, FieldError):
        return read
    lead_id = text_of(read["lead_id"])
    if context.is_busy(lead_id):
        return Problem.BUSY
    how = Circumstances(now=context.now, reactivates=context.scenario.reactivates)
    outcome = operation.carry_out(leads.leads.get(lead_id), read, how)
    if isinstance(outcome, Problem):
        return outcome
    leads.put(outcome)
    if later is None:
        _enter(context, lead_id)
    else:
        later.append(lead_id)
    return None


def _enter(context: RequestContext, lead_id: str) -> None:
    context.request_log.applied_operation(context.seq, context.target, context.endpoint.rpartition("/")[2], lead_id)


def _read_lead(
    context: RequestContext, write: LeadWrite, entry: Mapping[str, object]
) -> Mapping[str, object] | FieldError:
    """The lead with its id as text, or what is wrong with it."""
    operation = operations.OPERATIONS[write.crm]
    if context.endpoint.startswith("v1/") and "lead_id" in entry:
        number = entry["lead_id"]
        if not isinstance(number, int) or isinstance(number, bool):
            if number not in ("", None):
                context.violation("a lead_id of v1 is no integer")
            return FieldError("lead_id", Wrong.INVALID)
        entry = {**entry, "lead_id": str(number)}
    error = first_error(
        entry,
        (*operation.required, *write.extra),
        custom_values=operation.takes is None,
        empty_is=Wrong.BLANK,
        violation=context.violation,
    )
    return error or _wrong_code(entry, write) or entry


def _wrong_code(entry: Mapping[str, object], write: LeadWrite) -> FieldError | None:
    state_code, detail = entry.get("state_code"), entry.get("detail")
    if "state_code" in write.extra and not (
        isinstance(state_code, str) and len(state_code) == _STATE_CODE_LETTERS and state_code.isalpha()
    ):
        return FieldError("state_code", Wrong.INVALID)
    if write.crm == "lead-converted" and not (isinstance(detail, str) and len(detail) <= MAX_DETAIL):
        return FieldError("detail", Wrong.INVALID)
    return None
