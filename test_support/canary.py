"""A person whose number and name must be found nowhere, in rows of each API and in a webhook."""

import re
from typing import Any

DIGITS = "9876501234"
E164 = f"+91{DIGITS}"
NAME = "Zubeida Qazvini"
AGENT = "Xerxes Okonkwo"
WORDS = re.compile("zubeida|qazvini|xerxes|okonkwo", re.IGNORECASE)
SPELLINGS = (E164, DIGITS, f"0{DIGITS}", "+91 98765-01234", "(+91) 98765 01234", "९८७६५०१२३४", int(DIGITS))
PROCESSED_AT = "2026-02-01T10:00:00Z"
EPOCH_MS = 1769940000000
SECONDS = EPOCH_MS // 1000


def spelled_numbers(text: str) -> str:
    """Return the digits of a text alone, those of every script, and an x for every letter between them."""
    return "".join(str(int(char)) if char.isdecimal() else "x" if char.isalpha() else "" for char in text)


def holds_number(text: str) -> bool:
    """Tell whether a text holds the number, whatever stands between its digits."""
    return DIGITS in spelled_numbers(text)


def holds_name(text: str) -> bool:
    """Tell whether a text holds a part of a name."""
    return WORDS.search(text) is not None


def lead(api_version: str, number: Any = E164) -> dict[str, Any]:
    """Return a lead as Get Leads has it."""
    said = {"alternate_number": number, "nominee_name": NAME, "remarks": f"{NAME} says {number}", "language": "Hindi"}
    if api_version == "v4":
        return {
            "lead_id": "L1",
            "campaign_id": "C1",
            "phone_number": number,
            "contact_name": NAME,
            "lead_outcome": "Connected : Objective Met",
            "processed_at": PROCESSED_AT,
            "latest_called_at": PROCESSED_AT,
            "created_at": PROCESSED_AT,
            "latest_recording_url": "https://www.squadstack.com/recordings/1",
            "lead_responses": said,
            "email": "zq@example.com",
        }
    attempt = {"reference_id": "r1", "outcome_id": 1, "outcome_name": "Connected", "called_at": EPOCH_MS, **said}
    return {
        "lead_id": 1,
        "campaign_id": "C1",
        "phone_number": number,
        "contact_number": number,
        "contact_name": NAME,
        "created_at": EPOCH_MS,
        "processed_at": EPOCH_MS,
        "outcome_name": "Connected",
        "outcome_id": 1,
        "call_attempt_keys": ["call_attempt_Mobile names_1"],
        "call_attempt_Mobile names_1": [attempt],
        "last_call_attempt_Mobile names": attempt,
        "sms_welcome": {"status": "DELIVERED", "body": f"Dear {NAME}, we call {number}.", "sent_at": EPOCH_MS},
        "gmail_offer": {"to": "zubeida.qazvini@example.com", "subject": f"For {NAME.upper()}", "sent_at": EPOCH_MS},
        "email": "zq@example.com",
    }


AGENT_ROW = {"first_name": "Xerxes", "last_name": "Okonkwo", "email": "okonkwo@example.com", "ext": "1071"}
# Without a uuid in its history its id is a hash of the number and the agent's name.
ACTIVITY = {
    "datetime": "2026-02-01 10:00:00 +0000 UTC",
    "timestamp": SECONDS,
    "campaign_name": "Sales",
    "lead_name": NAME,
    "lead_number": "+91 98765-01234",
    "agent_name": AGENT,
    "agent_extension": "1071",
    "lead_history": [{"agent": AGENT_ROW, "event": "dial", "caller_id_number": DIGITS, "caller_id_name": NAME}],
    "follow_up_notes": f"{NAME} wants a call at {DIGITS}",
}
PORTAL_LEAD = {"id": "l1", "number": E164, "first_name": "Zubeida", "last_name": "Qazvini", "created": SECONDS}
QUEUE = {
    "id": "q1",
    "name": "Support",
    "agents": [{"id": "a1", "name": AGENT, "extension": "1071", "tags": [{"id": "t1", "name": "Batch 1"}]}],
    "calls": {"c1": {"caller_id_number": E164, "caller_id_name": NAME, "to": f"sip:{E164}@portal.example.com"}},
}
WEBHOOK = {
    "phone_number": E164,
    "lead_id": "L1",
    "campaign_id": "C1",
    "contact_name": NAME,
    "called_at": PROCESSED_AT,
    "call_outcome": "Connected",
    "lead_responses": [{"question": "alternate phone", "answer": DIGITS}, {"name": "father_name", "value": NAME}],
    "additional_notes": f"{NAME}: 98765 01234",
    "email": "zq@example.com",
}
