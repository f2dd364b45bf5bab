"""v1 Get Leads: the v4 read with flat rows (page "Leads" of squadvoice-v1)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from squadstack_emulator import Campaign, Emulator, Fault, FaultKind, v1_lead_id
from squadstack_emulator.squadstack.journeys import judge
from squadstack_emulator.squadstack.lead import Lead
from squadstack_emulator.squadstack.lead_store import RawRow
from squadstack_emulator.squadstack.rows_v1 import PENDING, lead_row
from squadstack_emulator.squadstack.seeds import seeded_leads

READ = "/api/v1/leads/responses/0PT711/"
CREATED = datetime(2018, 7, 12, 15, 35, 39, 413_000, tzinfo=UTC)
CALLED = CREATED + timedelta(days=1, microseconds=700)
CAMPAIGN = Campaign(name="Loans")
NEW = Lead("10", "+919899550412", "John Doe", {}, "active", CREATED)
SECOND = timedelta(seconds=1)
TIMES = {"called_at", "sent_at", "processed_at", "created_at"}


def called(lead: Lead = NEW, times: int = 1) -> Lead:
    for number in range(times):
        lead = judge(lead, seed=1, at=CALLED + timedelta(days=number))
    return lead


def row_of(lead: Lead) -> dict[str, Any]:
    return lead_row(lead, CAMPAIGN, 1)


def many() -> list[dict[str, Any]]:
    return [row_of(lead) for lead in seeded_leads(Campaign(responses=600), 1)]


def values(rows: list[dict[str, Any]], prefix: str) -> list[Any]:
    return [value for row in rows for key, value in row.items() if key.startswith(prefix) and not key.endswith("_keys")]


def ids(answer: Any) -> list[int]:
    return [row["lead_id"] for row in answer.content["results"]]


def test_a_processed_lead_has_the_extra_keys_and_every_journey_under_its_own() -> None:
    row = row_of(called(times=3))
    journeys = [f"call_attempt_Loans_{number}" for number in (1, 2, 3)]
    assert row["call_attempt_keys"] == journeys
    assert row["last_call_attempt_keys"] == ["last_call_attempt_Loans"]
    assert row["last_call_attempt_Loans"] == row[journeys[-1]][-1]
    assert row["processed_at"] == 1531496139413 + 2 * 86_400_000
    assert row["outcome_name"] == row["last_call_attempt_Loans"]["outcome_name"] == called(times=3).lead_outcome
    assert row["outcome_id"] == row["last_call_attempt_Loans"]["outcome_id"]
    times = [attempt["called_at"] for key in journeys for attempt in row[key]]
    assert times == sorted(times)


def test_a_row_agrees_with_v4_about_the_last_call() -> None:
    for lead in seeded_leads(Campaign(responses=50), 1):
        last = row_of(lead)["last_call_attempt_Loans"]
        assert lead.latest_called_at
        assert last["called_at"] == int(lead.latest_called_at.timestamp() * 1000)
        assert last["report_keys_order"] == list(lead.lead_responses)
        assert {key: last[key] for key in last["report_keys_order"]} == dict(lead.lead_responses)


def test_the_calls_shown_of_a_journey_stay_when_the_lead_is_called_again(call: Callable[..., Any]) -> None:
    once, twice = row_of(called()), row_of(called(times=2))
    for key in set(once) - {"processed_at", "outcome_name", "outcome_id", "total_cost", "call_attempt_keys"}:
        assert key.startswith("last_call") or once[key] == twice[key], key
    caller = call(reactivates=True, campaigns=(CAMPAIGN,))
    caller.pipeline.store["0PT711"].put(called())
    assert caller.post("lead-updated", [{"lead_id": "10"}]).content["status"] == "success"
    reactivated = caller.get(READ).content["results"][0]
    assert "processed_at" not in reactivated
    assert reactivated["call_attempt_Loans_1"] == once["call_attempt_Loans_1"]


def test_an_attempt_has_the_documented_keys_then_its_answers() -> None:
    attempts = [attempt for attempts in values(many(), "call_attempt_") for attempt in attempts]
    documented = (
        *("reference_id", "outcome_id", "outcome_name", "call_duration", "called_at", "report_keys_order", "status"),
        "additional_notes",
    )
    assert {tuple(attempt)[:8] for attempt in attempts} == {documented}
    assert {tuple(attempt)[8:] == tuple(attempt["report_keys_order"]) for attempt in attempts} == {True}
    assert len({attempt["reference_id"] for attempt in attempts}) == len(attempts)
    assert {(attempt["status"], attempt["call_duration"] > 0) for attempt in attempts} == {
        ("Connected", True),
        ("Not Connected", False),
    }
    assert len({attempt["outcome_id"] for attempt in attempts}) == 6
    assert {len(each) for each in values(many(), "call_attempt_")} == {1, 2, 3}


def test_no_lead_was_called_before_it_arrived() -> None:
    lead = called(replace(NEW, created_at=CALLED - timedelta(seconds=5)))
    assert len(row_of(lead)["call_attempt_Loans_1"]) == 1


@pytest.mark.parametrize("prefix", ["sms_", "ivr_", "gmail_"])
def test_some_leads_got_a_message_and_some_of_its_costs_are_pending(prefix: str) -> None:
    messages = values(many(), prefix)
    assert 100 < len(messages) < 400
    pending = [message for message in messages if message["cost"] == PENDING]
    assert 0 < len(pending) < len(messages) / 2
    assert {message.get("status", PENDING) for message in pending} == {PENDING}


def test_the_total_cost_is_that_of_all_outreach_or_pending_with_one_of_them() -> None:
    for row in many():
        messages = [row[key] for key in ("sms_welcome", "ivr_reminder", "gmail_brochure") if key in row]
        costs = [message["cost"] for message in messages]
        calls = 0.85 * len(row["call_attempt_Loans_1"])
        expected = PENDING if PENDING in costs else pytest.approx(calls + sum(costs))
        assert row["total_cost"] == expected


def test_all_times_are_epoch_milliseconds_whatever_the_spelling_of_v4(call: Callable[..., Any]) -> None:
    caller = call(campaigns=(Campaign(responses=50),), time_style="iso")

    def times(value: Any) -> list[Any]:
        if isinstance(value, list):
            return [each for item in value for each in times(item)]
        if isinstance(value, dict):
            return [item for key, item in value.items() if key in TIMES] + times(list(value.values()))
        return []

    found = times(caller.get(READ).content["results"])
    assert len(found) > 150
    assert all(type(each) is int and len(str(each)) == 13 for each in found)


def test_custom_fields_are_keys_of_the_row_and_hide_no_other() -> None:
    custom = {"city": "Pune", "sms_opt_in": "yes", "lead_id": "x", "call_attempt_Loans_1": "x", "amount": 2**70}
    row = row_of(called(replace(NEW, custom=custom)))
    assert (row["city"], row["sms_opt_in"], row["amount"], row["lead_id"]) == ("Pune", "yes", 2**70, 10)
    assert isinstance(row["call_attempt_Loans_1"], list)
    assert row["call_attempt_keys"] == ["call_attempt_Loans_1"]


@pytest.mark.parametrize(("lead_id", "number"), [("0", 0), ("10", 10), (str(2**80), 2**80)])
def test_a_lead_id_of_plain_digits_is_its_integer(lead_id: str, number: int) -> None:
    assert v1_lead_id(lead_id) == number


def test_any_other_lead_id_is_an_integer_of_its_own() -> None:
    others = ["007", "7 ", "-7", "seed-0000001", "seed-0000002", "\u0667", "abc", ""]
    numbers = [v1_lead_id(each) for each in others]
    assert len(set(numbers)) == len(others)
    assert all(10**9 < each < 2**53 for each in numbers)
    assert v1_lead_id("seed-0000001") == numbers[3]


def test_a_lead_is_found_by_the_integer_it_is_shown_with(call: Callable[..., Any]) -> None:
    caller = call(campaigns=(Campaign(responses=3),))
    caller.pipeline.store["0PT711"].put(NEW)
    for number in ids(caller.get(READ)):
        assert ids(caller.get(READ, lead_id=number)) == [number]
    assert ids(caller.get(READ, lead_id=99)) == []
    assert caller.request_log.violations == []


@pytest.mark.parametrize("unit", ["milliseconds", "seconds"])
@pytest.mark.parametrize("inclusive", [True, False])
def test_filters_are_those_of_v4(call: Callable[..., Any], inclusive: bool, unit: str) -> None:
    caller = call(timestamp_unit=unit, after_inclusive=inclusive, before_inclusive=inclusive)
    start = datetime(2024, 1, 1, tzinfo=UTC)
    for second in range(4):
        caller.pipeline.store["0PT711"].put(
            judge(replace(NEW, lead_id=str(second)), seed=1, at=start + second * SECOND)
        )
    caller.pipeline.store["0PT711"].put(NEW)
    scale = 1000 if unit == "milliseconds" else 1
    after = int(start.timestamp()) * scale
    expected = [0, 1, 2, 3] if inclusive else [1, 2]
    assert ids(caller.get(READ, processed_after=after, processed_before=after + 3 * scale)) == expected


@pytest.mark.parametrize("order", ["processed_at", "lead_id", "shuffled"])
def test_pages_caps_and_orders_are_those_of_v4(call: Callable[..., Any], order: str) -> None:
    caller = call(campaigns=(Campaign(responses=57),), order=order, page_size_cap=10, next_scheme="https")
    pages = [caller.get(READ, page=number, page_size=50) for number in range(1, 7)]
    v4 = [caller.get(page=number, page_size=50) for number in range(1, 7)]
    assert [ids(page) for page in pages] == [
        [v1_lead_id(row["lead_id"]) for row in page.content["results"]] for page in v4
    ]
    assert pages[0].content["next"] == f"https://127.0.0.1:8899{READ}?page=2&page_size=50"
    assert caller.get(READ, page=7, page_size=50).content == {"detail": "Invalid page."}


def test_a_page_of_one_version_is_never_given_for_the_other(call: Callable[..., Any]) -> None:
    caller = call(campaigns=(Campaign(responses=3),))
    for _ in range(2):
        assert type(caller.get(READ).content["results"][0]["lead_id"]) is int
        assert type(caller.get().content["results"][0]["lead_id"]) is str


def test_drift_faults_limits_and_raw_rows_are_those_of_v4(call: Callable[..., Any]) -> None:
    caller = call(campaigns=(Campaign(responses=30),), drift_leads_per_page=2, drift_pages=1)
    window = {"processed_after": 0, "processed_before": 1_711_000_000_000, "page_size": 10}
    assert [caller.get(READ, **window, page=page).content["count"] for page in (1, 2)] == [30, 28]
    caller.pipeline.store["0PT711"].put_raw(RawRow("5", {"lead_id": 5, "odd": 2**80}, None))
    assert caller.get(READ, lead_id=5).content["results"] == [{"lead_id": 5, "odd": 2**80}]
    faulty = call(faults=(Fault(FaultKind.NULL_RESULTS, on="read", campaign="0PT711"),), calls_per_minute=1)
    assert faulty.get(READ).content["results"] is None
    assert faulty.get(READ).status == 429
    assert [each.target for each in faulty.request_log.calls] == ["0PT711"] * 2


def test_a_created_lead_comes_back_called(serve: Callable[..., Emulator]) -> None:
    emulator = serve(campaigns=(CAMPAIGN,))
    headers = {"Authorization": "Bearer emulator-token"}
    lead = {"lead_id": "77", "phone_number": "9899550412", "contact_name": "John Doe", "city": "Pune"}
    create = f"{emulator.url}/voice/crm-integration-v2/ref-0PT711/lead-created"
    assert requests.post(create, json=[lead], headers=headers, timeout=300).ok
    emulator.call_leads()
    row = requests.get(emulator.url + READ, headers=headers, timeout=300).json()["results"][0]
    assert (row["lead_id"], row["phone_number"], row["city"]) == (77, "919899550412", "Pune")
    assert len(row["call_attempt_Loans_1"]) == 1
    emulator.assert_clean()
