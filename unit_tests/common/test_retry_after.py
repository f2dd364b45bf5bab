"""An answer's own word on how long to wait is found, and nothing else is taken for it."""

import pytest

from squadstack_common.retry_after import stated_wait, wait_in_words

THROTTLED = b"Request was throttled. Please try after 60 seconds"


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("17", 17.0),
        (" 1.5 ", 1.5),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 60.0),
        ("9" * 400, float("inf")),
    ],
    ids=["seconds", "a fraction", "a date", "a number without an end"],
)
def test_the_header_goes_before_the_words(header, wait):
    assert stated_wait({"Retry-After": header}, THROTTLED, now=40.0) == wait


@pytest.mark.parametrize("header", ["", "soon", "²", "nan", "inf", "-5", "1e3", "1_000"])
def test_a_header_that_is_no_number_of_seconds_and_no_date_leaves_it_to_the_words(header):
    assert stated_wait({"Retry-After": header}, THROTTLED, now=0.0) == 60.0


@pytest.mark.parametrize("header", ["0", "0.9", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_a_wait_of_less_than_a_second_is_none_because_obeyed_it_would_be_thousands_of_calls(header):
    assert stated_wait({"Retry-After": header}, THROTTLED, now=40.0) is None


@pytest.mark.parametrize(
    ("body", "wait"),
    [
        (THROTTLED, 60.0),
        (b"{Request was throttled. Please try after 60 seconds}", 60.0),
        (b'{"detail": "Request was throttled. Please try after 1 second"}', 1.0),
        (b'{"detail": "Request was throttled. Expected available in 42 seconds."}', 42.0),
        (b'{"detail": "wait 1.5 sec"}', 1.5),
        (b"Retry after: 30s", 30.0),
        (b"\xff Please try after 999999 seconds", 999999.0),
    ],
)
def test_the_words_of_a_wait_are_found_in_any_body(body, wait):
    assert stated_wait({}, body, now=0.0) == wait


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"error 429",
        b"Request was throttled",
        b"try after 0 seconds",
        b"try after 5 minutes",
        b"<style>a { transition: color 2s; animation: spin .75s }</style>",
        b"in 503 several",
        b"x" * 1_000 + THROTTLED,
    ],
)
def test_other_numbers_and_the_depths_of_a_web_page_are_no_wait(body):
    assert stated_wait({}, body, now=0.0) is None


def test_a_row_of_an_answer_states_its_wait_in_words_alone():
    assert wait_in_words(THROTTLED.decode()) == 60.0
