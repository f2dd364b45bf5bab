"""State: a campaign has its own cursor or starts at the start date, never at another's."""

import pytest
from airbyte_cdk.sources.declarative.incremental.concurrent_partition_cursor import ConcurrentPerPartitionCursor

from source_squadstack.components import state_migrations
from source_squadstack.components.log import warn_once
from source_squadstack.components.state_migrations import PerCampaignState, ReadableState

STATES = [{"partition": {"campaign_id": "0PT711"}, "cursor": {"processed_at": "2024-02-01T00:00:00.000000Z"}}]
GLOBAL = {"state": {"processed_at": "2024-02-01T00:00:00.000000Z"}, "lookback_window": 5}


def test_the_global_cursor_is_dropped_so_that_a_new_campaign_starts_at_the_start_date():
    state = {"use_global_cursor": False, "states": STATES, **GLOBAL}
    assert PerCampaignState().should_migrate(state)
    assert PerCampaignState().migrate(state) == {"use_global_cursor": False, "states": STATES}


def cursor_of(campaign, processed_at):
    return {"partition": {"campaign_id": campaign}, "cursor": {"processed_at": f"{processed_at}T00:00:00.000000Z"}}


def test_campaigns_that_are_gone_leave_room_for_all_that_are_configured(monkeypatch):
    monkeypatch.setattr(state_migrations, "MAX_CURSORS", 4)
    gone = [cursor_of(f"GONE{month}", f"2024-0{month}-01") for month in (3, 1, 2)]
    read = cursor_of("READ", "2023-01-01")
    migration = PerCampaignState(config={"squadstack": {"campaign_ids": ["READ", "ADDED"]}})
    assert migration.migrate({"states": [*gone, read]}) == {"states": [gone[0], gone[2], read]}


def test_the_limit_of_cursors_is_the_one_beyond_which_the_cdk_takes_its_global_cursor():
    assert ConcurrentPerPartitionCursor.SWITCH_TO_GLOBAL_LIMIT == state_migrations.MAX_CURSORS


def test_the_global_cursor_stays_where_it_is_the_only_one():
    assert not PerCampaignState().should_migrate({"use_global_cursor": True, **GLOBAL})


def test_a_state_without_a_global_cursor_is_left_alone():
    assert not PerCampaignState().should_migrate({"use_global_cursor": False, "states": STATES})
    assert not PerCampaignState().should_migrate({})


@pytest.mark.parametrize(
    "cursor", [None, {}, {"processed_at": None}, {"processed_at": "soon"}, {"processed_at": ["x"]}]
)
def test_a_campaigns_cursor_that_is_no_time_is_dropped_alone(cursor):
    odd = {"partition": {"campaign_id": "ODD"}, "cursor": cursor}
    state = {"use_global_cursor": False, "states": [*STATES, odd]}
    assert PerCampaignState().should_migrate(state)
    assert PerCampaignState().migrate(state) == {"use_global_cursor": False, "states": STATES}


@pytest.mark.parametrize("state", [{"timestamp": None}, {"timestamp": "soon"}, {"other": 1}])
def test_a_timestamp_that_is_no_time_is_dropped(state):
    assert ReadableState().should_migrate(state)
    assert ReadableState().migrate(state) == {}


@pytest.mark.parametrize("state", [{}, {"timestamp": "1666222318"}])
def test_a_readable_timestamp_is_left_alone(state):
    assert not ReadableState().should_migrate(state)


@pytest.mark.parametrize("cursor", [1666222318, 1666222318000, "2022-10-19T23:31:58Z"])
def test_a_timestamp_of_another_spelling_is_spelled_as_the_cdk_reads_it(cursor):
    assert ReadableState().migrate({"timestamp": cursor}) == {"timestamp": "1666222318"}


def test_a_campaigns_cursor_of_another_spelling_is_spelled_as_the_cdk_reads_it():
    state = {
        "states": [{"partition": {"campaign_id": "0PT711"}, "cursor": {"processed_at": "2024-02-01T05:30:00+05:30"}}]
    }
    assert PerCampaignState().migrate(state) == {"states": STATES}


def test_a_state_of_no_campaigns_is_read_as_none():
    assert PerCampaignState().migrate({"states": None}) == {"states": []}


@pytest.mark.parametrize(
    ("migration", "state", "what"),
    [
        (
            PerCampaignState,
            {"states": [{"partition": {"campaign_id": "0PT711"}, "cursor": {"processed_at": "2999-01-01T00:00:00Z"}}]},
            "campaign 0PT711",
        ),
        (ReadableState, {"timestamp": "32472144000"}, "the contact center's activity"),
    ],
)
def test_a_cursor_in_the_future_is_warned_of_once(caplog, migration, state, what):
    warn_once.cache_clear()
    for _ in range(2):
        migration().should_migrate(state)
    assert [record.getMessage().split(" lies in the future")[0] for record in caplog.records] == [
        f"The state of {what}"
    ]
