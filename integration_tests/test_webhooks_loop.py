"""The whole way of an event, by real processes: emulator, `webhooks-squadstack`, `source-squadstack`.

Exactly once is meant in terms of state: of what a sync read, that counts which came before its last state, for that is
what a destination commits; what came after it is asked for again.
"""

import json
import re
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import requests

from squadstack_emulator import Emulator
from test_support.catalogs import configured
from test_support.connectors import Connector
from test_support.processes import HANG
from test_support.receiver_process import KEY, ReceiverProcess
from test_support.webhook_loop import call, committed, position, posted, spelt, webhook_loop

# What the receiver's page says to do after a restore.
RAISE = re.search(
    r"^UPDATE .*$", (Path(__file__).parents[1] / "docs/webhooks.md").read_text(encoding="utf-8"), re.MULTILINE
)[0]
# Any age above 0: whatever may be deleted is deleted when the receiver starts.
AT_ONCE = {"WEBHOOKS_RETENTION_DAYS": "0.0000000001"}


@pytest.fixture
def source(tmp_path):
    """The console script; it waits as long as it says, because the receiver takes its time to start."""
    return Connector("source-squadstack", tmp_path, waits=True)


@pytest.fixture
def catalog():
    return configured("webhook_events", incremental=["webhook_events"])


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Callable[..., tuple[Emulator, ReceiverProcess]]]:
    """Start a receiver, and an emulator with so many leads that posts to it."""
    with ExitStack() as stack:
        yield lambda leads, **settings: stack.enter_context(webhook_loop(tmp_path, leads, **settings))


def test_every_event_that_was_acknowledged_is_read_once_over_two_syncs_repeats_and_all(source, catalog, loop):
    emulator, receiver = loop(300)
    call(emulator, 200)
    first = source.run("read", config=receiver.config, catalog=catalog)
    call(emulator, 100)
    second = source.run("read", config=receiver.config, catalog=catalog, state=[first.states[-1]])
    assert (first.code, second.code) == (0, 0)
    assert committed(first) + committed(second) == posted(emulator)
    assert len(emulator.request_log.posts) > posted(emulator).total()


def test_kill_9_of_the_source_in_the_middle_and_resume_commit_each_event_once(source, catalog, loop):
    emulator, receiver = loop(700)
    call(emulator, 50)
    first = source.run("read", config=receiver.config, catalog=catalog)
    call(emulator, 650)
    began = [first.states[-1]]
    killed = source.killed_after(1000, "read", config=receiver.config, catalog=catalog, state=began)
    assert killed.code == -9
    assert killed.records
    state = [killed.states[-1]] if killed.states else began
    resumed = source.run("read", config=receiver.config, catalog=catalog, state=state)
    assert committed(first) + committed(killed, position(first)) + committed(resumed) == posted(emulator)


def test_kill_9_of_the_receiver_in_the_middle_of_a_read_costs_a_wait_and_no_event(source, catalog, loop):
    emulator, receiver = loop(1500)
    call(emulator, 1500)
    process = source.start("read", config=receiver.config, catalog=catalog)
    # A pipe that nobody reads on fills up, and the source with it, long before it has read all pages.
    head = b"".join(process.stdout.readline() for _ in range(200))
    receiver.kill()
    again = threading.Timer(2, receiver.restart)
    again.start()
    # Not communicate(): it would lose what readline() has buffered.
    with process, process.stdout, process.stderr:
        tail = process.stdout.read()
    again.join()
    records = [json.loads(line)["record"]["data"] for line in (head + tail).splitlines() if b'"RECORD"' in line[:20]]
    assert process.returncode == 0
    assert Counter(spelt(record["payload"]) for record in records) == posted(emulator)
    assert [record["sequence"] for record in records] == sorted(record["sequence"] for record in records)


def test_a_read_ends_while_events_stream_in_and_the_next_goes_on_behind_it(source, catalog, loop):
    emulator, receiver = loop(800)
    call(emulator, 400)
    stop = threading.Event()

    def go_on() -> None:
        while not stop.is_set():
            if not emulator.call_leads(limit=5):
                emulator.reprocess(None, list(emulator.leads())[:5])  # there is always more to come
            emulator.wait_for_posts(HANG)

    streaming = threading.Thread(target=go_on)
    streaming.start()
    reads = [source.run("read", config=receiver.config, catalog=catalog)]
    stop.set()
    streaming.join()
    reads.append(source.run("read", config=receiver.config, catalog=catalog, state=[reads[0].states[-1]]))
    assert [read.code for read in reads] == [0, 0]
    assert committed(reads[0]) + committed(reads[1]) == posted(emulator)
    assert reads[1].records


def restarted(receiver: ReceiverProcess) -> None:
    """Restart a receiver, which deletes first of all what it may."""
    receiver.terminate()
    receiver.restart()


