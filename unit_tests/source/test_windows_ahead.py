"""Windows and pages that are asked for before their turn: what is read is what one thread reads."""

import json
import random
import threading
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from source_squadstack.components.call_budget import LoggedBudget
from source_squadstack.components.error_handler import ApiErrorHandler
from source_squadstack.components.host_health import health_of
from source_squadstack.components.request_slots import RequestSlots, request_slots
from source_squadstack.components.retrievers.stable_window import StableWindowRetriever
from source_squadstack.source import SourceSquadstack
from test_support.leads_server import LeadsServer, sync
from test_support.sent_ahead import SentInAnyOrder

START = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
OK = 200


def leads(number, step=HOUR, begin=START):
    return {f"L{index}": begin + index * step for index in range(number)}


def in_bursts(number):
    chance = random.Random(number)
    return {
        f"L{index}": START + chance.randrange(5) * 40 * 24 * HOUR + chance.randrange(20_000) * timedelta(seconds=3)
        for index in range(number)
    }


def ascending(_, rows):
    return sorted(rows, key=lambda lead: (lead[1] or START, lead[0]))


def descending(_, rows):
    return ascending(_, rows)[::-1]


def by_id(_, rows):
    return sorted(rows, key=lambda lead: hash_of(lead[0]))


def new_with_each_call(number, rows):
    return random.Random(number).sample(rows, len(rows))


def hash_of(text):
    return random.Random(text).random()


def a_second_apart(number):
    return leads(number, timedelta(seconds=1))


def in_one_second(number):
    return leads(number, timedelta(0))


ORDERS = (ascending, descending, by_id, new_with_each_call)
# Of the profile's hundred; `--hypothesis-profile=endurance` runs a hundred times as many.
EXAMPLES = settings.default.max_examples * 20 // 100


def keys(found):
    return [(record["lead_id"], record["processed_at"]) for record in found.records]


CASES = [
    ("lead_responses", leads, ascending),
    ("lead_responses", leads, new_with_each_call),
    ("lead_responses", in_bursts, ascending),
    ("lead_responses", in_bursts, descending),
    ("lead_responses", in_bursts, by_id),
    ("lead_responses", in_one_second, by_id),
    ("leads", leads, ascending),
    ("leads", in_bursts, by_id),
]


@pytest.mark.parametrize(("stream", "spread", "order"), CASES)
def test_what_is_asked_for_ahead_is_read_as_by_one_thread(monkeypatch, stream, spread, order):
    LeadsServer({"C": spread(700)}, order=order).install(monkeypatch)
    alone = sync(["C"], stream, page_size=20, window_days=3650)
    assert (alone.error, len(alone.records)) == (None, 700)
    server = LeadsServer({"C": spread(700)}, order=order).install(monkeypatch)
    ahead = SentInAnyOrder(random.Random(0)).install(monkeypatch, 10)
    found = sync(["C"], stream, page_size=20, window_days=3650)
    assert found.error is None
    assert sorted(keys(found)) == sorted(keys(alone))
    assert ahead.sent > 10
    assert ahead.most <= 10
    assert len(server.asked) <= 2.5 * 35


@pytest.mark.parametrize("order", [ascending, by_id])
def test_windows_ahead_cost_hardly_more_calls_where_the_leads_fill_a_small_part_of_the_time(monkeypatch, order):
    server = LeadsServer({"C": leads(2000)}, order=order).install(monkeypatch)
    ahead = SentInAnyOrder(random.Random(1)).install(monkeypatch, 10)
    assert len(sync(["C"], page_size=20, window_days=3650).records) == 2000
    assert ahead.sent > 100
    assert len(server.asked) <= 1.3 * 100  # 1.22 and 1.25 without


def test_records_come_in_the_order_of_time_however_late_their_answers_are(monkeypatch):
    LeadsServer({"C": leads(700)}).install(monkeypatch)
    SentInAnyOrder(random.Random(1)).install(monkeypatch, 10)
    found = sync(["C"], page_size=20, window_days=3650)
    assert [record["lead_id"] for record in found.records] == list(leads(700))


