"""Threads, queues and ends of a sync: with a network that is a function."""

import json
import threading
import time

import pytest

from destination_squadstack import sync as destination
from destination_squadstack import sync_threads
from destination_squadstack.api.outcomes import ApiResponse
from destination_squadstack.config import parse_config
from destination_squadstack.engine import engine
from destination_squadstack.protocol import Emitter
from destination_squadstack.routing import plan
from destination_squadstack.sync import Sync
from squadstack_common.clock import SystemClock

HANG = 300  # seconds after which a test that hangs fails: no bound on how slow a machine may be


class Api:
    """Accepts every lead, or does what the test says."""

    read_timeout = 0.1

    def __init__(self, answer=None):
        self.sent, self.answer, self.lock = [], answer, threading.Lock()

    def send(self, _path, bodies):
        leads = [json.loads(body) for body in bodies]
        with self.lock:
            self.sent += [each["lead_id"] for each in leads]
        if self.answer is not None:
            return self.answer(leads)
        return ApiResponse(
            200, {"result": [{"status_code": 200, "data": {"lead_id": each["lead_id"]}} for each in leads]}
        )

    def close(self):
        pass


class Reader:
    """Hands out a text in pieces."""

    def __init__(self, text, piece=4096):
        self.pieces = iter([text[start : start + piece] for start in range(0, len(text), piece)])

    def __call__(self, _size):
        return next(self.pieces, b"")


class Room(threading.Semaphore):
    """Tells when the reader waits for room, and how much it had read by then."""

    def __init__(self, value, read_bytes):
        super().__init__(value)
        self.waited, self.read_bytes, self.read_when_it_first_waited = threading.Event(), read_bytes, None

    def acquire(self):
        if not super().acquire(blocking=False):
            if not self.waited.is_set():
                self.read_when_it_first_waited = sum(self.read_bytes)
            self.waited.set()
            super().acquire()


@pytest.fixture
def sync(kit):
    def build(api, read, write=None, **changes):
        printed = []
        config = parse_config(kit.config(**changes))
        sync = Sync(
            config,
            plan(config, kit.catalog("leads")),
            api=api,
            read=read,
            emitter=Emitter(write or printed.append),
            clock=SystemClock(),
            run_id="run",
        )
        return sync, lambda: [json.loads(line) for line in b"".join(printed).splitlines()]

    return build


def text_of(kit, count, every=10):
    lines = []
    for number in range(count):
        lines.append(kit.record(f"L{number}").line + b"\n")
        if number % every == every - 1:
            lines.append(kit.state(number, counted=every).line + b"\n")
    return b"".join(lines)


def states(messages):
    return [message["state"] for message in messages if message["type"] == "STATE"]


@pytest.mark.parametrize("piece", [100, 4096, 1 << 20])
def test_back_pressure_pauses_the_reading_and_loses_nothing(sync, kit, monkeypatch, piece):
    # A first version lost 1,200 of 200,000 records here: a piece was overwritten while the one before it was paused.
    monkeypatch.setattr(engine, "MAX_RECORDS", 70)
    api = Api()
    run, printed = sync(api, Reader(text_of(kit, 3_000), piece), squadstack={"token": "t", "calls_per_minute": 10**6})
    assert run.run() == 0
    assert sorted(api.sent) == sorted(f"L{number}" for number in range(3_000))
    found = states(printed())
    assert [state["id"] for state in found] == list(range(9, 3_000, 10))
    assert all(state["destinationStats"] == {"recordCount": 10, "rejectedRecordCount": 0} for state in found)
    assert not [message for message in printed() if message.get("log", {}).get("level") == "WARN"]


def test_reading_stops_while_the_api_is_slow(sync, kit, monkeypatch):
    monkeypatch.setattr(engine, "MAX_RECORDS", 100)
    read_bytes = []
    text = text_of(kit, 20_000)
    reader = Reader(text)

    def read(size):
        piece = reader(size)
        read_bytes.append(len(piece))
        return piece

    def slow(leads):
        assert run._reader._ahead.waited.wait(HANG)
        return ApiResponse(
            200, {"result": [{"status_code": 200, "data": {"lead_id": each["lead_id"]}} for each in leads]}
        )

    run, _ = sync(Api(slow), read, squadstack={"token": "t", "calls_per_minute": 10**6})
    run._reader._ahead = Room(sync_threads.PIECES_AHEAD, read_bytes)
    assert run.run() == 0
    assert run._reader._ahead.read_when_it_first_waited < len(text) / 10
    assert sum(read_bytes) == len(text)


