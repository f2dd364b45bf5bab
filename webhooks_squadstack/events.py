"""Events: the type, ids and time of a webhook's body, by the fields that the vendor documents.

* `lead_processed`: the "Lead Processed Webhook" of v4, and "Judgement" of the disposition updates, which is the same.
* `call`: "Call" of the disposition updates. It may carry `lead_responses` as well, "any other information captured over
  the call": a field that several events have tells a type only where no field of one event alone does.
* `ivr`, `email`, `sms`: the documents show no body of these events; told by what v1 answers of such an attempt.
* `whatsapp`: no field of it is documented.

The vendor's team builds the format that is asked for: a field `event_type` with the event's documented name, such as
`Whatsapp message`, tells it and goes before all else. What none of this tells is `unknown`, and kept like the rest.
"""

import json
import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from squadstack_common.timestamps import format_time, from_microseconds, microseconds, parse_time
from webhooks_squadstack.body import Number, read_body
from webhooks_squadstack.privacy import EventPrivacy

LEAD_PROCESSED, CALL, WHATSAPP, SMS, EMAIL, IVR, UNKNOWN = EVENT_TYPES = (
    "lead_processed",
    "call",
    "whatsapp",
    "sms",
    "email",
    "ivr",
    "unknown",
)
# By the names of the vendor's list ("Call, Whatsapp message, SMS, Email, Judgement, IVR") and by ours.
_NAMES = {
    **{name: name for name in EVENT_TYPES if name != UNKNOWN},
    "judgement": LEAD_PROCESSED,
    "whatsapp_message": WHATSAPP,
}
# One of the sets is enough. The order counts: a judgement may carry fields of the last call as well, and every event
# what was captured so far.
_FIELDS = (
    (LEAD_PROCESSED, ({"processed_at"}, {"lead_outcome"})),
    (CALL, ({"called_at"}, {"call_outcome"}, {"call_attempt_number"})),
    (IVR, ({"dtmf_response"}, {"text_to_speak"}, {"multi_text_to_speak"})),
    (EMAIL, ({"google_email"}, {"subject", "sent_at"})),
    (SMS, ({"body", "sent_at"},)),
    (LEAD_PROCESSED, ({"lead_responses"},)),
)
# The moment of an event is its type's own; where that is missing or no time, another is nearer than none. `created_at`
# is not among them: it is the lead's, and would put an event before all others of the lead.
_MOMENTS = {LEAD_PROCESSED: "processed_at", CALL: "called_at"}
_OTHER_MOMENTS = ("sent_at", "called_at", "processed_at", "latest_called_at")
# What is text in JSON and in no database: NUL, and half a surrogate pair.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Event:
    """One webhook.

    Attributes:
        event_id: Hash of its content: a repeat has the same.
        event_type: One of `EVENT_TYPES`.
        campaign_id: As text; None where the body has none.
        lead_id: As text; None where the body has none.
        occurred_at: Microseconds since 1970 of the moment that the body names; None where no field of it is one.
        received_at: Microseconds since 1970 at which it came.
        payload: JSON text of the body.
    """

    event_id: str
    event_type: str
    campaign_id: str | None
    lead_id: str | None
    occurred_at: int | None
    received_at: int
    payload: str


def read_event(raw: bytes, *, received_at: int, privacy: EventPrivacy | None = None) -> Event:
    """Read the body of a webhook.

    Args:
        raw: The body.
        received_at: Microseconds since 1970 at which it came.
        privacy: What must not be stored of it. The type and the id are told by the body as it came.

    Raises:
        UnreadableError: It is no JSON object.
    """
    body = read_body(raw)
    event_type = _type(body.document)
    identity, document, payload = body.identity, body.document, body.payload
    if privacy is not None:
        # A body that is nested too deeply to be read has no document, and its text stands in a member.
        document = privacy.document(document or json.loads(payload))
        identity, payload = privacy.identity(identity), privacy.payload(document)
    return Event(
        event_id=identity,
        event_type=event_type,
        campaign_id=_text(document.get("campaign_id")),
        lead_id=_text(document.get("lead_id")),
        occurred_at=_occurred_at(document, event_type),
        received_at=received_at,
        payload=payload,
    )


def spelled(moment: int | None) -> str | None:
    """Return microseconds since 1970 as RFC 3339 in UTC, with as many digits of the second as it has."""
    return None if moment is None else format_time(from_microseconds(moment))


def _type(document: dict[str, Any]) -> str:
    said = document.get("event_type")
    named = _NAMES.get(said.strip().lower().replace(" ", "_")) if isinstance(said, str) else None
    # A format with room for every event's fields leaves those of the others empty.
    filled = {name for name, value in document.items() if value not in (None, "")}
    return named or _type_by(filled) or _type_by(document.keys()) or UNKNOWN


def _type_by(names: AbstractSet[str]) -> str | None:
    return next((kind for kind, sets in _FIELDS if any(fields <= names for fields in sets)), None)


def _text(value: object) -> str | None:
    # A string that no database can hold is told apart in the payload, which has it escaped.
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", value) if isinstance(value, str) else None


def _occurred_at(document: dict[str, Any], event_type: str) -> int | None:
    names = (*filter(None, [_MOMENTS.get(event_type)]), *_OTHER_MOMENTS)
    return next((moment for name in names if (moment := _moment(document.get(name))) is not None), None)


def _moment(value: object) -> int | None:
    """Return a time in any format of the vendor's as microseconds since 1970, or None."""
    if not isinstance(value, str):
        return None
    moment = parse_time(float(value) if isinstance(value, Number) else value.strip())
    return None if moment is None else microseconds(moment)
