"""What the six CRM v2 operations do to a lead: one row each in `OPERATIONS`.

The bulk page, "Squadstack API reference" (one lead) and "Squadstack Bulk API Reference" (a list of leads). Adding an
operation is adding a row.

Undocumented or contradictory, decided here:

* A bulk upsert needs `phone_number` and `contact_name` always, as its table of parameters says and its examples show;
  a single one needs them "for the first request" only.
* An upsert of a processed lead updates it ("we will merely update the metadata") without calling it again; an update of
  one is refused, as its table of errors says; both are refused on a converted lead.
* With `Scenario.reactivates`, create, update and upsert put a processed lead back into calling and answer "Unjudged
  leads cannot be re-activated" on an active one; without it, nothing re-activates a lead.
* A deleted lead is gone for create and upsert, which make a new one, and "has been deleted" for everything else.
* Disabling a disabled lead succeeds (a recorded answer shows it), as does disabling a processed one; a converted lead
  stays converted.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto

from squadstack_emulator.squadstack.field_rules import Wrong, e164, text_of
from squadstack_emulator.squadstack.lead import Lead

Entry = Mapping[str, object]
_KNOWN = frozenset({"lead_id", "phone_number", "contact_name"})


class Problem(Enum):
    """Why an operation cannot be carried out on a lead whose fields are fine."""

    DUPLICATE = auto()
    BUSY = auto()
    UNKNOWN = auto()
    DELETED = auto()
    PROCESSED = auto()
    CONVERTED = auto()
    ALREADY_CONVERTED = auto()
    UNJUDGED = auto()


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What else decides about an operation."""

    now: datetime
    reactivates: bool


CarryOut = Callable[[Lead | None, Entry, Circumstances], Lead | Problem]


@dataclass(frozen=True)
class Operation:
    """One endpoint.

    Attributes:
        name: What the request log calls it.
        endpoint: Last part of its path.
        carry_out: Gives the lead as it is afterwards, or why not.
        required: Mandatory fields, in the order they are looked at.
        first_time_only: Those of them that a single call may leave out for a lead that exists.
        takes: The only keys a body may have; None is any, as custom values.
        empty_is: What an empty mandatory field is called.
    """

    name: str
    endpoint: str
    carry_out: CarryOut
    required: tuple[str, ...]
    first_time_only: frozenset[str] = frozenset()
    takes: frozenset[str] | None = None
    empty_is: Wrong = Wrong.BLANK


def _create(lead: Lead | None, entry: Entry, how: Circumstances) -> Lead | Problem:
    if lead is None or lead.state == "deleted":
        return _arrived(entry, how)
    if not how.reactivates:
        return Problem.DUPLICATE
    return _reactivated(lead, entry)


def _update(lead: Lead | None, entry: Entry, how: Circumstances) -> Lead | Problem:
    found = _living(lead)
    if isinstance(found, Problem):
        return found
    if how.reactivates:
        return _reactivated(found, entry)
    if found.state == "processed":
        return Problem.PROCESSED
    return _merged(found, entry)


def _upsert(lead: Lead | None, entry: Entry, how: Circumstances) -> Lead | Problem:
    if lead is None or lead.state == "deleted":
        return _arrived(entry, how)
    if how.reactivates:
        return _reactivated(lead, entry)
    return _merged(lead, entry)


def _convert(lead: Lead | None, entry: Entry, _how: Circumstances) -> Lead | Problem:
    found = _living(lead)
    if isinstance(found, Problem):
        return found
    if found.state == "converted":
        return Problem.ALREADY_CONVERTED
    return replace(found, state="converted", detail=entry["detail"])


def _disable(lead: Lead | None, _entry: Entry, _how: Circumstances) -> Lead | Problem:
    found = _living(lead)
    if isinstance(found, Problem) or found.state == "converted":
        return found
    return replace(found, state="disabled")


def _delete(lead: Lead | None, _entry: Entry, _how: Circumstances) -> Lead | Problem:
    found = _living(lead)
    if isinstance(found, Problem):
        return found
    return Lead(
        found.lead_id, phone_number="", contact_name="", custom={}, state="deleted", created_at=found.created_at
    )


def _living(lead: Lead | None) -> Lead | Problem:
    if lead is None:
        return Problem.UNKNOWN
    return Problem.DELETED if lead.state == "deleted" else lead


def _arrived(entry: Entry, how: Circumstances) -> Lead:
    return Lead(
        lead_id=text_of(entry["lead_id"]),
        phone_number=e164(entry["phone_number"]),
        contact_name=text_of(entry["contact_name"]),
        custom={key: value for key, value in entry.items() if key not in _KNOWN},
        state="active",
        created_at=how.now,
    )


def _merged(lead: Lead, entry: Entry) -> Lead | Problem:
    if lead.state == "converted":
        return Problem.CONVERTED
    custom = {key: value for key, value in entry.items() if key not in _KNOWN}
    return replace(
        lead,
        phone_number=e164(entry["phone_number"]) if "phone_number" in entry else lead.phone_number,
        contact_name=text_of(entry["contact_name"]) if "contact_name" in entry else lead.contact_name,
        custom={**lead.custom, **custom},
    )


def _reactivated(lead: Lead, entry: Entry) -> Lead | Problem:
    merged = _merged(lead, entry)
    if isinstance(merged, Problem):
        return merged
    if merged.state == "active":
        return Problem.UNJUDGED
    return replace(
        merged,
        state="active",
        earlier=merged.earlier if merged.processed_at is None else (*merged.earlier, merged.processed_at),
        processed_at=None,
        lead_outcome=None,
        latest_called_at=None,
        latest_recording_url=None,
        lead_responses={},
    )


_PERSON = ("lead_id", "phone_number", "contact_name")
_ID_ONLY = frozenset({"lead_id"})
_ID_AND_DETAIL = frozenset({"lead_id", "detail"})

OPERATIONS: Mapping[str, Operation] = {
    operation.endpoint: operation
    for operation in (
        Operation("create", "lead-created", _create, required=_PERSON),
        Operation(
            "upsert",
            "lead-upserted",
            _upsert,
            required=_PERSON,
            first_time_only=frozenset({"phone_number", "contact_name"}),
        ),
        Operation("update", "lead-updated", _update, required=("lead_id",)),
        Operation(
            "convert",
            "lead-converted",
            _convert,
            required=("lead_id", "detail"),
            takes=_ID_AND_DETAIL,
            empty_is=Wrong.REQUIRED,
        ),
        Operation("disable", "lead-disabled", _disable, required=("lead_id",), takes=_ID_ONLY, empty_is=Wrong.REQUIRED),
        Operation("delete", "lead-deleted", _delete, required=("lead_id",), takes=_ID_ONLY, empty_is=Wrong.REQUIRED),
    )
}
