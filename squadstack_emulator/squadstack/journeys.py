"""The journeys of leads: what becomes of a lead that is called, as a pure function of seed, lead and round.

Outcomes are spelt as on the page "Get Leads" of squadvoice-v4.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from squadstack_emulator.pseudo_random import pseudo_random
from squadstack_emulator.squadstack.lead import Lead


@dataclass(frozen=True)
class Outcome:
    """One way a lead's journey may end; `text` is spelt like the v4 page's "Connected : Objective Met"."""

    text: str
    connected: bool
    share: int


# Shares are percent. The document shows the first text only; the others are of its form.
OUTCOMES = (
    Outcome("Connected : Objective Met", connected=True, share=32),
    Outcome("Connected : Call Back Later", connected=True, share=16),
    Outcome("Connected : Not Interested", connected=True, share=22),
    Outcome("Not Connected : No Answer", connected=False, share=18),
    Outcome("Not Connected : Switched Off", connected=False, share=8),
    Outcome("Not Connected : Wrong Number", connected=False, share=4),
)
_BY_PERCENT = tuple(outcome for outcome in OUTCOMES for _ in range(outcome.share))
_LANGUAGES = ("English", "Hindi", "Kannada", "Tamil", "Telugu")
_YES_NO = ("Yes", "No")


@dataclass(frozen=True, slots=True)
class Journey:
    """How one round of calling a lead went.

    Attributes:
        drawn: The number that all of it follows from.
        outcome: How it ended.
        called_at: Time of its last call.
        answers: What the lead said, question to answer.
    """

    drawn: int
    outcome: Outcome
    called_at: datetime
    answers: dict[str, str]


def journey(lead_id: str, *, seed: int, number: int, ended_at: datetime) -> Journey:
    """Return the lead's journey of this number, from 0, that ended at this time."""
    drawn = pseudo_random(seed, lead_id, number)
    outcome = _BY_PERCENT[drawn % 100]
    rest = drawn // 100
    answers = {}
    if outcome.connected:
        answers = {"preferred_language": _LANGUAGES[rest % 5], "still_interested": _YES_NO[rest // 5 % 2]}
    return Journey(drawn, outcome, ended_at - timedelta(seconds=30 + rest % 90), answers)


def judge(lead: Lead, *, seed: int, at: datetime) -> Lead:
    """Return the lead as judged at `at`, the vendor's word for a journey that ended; each journey draws anew."""
    last = journey(lead.lead_id, seed=seed, number=lead.judgements, ended_at=at)
    recording = f"https://www.squadstack.com/recordings/{last.drawn:08x}" if last.outcome.connected else None
    return replace(
        lead,
        state="processed" if lead.state == "active" else lead.state,
        processed_at=at,
        lead_outcome=last.outcome.text,
        latest_called_at=last.called_at,
        latest_recording_url=recording,
        lead_responses=last.answers,
        judgements=lead.judgements + 1,
        earlier=lead.earlier if lead.processed_at is None else (*lead.earlier, lead.processed_at),
    )
