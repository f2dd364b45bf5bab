"""Contact center: the history of activities, in every shape its pages were seen in (page Campaigns)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from squadstack_emulator import Emulator, LateFacts, Portal, PortalCampaign
from squadstack_emulator.contact_center.store import Activity, ContactCenterStore, Span

HISTORY = "/api/v2/reports/campaigns/leads/history"
FROM = datetime(2024, 1, 1, tzinfo=UTC)
NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)  # of the pipeline's clock
START = int(FROM.timestamp())
DAY = 86_400
INVALID = (400, {"error": "The information sent is invalid."})
LIMIT = 50


def portal(activities: int, *, days: float = 20, leads: int = 0) -> Portal:
    return Portal(campaigns=(campaign(activities, days=days, leads=leads),))


def campaign(activities: int, *, days: float = 20, leads: int = 0, **names: str) -> PortalCampaign:
    end = FROM + timedelta(days=days)
    return PortalCampaign(**names, leads=leads, activities=activities, seed_from=FROM, seed_to=end)


def history(caller: Any, *, start: int = START, end: int = START + 30 * DAY, **parameters: object) -> Any:
    return caller.portal(HISTORY, startDate=start, endDate=end, **parameters)


def rows_and_key(answer: Any) -> tuple[list[Any], str | None]:
    content = answer.content
    if isinstance(content, list):
        return content, answer.headers.get("next_start_key")
    return content.get("data", content.get("cdrs")), content.get("next_start_key")


def pages(caller: Any, **parameters: object) -> list[list[Any]]:
    rows, key = rows_and_key(history(caller, **parameters))
    read = [rows]
    while key:
        assert len(read) < LIMIT
        rows, key = rows_and_key(history(caller, **parameters, startKey=key))
        read.append(rows)
    return read


def seeded(caller: Any) -> list[Any]:
    store, scenario = caller.pipeline.portal, caller.scenario
    return [store.activity_row(each) for each in store.activities(scenario.portal, None).rows]


def test_a_bare_page_is_an_array_with_no_key_anywhere_and_rows_beyond_it_are_not_shown(
    call: Callable[..., Any],
) -> None:
    caller = call(portal=portal(25))
    answer = history(caller, pageSize=10)
    assert answer.content == seeded(caller)[:10]
    assert set(answer.headers) == {"content-length", "content-type"}
    assert history(caller, pageSize=1000).content == seeded(caller)
    capped = call(portal=portal(25), activity_cap=7)
    assert len(history(capped, pageSize=1000).content) == 7
    assert caller.request_log.violations == []


def test_a_page_has_50_activities_unless_asked_otherwise(call: Callable[..., Any]) -> None:
    assert len(history(call(portal=portal(120))).content) == 50


@pytest.mark.parametrize("cap", [None, 4])
@pytest.mark.parametrize("last", ["absent", "null", "empty"])
@pytest.mark.parametrize("shape", ["envelope_data", "envelope_cdrs", "header"])
@pytest.mark.parametrize("order", ["processed_at", "lead_id", "reshuffled"])
def test_the_pages_by_key_hold_each_activity_once_in_every_shape(
    call: Callable[..., Any], order: str, shape: str, last: str, cap: int | None
) -> None:
    caller = call(portal=portal(20), activity_shape=shape, portal_last_key=last, activity_cap=cap, order=order)
    read = pages(caller, pageSize=8)
    assert [len(page) for page in read] == ([8, 8, 4] if cap is None else [4] * 5)
    # uuid and timestamp of an activity may be missing or shared: the whole row tells it apart.
    whole = sorted(map(repr, seeded(caller)))
    assert sorted(repr(row) for page in read for row in page) == whole
    assert caller.request_log.violations == []


def test_the_shapes_put_rows_and_key_where_they_were_seen(call: Callable[..., Any]) -> None:
    def page(shape: str, **scenario: object) -> Any:
        return history(call(portal=portal(2), activity_shape=shape, **scenario), pageSize=1)

    key = page("header").headers["next_start_key"]
    assert len(key) == 32
    row = page("bare").content[0]
    assert page("header").content == [row]
    assert page("envelope_data").content == {"data": [row], "next_start_key": key}
    assert page("envelope_cdrs").content == {"cdrs": [row], "next_start_key": key}

    def last(shape: str, spelt: str) -> Any:
        return history(call(portal=portal(1), activity_shape=shape, portal_last_key=spelt), pageSize=1)

    assert [list(last("envelope_data", spelt).content) for spelt in ("absent", "null", "empty")] == [
        ["data"],
        ["data", "next_start_key"],
        ["data", "next_start_key"],
    ]
    assert last("envelope_cdrs", "null").content["next_start_key"] is None
    keys = [last("header", spelt).headers.get("next_start_key") for spelt in ("absent", "null", "empty")]
    assert keys == [None, None, ""]


def test_a_portal_that_ignores_the_key_gives_the_first_page_for_ever(call: Callable[..., Any]) -> None:
    caller = call(portal=portal(20), activity_shape="envelope_data", activity_ignores_start_key=True)
    first = history(caller, pageSize=5).content
    assert history(caller, pageSize=5, startKey=first["next_start_key"]).content == first
    assert history(caller, pageSize=5, startKey="made-up").content == first
    assert caller.request_log.violations == []


def test_a_key_that_repeats_goes_round_for_ever_on_any_page(call: Callable[..., Any]) -> None:
    caller = call(portal=portal(3), activity_shape="header", portal_repeats_key=True)
    first = history(caller)
    key = first.headers["next_start_key"]
    assert len(first.content) == 3
    assert history(caller, startKey=key).headers["next_start_key"] == key


@pytest.mark.parametrize(("inclusive", "expected"), [(True, [0, 1, 2, 3]), (False, [1, 2])])
def test_both_bounds_of_a_window_are_inclusive_or_neither(
    call: Callable[..., Any], inclusive: bool, expected: list[int]
) -> None:
    caller = call(portal=Portal(campaigns=()), activity_inclusive=inclusive)
    for second in range(-1, 5):
        caller.pipeline.portal.put_activity({"timestamp": START + second})
    found = history(caller, start=START, end=START + 3).content
    assert [row["timestamp"] - START for row in found] == expected


def test_a_uuid_is_like_the_documents_and_no_two_activities_share_one(call: Callable[..., Any]) -> None:
    caller = call(portal=portal(60, leads=10))
    activities = seeded(caller)
    events = [event for row in activities for event in row["lead_history"]]
    uuids = [event["uuid"] for event in events if "uuid" in event]
    assert len(set(uuids)) == len(uuids)
    assert {(len(each), each[36:]) for each in uuids} == {(48, "-clicktocall")}
    called = {lead.number for lead in caller.pipeline.portal.leads(PortalCampaign.id).rows}
    assert {row["lead_number"] for row in activities} == called


def test_a_time_is_spelt_as_in_the_documents_example() -> None:
    seconds = 1666222318
    moment = datetime.fromtimestamp(seconds, UTC)
    store = ContactCenterStore(seed=1)
    one = PortalCampaign(activities=1, seed_from=moment, seed_to=moment + timedelta(days=1))
    store.open(Portal(campaigns=(one,)))
    row = store.activity_row(Activity(seconds, 1, one))
    assert (row["datetime"], row["timestamp"]) == ("2022-10-19 23:31:58 +0000 UTC", seconds)


def test_some_activities_share_a_second_some_lack_a_uuid_and_none_is_like_another(call: Callable[..., Any]) -> None:
    activities = seeded(call(portal=portal(700)))
    assert len({row["timestamp"] for row in activities}) == 560
    bare = [row for row in activities if not any("uuid" in event for event in row["lead_history"])]
    assert len(bare) == 100
    told_by = ("timestamp", "campaign_name", "lead_number", "agent_name", "agent_extension")
    assert len({tuple(row[key] for key in told_by) for row in bare}) == 100


def test_activities_of_all_campaigns_come_in_one_history(call: Callable[..., Any]) -> None:
    campaigns = (campaign(4, id="a", name="first"), campaign(3, id="b", name="second"))
    caller = call(portal=Portal(campaigns=campaigns))
    names = [row["campaign_name"] for row in history(caller).content]
    assert sorted(names) == ["first"] * 4 + ["second"] * 3
    assert names != sorted(names)


def test_a_row_of_ones_own_is_shown_verbatim_and_one_without_a_time_in_every_read(
    serve: Callable[..., Emulator],
) -> None:
    emulator = serve(portal=portal(1))
    timed = {"timestamp": START + 5, "lead_history": None, "talk": 2**80}
    odd: dict[str, object] = {"timestamp": "soon"}
    emulator.put_activity(odd)
    emulator.put_activity(timed)
    emulator.put_activity(timed)
    activities = emulator.portal_activities()
    assert activities[1:] == [timed, timed, odd]
    pipeline = emulator._pipeline
    for start, expected in ((START, 4), (START + 5, 3), (START + 6, 1)):
        span = pipeline.portal.activities(pipeline.scenario.portal, Span(start, start + DAY, inclusive=True))
        assert len(span.rows) == expected


def test_an_activity_and_what_its_agent_wrote_appear_late_and_within_the_time_that_the_scenario_says(
    call: Callable[..., Any],
) -> None:
    late = LateFacts(rows_minutes=60, dispositions_minutes=180)
    caller = call(portal=portal(200, days=0.25), activity_late=late)
    seen: dict[int, list[tuple[float, bool]]] = {}
    for minutes in range(0, 600, 20):
        caller.clock.seconds = (FROM + timedelta(minutes=minutes) - NOW).total_seconds()
        for row in pages(caller, pageSize=1000)[0]:
            age = START + 60 * minutes - row["timestamp"]
            seen.setdefault(row["timestamp"], []).append((age, row["agent_disposition"] is not None))
            assert (row["agent_disposition"] is None) == (row["follow_up_notes"] is None)
    assert sum(map(len, seen.values())) > len(seen) == len({row["timestamp"] for row in seeded(caller)})
    ages = [age for each in seen.values() for age in each]
    assert min(age for age, _ in ages) >= 0
    assert all(written for age, written in ages if age > 180 * 60)
    assert {written for age, written in ages if age < 60 * 60} == {True, False}


def test_without_that_all_activities_are_shown_at_once_and_have_no_such_fields(call: Callable[..., Any]) -> None:
    (rows,) = pages(call(portal=portal(20)), pageSize=1000)
    assert len(rows) == 20
    assert not [row for row in rows if {"agent_disposition", "follow_up_notes"} & row.keys()]


@pytest.mark.parametrize("field", ["rows_minutes", "dispositions_minutes"])
def test_facts_that_come_before_their_activity_are_refused(field: str) -> None:
    with pytest.raises(ValueError, match="before their activity"):
        LateFacts(**{field: -1})
