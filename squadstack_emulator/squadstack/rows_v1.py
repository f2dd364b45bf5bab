"""A row of v1 Get Leads (page "Leads" of squadvoice-v1, "Response Structure"): flat, with keys made of names.

The keys of an outreach are those of the vendor's public v1 documentation ("Response formats"). Of each journey of a
lead its calls are under `call_attempt_{campaign_name}_{n}`, n from 1, the last call of all once more under
`last_call_attempt_{campaign_name}`; what was sent after the first journey is under `sms_…`, `ivr_…` and `gmail_…`.

Undocumented, decided here:

* A lead_id that is a whole number in plain digits is that integer. Any other becomes an integer below 2**53 that
  follows from its text alone (`v1_lead_id`): v1 has no other way to show it, and the same lead must stay the same.
* `phone_number` and `contact_number` are the number without its plus, as in the page's example.
* `state_code` is the customer's own, else one that follows from the lead; `country_code` is "IN".
* `total_cost` is the sum of the messages' costs and of 0.85 a call, "PENDING OR NOT AVAILABLE" while one is.
* Keys of an outreach stay as they are when a lead is called again, and a custom key never hides a fixed one.
"""

import hashlib
import re
from datetime import datetime, timedelta

from squadstack_emulator import timestamps
from squadstack_emulator.pseudo_random import pseudo_random
from squadstack_emulator.scenario import Campaign
from squadstack_emulator.squadstack.journeys import OUTCOMES, Journey, journey
from squadstack_emulator.squadstack.lead import Lead

PENDING = "PENDING OR NOT AVAILABLE"

Row = dict[str, object]

_PLAIN_INTEGER = re.compile(r"0|[1-9][0-9]*")
_STATE_CODES = ("KA", "MH", "DL", "TN", "TS", "GJ", "WB", "UP")
_OUTCOME_IDS = {outcome.text: 101 + position for position, outcome in enumerate(OUTCOMES)}
_OTHER_OUTCOME_ID = 100
_NO_ANSWER = "Not Connected : No Answer"
_CENTS_PER_CALL = 85
_BETWEEN_CALLS = timedelta(minutes=37)


def v1_lead_id(lead_id: str) -> int:
    """Return the integer by which v1 knows a lead."""
    if _PLAIN_INTEGER.fullmatch(lead_id):
        return int(lead_id)
    return int.from_bytes(hashlib.blake2b(lead_id.encode(), digest_size=8).digest()) >> 11


def lead_row(lead: Lead, campaign: Campaign, seed: int) -> Row:
    """Return a lead as v1 shows it: the keys of the page's example in its order, then the others."""
    ends = (*lead.earlier, *(() if lead.processed_at is None else (lead.processed_at,)))
    outreach, cents = _outreach(lead, campaign, seed, ends)
    attempts = [key for key in outreach if key.startswith("call_attempt_")]
    number = lead.phone_number.removeprefix("+")
    row: Row = {
        "lead_id": v1_lead_id(lead.lead_id),
        "phone_number": number,
        "contact_number": number,
        "created_at": _epoch(lead.created_at),
        "campaign_id": campaign.id,
        "country_code": "IN",
        "campaign_name": campaign.name,
        "contact_name": lead.contact_name,
        "call_attempt_keys": attempts,
        "last_call_attempt_keys": [f"last_call_attempt_{campaign.name}"] if attempts else [],
        "state_code": _STATE_CODES[pseudo_random(seed, lead.lead_id, "state") % len(_STATE_CODES)],
        "total_cost": PENDING if cents is None else cents / 100,
    }
    if lead.processed_at is not None:
        row["processed_at"] = _epoch(lead.processed_at)
        row["outcome_name"] = lead.lead_outcome
        row["outcome_id"] = _outcome_id(lead.lead_outcome)
    row |= outreach
    if "state_code" in lead.custom:
        row["state_code"] = lead.custom["state_code"]
    return row | {key: value for key, value in lead.custom.items() if key not in row}


def _outreach(lead: Lead, campaign: Campaign, seed: int, ends: tuple[datetime, ...]) -> tuple[Row, int | None]:
    """The dynamic keys of a lead and what its outreach cost in hundredths, None where that is not known yet."""
    keys: Row = {}
    if not ends:
        return keys, None
    calls: list[Row] = []
    made = 0
    for number, ended_at in enumerate(ends):
        is_last = lead.processed_at is not None and number + 1 == len(ends)
        went = journey(lead.lead_id, seed=seed, number=number, ended_at=ended_at)
        calls = attempts_of(lead, campaign, went, is_last=is_last)
        made += len(calls)
        keys[f"call_attempt_{campaign.name}_{number + 1}"] = calls
    keys[f"last_call_attempt_{campaign.name}"] = calls[-1]
    cents: int | None = _CENTS_PER_CALL * made
    for key, message in messages_of(lead, seed, ends[0]):
        cost = message["cost"]
        cents = cents + round(cost * 100) if isinstance(cost, float) and cents is not None else None
        keys[key] = message
    return keys, cents


