"""What a response means for the records of a call. Pure: it decides, the engine acts.

Start at `classify_response`: a 2xx goes to `_classify_rows` (CRM v2) or `_classify_whole_call`, a 404 to
`_classify_not_found`, any other status to `_classify_status`, the entry of one lead to `_row_error`.

CRM v2 answers a bulk call row by row. Rows are matched to records by position, because a failed row carries no lead id.
An answer that cannot be matched for sure is ambiguous: it may have been applied, in full or in part. The other APIs
answer a call as a whole, and so does CRM v2 where a lead is sent alone, as an object in place of a list.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from destination_squadstack.api.bulk_answer import metadata_agrees
from destination_squadstack.api.error_text import UNREPEATED, Reason, read_reason, seconds_said
from destination_squadstack.operations import CONTACT_CENTER, CRM_V2, OPERATIONS, Body, Cause, Operation
from squadstack_common.api_limits import TOO_MANY_REQUESTS

_OK = 200
_REDIRECTS = 300
_BAD_REQUEST = 400
_UNAUTHORIZED = 401
_FORBIDDEN = 403
_NOT_FOUND = 404
_NOT_ALLOWED = 405
_GONE = 410
_SERVER_ERROR = 500
_REFUSES_THE_LIST = frozenset({400, 409, 413, 422})
_COMES_BACK = frozenset({408, 425})
# The request never came in whole, came too early, was too large, or met maintenance: nobody has acted on it.
_NOT_CARRIED_OUT = frozenset({408, 413, 425, 503})
# How JSON and web pages begin: cut short or from a proxy, they say nothing about a lead. Any other text may be all that
# an API has to say when it is content.
_BROKEN = ("{", "[", '"', "<")
_WRONG_REF = {Cause.NO_INTEGRATION: "unknown_ref", Cause.NOT_ENABLED: "not_enabled"}
_ABOUT_THE_CAMPAIGN = _WRONG_REF | {Cause.UNKNOWN_CAMPAIGN: "unknown_campaign"}
# What a refusal says about a campaign that a record names.
_OF_NAMED_CAMPAIGN = {
    "unknown_ref": (Cause.NO_INTEGRATION, "no active integration"),
    "not_enabled": (Cause.NOT_ENABLED, "its integration does not have {endpoint} enabled"),
    "unknown_campaign": (Cause.UNKNOWN_CAMPAIGN, "no such campaign"),
}


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """A response of the API. `body` is parsed JSON; `unreadable` says why there is none.

    `accepted`: the ids in an answer that accepts every lead of a bulk call; its body is not built then.
    """

    status: int
    body: Any
    unreadable: str | None = None
    retry_after: float | None = None
    accepted: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class NoResponse:
    """No response. `may_be_applied` is false only if the request cannot have reached the API.

    `wait` is what a failed login asks to wait, in seconds: the call was not sent because of it.
    """

    what: str
    may_be_applied: bool
    timed_out: bool = False
    wait: float | None = None


@dataclass(frozen=True, slots=True)
class NotLoggedIn:
    """The call was not sent: the proxy or the contact center requires a login. `problem` is a key in `fix_messages`."""

    problem: str
    detail: str = ""


Response = ApiResponse | NoResponse | NotLoggedIn


class SentRecord(Protocol):
    """The interface of a sent record that the classification needs."""

    @property
    def lead_id(self) -> str:
        """The id it was sent under."""

    @property
    def field_names(self) -> frozenset[str]:
        """The names of its fields."""


@dataclass(frozen=True, slots=True)
class ProbeLead:
    """The lead of a probe: it asks whether the API responds at all."""

    lead_id: str = ""
    field_names: frozenset[str] = frozenset({"lead_id"})


@dataclass(frozen=True, slots=True)
class RowError:
    """The refusal of one record."""

    status: int
    reason: Reason
    retryable: bool
    may_be_applied: bool = False
    wait: float | None = None


@dataclass(frozen=True, slots=True)
class RowResults:
    """The outcome of each record: None means written. None for the list means that all are written.

    `statuses` is what the API said of them: a code for each, or one for all.
    """

    row_errors: Sequence[RowError | None] | None
    statuses: Sequence[int] | int = _OK


@dataclass(frozen=True, slots=True)
class OutcomeUnknown:
    """The call may or may not have been carried out: the same records have to be sent again.

    `wait` is how long the API asks to wait. `problem` is a key of `fix_messages`: what is wrong with the
    config if the API answers no call otherwise.
    """

    what: str
    may_be_applied: bool
    answered: bool
    timed_out: bool = False
    wait: float | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class BatchRejected:
    """The API refused the whole list; one of its records may be the cause."""

    status: int
    reason: Reason
    # Whether some of its records may have been accepted all the same.
    may_be_applied: bool = False


@dataclass(frozen=True, slots=True)
class Throttled:
    """HTTP 429: the business has used up its allowance for now."""

    wait: float | None


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """The config is wrong. `problem` is a key of `fix_messages`."""

    problem: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The API named another lead than the one at this position: nothing of the response can be trusted."""


