"""The contact center's streams by the console script: paging in every shape, one login, faults, silent logs."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from squadstack_emulator import Emulator, LateFacts, Portal, PortalCampaign, Scenario
from test_support import configs
from test_support.catalogs import configured

PASSWORD = 'canary "12\\34"'
SEED_FROM, SEED_TO = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
PORTAL = Portal(
    password=PASSWORD,
    campaigns=(
        PortalCampaign(id="c1", name="first", leads=35, activities=60, seed_from=SEED_FROM, seed_to=SEED_TO),
        PortalCampaign(id="c2", name="second", leads=3, activities=15, seed_from=SEED_FROM, seed_to=SEED_TO),
        PortalCampaign(id="c3", name="empty", seed_from=SEED_FROM, seed_to=SEED_TO),
    ),
    queues=3,
)
STREAMS = (
    "contact_center_campaigns",
    "contact_center_leads",
    "contact_center_activity",
    "contact_center_queues",
    "contact_center_queue_agents",
)


def scenario(**fields) -> Scenario:
    return Scenario(**{"portal": PORTAL, "activity_shape": "envelope_data", **fields})


def of(read, stream: str) -> list[dict]:
    return [record["data"] for record in read.of("RECORD") if record["stream"] == stream]


def leads(emulator: Emulator) -> Counter:
    return Counter(str(lead["id"]) for campaign in PORTAL.campaigns for lead in emulator.portal_leads(campaign.id))


def activities(emulator: Emulator) -> Counter:
    return Counter((row["timestamp"], row["lead_number"], row["lead_name"]) for row in emulator.portal_activities())


def read_activities(read) -> Counter:
    rows = of(read, "contact_center_activity")
    return Counter((row["timestamp"], row["lead_number"], row["lead_name"]) for row in rows)


def told(read) -> str:
    return "".join(line for line in read.stdout.splitlines() if not line.startswith('{"type":"RECORD"')) + read.stderr


def private(emulator: Emulator) -> set[str]:
    """Return all that no log line may hold."""
    people = [
        *emulator.portal_activities(),
        *(lead for each in PORTAL.campaigns for lead in emulator.portal_leads(each.id)),
    ]
    names = {
        str(row[key]) for row in people for key in ("number", "lead_number", "lead_name", "last_name") if row.get(key)
    }
    return names | {PASSWORD, 'canary \\"12'}


def assert_all_of_it(read, emulator: Emulator) -> None:
    """Hold a read to every record of every stream, once."""
    assert read.code == 0, read.errors
    emulator.assert_clean()
    assert [row["id"] for row in of(read, "contact_center_campaigns")] == [campaign.id for campaign in PORTAL.campaigns]
    assert Counter(row["id"] for row in of(read, "contact_center_leads")) == leads(emulator)
    assert read_activities(read) == activities(emulator)
    queues = emulator.portal_queues()
    assert [row["id"] for row in of(read, "contact_center_queues")] == [queue["id"] for queue in queues]
    agents = [(queue["id"], agent["id"]) for queue in queues for agent in queue["agents"]]
    assert [(row["queue_id"], row["id"]) for row in of(read, "contact_center_queue_agents")] == agents
    assert not [secret for secret in private(emulator) if secret in told(read)]


SHAPES = ["bare", "envelope_data", "envelope_cdrs", "header"]


@pytest.mark.parametrize(("shape", "inclusive"), [*product(SHAPES, [True, False])])
def test_each_record_comes_once_in_every_shape_of_paging(source, shape, inclusive):
    told_to = scenario(
        activity_shape=shape, activity_inclusive=inclusive, activity_cap=7, portal_page_cap=4, portal_last_key="empty"
    )
    if shape == "bare":
        told_to = scenario(activity_shape=shape, activity_inclusive=inclusive, activity_cap=7, portal_page_cap=4)
    with Emulator(told_to) as emulator:
        assert_all_of_it(
            source.run("read", config=configs.contact_center(emulator), catalog=configured(*STREAMS)), emulator
        )


def test_a_server_that_ignores_the_start_key_is_read_window_by_window(source):
    with Emulator(scenario(activity_ignores_start_key=True, activity_cap=7)) as emulator:
        assert_all_of_it(
            source.run("read", config=configs.contact_center(emulator), catalog=configured(*STREAMS)), emulator
        )


def test_a_key_that_comes_twice_ends_the_stream_with_an_error(source):
    with Emulator(scenario(portal_repeats_key=True)) as emulator:
        read = source.run(
            "read", config=configs.contact_center(emulator, page_size=5), catalog=configured("contact_center_leads")
        )
    assert read.code == 1
    assert {error["failure_type"] for error in read.errors} == {"transient_error"}
    assert "`next_start_key` twice" in read.errors[-1]["message"]


def test_the_next_sync_reads_the_lookback_again_and_finds_what_appeared_late(source):
    catalog = configured("contact_center_activity", incremental=["contact_center_activity"])
    with Emulator(scenario()) as emulator:
        first = source.run("read", config=configs.contact_center(emulator, lookback_minutes=60), catalog=catalog)
        newest = max(row["timestamp"] for row in first.records)
        for number, at in (("+1", newest - 3601), ("+2", newest - 3599), ("+3", newest + 86_400)):
            emulator.put_activity({**emulator.portal_activities()[0], "timestamp": at, "lead_number": number})
        second = source.run(
            "read",
            config=configs.contact_center(emulator, lookback_minutes=60),
            catalog=catalog,
            state=first.states[-1:],
        )
        third = source.run("read", config=configs.contact_center(emulator), catalog=catalog, state=first.states[-1:])
    found = {row["lead_number"] for row in second.records}
    assert {"+2", "+3"} <= found
    assert "+1" not in found
    assert {row["timestamp"] for row in second.records} >= {newest, newest + 86_400}
    # Four hours where nothing else is entered.
    assert {row["lead_number"] for row in third.records} >= {"+1", "+2", "+3"}
    assert second.states[-1]["stream"]["stream_state"] == {"timestamp": str(newest + 86_400)}


BEGAN = datetime(2026, 1, 10, 9, tzinfo=UTC)
A_DAY_OF_CALLS = Portal(
    campaigns=tuple(
        PortalCampaign(
            id=name,
            name=name,
            leads=35,
            activities=activities,
            seed_from=BEGAN - timedelta(hours=8),
            seed_to=BEGAN + timedelta(hours=8),
        )
        for name, activities in (("first", 120), ("second", 50))
    )
)
# Within the four hours that are read again where nothing else is entered.
LATE = LateFacts(rows_minutes=150, dispositions_minutes=235)


class PortalClock:
    """The portal's clock alone: its books are what has happened by then, however late the source asks."""

    def __init__(self) -> None:
        self.at = BEGAN

    def now(self) -> datetime:
        return self.at


