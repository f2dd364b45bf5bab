"""Never a call too many in the server's moving minute, and hardly one too few."""

import itertools
from collections import deque

import pytest

from destination_squadstack.engine.rate_limiter import MAX_PAUSE_SECONDS, RateLimiter


def depart(limiter, now, records=100):
    at = limiter.due(records, now)
    limiter.spend(records, at)
    return at


def test_the_whole_allowance_may_leave_at_once_and_the_next_call_a_window_later():
    limiter = RateLimiter(100)
    assert [depart(limiter, 0.0) for _ in range(100)] == [0.0] * 100
    assert depart(limiter, 0.0) == 61.0


@pytest.mark.parametrize("travel", [(0.0, 0.0), (0.0, 0.99), (0.2, 0.4)])
def test_a_server_that_counts_arrivals_in_its_own_minute_never_sees_more(travel):
    limiter, now, arrivals = RateLimiter(100), 0.0, deque()
    for index in range(2_000):
        now = depart(limiter, now)
        arrivals.append(now + travel[index % 2])
        now += 0.003
    arrivals = sorted(arrivals)
    assert all(later - earlier > 60.0 for earlier, later in zip(arrivals, arrivals[100:], strict=False))
    assert 2_000 / (arrivals[-1] / 60.0 + 1) >= 95


def test_a_limit_of_records_a_minute_holds_beside_that_of_calls():
    limiter = RateLimiter(100, records_per_minute=250)
    assert [depart(limiter, 0.0) for _ in range(2)] == [0.0, 0.0]
    assert depart(limiter, 0.0, records=50) == 0.0
    assert depart(limiter, 0.0, records=1) == 61.0


def a_limiter(calls=100, chance=0.5):
    return RateLimiter(calls, chance=lambda: chance)


def test_a_429_stops_everything_for_as_long_as_the_server_says():
    limiter = a_limiter(chance=0.0)
    assert limiter.throttled(12.0, sent_at=0.0, now=1.0) == 12.0
    assert limiter.due(1, 1.0) == 13.0
    assert limiter.due(1, 13.5) == 13.5


def test_a_wait_that_the_server_states_is_lengthened_by_chance_so_that_not_all_come_back_at_once():
    assert a_limiter(chance=1.0).throttled(12.0, sent_at=0.0, now=0.0) == 12.0 + 61.0 / 75


@pytest.mark.parametrize("said", [60.0, None])
def test_the_documented_minute_is_not_waited_out_since_it_is_said_whatever_is_due(said):
    assert a_limiter().throttled(said, sent_at=0.0, now=0.0) == 1.0


def test_a_connector_with_a_small_share_waits_for_a_step_of_it():
    limiter, now = a_limiter(), 0.0
    while limiter.share > 2:
        limiter.throttled(None, sent_at=now, now=now)
        now += 100.0
    limiter.answered(sent_at=now)
    assert limiter.throttled(None, sent_at=now, now=now) == pytest.approx(61.0 / 2, rel=0.05)


def test_calls_that_were_under_way_together_share_one_pause_and_one_cut():
    limiter = a_limiter()
    assert [limiter.throttled(None, sent_at=0.0, now=1.0) for _ in range(8)] == [1.0] * 8
    assert limiter.share == 75


def test_without_a_word_from_the_server_pauses_double_to_a_minute_and_start_again_after_a_success():
    limiter, now, pauses = a_limiter(calls=1_000_000), 0.0, []
    for _ in range(8):
        pause = limiter.throttled(None, sent_at=now, now=now)
        pauses.append(pause)
        now += pause
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    limiter.answered(sent_at=now)
    assert limiter.throttled(None, sent_at=now, now=now) == 1.0


def test_a_wait_that_cannot_be_meant_is_bounded():
    assert a_limiter(chance=0.0).throttled(1e9, sent_at=0.0, now=0.0) == MAX_PAUSE_SECONDS


# -- the share


def test_429s_one_after_the_other_cut_the_share_once_and_a_later_one_again():
    limiter = a_limiter()
    for now in (0.0, 3.0, 9.9):
        limiter.throttled(None, sent_at=now, now=now)
    assert limiter.share == 75
    limiter.throttled(None, sent_at=14.0, now=14.0)
    assert limiter.share == 56


@pytest.mark.parametrize(("allowed", "least"), [(100, 2), (2, 2), (1, 1)])
def test_a_share_never_falls_below_what_it_takes_to_find_out_whether_there_is_more(allowed, least):
    limiter = a_limiter(allowed)
    for number in range(100):
        limiter.throttled(None, sent_at=number * 100.0, now=number * 100.0)
    assert limiter.share == least


def test_a_share_grows_with_every_call_that_is_taken_until_it_is_the_whole_again():
    limiter = a_limiter()
    limiter.throttled(None, sent_at=0.0, now=0.0)
    calls = 0
    while limiter.share < 100:
        limiter.answered(sent_at=1.0)
        calls += 1
    assert 500 < calls < 700


def test_calls_of_a_smaller_share_leave_one_by_one_and_those_of_the_whole_at_once():
    limiter = a_limiter()
    assert [depart(limiter, 0.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    limiter.throttled(1.0, sent_at=0.0, now=0.0)
    steps = [depart(limiter, 0.0) for _ in range(4)]
    assert steps[0] == pytest.approx(1.0 + 0.5 * 61 / 75)
    assert [later - earlier for earlier, later in itertools.pairwise(steps)] == pytest.approx([61 / 75] * 3)