def config_problem(status: int, cause: Cause) -> str | None:
    """Return the key in `fix_messages` of what the refusal of any lead says of the config; None if nothing."""
    return _ABOUT_THE_CAMPAIGN.get(cause, _PROBLEMS[status] if status in (_UNAUTHORIZED, _FORBIDDEN) else None)


def about_named_campaign(outcome: "Outcome", records: int, operation: Operation) -> "Outcome":
    """Return an outcome as it is where records name their campaigns: what is wrong with one is wrong with its records.

    The config names no campaign there, and others may be right.
    """
    if isinstance(outcome, ConfigProblem) and (error := _of_named_campaign(outcome.problem, operation)) is not None:
        return RowResults([error] * records)
    if isinstance(outcome, RowResults) and outcome.row_errors is not None:
        return replace(outcome, row_errors=[_renamed(error, operation) for error in outcome.row_errors])
    return outcome


def _renamed(error: RowError | None, operation: Operation) -> RowError | None:
    problem = None if error is None else _WRONG_REF.get(error.reason.cause)
    return error if problem is None else _of_named_campaign(problem, operation)


def _of_named_campaign(problem: str, operation: Operation) -> RowError | None:
    if problem == "not_found":
        problem = "unknown_ref" if operation.api == CRM_V2 else "unknown_campaign"
    if problem not in _OF_NAMED_CAMPAIGN:
        return None
    cause, text = _OF_NAMED_CAMPAIGN[problem]
    words = f"{operation.target.value}: {text.format(endpoint=operation.endpoint)}"
    return RowError(_NOT_FOUND, Reason(cause, words), retryable=False)


Outcome = RowResults | OutcomeUnknown | BatchRejected | Throttled | ConfigProblem | Mismatch


def classify_response(
    records: Sequence[SentRecord],
    response: Response,
    operation: Operation = OPERATIONS[CRM_V2, "upsert"],
    *,
    lane_has_accepted: bool = False,
) -> Outcome:
    """Decide what an answer to an operation means; `proved` is an address where other records were accepted."""
    if isinstance(response, NotLoggedIn):
        return ConfigProblem(response.problem, response.detail)
    if isinstance(response, NoResponse):
        return OutcomeUnknown(
            response.what,
            may_be_applied=response.may_be_applied,
            answered=False,
            timed_out=response.timed_out,
            wait=response.wait,
        )
    if _OK <= response.status < _REDIRECTS:
        if operation.has_row_results:
            return _classify_rows(records, response)
        return _classify_lead_alone(records, response) if operation.api == CRM_V2 else _classify_whole_call(response)
    return _classify_not_found(records, response, operation, lane_has_accepted) or _classify_status(
        records, response, operation
    )


_PROBLEMS = {_UNAUTHORIZED: "token", _FORBIDDEN: "permission", _NOT_FOUND: "not_found", _NOT_ALLOWED: "not_allowed"}