def test_a_mistake_of_ours_ends_the_sync_with_a_trace_that_tells_no_data(sync, kit):
    def broken(leads):
        raise KeyError(leads[0]["lead_id"])

    run, printed = sync(
        Api(broken), Reader(kit.state(1).line + b"\n" + kit.record("secret-lead").line), linger_seconds=1
    )
    assert run.run() == 1
    (trace,) = [message["trace"]["error"] for message in printed() if message["type"] == "TRACE"]
    assert trace["message"] == "Something went wrong inside the connector (KeyError)."
    assert trace["failure_type"] == "system_error"
    assert "secret" not in json.dumps(printed())
    assert [state["id"] for state in states(printed())] == [1]


def test_a_signal_ends_the_sync_in_order(sync, kit):
    run, printed = sync(Api(), Reader(kit.record("a").line + b"\n" + kit.state(1).line))
    run.on_signal(15)
    assert run.run() == 143
    assert "Signal 15: finishing the calls under way, then stopping." in [
        m["log"]["message"] for m in printed() if "log" in m
    ]


def test_a_reader_that_has_gone_ends_the_sync(sync, kit):
    def gone(_):
        raise BrokenPipeError

    run, _ = sync(Api(), Reader(text_of(kit, 100)), gone)
    assert run.run() == 1


def test_calls_under_way_are_waited_for_when_the_reader_has_gone(sync, kit):
    second_called, gone = threading.Event(), threading.Event()

    def leave(text):
        if b'"STATE"' in text:
            gone.set()
            raise BrokenPipeError

    def slow(leads):
        if leads[0]["lead_id"] == "L0":
            assert second_called.wait(HANG)
        else:
            second_called.set()
            assert gone.wait(HANG)
        return Api().send(None, [json.dumps(lead) for lead in leads])

    run, _ = sync(Api(slow), Reader(text_of(kit, 200, every=100)), leave)
    assert run.run() == 1
    assert gone.is_set()
    assert run._engine.under_way == 0  # its answer was taken before the end


def test_an_empty_input_is_a_success(sync):
    run, printed = sync(Api(), Reader(b""))
    assert run.run() == 0
    assert [message["type"] for message in printed()] == ["LOG"]


def test_a_state_that_cannot_be_passed_on_is_an_error_and_no_success(sync, kit, monkeypatch):
    monkeypatch.setattr(engine.Engine, "take_states", lambda *_: [])
    run, printed = sync(Api(), Reader(text_of(kit, 10)))
    assert run.run() == 1
    (trace,) = [message["trace"]["error"] for message in printed() if message["type"] == "TRACE"]
    assert trace["message"] == "The input has ended and all records have an outcome, but a state is left over."


def test_after_a_signal_a_call_that_is_not_answered_is_waited_for_no_longer_than_said(sync, kit, monkeypatch):
    monkeypatch.setattr(destination, "SHUTDOWN_SECONDS", 0.2)
    called, ended, answered = threading.Event(), threading.Event(), threading.Event()

    def silent(_):
        called.set()
        run.on_signal(15)
        ended.wait(HANG)
        answered.set()

    run, printed = sync(Api(silent), Reader(kit.state(1).line + b"\n" + text_of(kit, 10)))
    started = time.monotonic()
    assert run.run() == 143
    assert time.monotonic() - started >= 0.2
    assert called.is_set()
    assert not answered.is_set()
    ended.set()
    assert [state["id"] for state in states(printed())] == [1]


def test_a_signal_during_the_end_changes_nothing(sync, kit):
    run, printed = sync(Api(), Reader(text_of(kit, 10)))
    for _ in range(3):
        run.on_signal(15)
    assert run.run() == 143
    assert sum("Signal 15" in m["log"]["message"] for m in printed() if "log" in m) == 1
