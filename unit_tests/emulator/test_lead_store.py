"""Seeds, calling and the rows of a read."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squadstack_emulator import Campaign, Fault, FaultKind, Scenario
from squadstack_emulator.responses import ApiResponse
from squadstack_emulator.squadstack.journeys import OUTCOMES, judge
from squadstack_emulator.squadstack.lead import Lead
from squadstack_emulator.squadstack.lead_store import CampaignLeads, RawRow, Window
from squadstack_emulator.squadstack.page_cache import PageCache
from squadstack_emulator.squadstack.seeds import seeded_leads
from squadstack_emulator.timestamps import microseconds, parse, spell

FIRST = datetime(2024, 1, 1, tzinfo=UTC)


def test_seeds_are_the_same_at_every_run_and_others_with_another_seed() -> None:
    campaign = Campaign(responses=20, unprocessed=5)
    assert list(seeded_leads(campaign, 1)) == list(seeded_leads(campaign, 1))
    assert list(seeded_leads(campaign, 1)) != list(seeded_leads(campaign, 2))


def test_seeds_are_spread_evenly_over_their_days() -> None:
    campaign = Campaign(responses=4, seed_from=FIRST, seed_to=FIRST + timedelta(days=4), unprocessed=1)
    leads = list(seeded_leads(campaign, 1))
    assert [lead.processed_at for lead in leads] == [*(FIRST + timedelta(days=day) for day in range(4)), None]
    assert [lead.state for lead in leads] == ["processed"] * 4 + ["active"]
    for lead in leads[:4]:
        assert lead.processed_at
        assert lead.latest_called_at
        assert lead.created_at < lead.latest_called_at < lead.processed_at


def test_outcomes_come_in_their_shares_and_only_answered_calls_leave_something_behind() -> None:
    leads = list(seeded_leads(Campaign(responses=5000), 1))
    for outcome in OUTCOMES:
        mine = [lead for lead in leads if lead.lead_outcome == outcome.text]
        assert abs(len(mine) / 50 - outcome.share) < 3
        assert {lead.latest_recording_url is not None for lead in mine} == {outcome.connected}
        assert {bool(lead.lead_responses) for lead in mine} == {outcome.connected}


def test_a_lead_judged_again_draws_anew() -> None:
    lead = next(seeded_leads(Campaign(unprocessed=1), 1))
    outcomes = set()
    for _ in range(30):
        lead = judge(lead, seed=1, at=FIRST)
        outcomes.add(lead.lead_outcome)
    assert (lead.judgements, len(outcomes) > 2) == (30, True)


@pytest.mark.parametrize("style", ["iso", "iso_fraction", "epoch_milliseconds", "epoch_seconds"])
@given(moment=st.integers(0, 10**15).map(lambda each: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(microseconds=each)))
def test_a_time_that_is_spelt_parses_back_to_what_was_shown(style: Any, moment: datetime) -> None:
    shown = {"iso": 10**6, "iso_fraction": 1, "epoch_milliseconds": 10**3, "epoch_seconds": 10**6}[style]
    assert parse(spell(moment, style)) == microseconds(moment) // shown * shown


def test_a_value_that_is_no_time_parses_to_none() -> None:
    odd: tuple[object, ...] = (None, "", "soon", True, 1.5, [], {})
    assert [parse(value) for value in odd] == [None] * 7
    assert parse("2018-12-03T14:37:54") == parse("2018-12-03T14:37:54+00:00") == parse("2018-12-03T20:07:54+05:30")


moments = st.integers(0, 20)
rows = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.one_of(st.none(), moments), st.booleans()), max_size=12)


@given(rows, st.one_of(st.none(), moments), st.one_of(st.none(), moments), st.booleans(), st.booleans())
def test_a_window_holds_what_a_look_at_every_row_finds(
    puts: list[tuple[str, int | None, bool]], after: int | None, before: int | None, low: bool, high: bool
) -> None:
    leads = CampaignLeads(Campaign(), seed=1)
    expected: dict[str, tuple[int | None, bool]] = {}
    for lead_id, second, raw in puts:
        at = None if second is None else FIRST + timedelta(seconds=second)
        if raw:
            leads.put_raw(RawRow(lead_id, {}, None if at is None else microseconds(at)))
        else:
            leads.put(Lead(lead_id, "", "", {}, "processed" if at else "active", FIRST, processed_at=at))
        expected[lead_id] = (second, raw)

    def is_in(second: int | None, raw: bool) -> bool:
        if after is None and before is None:
            return True
        if second is None:
            return raw
        above = after is None or second > after or (low and second == after)
        return above and (before is None or second < before or (high and second == before))

    bounds = [None if each is None else microseconds(FIRST + timedelta(seconds=each)) for each in (after, before)]
    window = Window(bounds[0], bounds[1], after_inclusive=low, before_inclusive=high)
    found = [row.lead_id for row in leads.select(window, "processed_at")]
    assert sorted(found) == sorted(each for each, row in expected.items() if is_in(*row))
    for lead_id in "abcdefgh":
        one = Window(bounds[0], bounds[1], lead_id, after_inclusive=low, before_inclusive=high)
        assert [row.lead_id for row in leads.select(one, "lead_id")] == [lead_id] * (lead_id in found)


def test_the_page_cache_keeps_to_its_bound() -> None:
    cache = PageCache(max_bytes=100)
    response = cache.put("a", ApiResponse(200, b"x" * 60))
    assert cache.get("a") is response
    cache.put("b", ApiResponse(200, b"y" * 60))
    assert cache.get("a") is None
    assert cache.get("b") is not None


@pytest.mark.parametrize(
    "make",
    [
        lambda: Scenario(campaigns=(Campaign("a", "r1"), Campaign("a", "r2"))),
        lambda: Scenario(campaigns=(Campaign("a", "r"), Campaign("b", "r"))),
        lambda: Scenario(page_size_cap=0),
        lambda: Campaign(responses=-1),
        lambda: Campaign(seed_from=FIRST, seed_to=FIRST),
        lambda: Fault(FaultKind.RESET, every=0),
    ],
)
def test_a_scenario_that_makes_no_sense_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"must|needs|cannot"):
        make()
