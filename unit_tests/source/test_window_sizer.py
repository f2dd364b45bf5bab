"""The number of calls that reading in whole answers takes, simulated without a network."""

import math
import random
from bisect import bisect_left, bisect_right
from itertools import pairwise

import pytest

from source_squadstack.components.retrievers.window_sizer import DAY, SECOND, WindowSizer

YEAR = 365 * DAY
MILLISECOND = SECOND // 1000


def evenly(number, _):
    return [int((index + 0.5) * YEAR / number) for index in range(number)]


def at_random(number, seed):
    return [seed.randrange(YEAR) for _ in range(number)]


def in_business_hours(number, seed):
    return [
        seed.randrange(52) * 7 * DAY + seed.randrange(5) * DAY + (9 * DAY + seed.randrange(9 * DAY)) // 24
        for _ in range(number)
    ]


def in_one_day(number, seed):
    return [YEAR // 3 + seed.randrange(DAY) for _ in range(number)]


def in_the_last_days(number, seed):
    return [YEAR - 1 - seed.randrange(3 * DAY) for _ in range(number)]


def ever_more(number, seed):
    return [int(YEAR * math.log(1 + seed.random() * 1000) / math.log(1001)) for _ in range(number)]


def in_bursts(number, seed):
    centres = [seed.randrange(YEAR - DAY) for _ in range(12)]
    return [seed.choice(centres) + min(int(seed.expovariate(1 / (DAY / 24))), DAY - 1) for _ in range(number)]


def with_heavy_tails(number, seed):
    gaps = [seed.paretovariate(1.2) for _ in range(number)]
    return [int(done * YEAR * 0.999 / sum(gaps)) for done in running(gaps)]


def with_the_heaviest_tails(number, seed):
    gaps = [seed.paretovariate(0.7) for _ in range(number)]
    return [int(done * YEAR * 0.999 / sum(gaps)) for done in running(gaps)]


def with_ties(number, seed):
    seconds = [seed.randrange(YEAR) // SECOND * SECOND for _ in range(number)]
    return [second for second in seconds for _ in range(seed.randint(1, 8))][:number]


def running(gaps):
    done = 0.0
    for gap in gaps:
        done += gap
        yield done


ORDERS = {
    "ascending": lambda times, _: times,
    "descending": lambda times, _: times[::-1],
    "the same at random": lambda times, _: sorted(times, key=lambda time: time * 2654435761 % 4294967291),
    "new with each call": lambda times, seed: seed.sample(times, len(times)),
}


def calls(times, order, page=100):
    """Read a year as the retriever does; returns the calls, and requires each time to be read once."""
    times, seed = sorted(times), random.Random(7)
    sizer, read, made = WindowSizer(0, YEAR, page, MILLISECOND), [], 0
    while sizer.start < YEAR:
        for look in sizer.pages_to_look_at():
            made += 1
            found = times[bisect_left(times, sizer.start - MILLISECOND) :]
            rows = ORDERS[order](found, seed)[(look - 1) * page : look * page]
            sizer.note_look(look, [time for time in rows if sizer.start <= time])
        end, made = sizer.next_end(), made + 1
        assert sizer.start < end <= YEAR
        # A millisecond wider on both sides, as the requests are.
        found = times[bisect_left(times, sizer.start - MILLISECOND) : bisect_right(times, end + MILLISECOND)]
        shown = [time for time in ORDERS[order](found, seed)[:page] if sizer.start <= time < end]
        beside = len(found) - (bisect_left(times, end) - bisect_left(times, sizer.start))
        if len(found) <= page:
            read += sorted(shown)
            sizer.note_whole(end, shown)
        else:
            assert end > sizer.shortest_end
            sizer.note_overflow(end, len(found) - beside, shown, page)
    assert read == times
    return made


def mean_cost(spread, order, number, page=100):
    """Return the calls a page, beyond two, as the mean of five sets."""
    made = [calls(spread(number, random.Random(seed)), order, page) for seed in range(5)]
    return (sum(made) / len(made) - 2) / math.ceil(number / page)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("number", [2_000, 6_000])
def test_evenly_spread_leads_cost_at_most_a_fifth_more_than_their_pages(order, number):
    assert calls(evenly(number, None), order) <= 1.2 * number / 100


SORTED = ("ascending", "descending")


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("spread", [at_random, in_business_hours, in_one_day, in_the_last_days])
def test_unevenly_spread_leads_cost_about_half_more_than_their_pages_at_most(order, spread):
    assert mean_cost(spread, order, 2_000) <= (1.5 if order in SORTED else 1.65)


@pytest.mark.parametrize("spread", [ever_more, in_bursts, with_heavy_tails, with_the_heaviest_tails])
def test_the_oddest_spreads_cost_half_more_than_their_pages_where_leads_come_in_order(spread):
    assert mean_cost(spread, "ascending", 4_000) <= 1.57


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("spread", [ever_more, in_bursts, with_heavy_tails, with_the_heaviest_tails, with_ties])
def test_the_oddest_spreads_cost_little_more_than_two_passes(order, spread):
    assert mean_cost(spread, order, 2_000) <= 2.3


@pytest.mark.parametrize("order", ORDERS)
def test_a_page_and_a_half_is_asked_for_in_two_halves(order):
    assert calls(evenly(150, None), order) == 3


def test_a_cap_below_the_page_asked_for_is_learnt():
    sizer = WindowSizer(0, YEAR, 1000, MILLISECOND)
    times = evenly(500, None)
    sizer.note_overflow(YEAR, 500, times[:50], 50)
    assert bisect_left(times, sizer.next_end()) <= 50


def test_cuts_lie_at_whole_seconds_while_no_time_has_a_fraction():
    sizer = WindowSizer(0, 100 * SECOND, 100, MILLISECOND)
    sizer.note_overflow(100 * SECOND, 1000, [second * SECOND for second in range(10) for _ in range(10)], 100)
    assert sizer.next_end() % SECOND == 0
    sizer.note_overflow(50 * SECOND, 1000, [SECOND + MILLISECOND * tenth for tenth in range(100)], 100)
    assert sizer.unit == MILLISECOND


@pytest.mark.parametrize("page", [1, 2, 3, 10])
def test_small_pages_come_to_an_end(page):
    times = evenly(60, None)
    assert calls(times, "ascending", page) <= 4 * 60 / page + 2
    assert all(earlier < later for earlier, later in pairwise(times))
