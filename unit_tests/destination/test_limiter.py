"""Never a call too many in the server's moving minute, and hardly one too few."""

from collections import deque

import pytest

from destination_squadstack.limiter import LONGEST_PAUSE, Limiter


def depart(limiter, now, records=100):
    at = limiter.due(records, now)
    limiter.spend(records, at)
    return at


def test_the_whole_allowance_may_leave_at_once_and_the_next_call_a_window_later():
    limiter = Limiter(100)
    assert [depart(limiter, 0.0) for _ in range(100)] == [0.0] * 100
    assert depart(limiter, 0.0) == 61.0


@pytest.mark.parametrize("travel", [(0.0, 0.0), (0.0, 0.99), (0.2, 0.4)])
def test_a_server_that_counts_arrivals_in_its_own_minute_never_sees_more(travel):
    limiter, now, arrivals = Limiter(100), 0.0, deque()
    for index in range(2_000):
        now = depart(limiter, now)
        arrivals.append(now + travel[index % 2])
        now += 0.003
    arrivals = sorted(arrivals)
    assert all(later - earlier > 60.0 for earlier, later in zip(arrivals, arrivals[100:], strict=False))
    assert 2_000 / (arrivals[-1] / 60.0 + 1) >= 95


def test_a_limit_of_records_holds_as_well():
    limiter = Limiter(100, records_per_minute=250)
    assert [depart(limiter, 0.0) for _ in range(2)] == [0.0, 0.0]
    assert depart(limiter, 0.0, records=50) == 0.0
    assert depart(limiter, 0.0, records=1) == 61.0


def test_a_429_stops_everything_for_as_long_as_the_server_says():
    limiter = Limiter(100)
    assert limiter.throttled(60.0, sent_at=0.0, now=1.0) == 60.0
    assert limiter.due(1, 1.0) == 61.0
    assert limiter.due(1, 61.5) == 61.5


def test_calls_that_were_under_way_together_share_one_pause():
    limiter = Limiter(100)
    assert [limiter.throttled(None, sent_at=0.0, now=1.0) for _ in range(8)] == [1.0] * 8


def test_without_a_word_from_the_server_pauses_double_to_a_minute_and_start_again_after_a_success():
    limiter, now, pauses = Limiter(100), 0.0, []
    for _ in range(8):
        pause = limiter.throttled(None, sent_at=now, now=now)
        pauses.append(pause)
        now += pause
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    limiter.answered(sent_at=now)
    assert limiter.throttled(None, sent_at=now, now=now) == 1.0


@pytest.mark.parametrize(("said", "waited"), [(0.0, 0.0), (-5.0, 0.0), (1e9, LONGEST_PAUSE)])
def test_a_wait_that_cannot_be_meant_is_bounded(said, waited):
    assert Limiter(100).throttled(said, sent_at=0.0, now=0.0) == waited