# What may happen before which answer to which lead: processed again, a late one with a time in the past, or gone, or
# both at once, so that the count stays.
happenings = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 199), st.sampled_from("*+-=")), max_size=12)


class Meanwhile:
    """What happens to the leads of a campaign while it is read."""

    def __init__(self, happenings):
        self._happenings = happenings
        self.touched = set()
        self.late = {}

    def __call__(self, server, _):
        campaign = server.leads["C"]
        for number, (call, which, kind) in enumerate(self._happenings):
            if call != len(server.asked):
                continue
            names = sorted(campaign)
            lead = names[which % len(names)]
            if kind in "+=":
                self.late[f"N{number}"] = campaign[f"N{number}"] = START + which * HOUR
            if kind in "-=":
                del campaign[lead]
            if kind == "*":
                campaign[lead] = datetime.now(UTC)
            if kind != "+":
                self.touched.add(lead)


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), deadline=None)
@given(
    seed=st.integers(0, 10_000),  # hypothesis draws in the thread of the test alone
    number=st.integers(30, 100),
    order=st.sampled_from(ORDERS),
    spread=st.sampled_from([leads, in_bursts, a_second_apart]),
    at_once=st.sampled_from([1, 2, 3, 10]),
    page=st.sampled_from([(5, 1000), (20, 4), (3, 1000), (12, 1000)]),
    window_days=st.sampled_from([20, 3650]),
    happening=happenings,
)
def test_no_lead_is_lost_or_made_up_while_leads_change_between_any_two_answers(
    seed, number, order, spread, at_once, page, window_days, happening
):
    before, meanwhile = spread(number), Meanwhile(happening)
    with pytest.MonkeyPatch.context() as monkeypatch:
        server = LeadsServer({"C": dict(before)}, order=order, page_cap=page[1], before_answer=meanwhile)
        server.install(monkeypatch)
        SentInAnyOrder(random.Random(seed)).install(monkeypatch, at_once)
        found = sync(["C"], page_size=page[0], window_days=window_days)
    assert found.error is None
    came = [record["lead_id"] for record in found.records]
    known = {**before, **meanwhile.late}
    assert len(came) == len(set(came))
    assert set(before) - meanwhile.touched <= set(came) <= set(known)
    assert all(record["processed_at"][:19] == known[record["lead_id"]].isoformat()[:19] for record in found.records)


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), deadline=None)
@given(
    seed=st.integers(0, 10_000),
    number=st.integers(12, 60),
    order=st.sampled_from(ORDERS[:3]),
    at_once=st.sampled_from([1, 2, 3, 10]),
    page=st.sampled_from([(5, 1000), (20, 4), (3, 1000), (12, 1000)]),
    happening=happenings,
)
def test_all_leads_that_stay_are_read_while_others_come_and_go_between_any_two_answers(
    seed, number, order, at_once, page, happening
):
    before, meanwhile = leads(number), Meanwhile(happening)
    with pytest.MonkeyPatch.context() as monkeypatch:
        server = LeadsServer({"C": dict(before)}, order=order, page_cap=page[1], before_answer=meanwhile)
        server.install(monkeypatch)
        SentInAnyOrder(random.Random(seed)).install(monkeypatch, at_once)
        found = sync(["C"], "leads", page_size=page[0])
    assert found.error is None
    # One that is processed again moves, but is there all the time.
    assert set(before) & set(server.leads["C"]) <= {record["lead_id"] for record in found.records}


def altered(server, monkeypatch, alter):
    """Let each answer of a server be altered: `alter(call, asked, body)` says the status (`OK`: as it is), the body."""
    answer = server.answer

    def answer_altered(request):
        response = answer(request)
        asked = dict(parse_qsl(urlsplit(request.url).query))
        status, body = alter(len(server.asked), asked, response.json())
        response._content = json.dumps(body).encode()
        response.status_code = response.status_code if status == OK else status
        return response

    server.answer = answer_altered
    return server


@pytest.fixture(autouse=True)
def healthy_host():
    """A host whose failures in another test are forgotten."""
    health_of.cache_clear()


@pytest.fixture
def no_waits(monkeypatch):
    """Nothing waits between two attempts."""
    monkeypatch.setattr("time.sleep", lambda _: None)


