"""What the platform posts when a lead was called: the bodies, as the pages show them.

"Lead Processed Webhook" of squadstack-v4 is `lead_processed`: the lead as Get Leads shows it. "Disposition updates" of
squadstack-bulk shows `call`, one for each call, and `judgement`, when the journey ends; keys and their order are those
of the examples. A campaign is set up with those that its business asked for.

The bulk page also names WhatsApp messages, SMS, e-mails and IVR calls and shows none of them. Undocumented, decided
here: the keys that all shown events share, and the fields that v1 Get Leads ("Response formats") has of an SMS, an IVR
call and an e-mail. A WhatsApp message has those of an SMS and names its type as the page's list spells it, for nothing
else would tell the two apart ("We can build an integration setup that sends the updates in your format"). They go out
after the first journey.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from squadstack_emulator import timestamps
from squadstack_emulator.json_text import dumps
from squadstack_emulator.scenario import Campaign, EventKind, TimeStyle
from squadstack_emulator.squadstack.get_leads import lead_content
from squadstack_emulator.squadstack.journeys import journey
from squadstack_emulator.squadstack.lead import Lead
from squadstack_emulator.squadstack.rows_v1 import Row, attempts_of, messages_of

_MESSAGES: dict[str, EventKind] = {"sms_welcome": "sms", "ivr_reminder": "ivr", "gmail_brochure": "email"}


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its kind, its lead and the body that is posted."""

    kind: EventKind
    lead_id: str
    body: bytes


def events_of(
    lead: Lead, campaign: Campaign, kinds: Collection[EventKind], *, seed: int, style: TimeStyle
) -> Iterator[Event]:
    """The events of these kinds that a judged lead's last journey brings, in the order in which they happen."""
    for kind, row in _happened(lead, campaign, seed, style):
        if kind in kinds:
            yield Event(kind, lead.lead_id, dumps(row))


def _happened(lead: Lead, campaign: Campaign, seed: int, style: TimeStyle) -> Iterator[tuple[EventKind, Row]]:
    if lead.processed_at is None:
        return
    shared: Row = {
        "phone_number": lead.phone_number,
        "lead_id": lead.lead_id,
        "campaign_id": campaign.id,
        "contact_name": lead.contact_name,
        "created_at": timestamps.spell(lead.created_at, style),
    }
    *earlier, calls = _journeys(lead, campaign, seed)
    before = sum(map(len, earlier))
    for position, attempt in enumerate(calls, start=1):
        yield (
            "call",
            {
                "phone_number": lead.phone_number,
                "lead_id": lead.lead_id,
                "recording_url": lead.latest_recording_url if position == len(calls) else None,
                "campaign_id": campaign.id,
                "called_at": _respelt(attempt["called_at"], style),
                "call_outcome": attempt["outcome_name"],
                "contact_name": lead.contact_name,
                "created_at": shared["created_at"],
                "call_attempt_number": before + position,
            },
        )
    processed = lead_content(lead, campaign.id, style)
    judgement = {name: value for name, value in processed.items() if name != "lead_responses"}
    yield "judgement", {**judgement, "additional_notes": calls[-1]["additional_notes"]}
    yield "lead_processed", processed
    if lead.judgements == 1:
        yield from _messages(lead, seed, style, lead.processed_at, shared)


def _journeys(lead: Lead, campaign: Campaign, seed: int) -> list[list[Row]]:
    """The calls of each journey of a lead that was judged."""
    ends = (*lead.earlier, *(() if lead.processed_at is None else (lead.processed_at,)))
    went = [journey(lead.lead_id, seed=seed, number=number, ended_at=at) for number, at in enumerate(ends)]
    return [attempts_of(lead, campaign, each, is_last=each is went[-1]) for each in went]


def _messages(lead: Lead, seed: int, style: TimeStyle, after: datetime, shared: Row) -> Iterator[tuple[EventKind, Row]]:
    for key, message in messages_of(lead, seed, after):
        row = {**shared, **message, "sent_at": _respelt(message["sent_at"], style)}
        yield _MESSAGES[key], row
        if key == "sms_welcome":
            yield "whatsapp", {"event_type": "Whatsapp message", **row}


def _respelt(epoch_milliseconds: object, style: TimeStyle) -> str | int | None:
    """A time of v1 as the other events spell theirs."""
    assert isinstance(epoch_milliseconds, int)  # noqa: S101 - v1 has no other
    return timestamps.spell(datetime.fromtimestamp(epoch_milliseconds / 1000, UTC), style)