def synced_every(hours: int, source, clock: PortalClock, emulator: Emulator, **section) -> dict[str, dict]:
    """Sync until all has come that comes late; return the warehouse's rows, the latest of each key."""
    catalog = configured("contact_center_activity", incremental=["contact_center_activity"])
    rows: dict[str, dict] = {}
    state = None
    for passed in range(0, 24, hours):
        clock.at = BEGAN + timedelta(hours=passed)
        config = configs.contact_center(emulator, **section)
        read = source.run("read", config=config, catalog=catalog, state=state)
        assert read.code == 0, read.errors
        state = read.states[-1:] or state
        rows |= {row["activity_id"]: row for row in read.records}
    return rows


def by_content(rows) -> list[str]:
    """Return rows as the warehouse compares them: without their key, null and absent the same, times as moments."""
    kept = [
        {name: value for name, value in row.items() if name not in {"activity_id", "datetime"} and value is not None}
        for row in rows
    ]
    return sorted(json.dumps(row, sort_keys=True) for row in kept)


@pytest.mark.parametrize(("shape", "hours"), [("bare", 6), ("envelope_data", 3)])
def test_rows_dispositions_and_notes_that_come_late_are_in_the_warehouse_as_in_the_portals_books(source, shape, hours):
    clock = PortalClock()
    told_to = scenario(portal=A_DAY_OF_CALLS, activity_late=LATE, activity_shape=shape, activity_cap=60)
    with Emulator(told_to, clock=clock.now) as emulator:
        seen_at_first = len(emulator.portal_activities())
        found = synced_every(hours, source, clock, emulator)
        books = emulator.portal_activities()
        emulator.assert_clean()
    assert seen_at_first < len(books) == 170
    assert all(row["agent_disposition"] and row["follow_up_notes"] for row in books)
    assert by_content(found.values()) == by_content(books)