def attempts_of(lead: Lead, campaign: Campaign, went: Journey, *, is_last: bool) -> list[Row]:
    """Return the calls of one journey: up to two that nobody answered, and the one that ended it."""
    # What the row itself says of the last journey is the lead's own, which a test may have made up.
    outcome = lead.lead_outcome if is_last and lead.lead_outcome else went.outcome.text
    answers = lead.lead_responses if is_last else went.answers
    called_at = lead.latest_called_at if is_last and lead.latest_called_at else went.called_at
    times = [called_at - _BETWEEN_CALLS * before for before in range(went.drawn // 1_000 % 3, 0, -1)]
    attempts = [_attempt(_NO_ANSWER, each) for each in times if each > lead.created_at]
    last = _attempt(outcome, called_at)
    if outcome.startswith("Connected"):
        last |= {"call_duration": 20 + went.drawn // 3_000 % 400, "additional_notes": _notes(went)}
    last["report_keys_order"] = list(answers)
    # A question never hides a key of the attempt.
    attempts.append(last | {key: value for key, value in answers.items() if key not in {"reference_id", *last}})
    who = f"{campaign.id}-{v1_lead_id(lead.lead_id)}-{went.drawn:08x}"
    return [{"reference_id": f"{who}-{position}", **attempt} for position, attempt in enumerate(attempts)]


def _attempt(outcome: str, called_at: datetime) -> Row:
    return {
        "outcome_id": _outcome_id(outcome),
        "outcome_name": outcome,
        "call_duration": 0,
        "called_at": _epoch(called_at),
        "report_keys_order": [],
        "status": outcome.partition(" : ")[0],
        "additional_notes": "",
    }


def _notes(went: Journey) -> str:
    return ("", "Asked to be called after 6 pm.", "Spoke to a relative first.")[went.drawn // 7 % 3]


def messages_of(lead: Lead, seed: int, after: datetime) -> list[tuple[str, Row]]:
    """Return what was sent besides the calls: of 12 leads 6 get an SMS, 4 an IVR call, 3 an e-mail, some several."""
    drawn = pseudo_random(seed, lead.lead_id, "messages")
    messages = []
    if drawn % 2 == 0:
        messages.append(("sms_welcome", _sms(lead, drawn, after + timedelta(minutes=5))))
    if drawn // 2 % 3 == 0:
        messages.append(("ivr_reminder", _ivr(drawn, after + timedelta(minutes=10))))
    if drawn // 6 % 4 == 0:
        messages.append(("gmail_brochure", _gmail(lead, drawn, after + timedelta(minutes=15))))
    return messages


def _sms(lead: Lead, drawn: int, sent_at: datetime) -> Row:
    pending = drawn // 24 % 5 == 0
    return {
        "status": PENDING if pending else "DELIVERED",
        "cost": PENDING if pending else 0.25,
        "body": f"Dear {lead.contact_name}, thank you for your time.",
        "sent_at": _epoch(sent_at),
    }


def _ivr(drawn: int, sent_at: datetime) -> Row:
    pending = drawn // 120 % 5 == 0
    return {
        "status": PENDING if pending else "COMPLETED",
        "cost": PENDING if pending else 0.4,
        "text_to_speak": "Press 1 to be called back.",
        "multi_text_to_speak": {"hi": "वापस कॉल के लिए 1 दबाएं।"},
        "dtmf_response": "" if pending else str(drawn // 600 % 3),
        "duration": 0 if pending else 5 + drawn // 1_800 % 40,
        "sent_at": _epoch(sent_at),
    }


def _gmail(lead: Lead, drawn: int, sent_at: datetime) -> Row:
    return {
        "cost": PENDING if drawn // 240 % 5 == 0 else 0.05,
        "google_email": "team@example.com",
        "subject": "Your brochure",
        "to": f"lead{v1_lead_id(lead.lead_id)}@example.com",
        "from": "team@example.com",
        "sent_at": _epoch(sent_at),
    }


def _outcome_id(text: str | None) -> int:
    return _OUTCOME_IDS.get(text or "", _OTHER_OUTCOME_ID)


def _epoch(moment: datetime) -> int:
    return timestamps.microseconds(moment) // 1_000
