"""The errors of leads in CRM v2, to the letter of the bulk page: an entry of a bulk answer, or a single call's.

Undocumented, decided here: a convert of an unknown or deleted lead in a single call uses the bulk text inside the
`{"detail": …}` its page shows for a converted one; the bulk text of a converted lead is the same without it.
"""

from typing import NamedTuple

from squadstack_emulator.json_text import dumps
from squadstack_emulator.squadstack.entries import FieldError, Wrong
from squadstack_emulator.squadstack.operations import Problem

NOT_WITH_US = {"detail": '"lead_id" provided does not exist with us.'}
_BUSY = "Another request for the same lead is getting processed already"
_ID_REQUIRED = {"detail": '"lead_id" is a required field!'}
_DUPLICATE = (
    "Duplicate Lead ID shared: A lead with the given Lead ID: '{lead_id}' is already present in this campaign, "
    "please use a different Lead ID, or reach out to us at support@squadstack.com."
)
_PROCESSED = (
    "Either lead with given lead_id does not exist in SquadIQ system or lead has already been processed by SquadIQ!"
)
_CONVERTED = "We cannot accept this request as the lead_id: {lead_id} has already been marked as converted."
_BULK = {
    Problem.DUPLICATE: (409, _DUPLICATE),
    Problem.UNKNOWN: (400, "lead_id:{lead_id} doesn't exist on our platform."),
    Problem.DELETED: (404, "lead_id:{lead_id} has been deleted from our platform."),
    Problem.PROCESSED: (400, _PROCESSED),
    Problem.CONVERTED: (400, _CONVERTED),
    Problem.ALREADY_CONVERTED: (400, "lead_id:{lead_id} has been marked as converted from our platform."),
    Problem.UNJUDGED: (400, "Unjudged leads cannot be re-activated"),
}


class LeadError(NamedTuple):
    """A status and the body, or the `data`, that goes with it."""

    status: int
    content: dict[str, str]


def bulk_error(operation: str, why: Problem | FieldError, lead_id: str, campaign_id: str) -> LeadError:
    """Return the status_code and data of one entry of a bulk answer."""
    if isinstance(why, FieldError):
        # The recorded answers show a Python dict's text here, single quotes and all.
        return _error_msg(400, str({why.field: why.wrong.value}))
    if why is Problem.BUSY and operation == "update":
        return _error_msg(409, {"detail": f"campaign:{campaign_id}. {_BUSY}", "error_type": 1})
    if why is Problem.BUSY:
        return _error_msg(409, {"error_type": 1, "detail": _BUSY})
    status, text = _BULK[why]
    return _error_msg(status, text.replace("{lead_id}", lead_id))


def single_error(operation: str, why: Problem | FieldError, lead_id: str, campaign_id: str) -> LeadError:
    """Return the status and body of a call with one lead."""
    if isinstance(why, FieldError):
        return _single_field_error(operation, why)
    if why is Problem.DUPLICATE:
        return _error_msg(409, {"error_type": 1, "detail": "Internal ID already exists"})
    if why in {Problem.UNKNOWN, Problem.DELETED}:
        if operation in {"disable", "delete"}:
            return LeadError(404, NOT_WITH_US)
        if operation == "update":
            why = Problem.PROCESSED
    error = bulk_error(operation, why, lead_id, campaign_id)
    if operation == "convert" and why is not Problem.BUSY:
        return _error_msg(error.status, {"detail": error.content["error_msg"]})
    return error


def _single_field_error(operation: str, why: FieldError) -> LeadError:
    if operation in {"disable", "delete"} and why.wrong is Wrong.REQUIRED:
        return LeadError(400, _ID_REQUIRED)
    if operation == "convert" and why == FieldError("lead_id", Wrong.REQUIRED):
        return _error_msg(400, _ID_REQUIRED)
    return _error_msg(400, {why.field: [why.wrong.value]})


def _error_msg(status: int, text: object) -> LeadError:
    return LeadError(status, {"error_msg": text if isinstance(text, str) else dumps(text).decode()})
