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

from squadstack_emulator import crm_operations
from squadstack_emulator.crm_fields import FieldError, Wrong, first_error, text_of
from squadstack_emulator.crm_operations import Circumstances, Problem
from squadstack_emulator.crm_texts import bulk_refusal
from squadstack_emulator.crm_v2 import MAX_LEADS, leads_in
from squadstack_emulator.json_body import Unreadable
from squadstack_emulator.messages import Reply, json_reply
from squadstack_emulator.store import CampaignLeads
from squadstack_emulator.visit import Visit

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


def write_leads(visit: Visit) -> Reply:
    """Carry out a call."""
    if visit.request.query_string:
        visit.violation("there are no query parameters")
    if visit.leads is None:
        return json_reply(HTTPStatus.NOT_FOUND, {"detail": "Not found."})
    write = WRITES[visit.endpoint]
    if refusal := _wrong_body(visit, write):
        visit.violation(refusal)
        return json_reply(HTTPStatus.BAD_REQUEST, {"detail": refusal})
    entries = [entry for entry in leads_in(visit.body) if isinstance(entry, dict)]
    if visit.only_first is not None or visit.scenario.refused_list_applies != "nothing":
        return _one_by_one(visit, visit.leads, write, entries)
    return _all_or_nothing(visit, visit.leads, write, entries)


def _wrong_body(visit: Visit, write: LeadWrite) -> str | None:
    if isinstance(visit.body, Unreadable):
        return visit.body.text
    entries = leads_in(visit.body)
    if not write.takes_list and not isinstance(visit.body, dict):
        return "Invalid data. Expected a lead."
    if not entries or not all(isinstance(entry, dict) for entry in entries):
        return "Invalid data. Expected a list of leads."
    if len(entries) > MAX_LEADS:
        return f"A maximum of {MAX_LEADS} leads per API call"
    return None


def _one_by_one(visit: Visit, leads: CampaignLeads, write: LeadWrite, entries: list[dict[str, object]]) -> Reply:
    """Do what can be done; with "before" up to the first lead that is refused."""
    first: tuple[int, Problem | FieldError] | None = None
    for place, entry in enumerate(entries[: visit.only_first]):
        why = _carry_out(visit, leads, write, entry)
        if why is not None and first is None:
            first = place, why
            if visit.scenario.refused_list_applies == "before":
                break
    return _good(write, entries) if first is None else _refusal(visit, write, entries, *first)


def _all_or_nothing(visit: Visit, leads: CampaignLeads, write: LeadWrite, entries: list[dict[str, object]]) -> Reply:
    before = dict(leads.leads)
    done: list[str] = []
    for place, entry in enumerate(entries):
        why = _carry_out(visit, leads, write, entry, done)
        if why is not None:
            leads.leads.clear()
            leads.leads.update(before)
            leads.changed()
            return _refusal(visit, write, entries, place, why)
    for lead_id in done:
        _enter(visit, lead_id)
    return _good(write, entries)


def _good(write: LeadWrite, entries: list[dict[str, object]]) -> Reply:
    return json_reply(write.status, {"detail": "Success."}, leads=len(entries))


def _refusal(
    visit: Visit, write: LeadWrite, entries: list[dict[str, object]], place: int, why: Problem | FieldError
) -> Reply:
    if isinstance(why, FieldError):
        errors: list[dict[str, object]] = [{} for _ in entries]
        errors[place] = {why.field: [why.wrong.value]}
        content: object = errors if isinstance(visit.body, list) else errors[0]
        return json_reply(HTTPStatus.BAD_REQUEST, content, leads=len(entries))
    if why in _ABSENT and not write.takes_list:
        return json_reply(HTTPStatus.NOT_FOUND, {"detail": _NOT_WITH_US}, leads=1)
    operation = crm_operations.OPERATIONS[write.crm]
    text = bulk_refusal(operation, why, text_of(entries[place].get("lead_id")), visit.target).content["error_msg"]
    if why is Problem.BUSY:
        return json_reply(HTTPStatus.CONFLICT, {"detail": text}, leads=len(entries))
    return json_reply(HTTPStatus.BAD_REQUEST, {"detail": text}, leads=len(entries))


def _carry_out(
    visit: Visit,
    leads: CampaignLeads,
    write: LeadWrite,
    entry: Mapping[str, object],
    later: list[str] | None = None,
) -> Problem | FieldError | None:
    """Do it, and enter it in the books or in `later`; gives why not, if not."""
    operation = crm_operations.OPERATIONS[write.crm]
    if operation.takes is not None and not entry.keys() <= operation.takes:
        visit.violation(f"{visit.endpoint} takes {' and '.join(sorted(operation.takes))} only")
    read = _read_lead(visit, write, entry)
    if isinstance(read, FieldError):
        return read
    lead_id = text_of(read["lead_id"])
    if visit.is_busy(lead_id):
        return Problem.BUSY
    how = Circumstances(now=visit.now, reactivates=visit.scenario.reactivates)
    outcome = operation.carry_out(leads.leads.get(lead_id), read, how)
    if isinstance(outcome, Problem):
        return outcome
    leads.put(outcome)
    if later is None:
        _enter(visit, lead_id)
    else:
        later.append(lead_id)
    return None


def _enter(visit: Visit, lead_id: str) -> None:
    visit.books.applied_operation(visit.seq, visit.target, visit.endpoint.rpartition("/")[2], lead_id)


def _read_lead(visit: Visit, write: LeadWrite, entry: Mapping[str, object]) -> Mapping[str, object] | FieldError:
    """The lead with its id as text, or what is wrong with it."""
    operation = crm_operations.OPERATIONS[write.crm]
    if visit.endpoint.startswith("v1/") and "lead_id" in entry:
        number = entry["lead_id"]
        if not isinstance(number, int) or isinstance(number, bool):
            if number not in ("", None):
                visit.violation("a lead_id of v1 is no integer")
            return FieldError("lead_id", Wrong.INVALID)
        entry = {**entry, "lead_id": str(number)}
    error = first_error(
        entry,
        (*operation.required, *write.extra),
        custom_values=operation.takes is None,
        empty_is=Wrong.BLANK,
        violation=visit.violation,
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
