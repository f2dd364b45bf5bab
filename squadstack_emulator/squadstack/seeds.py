"""The leads a campaign starts with: the same at every run."""

from collections.abc import Iterator
from datetime import timedelta

from squadstack_emulator.pseudo_random import pseudo_random
from squadstack_emulator.scenario import Campaign
from squadstack_emulator.squadstack.journeys import judge
from squadstack_emulator.squadstack.lead import Lead

_FIRST_NAMES = ("Aarav", "Ananya", "Arjun", "Diya", "Ishaan", "Kavya", "Meera", "Rohan", "Saanvi", "Vihaan")
_LAST_NAMES = ("Gupta", "Iyer", "Khan", "Mehta", "Nair", "Patel", "Rao", "Reddy", "Sharma", "Singh")
_MILLISECOND = timedelta(milliseconds=1)


def seeded_leads(campaign: Campaign, seed: int) -> Iterator[Lead]:
    """Return the campaign's processed leads in the order of their processing, then those that were not called yet."""
    span = (campaign.seed_to - campaign.seed_from) // _MILLISECOND
    for number in range(campaign.responses):
        at = campaign.seed_from + timedelta(milliseconds=span * number // campaign.responses)
        yield judge(_fresh(campaign, seed, number), seed=seed, at=at)
    for number in range(campaign.unprocessed):
        yield _fresh(campaign, seed, campaign.responses + number)


def _fresh(campaign: Campaign, seed: int, number: int) -> Lead:
    lead_id = f"seed-{number:07d}"
    number_drawn = pseudo_random(seed, campaign.id, lead_id)
    return Lead(
        lead_id=lead_id,
        phone_number=f"+919{number_drawn % 1_000_000_000:09d}",
        contact_name=f"{_FIRST_NAMES[number_drawn % 10]} {_LAST_NAMES[number_drawn // 10 % 10]}",
        custom={},
        state="active",
        created_at=campaign.seed_from - timedelta(hours=1 + number_drawn % 48),
    )