@pytest.mark.parametrize("told", [0, 1, 5_000])
@pytest.mark.parametrize("stream", ["lead_responses", "leads"])
def test_a_count_that_lies_loses_no_lead_and_does_not_end_as_success(monkeypatch, told, stream):
    server = LeadsServer({"C": leads(200)}).install(monkeypatch)
    altered(server, monkeypatch, lambda _, __, body: (OK, {**body, "count": told} if "count" in body else body))
    SentInAnyOrder(random.Random(2)).install(monkeypatch, 10)
    found = sync(["C"], stream, page_size=20)
    ended = found.error is not None or "some may be missing" in found.log or stream == "leads"
    assert ended or {record["lead_id"] for record in found.records} == set(leads(200))
    assert len(server.asked) < 500


@pytest.mark.parametrize("order", [ascending, by_id])
@pytest.mark.parametrize(("status", "kind"), [(404, "config_error"), (401, "config_error"), (500, "transient_error")])
def test_a_failure_of_one_window_fails_the_campaign_after_what_lies_before_it(
    monkeypatch, no_waits, status, kind, order
):
    failing = START + 400 * HOUR

    def alter(_, asked, body):
        first, last = (int(asked[name]) / 1000 for name in ("processed_after", "processed_before"))
        hit = first <= failing.timestamp() < last and last - first < 100 * 24 * 3600
        return (status, {}) if hit else (OK, body)

    server = LeadsServer({"C": leads(700)}, order=order).install(monkeypatch)
    altered(server, monkeypatch, alter)
    SentInAnyOrder(random.Random(3)).install(monkeypatch, 10)
    found = sync(["C"], page_size=20, window_days=3650)
    assert found.error is not None
    assert found.error.failure_type.value == kind
    came = {record["lead_id"] for record in found.records}
    assert came
    assert came <= set(leads(401))
    assert len(server.asked) < 100


def test_a_null_next_before_the_last_page_leaves_no_pass_complete(monkeypatch, caplog):
    def alter(_, asked, body):
        return OK, {**body, "next": None} if asked.get("page") == "4" else body

    server = LeadsServer({"C": leads(200)}).install(monkeypatch)
    altered(server, monkeypatch, alter)
    SentInAnyOrder(random.Random(4)).install(monkeypatch, 10)
    found = sync(["C"], "leads", page_size=20)
    assert found.error is None
    assert "some may be missing until the next sync" in caplog.text
    assert len(server.asked) <= 10 * (4 + 10)


def test_a_window_that_is_throttled_is_asked_for_again(monkeypatch, no_waits):
    throttled = []

    def alter(call, asked, body):
        if call % 4 == 0 and call not in throttled:
            throttled.append(call)
            return 429, {"detail": "Request was throttled. Please try after 1 seconds"}
        return OK, body

    server = LeadsServer({"C": leads(700)}).install(monkeypatch)
    altered(server, monkeypatch, alter)
    SentInAnyOrder(random.Random(5)).install(monkeypatch, 10)
    found = sync(["C"], page_size=20, window_days=3650)
    assert (found.error, len(found.records)) == (None, 700)
    assert [record["lead_id"] for record in found.records] == list(leads(700))
    assert len(throttled) > 5


@pytest.mark.parametrize(("of", "name"), [(LoggedBudget, "is_used_up"), (ApiErrorHandler, "is_throttled")])
def test_nothing_is_asked_for_ahead_while_the_allowance_is_used_up(monkeypatch, of, name):
    monkeypatch.setattr(of, name, property(lambda _: True, lambda *_: None), raising=False)
    server = LeadsServer({"C": leads(700)}).install(monkeypatch)
    ahead = SentInAnyOrder(random.Random(6)).install(monkeypatch, 10)
    assert len(sync(["C"], page_size=20).records) == 700
    assert ahead.sent == 0
    calls = len(server.asked)
    monkeypatch.setattr(StableWindowRetriever, "_at_once", lambda _: 1)
    assert len(sync(["C"], page_size=20).records) == 700
    assert len(server.asked) == 2 * calls


