"""Leads that move while they are read: each is in this sync or the next, or the sync fails."""

import json
import random
import threading
from datetime import UTC, datetime, timedelta
from itertools import count
from types import SimpleNamespace

import pytest
from airbyte_cdk.sources.concurrent_source.thread_pool_manager import ThreadPoolManager
from airbyte_cdk.sources.streams.concurrent import partition_enqueuer

from source_squadstack.cli import PagedSource
from source_squadstack.components.retrievers.stable_window import StableWindowRetriever
from test_support.leads_server import LeadsServer, sync

START = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def leads(count, step=HOUR, begin=START):
    return {f"L{index}": begin + index * step for index in range(count)}


def ids(found):
    return sorted({record["lead_id"] for record in found.records})


def test_a_lead_that_leaves_and_a_late_one_that_comes_between_two_pages_cost_no_third(monkeypatch):
    def change(server, asked):
        if len(server.asked) == 1:
            server.leads["C"]["L10"] = datetime.now(UTC)  # processed anew: it belongs to the next sync
            server.leads["C"]["LATE"] = START + 140 * HOUR

    server = LeadsServer({"C": leads(150)}, before_answer=change).install(monkeypatch)
    found = sync(["C"])
    assert found.error is None
    assert ids(found) == sorted([*leads(150), "LATE"][:10] + [*leads(150), "LATE"][11:])
    assert len(server.asked) == 3


def test_a_quiet_campaign_is_one_call_however_late_the_thread_of_its_first_window_is(monkeypatch):
    a_later_one_came = threading.Event()
    reads, read_slice = count(), StableWindowRetriever.read_slice

    def with_a_late_first_thread(retriever, select, stream_slice):
        if next(reads) == 0:
            lock = retriever._progress(stream_slice).lock
            wait = lock.wait
            lock.wait = lambda timeout: (a_later_one_came.set(), wait(timeout))[1]
            assert a_later_one_came.wait(60)
        return read_slice(retriever, select, stream_slice)

    monkeypatch.setattr(StableWindowRetriever, "read_slice", with_a_late_first_thread)
    server = LeadsServer({"C": leads(50)}, before_answer=lambda *_: a_later_one_came.set()).install(monkeypatch)
    found = sync(["C"], kind=PagedSource, num_workers=2)
    assert (found.error, len(server.asked), ids(found)) == (None, 1, sorted(leads(50)))


def test_a_lead_that_leaves_and_two_that_come_between_pages_lose_none(monkeypatch):
    def change(server, asked):
        if len(server.asked) == 2:
            server.leads["C"]["L10"] = datetime.now(UTC)
            server.leads["C"].update(LATE1=START + 141 * HOUR, LATE2=START + 142 * HOUR)

    server = LeadsServer({"C": leads(150)}, before_answer=change).install(monkeypatch)
    found = sync(["C"])
    assert {*leads(150), "LATE1", "LATE2"} - {"L10"} <= set(ids(found))
    following = sync(["C"], state=found.state, lookback_minutes=0)
    assert following.error is None
    assert len(server.asked) <= 6


def test_rows_beyond_the_servers_own_time_belong_to_the_next_sync(monkeypatch):
    now = datetime.now(UTC)
    moved = {"OLD": START, "NEW": now - timedelta(minutes=5)}
    server = LeadsServer({"C": moved}, behind=timedelta(minutes=10)).install(monkeypatch)
    first = sync(["C"])
    assert ids(first) == ["OLD"]
    server.behind = None
    assert ids(sync(["C"], state=first.state)) == ["NEW", "OLD"]


def test_a_date_of_days_ago_is_not_believed(monkeypatch):
    recent = {"NEW": datetime.now(UTC) - timedelta(minutes=5)}
    LeadsServer({"C": recent}, behind=timedelta(days=3)).install(monkeypatch)
    assert ids(sync(["C"])) == ["NEW"]


def repeats_one_and_drops_one(_, rows):
    """Sort by time alone: the last of the first page comes again as the first of the second, in each pass alike."""
    return rows if len(rows) <= 100 else [*rows[:100], rows[99], *rows[101:]]


def test_leads_of_one_second_that_are_sorted_by_time_alone_end_as_a_transient_error(monkeypatch):
    server = LeadsServer({"C": leads(1000, timedelta(0))}, order=repeats_one_and_drops_one).install(monkeypatch)
    found = sync(["C"])
    assert found.error is not None
    assert found.error.failure_type.value == "transient_error"
    assert "campaign C, 2024-01-01T00:00:00.000000Z to 2024-01-01T00:00:00.999999Z" in found.log
    assert len(server.asked) <= 2 + 10 * 10


