"""The calls of a sync, counted by the emulator: those of the docs' table, and no more for windows that are empty."""

import re
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path

import pytest

from squadstack_emulator import Campaign, Emulator, Scenario
from test_support import configs
from test_support.catalogs import configured

PAGE = (Path(__file__).parents[1] / "docs/performance.md").read_text(encoding="utf-8")
TABLE = [
    tuple(map(int, cells))
    for cells in re.findall(
        r"^\| (\d+) \| (\d+) \| (\d+) \|$", PAGE.split("## Calls of the source\n")[1].split("\n## ")[0], re.MULTILINE
    )
]
LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)
CATALOG = configured("lead_responses", incremental=["lead_responses"])


def campaigns(number: int, **fields) -> tuple[Campaign, ...]:
    return tuple(Campaign(id=f"C{index}", ref_id=f"ref-{index}", **fields) for index in range(number))


def config(emulator: Emulator, **section) -> dict:
    return configs.source(emulator, **{"start_date": "2024-01-01T00:00:00Z", "lookback_minutes": 0, **section})


def state_of(emulator: Emulator, newest: datetime) -> dict:
    cursor = {"processed_at": newest.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
    states = [{"partition": {"campaign_id": one.id}, "cursor": cursor} for one in emulator.scenario.campaigns]
    state = {"use_global_cursor": False, "states": states}
    return {
        "type": "STREAM",
        "stream": {"stream_descriptor": {"name": "lead_responses"}, "stream_state": state},
    }


def test_the_docs_have_a_table_of_calls():
    assert len(TABLE) == 7


@pytest.mark.parametrize(("number", "leads", "calls"), TABLE)
def test_a_sync_makes_no_more_calls_than_the_docs_table_says(source, number, leads, calls):
    with Emulator(Scenario(campaigns=campaigns(number), calls_per_minute=None)) as emulator:
        for campaign in emulator.scenario.campaigns:
            for index in range(leads):
                at = LONG_AGO + (datetime.now(UTC) - LONG_AGO - timedelta(hours=1)) * ((index + 0.5) / leads)
                emulator.put_response(campaign.id, {"lead_id": str(index), "processed_at": at.isoformat()})
        state = None if leads else [state_of(emulator, datetime(2024, 6, 1, tzinfo=UTC))]
        read = source.run("read", config=config(emulator), catalog=CATALOG, state=state)
        emulator.assert_clean()
        made = len(emulator.request_log.calls)
    assert read.code == 0, read.errors
    assert len(read.records) == number * leads
    if leads <= 100:
        assert made == calls
    else:
        assert number * ceil(leads / 100) < made <= calls


def test_the_next_sync_of_quiet_campaigns_is_one_call_each_however_long_they_have_been_quiet(source):
    quiet = campaigns(3, responses=40, seed_from=LONG_AGO, seed_to=LONG_AGO + timedelta(days=10))
    with Emulator(Scenario(campaigns=quiet, calls_per_minute=None)) as emulator:
        first = source.run("read", config=config(emulator), catalog=CATALOG)
        before = len(emulator.request_log.calls)
        second = source.run("read", config=config(emulator), catalog=CATALOG, state=[first.states[-1]])
        assert (before, len(emulator.request_log.calls) - before) == (3, 3)
    assert first.code == second.code == 0
    assert len(first.records) == 3 * 40
    # The newest lead of each, at which its state stands.
    assert len(second.records) == 3
    assert {str(state["cursor"]) for state in first.states[-1]["stream"]["stream_state"]["states"]} == {
        str(state["cursor"]) for state in second.states[-1]["stream"]["stream_state"]["states"]
    }


def test_a_campaign_that_never_had_a_lead_costs_a_second_call_that_asks_in_the_other_unit(source):
    with Emulator(Scenario(campaigns=campaigns(2), calls_per_minute=None)) as emulator:
        read = source.run("read", config=config(emulator), catalog=CATALOG)
        assert len(emulator.request_log.calls) == 4
    assert (read.code, read.records) == (0, [])


def test_the_windows_of_a_busy_campaign_cost_little_more_than_their_pages(source):
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=25)
    busy = campaigns(1, responses=10_000, seed_from=start, seed_to=start + timedelta(days=20))
    with Emulator(Scenario(campaigns=busy, calls_per_minute=None)) as emulator:
        asked = config(emulator, window_days=10, start_date=f"{start:%Y-%m-%dT%H:%M:%SZ}")
        read = source.run("read", config=asked, catalog=CATALOG)
        calls = len(emulator.request_log.calls)
    assert len(read.records) == 10_000
    assert calls <= 1.2 * 100


def test_a_piece_that_fails_in_the_middle_moves_no_state(source):
    long = campaigns(1, responses=500, seed_from=LONG_AGO, seed_to=LONG_AGO + timedelta(days=300))
    with Emulator(Scenario(campaigns=long, calls_per_minute=None)) as emulator:
        killed = source.killed_after(150, "read", config=config(emulator), catalog=CATALOG)
        state = [killed.states[-1]] if killed.states else None
        resumed = source.run("read", config=config(emulator), catalog=CATALOG, state=state)
        everyone = set(emulator.leads("C0"))
    assert {record["lead_id"] for record in [*killed.records, *resumed.records]} == everyone
    assert {record["lead_id"] for record in resumed.records} == everyone