@pytest.fixture
def clock(monkeypatch):
    """The clock by which `requests` measures how long an answer takes."""
    seconds = [0.0]
    monkeypatch.setattr("requests.sessions.preferred_clock", lambda: seconds[0])
    return seconds


def taking(clock, seconds):
    def before_answer(server, _):
        clock[0] += seconds(len(server.asked))

    return before_answer


@pytest.mark.parametrize("stream", ["lead_responses", "leads", "call_recordings"])
def test_requests_are_sent_ahead_where_answers_are_slow(monkeypatch, clock, stream):
    server = LeadsServer({"C": leads(700)}, before_answer=taking(clock, lambda _: 0.1)).install(monkeypatch)
    ahead = SentInAnyOrder(random.Random(7)).install(monkeypatch)
    assert sync(["C"], stream, num_workers=10, page_size=20, window_days=3650).error is None
    assert ahead.sent > 20
    assert ahead.most > 5
    assert len(server.asked) <= 2.5 * 35


@pytest.mark.parametrize("seconds", [lambda _: 0.02, lambda call: 0.1 if call in (9, 10, 30) else 0.02])
@pytest.mark.parametrize("stream", ["lead_responses", "leads"])
def test_nothing_is_sent_ahead_where_answers_are_quick_even_if_single_ones_are_not(monkeypatch, clock, stream, seconds):
    LeadsServer({"C": leads(700)}, before_answer=taking(clock, seconds)).install(monkeypatch)
    ahead = SentInAnyOrder(random.Random(8)).install(monkeypatch)
    assert len(sync(["C"], stream, num_workers=10, page_size=20, window_days=3650).records) == 700
    assert ahead.sent == 0


@pytest.mark.parametrize("stream", ["lead_responses", "leads"])
def test_one_worker_sends_nothing_ahead_and_starts_no_thread_for_it(monkeypatch, clock, stream):
    def in_one_thread(server, asked):
        clock[0] += 10
        assert not [thread for thread in threading.enumerate() if thread.name == "ahead"]

    LeadsServer({"C": leads(700)}, before_answer=in_one_thread).install(monkeypatch)
    assert len(sync(["C"], stream, num_workers=1, page_size=20, window_days=3650).records) == 700


# Below here are real threads.


@pytest.mark.parametrize("stream", ["lead_responses", "leads"])
def test_threads_bring_the_leads_in_the_order_of_time(monkeypatch, stream):
    monkeypatch.setattr(StableWindowRetriever, "_at_once", lambda _: 10)
    LeadsServer({"C": leads(700)}).install(monkeypatch)
    found = sync(["C"], stream, num_workers=10, page_size=20, window_days=3650)
    assert [record["lead_id"] for record in found.records] == list(leads(700))


@pytest.mark.parametrize("stream", ["lead_responses", "leads"])
def test_a_read_can_be_closed_while_answers_to_requests_ahead_are_outstanding(monkeypatch, stream):
    monkeypatch.setattr(StableWindowRetriever, "_at_once", lambda _: 10)
    gate, held = threading.Event(), threading.Semaphore(0)

    def hold(*_):
        if threading.current_thread().name == "ahead":
            held.release()
            assert gate.wait(60)

    LeadsServer({"C": leads(700)}, before_answer=hold).install(monkeypatch)
    records = first_partition(stream).read()
    next(records)
    while stream == "leads" and not held.acquire(blocking=False):
        next(records)  # of the first page, which comes before others are asked for
    records.close()
    ahead = [thread for thread in threading.enumerate() if thread.name == "ahead"]
    assert ahead or stream == "lead_responses"
    gate.set()
    for thread in ahead:
        thread.join(60)
        assert not thread.is_alive()