def _classify_status(records: Sequence[SentRecord], response: ApiResponse, operation: Operation) -> Outcome:
    status, reason = response.status, read_reason(response.body)
    by_cause = _WRONG_REF.get(reason.cause) if operation.api == CRM_V2 else None
    if status == _FORBIDDEN and _is_a_web_page(response):
        # A firewall that blocks one lead, or this connector: only other calls can tell.
        what = "HTTP 403 with a web page instead of the API's answer"
        return OutcomeUnknown(what, may_be_applied=False, answered=True, problem="permission")
    if by_cause is not None or status in _PROBLEMS:
        return ConfigProblem(by_cause or _PROBLEMS[status], reason.text)
    may_be_applied = status not in _NOT_CARRIED_OUT
    if status in _REFUSES_THE_LIST:
        # v4 and v1 may have taken a part of a list that they refuse.
        partly = may_be_applied and not operation.has_row_results and len(records) > 1
        return BatchRejected(status, _reason_of(status, response.body, records[0]), partly)
    if status == TOO_MANY_REQUESTS:
        return Throttled(response.retry_after)
    if status in _COMES_BACK or status >= _SERVER_ERROR:
        # A proxy may have made up this status: what must not be sent twice is not sent again because of it.
        may_be_applied = may_be_applied or not operation.repeatable
        return OutcomeUnknown(f"HTTP {status}", may_be_applied=may_be_applied, answered=True, wait=response.retry_after)
    return ConfigProblem("redirect" if _REDIRECTS <= status < _BAD_REQUEST else "unexpected", str(status))


def _classify_not_found(
    records: Sequence[SentRecord], response: ApiResponse, operation: Operation, lane_has_accepted: bool
) -> Outcome | None:
    """Decide what a 404 means where the documents have one for a lead; None where `_classify_status` knows.

    v4 says "404 if the given lead_id doesn't exist" of the calls for one lead, and of no list; the contact center has
    leads and calls in its paths. Their words are not documented: JSON, or nothing, is the API speaking and means the
    lead, unless it names the campaign and no lead; a web page is no API at all. A wrong campaign_id that says neither
    rejects its first records and stops at the 200th.
    """
    is_not_the_api = response.unreadable is not None and bool(response.body)
    if response.status not in (_NOT_FOUND, _GONE) or operation.has_row_results or is_not_the_api:
        return None
    reason = read_reason(response.body, records[0].field_names)
    if reason.cause in (Cause.UNKNOWN_LEAD, Cause.DELETED):
        return BatchRejected(response.status, reason)
    if operation.api == CRM_V2:
        return None
    if operation.api == CONTACT_CENTER and operation.body is not Body.IN_PATH:
        # Its address is that of all leads: a 404 is one lead's only where it was good for others.
        return (
            BatchRejected(response.status, _reason_of(response.status, response.body, records[0]))
            if lane_has_accepted
            else None
        )
    words = reason.text.lower()
    if operation.batch_size > 1 or ("campaign" in words and "lead" not in words):
        return ConfigProblem("not_found" if operation.api == CONTACT_CENTER else "unknown_campaign", reason.text)
    text = f"The {_NAMED[operation.key]} does not exist (HTTP {response.status}: {reason.text})."
    return BatchRejected(response.status, Reason(Cause.UNKNOWN_LEAD, text))


_NAMED = {"lead_id": "lead", "cdr_id": "call"}


def _is_a_web_page(response: ApiResponse) -> bool:
    return response.unreadable is not None and str(response.body or "").lstrip().startswith("<")


def _classify_whole_call(response: ApiResponse) -> Outcome:
    """Classify a 2xx as success, whatever its body, unless that is a page of somebody else or was cut off."""
    if response.unreadable is not None and str(response.body or "").lstrip().startswith(_BROKEN):
        return OutcomeUnknown(f"HTTP {response.status} with {response.unreadable}", may_be_applied=True, answered=True)
    return RowResults(None, response.status)