def test_leads_of_one_second_that_are_sorted_well_are_read_in_two_passes(monkeypatch):
    server = LeadsServer({"C": leads(1000, timedelta(0))}).install(monkeypatch)
    found = sync(["C"])
    assert (found.error, len(found.records), len(ids(found))) == (None, 1000, 1000)
    assert len(server.asked) <= 2 + 2 * 10


def in_a_new_order(number, rows):
    return random.Random(number).sample(rows, len(rows))


def test_an_order_that_is_new_with_every_call_loses_none(monkeypatch):
    server = LeadsServer({"C": leads(500)}, order=in_a_new_order).install(monkeypatch)
    found = sync(["C"])
    assert (found.error, ids(found), len(found.records)) == (None, sorted(leads(500)), 500)
    assert len(server.asked) <= 1.5 * 5 + 2


def test_a_server_that_gives_fewer_than_asked_for_is_read_in_pages_of_its_size(monkeypatch):
    server = LeadsServer({"C": leads(500)}, page_cap=50).install(monkeypatch)
    found = sync(["C"], page_size=1000)
    assert (found.error, len(found.records)) == (None, 500)
    assert len(server.asked) <= 1.5 * 10 + 2


@pytest.mark.parametrize("inclusive", [True, False])
@pytest.mark.parametrize("unit", ["seconds", "milliseconds"])
def test_windows_cut_within_a_dense_hour_fit_together(monkeypatch, unit, inclusive):
    dense = leads(2000, timedelta(seconds=1.5))
    one = timedelta(seconds=1) if unit == "seconds" else timedelta(milliseconds=1)
    LeadsServer({"C": dense}, unit=one, inclusive=inclusive).install(monkeypatch)
    found = sync(["C"], timestamp_unit=unit)
    assert (found.error, ids(found), len(found.records)) == (None, sorted(dense), 2000)


def test_times_that_are_shown_without_the_fraction_that_is_filtered_by_lose_none(monkeypatch):
    dense = leads(3000, timedelta(milliseconds=370))
    LeadsServer({"C": dense}, shown="seconds").install(monkeypatch)
    found = sync(["C"])
    assert (found.error, ids(found)) == (None, sorted(dense))


@pytest.mark.parametrize(("unit", "other"), [("seconds", "milliseconds"), ("milliseconds", "seconds")])
def test_a_wrong_unit_is_named_when_the_first_sync_finds_nothing(monkeypatch, unit, other):
    one = timedelta(seconds=1) if unit == "seconds" else timedelta(milliseconds=1)
    LeadsServer({"C": leads(3)}, unit=one).install(monkeypatch)
    found = sync(["C"], timestamp_unit=other)
    assert found.error is not None
    assert found.error.failure_type.value == "config_error"
    assert f"`squadstack.timestamp_unit` is {other}" in found.log


def test_a_server_that_ignores_the_filter_is_read_whole_and_named(monkeypatch, caplog):
    server = LeadsServer({"C": {**leads(250), **{f"P{index}": START - 9 * 24 * HOUR for index in range(30)}}})
    server.install(monkeypatch)._within = lambda *_: True
    found = sync(["C"])
    assert (found.error, ids(found)) == (None, sorted(leads(250)))
    assert "`squadstack.timestamp_unit`" in caplog.text
    assert len(server.asked) <= 10


def test_leads_just_before_the_first_window_that_its_request_brings_too_do_not_make_it_cut_for_ever(monkeypatch):
    before = leads(3, timedelta(0), START - timedelta(milliseconds=1))
    within = {f"W{index}": START + index * HOUR for index in range(8)}
    server = LeadsServer({"C": {**before, **within}}).install(monkeypatch)
    found = sync(["C"], page_size=10, window_days=3650)
    assert (found.error, ids(found)) == (None, list(within))
    assert len(server.asked) <= 4


def test_leads_without_a_time_that_every_window_brings_do_not_make_it_cut_for_ever(monkeypatch):
    server = LeadsServer({"C": {**leads(300), **{f"N{index}": None for index in range(150)}}})
    within = server._within
    server.install(monkeypatch)._within = lambda at, asked: at is None or within(at, asked)
    found = sync(["C"])
    assert (found.error, len(ids(found))) == (None, 450)
    assert len(server.asked) < 200


