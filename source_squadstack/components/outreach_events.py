"""The stream `outreach_events`: one record for each call attempt, SMS, IVR and e-mail of a v1 lead."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from airbyte_cdk.sources.types import StreamSlice

from source_squadstack.components.records import LeadFilter
from source_squadstack.components.response_body import Row
from source_squadstack.components.stable_hash import stable_hash
from source_squadstack.components.v1_leads import answers, call_attempts
from squadstack_common.timestamps import written_time

# SquadStack v1, "Response formats": each outreach to a lead is under a dynamic key.
EVENT_PREFIXES = {"call_attempt_": "call", "sms_": "sms", "ivr_": "ivr", "gmail_": "email"}

# Fields of an SMS, IVR or e-mail that are final when it is sent. With a status, a cost or a duration, which come later,
# the same event would get another id in the next sync.
SAID_WHEN_SENT = ("body", "text_to_speak", "multi_text_to_speak", "google_email", "from", "to", "subject")


def outreach_events(row: Mapping[str, Any]) -> Iterable[Row]:
    """Yield one event for each call attempt, SMS, IVR and e-mail of a normalised v1 row."""
    same: Counter[str] = Counter()
    for key, attempt in call_attempts(row):
        reference = attempt.get("reference_id")
        yield outreach_event(row, key, "call", attempt, attempt.get("called_at"), reference, same)
    for key, found in row.items():
        event_type = next((kind for prefix, kind in EVENT_PREFIXES.items() if key.startswith(prefix)), "call")
        for message in (found if isinstance(found, list) else [found]) if event_type != "call" else ():
            if isinstance(message, dict):
                yield outreach_event(row, key, event_type, message, message.get("sent_at"), None, same)


def outreach_event(
    row: Mapping[str, Any], key: str, event_type: str, event: Row, at: Any, reference: Any, same: "Counter[str]"
) -> Row:
    """Return one event. Its id is the vendor's reference, else a hash of what never changes about it.

    That is its key, its time, and what was sent to whom. `same` counts the hashes within the row: events with the same
    hash are numbered in their order, in which the newest is last.
    """
    block = key.removeprefix(next(prefix for prefix, kind in EVENT_PREFIXES.items() if kind == event_type))
    occurred_at = written_time(at) or at
    if reference in (None, ""):
        sent = [] if event_type == "call" else [event.get(name) for name in SAID_WHEN_SENT]
        identity = stable_hash(key, occurred_at, *sent)
        same[identity] += 1
        reference = identity if same[identity] == 1 else f"{identity}-{same[identity]}"
    return {
        "campaign_id": row["campaign_id"],
        "lead_id": row.get("lead_id"),
        "event_id": str(reference),
        "event_type": event_type,
        "block": block,
        "occurred_at": occurred_at,
        "outcome_id": event.get("outcome_id"),
        "outcome_name": event.get("outcome_name"),
        "status": event.get("status"),
        "cost": event.get("cost"),
        "answers": answers(event) if event_type == "call" else {},
        "details": event,
        "processed_at": row.get("processed_at"),
    }


# What an event has beside its lead's key and what is in its `details`.
EVENT_FIELDS = frozenset({"event_type", "block", "occurred_at", "answers", "details"})


@dataclass
class OutreachEventFilter(LeadFilter):
    """Replaces the v1 leads of a window by their events.

    What must not leave is masked in the lead: an event's texts repeat a name that the event does not know, and an id
    made of what was said would let anyone find that out by trying.
    """

    def filter_records(
        self,
        records: Iterable[Mapping[str, Any]],
        stream_state: Mapping[str, Any],
        stream_slice: StreamSlice | None = None,
        next_page_token: Mapping[str, Any] | None = None,
    ) -> Iterable[Mapping[str, Any]]:
        """Yield the events of the rows that belong to the slice."""
        for row in super().filter_records(records, stream_state, stream_slice, next_page_token):
            events = outreach_events(row)
            yield from events if self.masker is None else (self.masker.only(event, EVENT_FIELDS) for event in events)