def _classify_lead_alone(records: Sequence[SentRecord], response: ApiResponse) -> Outcome:
    """Read the answer to a lead that was sent alone: the lead itself, as it was sent."""
    body = response.body
    if response.unreadable is not None or not isinstance(body, dict):
        what = response.unreadable or "a body that is no lead"
        return OutcomeUnknown(f"HTTP {response.status} with {what}", may_be_applied=True, answered=True)
    if "lead_id" in body:
        return RowResults(None, response.status) if _is_of(records[0], body["lead_id"]) else Mismatch()
    # An API that takes the lead for a list of one says in its entry, and not in the status, whether it was accepted.
    if isinstance(body.get("result"), list):
        return _classify_rows(records, response)
    return RowResults(None, response.status)


def _is_of(record: SentRecord, lead_id: object) -> bool:
    return str(lead_id).strip() == record.lead_id.strip()


def _classify_rows(records: Sequence[SentRecord], response: ApiResponse) -> Outcome:
    if response.accepted is not None:
        return _classify_accepted(records, response.accepted)
    body = response.body
    rows = body.get("result") if isinstance(body, dict) else None
    if response.unreadable is not None or not isinstance(rows, list):
        what = response.unreadable or "a body without a result list"
        return OutcomeUnknown(f"HTTP {response.status} with {what}", may_be_applied=True, answered=True)
    if len(rows) != len(records):
        what = "a result of another length than was sent"
        return OutcomeUnknown(f"HTTP {response.status} with {what}", may_be_applied=True, answered=True)
    try:
        for record, row in zip(records, rows, strict=True):
            if row["status_code"] != _OK or row["data"]["lead_id"] != record.lead_id:
                return _classify_each_row(records, rows, body, response.retry_after)
    except (KeyError, TypeError):
        return _classify_each_row(records, rows, body, response.retry_after)
    return RowResults(None) if metadata_agrees(body.get("metadata"), len(rows), len(rows)) else _CONTRADICTION


def _classify_accepted(records: Sequence[SentRecord], accepted: Sequence[str]) -> Outcome:
    if len(accepted) != len(records):
        what = "HTTP 200 with a result of another length than was sent"
        return OutcomeUnknown(what, may_be_applied=True, answered=True)
    same = all(
        lead_id == record.lead_id or _is_of(record, lead_id) for record, lead_id in zip(records, accepted, strict=True)
    )
    return RowResults(None) if same else Mismatch()


_CONTRADICTION = OutcomeUnknown(
    "an answer with metadata that contradicts the result", may_be_applied=True, answered=True
)


def _classify_each_row(
    records: Sequence[SentRecord], rows: Sequence[Any], body: dict[str, Any], wait: float | None
) -> Outcome:
    row_errors: list[RowError | None] = []
    for record, row in zip(records, rows, strict=True):
        status = row.get("status_code") if isinstance(row, dict) else None
        if not isinstance(status, int) or isinstance(status, bool):
            return OutcomeUnknown("an answer with a row that has no status", may_be_applied=True, answered=True)
        data = row.get("data")
        echoed = data.get("lead_id") if isinstance(data, dict) else None
        if echoed is not None and not _is_of(record, echoed):
            return Mismatch()
        row_errors.append(None if _OK <= status < _REDIRECTS else _row_error(record, status, data, wait))
    if not metadata_agrees(body.get("metadata"), len(rows), row_errors.count(None)):
        return _CONTRADICTION
    return RowResults(row_errors, [row["status_code"] for row in rows])


def _row_error(record: SentRecord, status: int, data: object, wait: float | None) -> RowError:
    reason = _reason_of(status, data, record)
    if status == TOO_MANY_REQUESTS and (text := seconds_said(data)) is not None:
        wait = max(text, wait or 0.0)
    broken = status >= _SERVER_ERROR
    return RowError(
        status=status,
        reason=reason,
        retryable=reason.cause is Cause.BUSY or status == TOO_MANY_REQUESTS or broken or status in _COMES_BACK,
        may_be_applied=broken and status not in _NOT_CARRIED_OUT,
        wait=wait,
    )


def _reason_of(status: int, text: object, record: SentRecord) -> Reason:
    """Return why a lead was refused: the status alone if no word of the API's text may be repeated."""
    reason = read_reason(text, record.field_names)
    return replace(reason, text=f"Refused (HTTP {status}): {UNREPEATED}") if reason.text == UNREPEATED else reason
