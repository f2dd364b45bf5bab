"""What is posted when a lead was called, as the pages show it."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from squadstack_emulator.scenario import Campaign, EventKind
from squadstack_emulator.squadstack.journeys import judge
from squadstack_emulator.squadstack.lead import Lead
from squadstack_emulator.squadstack.webhook_events import events_of

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CAMPAIGN = Campaign()
EVERY_KIND = get_args(EventKind)


def lead(number: int = 0) -> Lead:
    return Lead(f"lead-{number}", "+919876500000", "Meera Reddy", {"city": "Pune"}, "active", NOW - timedelta(days=1))


def told(judged: Lead, *kinds: EventKind, seed: int = 1, style: Any = "iso") -> list[tuple[str, dict[str, Any]]]:
    events = events_of(judged, CAMPAIGN, kinds or EVERY_KIND, seed=seed, style=style)
    return [(event.kind, json.loads(event.body)) for event in events]


def judged(number: int = 0, seed: int = 1) -> Lead:
    return judge(lead(number), seed=seed, at=NOW)


def test_the_lead_processed_webhook_tells_how_the_journey_ended():
    ((kind, body),) = told(judged(), "lead_processed")
    assert (kind, body["processed_at"]) == ("lead_processed", "2026-11-20T12:00:00+00:00")
    assert body["lead_outcome"] == judged().lead_outcome


def test_calls_are_numbered_from_1_in_the_order_of_their_times():
    seen = [told(judged(number), "call") for number in range(50)]
    for calls in seen:
        assert [body["call_attempt_number"] for _, body in calls] == list(range(1, len(calls) + 1))
        times = [datetime.fromisoformat(body["called_at"]) for _, body in calls]
        assert times == sorted(times)
    assert {len(calls) for calls in seen} == {1, 2, 3}


def test_the_last_call_of_a_journey_has_its_outcome_and_recording():
    for number in range(20):
        *_, (_, last) = told(judged(number), "call")
        assert (last["call_outcome"], last["recording_url"]) == (
            judged(number).lead_outcome,
            judged(number).latest_recording_url,
        )


def test_a_judgement_is_the_lead_with_notes_instead_of_answers():
    (_, judgement), (_, processed) = told(judged(), "lead_processed", "judgement")
    assert {name: value for name, value in processed.items() if name != "lead_responses"} == {
        name: value for name, value in judgement.items() if name != "additional_notes"
    }
    assert isinstance(judgement["additional_notes"], str)


def test_calls_come_before_the_journeys_end_and_messages_behind_it():
    kinds = [kind for kind, _ in told(judged(2))]
    assert kinds.index("judgement") == kinds.count("call") == kinds.index("lead_processed") - 1
    assert set(kinds[kinds.index("lead_processed") + 1 :]) <= {"sms", "whatsapp", "ivr", "email"}


def test_a_second_journey_goes_on_numbering_calls_and_brings_no_messages_again():
    first = judged(4)
    again = judge(first, seed=1, at=NOW + timedelta(hours=3))
    numbers = [body["call_attempt_number"] for each in (first, again) for _, body in told(each, "call")]
    assert numbers == list(range(1, len(numbers) + 1))
    assert Counter(kind for kind, _ in told(again))["sms"] == 0


def test_the_same_seed_tells_the_same_and_another_one_does_not():
    one = [told(judged(number)) for number in range(10)]
    assert one == [told(judged(number)) for number in range(10)]
    assert one != [told(judged(number, seed=2), seed=2) for number in range(10)]


@pytest.mark.parametrize(
    ("style", "spelt"), [("iso", "2026-11-20T12:00:00+00:00"), ("epoch_milliseconds", 1_795_176_000_000)]
)
def test_times_are_spelt_as_the_scenario_says(style, spelt):
    ((_, body),) = told(judged(), "judgement", style=style)
    assert body["processed_at"] == spelt


def test_a_lead_that_was_not_called_has_nothing_to_tell():
    assert told(lead()) == []
