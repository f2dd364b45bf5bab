"""`check`: proves token, permission, reference id and endpoint of every configured operation, and changes nothing.

It sends one lead with an empty id, which the API refuses for the missing id once everything before that has been
accepted.
"""

from collections.abc import Iterator

from destination_squadstack import places
from destination_squadstack.client import Api
from destination_squadstack.clock import Clock
from destination_squadstack.config import Config
from destination_squadstack.routing import Lane, lanes_of
from destination_squadstack.verdict import (
    Ambiguous,
    Answer,
    ListRefused,
    Mismatch,
    Refusal,
    Refused,
    Reply,
    Settled,
    Throttled,
    advice,
    judge,
)

_PROBE = b'{"lead_id":""}'
_LONGEST_WAIT = 60.0
_REACHED = frozenset({400, 404, 422})


class _Probe:
    lead_id = ""
    field_names = frozenset({"lead_id"})


def problem(config: Config, api: Api, clock: Clock) -> str | None:
    """Return a sentence about the first thing that does not work, or None."""
    return next(_problems(config, api, clock), None)


def _problems(config: Config, api: Api, clock: Clock) -> Iterator[str]:
    if said := places.problem(config.store):
        yield said
    for lane in lanes_of(config):
        answer = api.send(lane.path, [_PROBE])
        if isinstance(answer, Reply) and answer.status == 429:  # noqa: PLR2004
            # A sync that is running may have used up the allowance; within a minute there is room again.
            clock.sleep(min(_LONGEST_WAIT, _LONGEST_WAIT if answer.retry_after is None else answer.retry_after))
            answer = api.send(lane.path, [_PROBE])
        if said := _explain(lane, answer):
            yield said


def _explain(lane: Lane, answer: Answer) -> str | None:
    endpoint = lane.operation.endpoint
    said: str | None = None
    match judge([_Probe()], answer):
        case Settled(refusals):
            said = _explain_row(lane, refusals[0] if refusals else None)
        case ListRefused():
            pass  # refused for the missing id, only less politely
        case Refused(what, detail):
            said = advice(what, detail=detail, endpoint=endpoint, at=lane.at, ref_at=lane.ref_at)
        case Throttled():
            said = (
                "SquadStack's allowance of calls is used up, a minute later too: "
                "stop other clients of the business, or try again later."
            )
        case Ambiguous(what, _, True):
            said = (
                f"squadstack.base_url answers {endpoint} with {what}: SquadStack has a problem, or this is not its API."
            )
        case Ambiguous(what):
            said = (
                f"squadstack.base_url cannot be reached ({what}). "
                "Check the address, the network and SquadStack's list of allowed IP addresses."
            )
        case Mismatch():
            said = f"SquadStack's answer to {endpoint} names a lead that was not sent."
    return said


def _explain_row(lane: Lane, refusal: Refusal | None) -> str | None:
    endpoint = lane.operation.endpoint
    if refusal is None:
        return f"SquadStack accepted a lead without an id at {endpoint}: {lane.ref_at} is not safe to use."
    if refusal.status in _REACHED:
        return None
    return f"SquadStack refused the trial call to {endpoint} with status {refusal.status}: {refusal.reason.text}"
