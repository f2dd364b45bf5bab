"""What the user gets to know, and when: by a clock that the test moves."""

import pytest

from destination_squadstack.progress import Progress


@pytest.fixture
def said():
    return []


@pytest.fixture
def report(said):
    return Progress(lambda level, text: said.append((level, text)), now=1_000.0)


def tick(report, now, waiting=0, *, input_ended=False):
    report.tick(now, waiting=waiting, used=42, allowance=100, input_ended=input_ended)


def test_progress_is_logged_every_thirty_seconds_and_not_before(report, said):
    for now in (1_000.0, 1_029.9, 1_030.0, 1_031.0, 1_059.9, 1_060.0, 1_200.0):
        tick(report, now)
    assert len(said) == 3


def test_a_progress_line_tells_the_whole_account(report, said):
    report.read, report.written, report.already_there, report.retried, report.calls = 500, 380, 5, 100, 6
    report.throttled, report.states = 1, 3
    for reason, count in {"busy.": 4, "blank": 3, "wrong": 2, "long": 1}.items():
        for _ in range(count):
            report.reject("upsert", reason)
    tick(report, 1_030.0, waiting=110)
    assert said == [
        (
            "INFO",
            (
                "read 500, written 380 (5 of them there already), rejected 10 (4 by upsert: busy; 3 by upsert: blank; "
                "2 by upsert: wrong; 1 further reasons), waiting 110, sent again 100, states passed on 3, calls 6, "
                "throttled 1. Calls in the last 61 s: 42, of 100 a minute."
            ),
        )
    ]


def test_the_time_left_is_logged_once_the_input_has_ended(report, said):
    report.written = 1_000
    tick(report, 1_030.0, waiting=9_000)
    tick(report, 1_060.0, waiting=9_000, input_ended=True)
    assert "left" not in said[0][1]
    assert said[1][1].endswith(" The input has ended: about 9 min 0 s left.")


def test_the_time_left_goes_by_what_was_done_in_the_last_minutes(report, said):
    for minute in range(1, 21):
        report.written = 1_000 if minute <= 10 else 1_000 + (minute - 10) * 100
        tick(report, 1_000.0 + 60 * minute, waiting=200, input_ended=True)
    assert said[-1][1].endswith("about 2 min 0 s left.")


def test_no_time_left_is_logged_while_nothing_gets_done(report, said):
    tick(report, 1_030.0, waiting=50, input_ended=True)
    assert "left" not in said[0][1]


def test_rows_deleted_at_their_source_are_counted_and_the_end_says_what_that_means(report, said):
    report.read, report.written, report.deleted_at_source = 5, 2, 3
    report.end(1_001.0, waiting=0, used=0, allowance=100)
    assert [text for _, text in said] == [
        (
            "Finished after 1.0 s: read 5, written 2, deleted at the source and not sent 3, rejected 0, waiting 0, "
            "sent again 0, states passed on 0, calls 0, throttled 0. Calls in the last 61 s: 0, of 100 a minute."
        ),
        (
            "3 records were rows deleted at their source (deleted_field is filled) and were not sent: "
            "on_deleted is skip."
        ),
    ]


def test_the_summary_has_a_line_for_each_reason_of_a_rejection(report, said):
    report.read = report.written = 2
    report.reject("create", "blank")
    report.end(1_012.34, waiting=0, used=1, allowance=100)
    assert said == [
        (
            "INFO",
            (
                "Finished after 12.3 s: read 2, written 2, rejected 1, waiting 0, sent again 0, states passed on 0, "
                "calls 0, throttled 0. Calls in the last 61 s: 1, of 100 a minute."
            ),
        ),
        ("WARN", "Rejected by create: 1 times: blank"),
    ]
