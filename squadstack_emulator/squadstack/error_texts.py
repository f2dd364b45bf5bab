"""The refusals of the CRM v2 endpoints, to the letter of the bulk page: an entry of a bulk answer, or a single call's.

Undocumented, decided here: a convert of an unknown or deleted lead in a single call uses the bulk text inside the
`{"detail": …}` its page shows for a converted one; the bulk text of a converted lead is the same without it.
"""

from http import HTTPStatus
from typing import NamedTuple

from squadstack_emulator.json_text import dumps
from squadstack_emulator.squadstack.field_rules import FieldError, Wrong
from squadstack_emulator.squadstack.operations import Operation, Problem


class Refusal(NamedTuple):
    """A status and the body, or the `data`, that goes with it."""

    status: int
    content: dict[str, str]


_BUSY = "Another request for the same lead is getting processed already"
_NOT_WITH_US = '"lead_id" provided does not exist with us.'
_ID_REQUIRED = '"lead_id" is a required field!'
_DUPLICATE = (
    "Duplicate Lead ID shared: A lead with the given Lead ID: '{lead_id}' is already present in this campaign, "
    "please use a different Lead ID, or reach out to us at support@squadstack.com."
)
_PROCESSED = (
    "Either lead with given lead_id does not exist in SquadIQ system or lead has already been processed by SquadIQ!"
)
_CONVERTED = "We cannot accept this request as the lead_id: {lead_id} has already been marked as converted."
_BULK: dict[Problem, tuple[HTTPStatus, str]] = {
    Problem.DUPLICATE: (HTTPStatus.CONFLICT, _DUPLICATE),
    Problem.UNKNOWN: (HTTPStatus.BAD_REQUEST, "lead_id:{lead_id} doesn't exist on our platform."),
    Problem.DELETED: (HTTPStatus.NOT_FOUND, "lead_id:{lead_id} has been deleted from our platform."),
    Problem.PROCESSED: (HTTPStatus.BAD_REQUEST, _PROCESSED),
    Problem.CONVERTED: (HTTPStatus.BAD_REQUEST, _CONVERTED),
    Problem.ALREADY_CONVERTED: (
        HTTPStatus.BAD_REQUEST,
        "lead_id:{lead_id} has been marked as converted from our platform.",
    ),
    Problem.UNJUDGED: (HTTPStatus.BAD_REQUEST, "Unjudged leads cannot be re-activated"),
}


def bulk_refusal(operation: Operation, why: Problem | FieldError, lead_id: str, campaign_id: str) -> Refusal:
    """The status_code and data of one entry of a bulk response."""
    if isinstance(why, FieldError):
        # The recorded answers show a Python dict's text here, single quotes and all.
        return _error_msg(HTTPStatus.BAD_REQUEST, str({why.field: why.wrong.value}))
    if why is Problem.BUSY:
        return _busy(operation, campaign_id)
    status, text = _BULK[why]
    return _error_msg(status, text.replace("{lead_id}", lead_id))


def single_refusal(operation: Operation, why: Problem | FieldError, lead_id: str, campaign_id: str) -> Refusal:
    """The status and body of a single-lead call."""
    if isinstance(why, FieldError):
        return _single_field(operation, why)
    if why is Problem.DUPLICATE:
        return _error_msg(HTTPStatus.CONFLICT, _json({"error_type": 1, "detail": "Internal ID already exists"}))
    if why in {Problem.UNKNOWN, Problem.DELETED}:
        if operation.name in {"disable", "delete"}:
            return Refusal(HTTPStatus.NOT_FOUND, {"detail": _NOT_WITH_US})
        if operation.name == "update":
            return bulk_refusal(operation, Problem.PROCESSED, lead_id, campaign_id)
    refusal = bulk_refusal(operation, why, lead_id, campaign_id)
    if operation.name == "convert" and why is not Problem.BUSY:
        return _error_msg(refusal.status, _json({"detail": refusal.content["error_msg"]}))
    return refusal


def _single_field(operation: Operation, why: FieldError) -> Refusal:
    if operation.name in {"disable", "delete"} and why.wrong is Wrong.REQUIRED:
        return Refusal(HTTPStatus.BAD_REQUEST, {"detail": _ID_REQUIRED})
    if operation.name == "convert" and why == FieldError("lead_id", Wrong.REQUIRED):
        return _error_msg(HTTPStatus.BAD_REQUEST, _json({"detail": _ID_REQUIRED}))
    return _error_msg(HTTPStatus.BAD_REQUEST, _json({why.field: [why.wrong.value]}))


def _busy(operation: Operation, campaign_id: str) -> Refusal:
    if operation.name == "update":
        return _error_msg(HTTPStatus.CONFLICT, _json({"detail": f"campaign:{campaign_id}. {_BUSY}", "error_type": 1}))
    return _error_msg(HTTPStatus.CONFLICT, _json({"error_type": 1, "detail": _BUSY}))


def _error_msg(status: HTTPStatus | int, text: str) -> Refusal:
    return Refusal(int(status), {"error_msg": text})


def _json(value: object) -> str:
    return dumps(value).decode()
