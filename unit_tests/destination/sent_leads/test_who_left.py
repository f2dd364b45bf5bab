"""Who left: a source that looks as if everybody had left disables nobody."""

import pytest

from destination_squadstack.sent_leads.who_left import Reading, reason_to_keep_all


def reason(*, known=1_000, missing=0, records=None, without_id=0, present=None, percent=10):
    records = known - missing if records is None else records
    reading = Reading("leads", records, without_id, records - without_id if present is None else present)
    return reason_to_keep_all(reading, known=known, missing=missing, max_gone_percent=percent)


@pytest.mark.parametrize(
    ("known", "missing"),
    [(1_000, 0), (1_000, 100), (25, 20), (21, 20), (1_000, 20)],
)
def test_a_share_within_the_limit_may_leave(known, missing):
    assert reason(known=known, missing=missing) is None


@pytest.mark.parametrize(("known", "missing", "percent"), [(1_000, 101, 10), (200, 21, 10), (30, 21, 50), (50, 21, 0)])
def test_too_many_are_kept_and_both_numbers_are_told(known, missing, percent):
    said = reason(known=known, missing=missing, percent=percent)
    assert said is not None
    assert f"{missing} of {known} leads" in said
    assert "Nobody was disabled" in said


def test_all_may_leave_where_the_config_says_so():
    assert reason(known=1_000, missing=1_000, percent=100) is None


def test_an_empty_stream_disables_nobody_however_few_there_are():
    assert "holds no lead: 5 of 5 leads" in reason(known=5, missing=5)


def test_a_filter_that_nothing_passes_disables_nobody():
    assert "holds no lead: 5 of 5 leads" in reason(known=5, missing=5, records=7, present=0)


@pytest.mark.parametrize("percent", [10, 100])
def test_a_renamed_key_disables_nobody(percent):
    said = reason(known=5, missing=5, records=7, without_id=7, percent=percent)
    assert "7 of its 7 records do not say which lead they are about" in said


def test_records_without_an_id_keep_everybody_only_where_they_are_many():
    assert reason(missing=5, records=1_000, without_id=100) is None
    assert "101 of its 1000 records" in reason(missing=5, records=1_000, without_id=101)
