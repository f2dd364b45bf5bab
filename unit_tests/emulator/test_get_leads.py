"""v4 Get Leads, as the page "Get Leads" and the framework behind it answer."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from squadstack_emulator import Campaign
from squadstack_emulator.squadstack.lead import Lead
from squadstack_emulator.squadstack.lead_store import RawRow

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def lead(lead_id: str, processed_at: datetime | None, **fields: Any) -> Lead:
    known = Lead(lead_id, "+919999999999", "John Doe", {}, "active", FIRST)
    return replace(known, state="processed" if processed_at else "active", processed_at=processed_at, **fields)


def with_leads(caller: Any, *leads: Lead) -> Any:
    for each in leads:
        caller.pipeline.store["0PT711"].put(each)
    return caller


def ids(answer: Any) -> list[str]:
    return [row["lead_id"] for row in answer.content["results"]]


def test_a_lead_not_called_yet_is_in_unfiltered_reads_only(call: Callable[..., Any]) -> None:
    caller = with_leads(call(), lead("called", FIRST), lead("waiting", None))
    assert ids(caller.get()) == ["called", "waiting"]
    waiting = caller.get(lead_id="waiting").content["results"][0]
    assert [waiting[key] for key in ("processed_at", "lead_outcome", "latest_called_at", "latest_recording_url")] == [
        None
    ] * 4
    assert waiting["lead_responses"] == {}
    assert ids(caller.get(processed_after=0)) == ["called"]
    assert ids(caller.get(processed_before=milliseconds(FIRST + SECOND))) == ["called"]
    assert ids(caller.get(processed_after=0, lead_id="waiting")) == []


def test_a_deleted_lead_is_in_no_read(call: Callable[..., Any]) -> None:
    caller = with_leads(call(), Lead("gone", "", "", {}, "deleted", FIRST, processed_at=FIRST))
    assert caller.get().content["count"] == 0
    assert caller.get(lead_id="gone").content["count"] == 0


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("unit", ["milliseconds", "seconds"])
def test_bounds_are_in_the_scenarios_unit_and_inclusive_as_it_says(
    call: Callable[..., Any], unit: str, before: bool, after: bool
) -> None:
    caller = with_leads(
        call(timestamp_unit=unit, after_inclusive=after, before_inclusive=before),
        *(lead(f"at-{second}", FIRST + second * SECOND) for second in range(4)),
    )
    scale = 1000 if unit == "milliseconds" else 1
    start = int(FIRST.timestamp())
    window = {"processed_after": start * scale, "processed_before": (start + 3) * scale}
    expected = [*(["at-0"] if after else []), "at-1", "at-2", *(["at-3"] if before else [])]
    assert ids(caller.get(**window)) == expected
    assert [each for n in range(4) for each in ids(caller.get(**window, lead_id=f"at-{n}"))] == expected


def test_leads_are_filtered_by_what_the_server_knows_not_by_what_it_shows(call: Callable[..., Any]) -> None:
    caller = with_leads(call(), lead("late", FIRST + timedelta(milliseconds=700)))
    answer = caller.get(processed_after=milliseconds(FIRST) + 1)
    assert answer.content["results"][0]["processed_at"] == "2024-01-01T00:00:00+00:00"
    assert caller.get(processed_before=milliseconds(FIRST) + 699).content["count"] == 0


@pytest.mark.parametrize(
    ("style", "spelling"),
    [
        ("iso", "2024-01-01T00:00:00+00:00"),
        ("iso_fraction", "2024-01-01T00:00:00.123456+00:00"),
        ("epoch_milliseconds", 1704067200123),
        ("epoch_seconds", 1704067200),
    ],
)
def test_times_are_spelt_as_the_scenario_says(call: Callable[..., Any], style: str, spelling: object) -> None:
    at = FIRST + timedelta(microseconds=123456)
    caller = with_leads(call(time_style=style), lead("one", at, latest_called_at=at))
    row = caller.get().content["results"][0]
    assert (row["processed_at"], row["latest_called_at"]) == (spelling, spelling)


def test_links_repeat_the_call_with_another_page(call: Callable[..., Any]) -> None:
    caller = call(campaigns=(Campaign(responses=5),))
    parameters = {"processed_after": 0, "page_size": 2}
    first, second, third = (caller.get(**parameters, page=number).content for number in (1, 2, 3))
    assert first["next"] == "http://127.0.0.1:8899/api/v4/leads/responses/0PT711/?page=2&page_size=2&processed_after=0"
    assert first["previous"] is None
    assert parse_qs(urlsplit(second["next"]).query) == {"page": ["3"], "page_size": ["2"], "processed_after": ["0"]}
    assert second["previous"] == "http://127.0.0.1:8899/api/v4/leads/responses/0PT711/?page_size=2&processed_after=0"
    assert third["next"] is None
    assert [len(page["results"]) for page in (first, second, third)] == [2, 2, 1]
    assert {page["count"] for page in (first, second, third)} == {5}


def test_a_page_has_100_leads_unless_asked_otherwise_and_never_more_than_the_cap(call: Callable[..., Any]) -> None:
    caller = call(campaigns=(Campaign(responses=300),))
    assert len(ids(caller.get())) == 100
    assert len(ids(caller.get(page_size=250))) == 250
    capped = call(campaigns=(Campaign(responses=300),), page_size_cap=50)
    assert len(ids(capped.get(page_size=250))) == 50
    assert capped.get(page_size=250).content["next"].endswith("?page=2&page_size=250")


@pytest.mark.parametrize("page", [0, -1, 4])
def test_a_page_that_is_not_there_is_an_invalid_page(call: Callable[..., Any], page: int) -> None:
    caller = call(campaigns=(Campaign(responses=5),))
    answer = caller.get(page=page, page_size=2)
    assert (answer.status, answer.content) == (404, {"detail": "Invalid page."})
    assert caller.request_log.violations == []


@pytest.mark.parametrize("order", ["processed_at", "lead_id", "shuffled"])
def test_the_pages_of_a_set_hold_each_lead_once_in_every_fixed_order(call: Callable[..., Any], order: str) -> None:
    caller = call(campaigns=(Campaign(responses=57),), order=order)
    pages = [ids(caller.get(page=number, page_size=10)) for number in range(1, 7)]
    read = [each for page in pages for each in page]
    assert sorted(read) == [f"seed-{number:07d}" for number in range(57)]
    assert (read == sorted(read)) is (order != "shuffled")


def test_a_reshuffled_set_comes_in_another_order_at_every_call(call: Callable[..., Any]) -> None:
    caller = call(campaigns=(Campaign(responses=50),), order="reshuffled")
    first, second = ids(caller.get()), ids(caller.get())
    assert first != second
    assert sorted(first) == sorted(second)


def test_a_change_of_a_lead_is_in_the_next_read_of_a_page_rendered_before(call: Callable[..., Any]) -> None:
    caller = with_leads(call(), lead("one", FIRST))
    assert caller.get().body == caller.get().body
    with_leads(caller, lead("two", FIRST))
    assert ids(caller.get()) == ["one", "two"]


def test_drift_moves_leads_of_a_page_out_of_the_window_while_it_is_read(call: Callable[..., Any]) -> None:
    caller = call(campaigns=(Campaign(responses=30),), drift_leads_per_page=2, drift_pages=1)
    window = {"processed_after": 0, "processed_before": milliseconds(FIRST + timedelta(days=90)), "page_size": 10}
    first, second = caller.get(**window), caller.get(**window, page=2)
    assert (first.content["count"], second.content["count"]) == (30, 28)
    # The two rows that moved up onto the first page are the ones a reader of pages misses.
    assert ids(second)[0] == "seed-0000012"
    assert caller.get(**window).content["count"] == 28
    moved = caller.get(processed_after=window["processed_before"] + 1).content["results"]
    assert [(row["lead_id"], row["processed_at"]) for row in moved] == [
        ("seed-0000000", "2024-06-01T12:00:00+00:00"),
        ("seed-0000001", "2024-06-01T12:00:00+00:00"),
    ]


def test_only_filtered_pages_with_a_successor_drift(call: Callable[..., Any]) -> None:
    caller = call(campaigns=(Campaign(responses=30),), drift_leads_per_page=2, drift_pages=9)
    caller.get(page_size=10)
    caller.get(processed_after=0)
    assert caller.get().content["count"] == 30
    assert all(row["processed_at"] < "2024-06" for row in caller.get().content["results"])


def test_a_raw_row_is_shown_verbatim_and_filtered_by_its_own_time(call: Callable[..., Any]) -> None:
    caller = with_leads(call(), lead("raw", FIRST))
    huge = {"lead_id": "raw", "processed_at": 1704067205, "cost": 2**80, "new_key": [1.5, None]}
    caller.pipeline.store["0PT711"].put_raw(RawRow("raw", huge, milliseconds(FIRST + 5 * SECOND) * 1000))
    assert caller.get().content["results"] == [huge]
    assert caller.get(processed_after=milliseconds(FIRST + 5 * SECOND)).content["results"] == [huge]
    assert caller.get(processed_after=milliseconds(FIRST + 6 * SECOND)).content["results"] == []
    assert caller.get(processed_after=milliseconds(FIRST + 6 * SECOND), lead_id="raw").content["count"] == 0


def test_a_raw_row_without_a_time_is_in_every_read(call: Callable[..., Any]) -> None:
    caller = call()
    caller.pipeline.store["0PT711"].put_raw(RawRow("odd", {"lead_id": "odd", "processed_at": "soon"}, None))
    for parameters in ({}, {"processed_after": 1}, {"processed_before": 1, "lead_id": "odd"}):
        assert ids(caller.get(**parameters)) == ["odd"]


def test_a_page_given_under_one_scenario_is_not_given_under_another(call: Callable[..., Any]) -> None:
    caller = call(campaigns=(Campaign(responses=3),))
    before = caller.get(page_size=2, processed_after=1704067200)
    changes: list[dict[str, Any]] = [
        {"next_scheme": "https"},
        {"time_style": "epoch_seconds"},
        {"order": "shuffled", "seed": 3},
        {"page_size_cap": 1},
        {"timestamp_unit": "seconds", "after_inclusive": False},
    ]
    for change in changes:
        caller.pipeline.set_scenario(replace(caller.scenario, **change), frozenset())
        assert caller.get(page_size=2, processed_after=1704067200).body != before.body
    caller.pipeline.set_scenario(caller.scenario, frozenset())
    assert caller.get(page_size=2, processed_after=1704067200).body == before.body