def test_without_a_lookback_what_comes_late_is_missing_in_the_warehouse(source):
    clock = PortalClock()
    with Emulator(scenario(portal=A_DAY_OF_CALLS, activity_late=LATE), clock=clock.now) as emulator:
        found = synced_every(6, source, clock, emulator, lookback_minutes=0)
        books = emulator.portal_activities()
    assert len(found) < len(books)
    assert any("agent_disposition" not in row for row in found.values())


@pytest.mark.parametrize("uses", [1, 3])
def test_tokens_that_die_in_the_middle_lose_nothing(source, uses):
    with Emulator(scenario(portal_token_uses=uses, portal_page_cap=4, activity_cap=9)) as emulator:
        read = source.run("read", "--debug", config=configs.contact_center(emulator), catalog=configured(*STREAMS))
        assert_all_of_it(read, emulator)


def test_one_login_serves_all_streams_and_threads(source):
    with Emulator(scenario()) as emulator:
        assert_all_of_it(
            source.run("read", config=configs.contact_center(emulator), catalog=configured(*STREAMS)), emulator
        )
        assert sum(call.path == "/api/v2/login" for call in emulator.request_log.calls) == 1


def test_a_fresh_token_that_is_refused_is_a_config_error(source):
    with Emulator(scenario(portal_token_uses=0)) as emulator:
        read = source.run("read", config=configs.contact_center(emulator), catalog=configured("contact_center_queues"))
    assert read.code == 1
    assert {error["failure_type"] for error in read.errors} == {"config_error"}
    assert "`contact_center.account_id`" in read.errors[-1]["message"]


@pytest.mark.parametrize(
    ("section", "field"),
    [
        ({"password": "wrong canary"}, "`contact_center.password`"),
        ({"domain": "elsewhere"}, "`contact_center.domain`"),
        ({"account_id": "another"}, "`contact_center.account_id`"),
    ],
)
def test_a_wrong_login_or_account_is_named_by_check_and_read_alike(source, section, field):
    with Emulator(scenario()) as emulator:
        checked = source.run("check", config=configs.contact_center(emulator, **section))
        read = source.run(
            "read", config=configs.contact_center(emulator, **section), catalog=configured("contact_center_campaigns")
        )
    assert (checked.code, checked.status["status"]) == (0, "FAILED")
    assert field in checked.status["message"]
    assert read.code == 1
    assert {error["failure_type"] for error in read.errors} == {"config_error"}
    assert field in read.errors[-1]["message"]
    assert "canary" not in checked.stdout + checked.stderr + read.stdout + read.stderr


def test_check_asks_each_endpoint_once_and_succeeds(source):
    with Emulator(scenario()) as emulator:
        checked = source.run("check", config=configs.contact_center(emulator))
        emulator.assert_clean()
        assert [call.path for call in emulator.request_log.calls] == [
            "/api/v2/login",
            "/api/v2/reports/campaigns/leads/status",
            "/api/v2/config/campaigns/c1/leads",
            "/api/v2/reports/campaigns/leads/history",
            "/callcenter/queues/status",
        ]
    assert checked.status == {"status": "SUCCEEDED"}


def test_a_password_of_digits_stays_text(source):
    portal = Portal(password="12345678", account_id="0012")
    with Emulator(scenario(portal=portal)) as emulator:
        checked = source.run("check", config=configs.contact_center(emulator, password="12345678", account_id="0012"))
        emulator.assert_clean()
    assert checked.status == {"status": "SUCCEEDED"}


def test_rows_are_stamped_and_typed_as_the_schema_says(source):
    with Emulator(scenario()) as emulator:
        read = source.run("read", config=configs.contact_center(emulator), catalog=configured(*STREAMS))
    campaign, queue = of(read, "contact_center_campaigns")[0], of(read, "contact_center_queues")[0]
    now = datetime.now(UTC)
    assert abs(datetime.fromisoformat(campaign["read_at"]) - now).total_seconds() < 60
    assert abs(datetime.fromisoformat(queue["read_at"]) - now).total_seconds() < 60
    assert datetime.fromisoformat(of(read, "contact_center_leads")[0]["created"]).tzinfo
    activity = of(read, "contact_center_activity")[0]
    assert isinstance(activity["timestamp"], int)
    assert datetime.fromisoformat(activity["datetime"]).timestamp() == activity["timestamp"]
    assert len({row["activity_id"] for row in of(read, "contact_center_activity")}) == 75
