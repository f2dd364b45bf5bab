"""Leads of SquadStack's API v1: call attempts under dynamic keys, and v4's names for the same facts."""

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

from source_squadstack.components.response_body import Row
from squadstack_common.timestamps import EPOCH, parse_time

ATTEMPT_FIELDS = frozenset(
    {"reference_id", "outcome_id", "outcome_name", "call_duration", "called_at", "report_keys_order", "status"}
    | {"additional_notes", "cost"}
)


def call_attempts(row: Mapping[str, Any]) -> Iterable[tuple[str, Row]]:
    """Yield (key, attempt) for the keys that `call_attempt_keys` lists and any other key with the prefix."""
    listed = row.get("call_attempt_keys")
    keys = [key for key in listed if isinstance(key, str)] if isinstance(listed, list) else []
    for key in dict.fromkeys(
        [*keys, *(key for key in row if key.startswith("call_attempt_") and key != "call_attempt_keys")]
    ):
        found = row.get(key)
        for attempt in found if isinstance(found, list) else [found]:
            if isinstance(attempt, dict):
                yield key, attempt


def add_v4_names(row: MutableMapping[str, Any]) -> None:
    """Add v4's names for the same facts, so that models downstream work with both versions."""
    row.setdefault("lead_outcome", row.get("outcome_name"))
    called = [attempt for _, attempt in call_attempts(row) if parse_time(attempt.get("called_at"))]
    latest = max(called, key=lambda attempt: parse_time(attempt["called_at"]) or EPOCH, default={})
    row.setdefault("latest_called_at", latest.get("called_at"))
    row.setdefault("lead_responses", answers(latest) if latest else None)
    row.setdefault("latest_recording_url", None)
    row.setdefault("processed_at", None)


def answers(attempt: Mapping[str, Any]) -> Row:
    """Return the answers of a call attempt: every field except the documented ones."""
    return {key: value for key, value in attempt.items() if key not in ATTEMPT_FIELDS}