def test_retention_deletes_nothing_that_a_failed_sync_has_read(source, catalog, loop):
    emulator, receiver = loop(900, **AT_ONCE)
    call(emulator, 300)
    first = source.run("read", config=receiver.config, catalog=catalog)
    call(emulator, 600)
    state = [first.states[-1]]
    killed = source.killed_after(1000, "read", config=receiver.config, catalog=catalog, state=state)
    assert max(record["sequence"] for record in killed.records) > position(first)
    source.run("check", config=receiver.config)
    restarted(receiver)
    resumed = source.run("read", config=receiver.config, catalog=catalog, state=state)
    assert committed(first) + committed(resumed) == posted(emulator)


def test_a_reader_that_comes_too_late_is_told_so_and_a_new_one_reads_what_is_kept(source, catalog, loop):
    emulator, receiver = loop(20, **AT_ONCE)
    call(emulator, 10)
    first = source.run("read", config=receiver.config, catalog=catalog)
    call(emulator, 10)
    # It confirms what the first one read, and nothing of what it reads itself.
    source.run("read", config=receiver.config, catalog=catalog, state=[first.states[-1]])
    restarted(receiver)
    early = {**first.states[-1], "stream": {**first.states[-1]["stream"], "stream_state": {"sequence": 1}}}
    late = source.run("read", config=receiver.config, catalog=catalog, state=[early])
    assert (late.code, late.errors[-1]["failure_type"]) == (1, "config_error")
    assert "HTTP 410" in late.errors[-1]["message"]
    anew = source.run("read", config=receiver.config, catalog=catalog)
    assert committed(anew) == posted(emulator) - committed(first)


ODD = {
    '{"number": %s}' % ("9" * 5_000): {"number": "9" * 5_000},
    '{"number": 1e400, "exact": 123456789012345678901234567890}': {
        "number": "1e400",
        "exact": 123456789012345678901234567890,
    },
    r'{"half": "\ud83d", "nul": "\u0000"}': {"half": "\ufffd", "nul": "\0"},
    '{"deep": %s}' % ("[" * 20_000 + "]" * 20_000): {"_json": '{"deep": %s}' % ("[" * 20_000 + "]" * 20_000)},
    '{"lead_id": "behind them"}': {"lead_id": "behind them"},
}


def test_events_behind_any_payload_that_the_receiver_takes_are_read(source, catalog, loop):
    emulator, receiver = loop(600)
    for body in ODD:
        assert requests.post(f"{receiver.url}/events/{KEY}", data=body, timeout=10).status_code == 201
    call(emulator, 600)
    read = source.run("read", config=receiver.config, catalog=catalog)
    assert read.code == 0, read.errors
    assert [record["payload"] for record in read.records[: len(ODD)]] == list(ODD.values())
    # More than a page: the odd ones do not end the sync either.
    assert Counter(spelt(record["payload"]) for record in read.records[len(ODD) :]) == posted(emulator)
    assert len(read.records) > 1000


def test_a_state_of_another_store_is_refused_instead_of_skipping_events(source, catalog, loop):
    emulator, receiver = loop(5)
    call(emulator, 5)
    state = {
        "type": "STREAM",
        "stream": {"stream_descriptor": {"name": "webhook_events"}, "stream_state": {"sequence": 10**6}},
    }
    read = source.run("read", config=receiver.config, catalog=catalog, state=[state])
    assert (read.code, read.errors[-1]["failure_type"]) == (1, "config_error")
    assert "HTTP 409" in read.errors[-1]["message"]


def test_a_store_that_is_restored_as_the_page_says_skips_nothing_that_comes_after(source, catalog, loop, tmp_path):
    emulator, receiver = loop(30)
    call(emulator, 10)
    with (
        closing(sqlite3.connect(tmp_path / "webhooks.db")) as store,
        closing(sqlite3.connect(tmp_path / "copy")) as copy,
    ):
        store.backup(copy)
    call(emulator, 10)
    first = source.run("read", config=receiver.config, catalog=catalog)
    before = posted(emulator)
    receiver.kill()
    for path in tmp_path.glob("webhooks.db*"):
        path.unlink()
    (tmp_path / "copy").rename(tmp_path / "webhooks.db")
    with closing(sqlite3.connect(tmp_path / "webhooks.db")) as store, store:
        store.execute(RAISE)
    receiver.restart()
    call(emulator, 10)
    second = source.run("read", config=receiver.config, catalog=catalog, state=[first.states[-1]])
    assert committed(first) == before
    assert committed(second) == posted(emulator) - before


def test_check_succeeds_and_names_a_wrong_token(source, loop):
    _, receiver = loop(0)
    wrong = {"webhooks": {"url": receiver.url, "token": "wrong-canary"}}
    assert source.run("check", config=receiver.config).status == {"status": "SUCCEEDED"}
    assert "`webhooks.token`" in source.run("check", config=wrong).status["message"]
