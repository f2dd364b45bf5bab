"""A lead as the platform knows it: what the pages "Leads" and "Get Leads" of v4 and v1 show, and its state."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

State = Literal["active", "processed", "converted", "disabled", "deleted"]


@dataclass(frozen=True, slots=True)
class Lead:
    """One lead of a campaign.

    Attributes:
        lead_id: The customer's own identifier, unique within the campaign.
        phone_number: "+91" and ten digits; "" once the lead is deleted.
        contact_name: "" once the lead is deleted.
        custom: All other keys the customer sent, with their last values.
        state: Only an active lead gets called. A deleted one is a tombstone: its id and nothing else.
        created_at: When it arrived, UTC.
        processed_at: When its journey ended, UTC; None while it is still to be called.
        lead_outcome: The judgement, as in the v4 page's "Connected : Objective Met".
        latest_called_at: Time of the last call made to it, UTC.
        latest_recording_url: Recording of that call; None where nobody answered.
        lead_responses: What the lead said, question to answer.
        judgements: How many times its journey has ended.
        detail: The conversion detail that a convert sent.
        earlier: When its journeys before the one of `processed_at` ended, UTC.
    """

    lead_id: str
    phone_number: str
    contact_name: str
    custom: Mapping[str, object]
    state: State
    created_at: datetime
    processed_at: datetime | None = None
    lead_outcome: str | None = None
    latest_called_at: datetime | None = None
    latest_recording_url: str | None = None
    lead_responses: Mapping[str, str] = field(default_factory=dict)
    judgements: int = 0
    detail: object = None
    earlier: tuple[datetime, ...] = ()
