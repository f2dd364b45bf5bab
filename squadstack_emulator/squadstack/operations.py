"""What the six operations do to a lead: one row each in `OPERATIONS` (the bulk page; v4 and v1 do the same).

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

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto

from squadstack_emulator.request_context import RequestContext
from squadstack_emulator.squadstack.entries import KNOWN_FIELDS, Entry, FieldError, Wrong, e164, first_error, text_of
from squadstack_emulator.squadstack.lead import Lead
from squadstack_emulator.squadstack.lead_store import CampaignLeads


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


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes:
        name: What the request log calls it.
        required: Mandatory fields, in the order they are looked at.
        first_time_only: Those of them that a single call may leave out for a lead that exists.
        takes: The only keys a body may have; None is any, as custom values.
        empty_is: What an empty mandatory field of CRM v2 is called.
    """

    name: str
    required: tuple[str, ...] = ("lead_id",)
    first_time_only: frozenset[str] = frozenset()
    takes: frozenset[str] | None = None
    empty_is: Wrong = Wrong.BLANK

    def error_of(
        self, context: RequestContext, entry: Entry, called: str, required: tuple[str, ...], empty_is: Wrong
    ) -> FieldError | None:
        """Return the first field of a lead that is wrong; a key that the operation does not take is a violation."""
        if self.takes is not None and not entry.keys() <= self.takes:
            context.violation(f"{called} takes {' and '.join(sorted(self.takes))} only")
        custom_values = self.takes is None
        violation = context.violation
        return first_error(entry, required, custom_values=custom_values, empty_is=empty_is, violation=violation)

    def carry_out(self, context: RequestContext, leads: CampaignLeads, entry: Entry) -> Problem | None:
        """Change the lead of an entry without errors, or return why not."""
        lead_id = text_of(entry["lead_id"])
        if context.is_busy(lead_id):
            return Problem.BUSY
        reactivates = context.scenario.reactivates
        outcome = self._changed(leads.leads.get(lead_id), entry, now=context.now, reactivates=reactivates)
        if isinstance(outcome, Problem):
            return outcome
        leads.put(outcome)
        return None

    def _changed(self, lead: Lead | None, entry: Entry, *, now: datetime, reactivates: bool) -> Lead | Problem:
        if lead is None or lead.state == "deleted":
            if self.name in {"create", "upsert"}:
                return _arrived(entry, now)
            return Problem.UNKNOWN if lead is None else Problem.DELETED
        if self.takes is not None:
            return self._ended(lead, entry)
        if reactivates:
            return _reactivated(lead, entry)
        if self.name == "create":
            return Problem.DUPLICATE
        return Problem.PROCESSED if self.name == "update" and lead.state == "processed" else _merged(lead, entry)

    def _ended(self, lead: Lead, entry: Entry) -> Lead | Problem:
        if self.name == "delete":
            return Lead(lead.lead_id, "", "", {}, "deleted", lead.created_at)
        if lead.state == "converted":
            return Problem.ALREADY_CONVERTED if self.name == "convert" else lead
        if self.name == "convert":
            return replace(lead, state="converted", detail=entry["detail"])
        return replace(lead, state="disabled")


def _arrived(entry: Entry, now: datetime) -> Lead:
    return Lead(
        lead_id=text_of(entry["lead_id"]),
        phone_number=e164(entry["phone_number"]),
        contact_name=text_of(entry["contact_name"]),
        custom={key: value for key, value in entry.items() if key not in KNOWN_FIELDS},
        state="active",
        created_at=now,
    )


def _merged(lead: Lead, entry: Entry) -> Lead | Problem:
    if lead.state == "converted":
        return Problem.CONVERTED
    return replace(
        lead,
        phone_number=e164(entry["phone_number"]) if "phone_number" in entry else lead.phone_number,
        contact_name=text_of(entry.get("contact_name", lead.contact_name)),
        custom={**lead.custom, **{key: value for key, value in entry.items() if key not in KNOWN_FIELDS}},
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

OPERATIONS: Mapping[str, Operation] = {
    operation.name: operation
    for operation in (
        Operation("create", _PERSON),
        Operation("upsert", _PERSON, first_time_only=frozenset({"phone_number", "contact_name"})),
        Operation("update"),
        Operation("convert", ("lead_id", "detail"), takes=frozenset({"lead_id", "detail"}), empty_is=Wrong.REQUIRED),
        Operation("disable", takes=_ID_ONLY, empty_is=Wrong.REQUIRED),
        Operation("delete", takes=_ID_ONLY, empty_is=Wrong.REQUIRED),
    )
}