def test_all_leads_of_more_than_a_page_come_once_each_from_two_passes(monkeypatch):
    server = LeadsServer({"C": {**leads(250), "NONE": None}}).install(monkeypatch)
    found = sync(["C"], stream="leads")
    assert (found.error, len(found.records), len(ids(found))) == (None, 251, 251)
    assert len(server.asked) == 6


def test_all_leads_that_change_in_every_pass_end_with_a_warning(monkeypatch, caplog):
    def change(server, asked):
        server.leads["C"][f"MORE{len(server.asked)}"] = None

    server = LeadsServer({"C": leads(150)}, before_answer=change).install(monkeypatch)
    found = sync(["C"], stream="leads")
    assert found.error is None
    assert "some may be missing until the next sync" in caplog.text
    assert len(server.asked) <= 40


def test_many_leads_that_change_are_not_read_a_third_time(monkeypatch, caplog):
    def change(server, asked):
        server.leads["C"][f"MORE{len(server.asked)}"] = None

    server = LeadsServer({"C": leads(1100)}, before_answer=change).install(monkeypatch)
    sync(["C"], stream="leads", page_size=10)
    assert "some may be missing until the next sync" in caplog.text
    assert 2 * 110 <= len(server.asked) <= 2 * 130


def test_a_campaign_of_many_pages_is_read_in_segments_of_its_windows(monkeypatch):
    server = LeadsServer({"C": leads(3000, timedelta(hours=8))}).install(monkeypatch)
    found = sync(["C"], page_size=20, window_days=30)
    assert (found.error, len(found.records), len(ids(found))) == (None, 3000, 3000)
    assert len(server.asked) <= 1.25 * 150 + 2


def test_pages_bring_what_records_bring_at_the_same_calls(monkeypatch):
    server = LeadsServer({"C": leads(450), "D": leads(120, timedelta(0))}).install(monkeypatch)
    records, calls = sync(["C", "D"]).records, len(server.asked)
    pages = sync(["C", "D"], kind=PagedSource).records
    assert len(server.asked) == 2 * calls
    assert sorted(map(str, pages)) == sorted(map(str, records))
    assert len(records) == 570


def test_one_worker_reads_more_windows_than_the_pool_takes_at_once_a_request_at_a_time(monkeypatch):
    polls, under_way, most = count(), threading.Semaphore(1), ThreadPoolManager.__init__

    def pause(_):
        if next(polls) > 20_000:
            raise TimeoutError  # ends the sync, where nobody but the thread that waits here could read
        threading.Event().wait(0.001)

    def change(server, asked):
        assert under_way.acquire(blocking=False)
        threading.Event().wait(0)
        under_way.release()

    monkeypatch.setattr(partition_enqueuer, "time", SimpleNamespace(sleep=pause))
    monkeypatch.setattr(most, "__defaults__", (3,))
    LeadsServer({"C": leads(5), "D": leads(5)}, before_answer=change).install(monkeypatch)
    found = sync(["C", "D"], window_days=10)
    assert (found.error, len(found.records)) == (None, 10)


@pytest.mark.parametrize("lead_id", [None, {"a": 1}, ["a"]])
def test_leads_without_a_key_are_spoken_of_once(monkeypatch, caplog, lead_id):
    server = LeadsServer({"C": leads(3)}).install(monkeypatch)
    answer = server.answer

    def without_key(request):
        response = answer(request)
        body = response.json()
        for row in body["results"]:
            row["lead_id"] = lead_id
        response._content = json.dumps(body).encode()
        return response

    server.answer = without_key
    found = sync(["C"])
    assert (found.error, len(found.records)) == (None, 3)
    assert caplog.text.count("leads without a `lead_id`") == 1


def test_no_campaign_waits_for_the_first_answer_to_another_while_threads_are_free(monkeypatch):
    begun, all_begun = set(), threading.Barrier(3)

    def together(_, asked):
        if asked["campaign"] not in begun:
            begun.add(asked["campaign"])
            all_begun.wait(60)

    LeadsServer({name: leads(20) for name in "CDE"}, before_answer=together).install(monkeypatch)
    found = sync(list("CDE"), kind=PagedSource, window_days=30, num_workers=3)
    assert (found.error, len(found.records)) == (None, 60)
