"""`forget`: deletes a lead in every campaign that the config names, as the operation `delete` does it.

What is kept of the lead is removed by `rejected_records.removal`. Whatever fails, the command may be run again: what is
done already is no error.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from destination_squadstack.api.client import ApiClient
from destination_squadstack.api.fix_messages import FixContext, fix_message
from destination_squadstack.api.outcomes import (
    BatchRejected,
    ConfigProblem,
    OutcomeUnknown,
    RowError,
    RowResults,
    Throttled,
    classify_response,
)
from destination_squadstack.config import Config
from destination_squadstack.errors import ConfigError, SyncError, TransientError
from destination_squadstack.operations import CONTACT_CENTER, CRM_V2, OPERATIONS, V1, V4, Cause, Operation
from destination_squadstack.operations import Target as Needs
from squadstack_common.api_limits import WINDOW_STATED
from squadstack_common.clock import Clock
from squadstack_common.lossless_json import dump

Log = Callable[[str, str], None]

# v1 cannot delete; v4 knows its campaigns by the same ids.
_DELETES = {
    CRM_V2: OPERATIONS[CRM_V2, "delete"],
    V4: OPERATIONS[V4, "delete"],
    V1: OPERATIONS[V4, "delete"],
    CONTACT_CENTER: OPERATIONS[CONTACT_CENTER, "delete_lead"],
}
_NOT_THERE = frozenset({Cause.DELETED, Cause.UNKNOWN_LEAD})
_NOT_FOUND = frozenset({404, 410})
_NOTHING_REMOVED = "Nothing that is kept of it was removed; run forget again."
_WAITS = (2.0, 4.0, 8.0, 16.0)


class _Lead(NamedTuple):
    """A lead as one that was sent."""

    lead_id: str
    field_names: frozenset[str] = frozenset({"lead_id"})


class _Place(NamedTuple):
    """Where a lead is deleted: the operation, its path, and what a message names."""

    operation: Operation
    path: str
    config_entry: str
    campaign_field: str


def places_of(config: Config, campaigns: Iterable[str] = ()) -> list[_Place]:
    """Return every campaign that a lead may be in, once.

    Args:
        config: The config.
        campaigns: Those that records name, where the config names the field that holds them.

    Raises:
        ConfigError: Deleting is not allowed, there is nowhere to delete, or nobody says which campaigns records name.
    """
    campaigns = list(campaigns)
    if not config.allow_delete:
        raise ConfigError("allow_delete is not set: forget purges a lead for ever. Set it to true if that is meant.")
    places: dict[tuple[str, str], _Place] = {}
    for target in config.targets:
        operation = _DELETES[target.api]
        named = target.named(operation.target)
        if named is None and config.default is not None:
            named = config.default.named(operation.target)
        field = f"{target.at}.{operation.target.value}" if operation.target is not Needs.NOTHING else target.at
        by_records = target.campaign_field(operation.target) is not None
        if by_records and not campaigns:
            raise ConfigError(
                f"{field}_from: records name their campaigns, so the config does not say where the lead may be. Name "
                "each of these campaigns with --campaign."
            )
        for each in dict.fromkeys([*([] if named is None else [named]), *(campaigns if by_records else [])]):
            path = operation.path(each)
            places.setdefault((operation.api, path), _Place(operation, path, target.at, field))
    if not places:
        raise ConfigError("default and streams name no campaign that a lead could be deleted in.")
    return list(places.values())


def delete_at_squadstack(places: Iterable[_Place], lead_id: str, api: ApiClient, clock: Clock, log: Log) -> None:
    """Delete a lead in every campaign.

    Raises:
        SyncError: One of them did not delete it.
    """
    for place in places:
        found = _deleted(place, lead_id, api, clock)
        at = f"{place.operation.endpoint} of {place.campaign_field}"
        log("INFO", f"The lead is deleted by {at}." if found else f"There is no such lead to be deleted by {at}.")


def _deleted(place: _Place, lead_id: str, api: ApiClient, clock: Clock) -> bool:
    """Delete it; return whether it was there."""
    lead, body, last = _Lead(lead_id), dump({"lead_id": lead_id}), ""
    for wait in (*_WAITS, 0.0):
        outcome = classify_response([lead], api.send(place, [body]), place.operation)
        match outcome:
            case Throttled(stated):
                last, wait = "HTTP 429", wait and min(stated or WINDOW_STATED, WINDOW_STATED)  # noqa: PLW2901 - it says so
            case OutcomeUnknown(what):
                last = what
            case RowResults(row_errors):
                error = row_errors[0] if row_errors else None
                if error is None or not error.retryable:
                    return _was_there(place, error)
                last = error.reason.text
            case BatchRejected():
                return _was_there(place, outcome)
            case ConfigProblem(what, detail):
                raise ConfigError(fix_message(what, detail, _context(place)))
            case _:
                raise SyncError(f"The answer to {place.operation.endpoint} names a lead that was not sent.")
        clock.sleep(wait)
    raise TransientError(
        f"The lead was not deleted by {place.operation.endpoint} of {place.campaign_field}: {last}. {_NOTHING_REMOVED}"
    )


def _was_there(place: _Place, refused: RowError | BatchRejected | None) -> bool:
    """Return whether a lead was there that is not any more."""
    if refused is None:
        return True
    if refused.reason.cause in _NOT_THERE or refused.status in _NOT_FOUND:
        return False
    raise SyncError(
        f"{place.operation.service} refused to delete the lead by {place.operation.endpoint} of {place.campaign_field} "
        f"with status {refused.status}: {refused.reason.text}. {_NOTHING_REMOVED}"
    )


def _context(place: _Place) -> FixContext:
    return FixContext(place.operation.api, place.operation.endpoint, place.config_entry, place.campaign_field)
