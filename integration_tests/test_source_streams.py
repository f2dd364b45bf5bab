"""SquadStack's other streams by the console script: all leads, version 1 of the API and what reached out to a lead."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from math import ceil
from pathlib import Path

import pytest

from squadstack_emulator import Campaign, Emulator, Portal, PortalCampaign, Scenario
from test_support import configs
from test_support.catalogs import configured

SEEDED = Campaign(
    responses=130,
    unprocessed=7,
    seed_from=datetime(2026, 1, 1, tzinfo=UTC),
    seed_to=datetime(2026, 3, 1, tzinfo=UTC),
    name="Loan Enquiry",
)
PREFIXES = ("call_attempt_", "sms_", "ivr_", "gmail_")


def scenario(**fields) -> Scenario:
    return Scenario(**{"campaigns": (SEEDED,), "calls_per_minute": None, **fields})


def ids(records) -> Counter:
    return Counter(record["lead_id"] for record in records)


@pytest.mark.parametrize("version", ["v4", "v1"])
def test_leads_holds_every_lead_the_endpoint_returns_processed_or_not(source, version):
    with Emulator(scenario(page_size_cap=20)) as emulator:
        read = source.run("read", config=configs.source(emulator, api_version=version), catalog=configured("leads"))
        emulator.assert_clean()
        total = len(emulator.leads())
    assert read.code == 0, read.errors
    assert set(ids(read.records).values()) == {1}
    assert len(read.records) == total == 137
    # The CDK leaves out what is null at the top of a record; a warehouse sees no difference.
    assert sum(record.get("processed_at") is None for record in read.records) == 7


def test_leads_whose_order_is_new_with_each_call_are_read_again_until_none_is_new_or_a_warning_says_so(source):
    with Emulator(scenario(page_size_cap=20, order="reshuffled")) as emulator:
        read = source.run("read", config=configs.source(emulator), catalog=configured("leads"))
        calls = len(emulator.request_log.calls)
    assert read.code == 0
    assert calls <= 10 * ceil(137 / 20)
    warnings = [log["message"] for log in read.of("LOG") if log["level"] == "WARN"]
    assert any("some may be missing" in warning for warning in warnings) or len(ids(read.records)) == 137


@pytest.mark.parametrize("unit", ["milliseconds", "seconds"])
def test_v1_responses_come_once_under_both_versions_names(source, unit):
    with Emulator(scenario(page_size_cap=20, timestamp_unit=unit)) as emulator:
        asked = configs.source(emulator, api_version="v1", timestamp_unit=unit)
        read = source.run("read", config=asked, catalog=configured("lead_responses", incremental=["lead_responses"]))
        emulator.assert_clean()
    assert read.code == 0, read.errors
    assert len(read.records) == 130
    assert set(ids(read.records).values()) == {1}
    for record in read.records:
        assert isinstance(record["lead_id"], str)
        assert record["lead_outcome"] == record["outcome_name"]
        assert datetime.fromisoformat(record["processed_at"]).tzinfo
        assert isinstance(record["call_attempt_keys"], list)


def test_every_call_sms_ivr_and_email_of_a_v1_response_is_an_event_once(source):
    catalog = configured("lead_responses", "outreach_events", incremental=["lead_responses", "outreach_events"])
    with Emulator(scenario(page_size_cap=20)) as emulator:
        read = source.run("read", config=configs.source(emulator, api_version="v1"), catalog=catalog)
        emulator.assert_clean()
    assert read.code == 0, read.errors
    rows = [record["data"] for record in read.of("RECORD") if record["stream"] == "lead_responses"]
    events = [record["data"] for record in read.of("RECORD") if record["stream"] == "outreach_events"]
    blocks = [
        block
        for row in rows
        for key, value in row.items()
        if key.startswith(PREFIXES) and key != "call_attempt_keys"
        for block in (value if isinstance(value, list) else [value])
    ]
    assert len(events) == len(blocks) > 130
    assert set(Counter((event["campaign_id"], event["lead_id"], event["event_id"]) for event in events).values()) == {1}
    assert {event["event_type"] for event in events} == {"call", "sms", "ivr", "email"}
    assert all(datetime.fromisoformat(event["occurred_at"]).tzinfo for event in events)
    again = configured("outreach_events")
    with Emulator(scenario(page_size_cap=20)) as emulator:
        second = source.run("read", config=configs.source(emulator, api_version="v1"), catalog=again)
    assert Counter(event["event_id"] for event in events) == Counter(event["event_id"] for event in second.records)


def test_streams_of_what_is_not_configured_do_not_exist(source):
    with Emulator(scenario()) as emulator:
        v4 = source.run("discover", config=configs.source(emulator))
        v1 = source.run("discover", config=configs.source(emulator, api_version="v1"))
    names = [[stream["name"] for stream in found.of("CATALOG")[0]["streams"]] for found in (v4, v1)]
    assert names == [
        ["lead_responses", "leads", "call_recordings"],
        ["lead_responses", "leads", "outreach_events"],
    ]


def test_ten_campaigns_and_a_hundred_keep_their_own_cursors(source):
    campaigns = tuple(
        replace(SEEDED, id=f"C{number}", ref_id=f"ref-{number}", responses=number % 4, unprocessed=0)
        for number in range(110)
    )
    catalog = configured("lead_responses", incremental=["lead_responses"])
    with Emulator(scenario(campaigns=campaigns)) as emulator:
        asked = configs.source(emulator, window_days=3650)
        first = source.run("read", config=asked, catalog=catalog)
        second = source.run("read", config=asked, catalog=catalog, state=[first.states[-1]])
    states = first.states[-1]["stream"]["stream_state"]["states"]
    assert {state["partition"]["campaign_id"] for state in states} == {campaign.id for campaign in campaigns}
    newest = Counter(record["campaign_id"] for record in second.records)
    assert newest == Counter(campaign.id for campaign in campaigns if campaign.responses)


@pytest.mark.parametrize("path", sorted(Path(__file__).with_name("states").glob("*.json")), ids=lambda path: path.stem)
def test_a_state_of_every_version_ever_released_goes_on_from_where_it_was(source, path):
    state = json.loads(path.read_text(encoding="utf-8"))
    campaigns = (SEEDED, replace(SEEDED, id="NULL", ref_id="ref-null", responses=10, unprocessed=0))
    portal = Portal(
        campaigns=(PortalCampaign(id="c1", activities=59, seed_from=SEEDED.seed_from, seed_to=SEEDED.seed_to),)
    )
    catalog = configured(
        "lead_responses", "contact_center_activity", incremental=["lead_responses", "contact_center_activity"]
    )
    with Emulator(scenario(campaigns=campaigns, portal=portal, activity_shape="envelope_data")) as emulator:
        section = {
            "portal_url": emulator.url,
            "username": portal.username,
            "password": portal.password,
            "domain": portal.domain,
            "account_id": portal.account_id,
            "start_date": "2026-01-01",
        }
        asked = {**configs.source(emulator, lookback_minutes=0), "contact_center": section}
        read = source.run("read", config=asked, catalog=catalog, state=state)
    assert read.code == 0, read.errors
    oldest: dict[str, datetime] = {}
    for record in (record["data"] for record in read.of("RECORD") if record["stream"] == "lead_responses"):
        at = datetime.fromisoformat(record["processed_at"])
        oldest[record["campaign_id"]] = min(at, oldest.get(record["campaign_id"], at))
    # Its own cursor goes on; a campaign without a readable one starts at the start date.
    february = datetime(2026, 2, 1, tzinfo=UTC)
    assert february <= oldest["0PT711"] < datetime(2026, 2, 2, tzinfo=UTC)
    assert oldest["NULL"] == datetime(2026, 1, 1, tzinfo=UTC)
    times = [
        record["data"]["timestamp"] for record in read.of("RECORD") if record["stream"] == "contact_center_activity"
    ]
    assert 1_769_904_000 <= min(times) < 1_769_904_000 + 2 * 86_400