def test_a_failed_sync_waits_for_no_answer_to_a_request_ahead(monkeypatch):
    monkeypatch.setattr(StableWindowRetriever, "_at_once", lambda _: 10)
    failing, held, gate = START + 400 * HOUR, threading.Event(), threading.Event()

    def hold_later(_, asked):
        if int(asked["processed_after"]) / 1000 > failing.timestamp():
            held.set()
            assert gate.wait(60)

    def refuse(_, asked, body):
        first, last = (int(asked[name]) / 1000 for name in ("processed_after", "processed_before"))
        hit = first <= failing.timestamp() < last and last - first < 100 * 24 * 3600
        assert not hit or held.wait(60)
        return (401, {}) if hit else (OK, body)

    server = LeadsServer({"C": leads(700)}, before_answer=hold_later).install(monkeypatch)
    altered(server, monkeypatch, refuse)
    found = sync(["C"], num_workers=10, page_size=20, window_days=3650)
    ahead = [thread for thread in threading.enumerate() if thread.name == "ahead"]
    gate.set()
    for thread in ahead:
        thread.join(60)
    assert found.error is not None
    assert found.error.failure_type.value == "config_error"
    (state,) = vars(found.state[0].stream.stream_state)["states"]
    assert datetime.fromisoformat(state["cursor"]["processed_at"]) == START
    assert ahead
    came = [record["lead_id"] for record in found.records]
    assert came == list(leads(len(came)))


def first_partition(stream):
    """Return the first partition of a stream, which is read in the thread that asks for its records."""
    config = {
        "squadstack": {"token": "t", "campaign_ids": ["C"], "start_date": "2024-01-01T00:00:00Z", "page_size": 20},
        "num_workers": 10,
    }
    source = SourceSquadstack(catalog=None, config=config, state=None)
    (found,) = (each for each in source.streams(source.configure(config, "")) if each.name == stream)
    return next(iter(found.generate_partitions()))


def test_no_more_requests_ahead_are_under_way_than_there_are_slots():
    slots, gate = RequestSlots(3), threading.Event()
    answers = [slots.send_ahead(lambda: gate.wait(60)) for _ in range(5)]
    assert [answer is None for answer in answers] == [False, False, False, True, True]
    gate.set()
    assert [answer.result(60) for answer in answers[:3]] == [True, True, True]


def test_those_who_read_at_the_same_time_share_the_slots_so_that_no_more_pages_than_slots_wait_in_memory():
    slots = RequestSlots(10)
    with slots.reading():
        assert slots.share == 10
        with slots.reading(), slots.reading():
            assert slots.share == 3
            with ExitStack() as others:
                for _ in range(20):
                    others.enter_context(slots.reading())
                assert slots.share == 1
        assert slots.share == 10


@pytest.mark.parametrize("stream", ["lead_responses", "leads"])
@pytest.mark.parametrize("failing", [False, True])
def test_a_campaign_is_one_reader_until_it_is_read_or_has_failed(monkeypatch, no_waits, stream, failing):
    slots, readers = request_slots(13), []
    server = LeadsServer({"C": leads(100)}, before_answer=lambda *_: readers.append(slots._readers))
    server.install(monkeypatch)
    if failing:
        altered(server, monkeypatch, lambda call, _, body: (500, {}) if call > 3 else (OK, body))
    found = sync(["C"], stream, page_size=20, num_workers=13)
    assert (found.error is not None) is failing
    assert (readers[0], set(readers[1:]), slots._readers) == (stream == "leads", {1}, 0)


def test_an_error_of_a_request_ahead_is_raised_where_its_answer_is_wanted_and_frees_the_slot():
    slots = RequestSlots(1)

    def fail():
        raise requests.ConnectionError("down")

    with pytest.raises(requests.ConnectionError):
        slots.send_ahead(fail).result(60)
    with slots.one():
        assert slots.send_ahead(fail) is None


def test_a_request_ahead_holds_no_second_slot():
    slots = RequestSlots(1)

    def send():
        with slots.one():
            return threading.current_thread().daemon

    assert slots.send_ahead(send).result(60)


def test_a_read_that_is_ended_leaves_no_request_that_keeps_a_process_alive(monkeypatch):
    gate = threading.Event()

    def send():
        return gate.wait(60)

    slots = RequestSlots(4)
    answers = [slots.send_ahead(send) for _ in range(4)]
    ahead = [thread for thread in threading.enumerate() if thread.name == "ahead"]
    assert ahead
    assert all(thread.daemon for thread in ahead)
    gate.set()
    assert all(answer.result(60) for answer in answers)
    for thread in ahead:
        thread.join(60)
        assert not thread.is_alive()
