"""Every spelling of time in the vendors' pages is read, and nothing else; times leave in RFC 3339."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squadstack_common.timestamps import (
    MILLISECONDS_FROM,
    format_time,
    from_microseconds,
    microseconds,
    parse_time,
    parse_times,
    written_time,
    written_times,
)

MOMENT = datetime(2018, 12, 3, 14, 37, 54, tzinfo=UTC)


@pytest.mark.parametrize(
    ("spelled", "moment"),
    [
        ("2018-12-03T14:37:54+00:00", MOMENT),
        ("2018-12-03T14:37:54", MOMENT),
        ("2018-12-03T14:37:54Z", MOMENT),
        ("2018-12-03 14:37:54", MOMENT),
        ("2018-12-03T20:07:54+05:30", MOMENT),
        ("2018-12-03T14:37:54.5Z", MOMENT + timedelta(milliseconds=500)),
        ("2018-12-03T14:37:54.413267+00:00", MOMENT + timedelta(microseconds=413_267)),
        ("2018-12-03T14:37:54.413267891Z", MOMENT + timedelta(microseconds=413_267)),
        (1543847874, MOMENT),
        (1543847874.5, MOMENT + timedelta(milliseconds=500)),
        (1543847874413, MOMENT + timedelta(milliseconds=413)),
        ("1543847874", MOMENT),
        ("1543847874413", MOMENT + timedelta(milliseconds=413)),
        ("2018-12-03 14:37:54 +0000 UTC", MOMENT),
        ("2018-12-03 20:07:54 +0530 IST", MOMENT),
    ],
)
def test_every_documented_spelling_of_a_time_is_read(spelled, moment):
    assert parse_time(spelled) == moment


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "soon",
        "20181203",
        "20181203143754",
        "2018-12-03",
        "2018-13-03T14:37:54",
        True,
        0,
        -1,
        1e300,
        [],
        {"at": 1},
        "9" * 20,
    ],
)
def test_a_value_that_is_no_time_is_not_parsed(value):
    assert parse_time(value) is None


@pytest.mark.parametrize(
    ("microsecond", "spelled"),
    [(0, "2018-12-03T14:37:54Z"), (413_000, "2018-12-03T14:37:54.413Z"), (413_267, "2018-12-03T14:37:54.413267Z")],
)
def test_a_time_leaves_with_as_many_digits_of_fraction_as_it_needs(microsecond, spelled):
    assert format_time(MOMENT.replace(microsecond=microsecond)) == spelled


@given(st.integers(10**9, 7 * 10**9), st.integers(0, 999_999))
def test_a_time_survives_being_written_and_read(seconds, microsecond):
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=microsecond)
    assert parse_time(format_time(moment)) == moment


def test_an_epoch_time_is_in_milliseconds_from_a_number_on_that_is_no_years_seconds():
    assert parse_time(MILLISECONDS_FROM - 1) == datetime(5138, 11, 16, 9, 46, 39, tzinfo=UTC)
    assert parse_time(MILLISECONDS_FROM) == datetime(1973, 3, 3, 9, 46, 40, tzinfo=UTC)


@pytest.mark.parametrize(
    "plain", ["2018-12-03T14:37:54Z", "2018-12-03T14:37:54.413Z", "2018-02-28T23:59:59.413267Z", "2018-12-31T00:00:00Z"]
)
def test_a_time_that_is_written_as_it_leaves_stays_as_it_is(plain):
    assert (written_time(plain), format_time(parse_time(plain))) == (plain, plain)


@pytest.mark.parametrize("odd", ["2018-12-03T14:37:54.000Z", "2018-12-03T14:37:54+00:00", "2018-12-03T20:07:54+05:30"])
def test_any_other_spelling_leaves_in_the_one_form(odd):
    assert written_time(odd) == "2018-12-03T14:37:54Z"


MONTHS_ENDS = [
    f"2023-{month:02}-{day:02}T00:00:00Z"
    for month, days in enumerate((28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), 2)
    for day in range(28, days + 1)
]


@pytest.mark.parametrize("last", [*MONTHS_ENDS, "2024-02-29T00:00:00Z"])
def test_every_day_of_a_month_is_a_time(last):
    assert written_time(last) == last


@pytest.mark.parametrize("beyond", ["02-29", "02-30", "04-31", "06-31", "09-31", "11-31", "12-32", "13-01"])
def test_a_day_that_no_month_has_is_no_time(beyond):
    assert written_time(f"2023-{beyond}T00:00:00Z") is None


TIMES = ["2018-12-03T14:37:54Z", "2018-12-31T14:37:54+00:00", "2024-02-29T00:00:00.413+00:00", *MONTHS_ENDS]
OTHERS = [None, "", "soon", 1543847874, 0, True, [], {}, "2018-12-03T20:07:54+05:30", "2018-12-03T14:37:54.000Z"]


@given(st.lists(st.sampled_from([*TIMES, *OTHERS, f"{TIMES[0]}\n{TIMES[0]}", f"{TIMES[0]}\n", "\n"])))
def test_times_are_written_together_as_each_alone(values):
    assert written_times(values) == [written_time(value) for value in values]
    assert parse_times(values) == [moment for value in values if (moment := parse_time(value)) is not None]


@given(st.lists(st.sampled_from(TIMES), min_size=1))
def test_plain_times_are_written_together_as_each_alone(values):
    assert written_times(values) == [written_time(value) for value in values]


@pytest.mark.parametrize("odd", [None, "soon", "2018-02-30T00:00:00Z"])
def test_a_value_that_is_no_time_is_not_formatted(odd):
    assert written_time(odd) is None


@given(st.integers(0, 253_402_300_799_999_999))
def test_microseconds_are_exact(count):
    assert microseconds(from_microseconds(count)) == count
