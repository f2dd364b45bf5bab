"""`check`: proves token, permission, campaign and endpoint of every configured operation, and changes nothing.

It sends SquadStack one lead with an empty id, which is refused for the missing id once everything before that has been
accepted. At the contact center it logs in and does no more: no refusal is documented there that tells anything apart.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol

from destination_squadstack.api.fix_messages import advice
from destination_squadstack.api.outcomes import (
    Answer,
    ApiResponse,
    BatchRejected,
    ConfigProblem,
    Mismatch,
    NoLead,
    OutcomeUnknown,
    RowError,
    RowResults,
    Throttled,
    classify_response,
    config_problem,
)
from destination_squadstack.api.squadstack import Api
from destination_squadstack.config import Config
from destination_squadstack.operations import CONTACT_CENTER, NO_LEAD, OPERATIONS, V4
from destination_squadstack.rejected_records import storage as places
from destination_squadstack.routing import CampaignOperation, lanes_of
from squadstack_common.api_limits import TOO_MANY_REQUESTS, wait_in_check
from squadstack_common.clock import Clock

_REACHED = frozenset({400, 404, 422})
_NOT_FOUND = 404


class Connected(Api, Protocol):
    """What can be sent to and logged in to."""

    def log_in(self) -> Answer:
        """Log in to the contact center and do nothing there."""


def problem(config: Config, api: Connected, clock: Clock) -> str | None:
    """Return a sentence about the first thing that does not work, or None."""
    return next(_problems(config, api, clock), None)


def _problems(config: Config, api: Connected, clock: Clock) -> Iterator[str]:
    if (trouble := places.problem(config.store, clock)) is not None:
        yield str(trouble)
    logged_in = False
    for lane in lanes_of(config):
        if lane.operation.api == CONTACT_CENTER:
            answer = None if logged_in else _asked(api.log_in, clock)
            logged_in = True
        else:
            answer = _probed(api, lane, clock)
        if answer is not None and (said := _explain(lane, answer)):
            yield said


def _probed(api: Api, lane: CampaignOperation, clock: Clock) -> Answer:
    answer = _asked(lambda: api.send(lane, [NO_LEAD]), clock)
    verdict = classify_response([NoLead()], answer, lane.operation)
    if not isinstance(verdict, BatchRejected) or verdict.status != _NOT_FOUND:
        return answer
    # v4 has a 404 for a lead, and its words are not documented: this one may mean the campaign. Of a list it would.
    of_a_list = OPERATIONS[V4, "disable"]
    path = lane.path.replace(lane.operation.endpoint, of_a_list.endpoint)
    return _asked(lambda: api.send(replace(lane, operation=of_a_list, path=path), [NO_LEAD]), clock)


def _asked(ask: Callable[[], Answer], clock: Clock) -> Answer:
    answer = ask()
    if isinstance(answer, ApiResponse) and answer.status == TOO_MANY_REQUESTS:
        clock.sleep(wait_in_check(answer.retry_after))
        answer = ask()
    return answer


def _explain(lane: CampaignOperation, answer: Answer) -> str | None:
    endpoint, service = lane.operation.endpoint, lane.operation.service
    address = "contact_center.portal_url" if lane.operation.api == CONTACT_CENTER else "squadstack.base_url"
    said: str | None = None
    operation = OPERATIONS[V4, "disable"] if lane.operation.api == V4 else lane.operation
    match classify_response([NoLead()], answer, operation):
        case RowResults() if lane.operation.api == CONTACT_CENTER:
            pass  # the login was accepted
        case RowResults(refusals):
            said = _explain_row(lane, refusals[0] if refusals else None)
        case BatchRejected():
            pass  # refused for the missing id, only less politely
        case ConfigProblem(what, detail):
            said = advice(what, detail, lane.where)
        case Throttled():
            said = (
                f"{service}'s allowance of calls is used up, a minute later too: "
                "stop other clients of the business, or try again later."
            )
        case OutcomeUnknown(problem=problem) as unclear if problem:
            said = advice(problem, unclear.what, lane.where)
        case OutcomeUnknown(what, _, True):
            said = f"{address} answers {endpoint} with {what}: {service} has a problem, or this is not its API."
        case OutcomeUnknown(what):
            said = (
                f"{address} cannot be reached ({what}). "
                f"Check the address, the network and {service}'s list of allowed IP addresses."
            )
        case Mismatch():
            said = f"SquadStack's answer to {endpoint} names a lead that was not sent."
    return said


def _explain_row(lane: CampaignOperation, refusal: RowError | None) -> str | None:
    endpoint = lane.operation.endpoint
    if refusal is None:
        return f"SquadStack accepted a lead without an id at {endpoint}: {lane.ref_at} is not safe to use."
    if (problem := config_problem(refusal.status, refusal.reason.cause)) is not None:
        return advice(problem, refusal.reason.text, lane.where)
    if refusal.status in _REACHED:
        return None
    return f"SquadStack refused the trial call to {endpoint} with status {refusal.status}: {refusal.reason.text}"
