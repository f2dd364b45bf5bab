"""`check`: proves token, permission, campaign and endpoint of every configured operation, and changes nothing.

It sends SquadStack one lead with an empty id, which is refused for the missing id once everything before that has been
accepted. At the contact center it logs in and does no more: no refusal is documented there that tells anything apart.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol

from destination_squadstack.api.client import ApiClient
from destination_squadstack.api.fix_messages import fix_message
from destination_squadstack.api.outcomes import (
    ApiResponse,
    BatchRejected,
    ConfigProblem,
    Mismatch,
    OutcomeUnknown,
    ProbeLead,
    Response,
    RowError,
    RowResults,
    Throttled,
    classify_response,
    config_problem,
)
from destination_squadstack.campaigns import CampaignOperation
from destination_squadstack.config import Config
from destination_squadstack.errors import SyncError
from destination_squadstack.operations import CONTACT_CENTER, OPERATIONS, PROBE_BODY, V4
from destination_squadstack.record_rules.suppression_file import load_suppression_list
from destination_squadstack.rejected_records import storage
from destination_squadstack.routing import campaign_operations
from destination_squadstack.sync_storage import memory_problem
from squadstack_common.api_limits import TOO_MANY_REQUESTS, wait_in_check
from squadstack_common.clock import Clock

_REACHED = frozenset({400, 404, 422})
_NOT_FOUND = 404
_ABOUT_THE_CAMPAIGN = frozenset({"unknown_ref", "unknown_campaign", "not_enabled"})


class CheckClient(ApiClient, Protocol):
    """The interface of a client that can log in as well."""

    def log_in(self) -> Response:
        """Log in to the contact center, and do nothing else."""


def problem(config: Config, api: CheckClient, clock: Clock) -> str | None:
    """Return a sentence about the first problem, or None."""
    return next(_problems(config, api, clock), None)


def _problems(config: Config, api: CheckClient, clock: Clock) -> Iterator[str]:
    if (error := storage.problem(config.store, clock)) is not None or (error := memory_problem(config)) is not None:
        yield str(error)
    if config.suppression is not None:
        try:
            load_suppression_list(config.suppression.path, config.store)
        except SyncError as unreadable:
            yield str(unreadable)
    logged_in = False
    for lane in campaign_operations(config):
        if lane.operation.api == CONTACT_CENTER:
            answer = None if logged_in else _asked(api.log_in, clock)
            logged_in = True
        else:
            answer = _probed(api, lane, clock)
        if answer is not None and (sentence := _explain(lane, answer)):
            yield sentence


def _probed(api: ApiClient, lane: CampaignOperation, clock: Clock) -> Response:
    answer = _asked(lambda: api.send(lane, [PROBE_BODY]), clock)
    outcome = classify_response([ProbeLead()], answer, lane.operation)
    if not isinstance(outcome, BatchRejected) or outcome.status != _NOT_FOUND:
        return answer
    # v4 has a 404 for a lead, and its words are not documented: this one may mean the campaign. Of a list it would.
    of_a_list = OPERATIONS[V4, "disable"]
    path = lane.path.replace(lane.operation.endpoint, of_a_list.endpoint)
    return _asked(lambda: api.send(replace(lane, operation=of_a_list, path=path), [PROBE_BODY]), clock)


def _asked(ask: Callable[[], Response], clock: Clock) -> Response:
    answer = ask()
    if isinstance(answer, ApiResponse) and answer.status == TOO_MANY_REQUESTS:
        clock.sleep(wait_in_check(answer.retry_after))
        answer = ask()
    return answer


def _explain(lane: CampaignOperation, answer: Response) -> str | None:
    endpoint, service = lane.operation.endpoint, lane.operation.service
    address = "contact_center.portal_url" if lane.operation.api == CONTACT_CENTER else "squadstack.base_url"
    sentence: str | None = None
    operation = OPERATIONS[V4, "disable"] if lane.operation.api == V4 else lane.operation
    match classify_response([ProbeLead()], answer, operation):
        case RowResults() if lane.operation.api == CONTACT_CENTER:
            pass  # the login was accepted
        case RowResults(row_errors):
            sentence = _explain_row(lane, row_errors[0] if row_errors else None)
        case BatchRejected():
            pass  # refused for the missing id, only less politely
        case ConfigProblem(what, detail):
            sentence = _to_correct(lane, what, detail)
        case Throttled():
            sentence = (
                f"{service}'s allowance of calls is used up, a minute later too: "
                "stop other clients of the business, or try again later."
            )
        case OutcomeUnknown(problem=problem) as unclear if problem:
            sentence = fix_message(problem, unclear.what, lane.fix_context)
        case OutcomeUnknown(what, _, True):
            sentence = f"{address} answers {endpoint} with {what}: {service} has a problem, or this is not its API."
        case OutcomeUnknown(what):
            sentence = (
                f"{address} cannot be reached ({what}). "
                f"Check the address, the network and {service}'s list of allowed IP addresses."
            )
        case Mismatch():
            sentence = f"SquadStack's answer to {endpoint} names a lead that was not sent."
    return sentence


def _to_correct(lane: CampaignOperation, problem: str, detail: str) -> str | None:
    if lane.is_of_record and problem in _ABOUT_THE_CAMPAIGN:
        # Nobody has the id that was asked with: token and permission are right, and that is all there is to prove.
        return None
    return fix_message(problem, detail, lane.fix_context)


def _explain_row(lane: CampaignOperation, row_error: RowError | None) -> str | None:
    endpoint = lane.operation.endpoint
    if row_error is None:
        return f"SquadStack accepted a lead without an id at {endpoint}: {lane.campaign_field} is not safe to use."
    if (problem := config_problem(row_error.status, row_error.reason.cause)) is not None:
        return _to_correct(lane, problem, row_error.reason.text)
    if row_error.status in _REACHED:
        return None
    return f"SquadStack refused the trial call to {endpoint} with status {row_error.status}: {row_error.reason.text}"
