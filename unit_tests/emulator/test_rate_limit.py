"""The rate limit: "Only 100 hits are allowed per minute for a business"."""

from hypothesis import given
from hypothesis import strategies as st

from squadstack_emulator import Scenario
from squadstack_emulator.squadstack.errors import throttled
from squadstack_emulator.squadstack.rate_limit import MovingWindow, busiest


def test_a_hundred_calls_are_admitted_and_the_next_waits_for_the_oldest_to_leave() -> None:
    window = MovingWindow()
    waits = [window.admit(number * 0.5, limit=100, seconds=60.0) for number in range(100)]
    assert waits == [0.0] * 100
    assert window.admit(59.0, limit=100, seconds=60.0) == 1.0
    assert window.admit(60.0, limit=100, seconds=60.0) == 0.0
    assert window.admit(60.0, limit=100, seconds=60.0) == 0.5


def test_refused_calls_do_not_use_up_the_allowance() -> None:
    window = MovingWindow()
    assert window.admit(0.0, limit=1, seconds=60.0) == 0.0
    for second in range(1, 60):
        assert window.admit(float(second), limit=1, seconds=60.0) == 60.0 - second
    assert window.admit(60.0, limit=1, seconds=60.0) == 0.0


def test_without_a_limit_every_call_is_admitted() -> None:
    window = MovingWindow()
    assert {window.admit(0.0, limit=None, seconds=60.0) for _ in range(1000)} == {0.0}


def test_a_lowered_limit_counts_the_calls_made_before_it() -> None:
    window = MovingWindow()
    for second in range(10):
        window.admit(float(second), limit=None, seconds=60.0)
    # Of the ten, seven must leave before there is room for one under a limit of four.
    assert window.admit(10.0, limit=4, seconds=60.0) == 60.0 + 6.0 - 10.0


def test_a_withdrawn_call_leaves_room() -> None:
    window = MovingWindow()
    window.admit(0.0, limit=1, seconds=60.0)
    window.withdraw()
    assert window.admit(0.0, limit=1, seconds=60.0) == 0.0


@given(st.lists(st.integers(0, 200).map(float), max_size=80), st.integers(1, 10))
def test_no_window_ever_holds_more_admitted_calls_than_the_limit(arrivals: list[float], limit: int) -> None:
    window = MovingWindow()
    admitted = [at for at in sorted(arrivals) if window.admit(at, limit=limit, seconds=60.0) == 0.0]
    assert busiest(admitted, 60.0) <= limit


@given(st.lists(st.integers(0, 200).map(float), max_size=60))
def test_the_busiest_window_is_the_one_a_count_of_all_windows_finds(arrivals: list[float]) -> None:
    counted = [sum(start <= at < start + 60.0 for at in arrivals) for start in arrivals]
    assert busiest(arrivals, 60.0) == max(counted, default=0)


def test_the_documented_answer_names_the_window_and_has_no_header() -> None:
    response = throttled(Scenario(throttle_answer="documented"), 12.5)
    assert response.status_code == 429
    assert response.content == b'{"detail":"Request was throttled. Please try after 60 seconds"}'
    assert "Retry-After" not in response.headers


def test_the_answer_with_a_header_says_whole_seconds_and_never_zero() -> None:
    scenario = Scenario(throttle_answer="retry_after")
    assert [throttled(scenario, wait).headers["Retry-After"] for wait in (12.1, 0.001)] == ["13", "1"]


def test_the_bare_answer_says_neither() -> None:
    response = throttled(Scenario(throttle_answer="bare"), 12.5)
    assert response.content == b'{"detail":"Request was throttled."}'
    assert "Retry-After" not in response.headers
