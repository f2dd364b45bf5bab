"""`webhook_events` by the console script: each stored event once, whatever receiver and network do meanwhile."""

import json
from collections import Counter

import pytest

from source_squadstack.checkpoints import EVENTS_A_STATE
from test_support.catalogs import configured
from test_support.fake_receiver import TOKEN, Receiver, event, stored


@pytest.fixture
def catalog():
    return configured("webhook_events", incremental=["webhook_events"])


def sequences(read) -> list[int]:
    return [record["sequence"] for record in read.records]


def cursors(read) -> list[int]:
    return [state["stream"]["stream_state"]["sequence"] for state in read.states]


# -- every event once ------------------------------


def test_every_stored_event_comes_once_whole_and_in_order_and_the_next_sync_goes_on_behind_it(source, catalog):
    with Receiver(stored(2500)) as receiver:
        first = source.run("read", config=receiver.config, catalog=catalog)
        receiver.events += [event(2501), event(2502)]
        second = source.run("read", config=receiver.config, catalog=catalog, state=[first.states[-1]])
        third = source.run("read", config=receiver.config, catalog=catalog, state=[second.states[-1]])
    assert [read.code for read in (first, second, third)] == [0, 0, 0]
    assert [*first.records, *second.records, *third.records] == receiver.events
    assert [cursors(read)[-1] for read in (first, second, third)] == [2500, 2502, 2502]
    assert [asked.query for asked in receiver.asked] == [
        {"limit": "1000"},
        {"after": "1000", "limit": "1000"},
        {"after": "2000", "limit": "1000"},
        {"after": "2500", "limit": "1000"},
        {"after": "2502", "limit": "1000"},
    ]


def test_a_sync_confirms_what_the_state_it_began_with_says_and_never_what_it_reads(source, catalog):
    with Receiver(stored(2500)) as receiver:
        first = source.run("read", config=receiver.config, catalog=catalog)
        receiver.events += [event(number) for number in range(2501, 4600)]
        source.run("read", config=receiver.config, catalog=catalog, state=[first.states[-1]])
    assert [asked.confirmed for asked in receiver.asked] == [None, None, None, "2500", "2500", "2500"]


def test_a_sync_ends_while_events_go_on_arriving(source, catalog):
    with Receiver(stored(2000), arriving=30) as receiver:
        read = source.run("read", config=receiver.config, catalog=catalog)
    assert read.code == 0
    assert sequences(read) == list(range(1, 2091))
    assert len(receiver.asked) == 3


def test_a_receiver_that_says_nothing_of_more_is_read_until_a_page_is_empty_however_short_its_pages_are(
    source, catalog
):
    with Receiver(stored(250), cap=100, tells_more=False) as receiver:
        read = source.run("read", config=receiver.config, catalog=catalog)
    assert read.records == receiver.events
    assert [asked.query.get("after") for asked in receiver.asked] == [None, "100", "200", "250"]


def test_a_payload_as_odd_as_it_comes_passes_through_and_paging_goes_on(source, catalog):
    odd = [{**event(1), "payload": {"huge": 2**80, "nothing": None, "emoji": "\ud83d", "deep": [[{}]]}}, event(2)]
    with Receiver(odd, cap=1) as receiver:
        read = source.run("read", config=receiver.config, catalog=catalog)
    assert read.code == 0, read.errors
    assert read.records == [
        {**event(1), "payload": {"huge": 2**80, "nothing": None, "emoji": "\ufffd", "deep": [[{}]]}},
        event(2),
    ]


def test_kill_9_in_the_middle_repeats_no_more_than_what_came_since_the_last_state(source, catalog):
    with Receiver(stored(3 * EVENTS_A_STATE)) as receiver:
        killed = source.killed_after(int(1.5 * EVENTS_A_STATE), "read", config=receiver.config, catalog=catalog)
        resumed = source.run("read", config=receiver.config, catalog=catalog, state=[killed.states[-1]])
    assert killed.code == -9
    assert resumed.code == 0
    last = cursors(killed)[-1]
    kept = [sequence for sequence in sequences(killed) if sequence <= last]
    assert kept + sequences(resumed) == list(range(1, 3 * EVENTS_A_STATE + 1))
    assert last >= EVENTS_A_STATE
    assert {asked.confirmed for asked in receiver.asked} == {None, str(last)}


# -- failures ------------------------------

BROKEN = {
    "HTML": (200, b"<html>Zed Canary</html>"),
    "nothing": (200, b""),
    "half a page": (200, b'{"data": [{"sequence": 10'),
    "no rows": (200, b'{"data": null, "next_cursor": 2000}'),
    "another order": (200, json.dumps({"data": [event(1002), event(1001)], "next_cursor": 1002}).encode()),
    "the page before again": (200, json.dumps({"data": stored(1000), "next_cursor": 1000, "has_more": True}).encode()),
    "an outage": (503, b"Zed Canary"),
    "a throttle": (429, b"Please try after 1 second"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_an_answer_that_is_no_page_is_asked_for_again_and_never_ends_the_sync(source, catalog, broken):
    with Receiver(stored(2500), replace_answer=lambda number: None if number > 1 else BROKEN[broken]) as receiver:
        read = source.run("read", config=receiver.config, catalog=catalog)
    assert read.code == 0, read.errors
    assert read.records == receiver.events
    assert "Canary" not in "".join(line for line in read.stdout.splitlines() if '"RECORD"' not in line) + read.stderr


REFUSALS = {
    401: "`webhooks.token`",
    403: "`webhooks.token`",
    404: "`webhooks.url`",
    405: "`webhooks.url`",
    400: "`webhooks.url`",
    409: "reset the stream webhook_events",
    410: "Reset the stream webhook_events",
}


@pytest.mark.parametrize("status", REFUSALS)
def test_a_refusal_in_the_middle_says_what_to_fix_and_claims_nothing_that_was_not_read(source, catalog, status):
    refused = (status, b'{"error": "Zed Canary"}')
    with Receiver(stored(2500), replace_answer=lambda number: refused if number == 1 else None) as receiver:
        read = source.run("read", config=receiver.config, catalog=catalog)
    assert read.code == 1
    assert read.errors[-1]["failure_type"] == "config_error"
    assert REFUSALS[status] in read.errors[-1]["message"]
    assert max(cursors(read), default=0) <= max(sequences(read), default=0)
    assert "Canary" not in "".join(line for line in read.stdout.splitlines() if '"RECORD"' not in line) + read.stderr


# -- check ------------------------------


def test_check_asks_for_one_event_and_confirms_nothing(source):
    with Receiver(stored(5)) as receiver:
        checked = source.run("check", config=receiver.config)
    assert checked.status == {"status": "SUCCEEDED"}
    assert [(asked.path, asked.query, asked.confirmed) for asked in receiver.asked] == [
        ("/events", {"limit": "1"}, None)
    ]


@pytest.mark.parametrize(
    ("section", "field"),
    [
        ({"token": "wrong-canary"}, "`webhooks.token`"),
        ({"url": "http://127.0.0.1:9"}, "`webhooks.url`"),
        ({"url": "https://no-such-host.invalid"}, "`webhooks.url`"),
    ],
)
def test_check_names_the_field_to_fix(source, section, field):
    with Receiver() as receiver:
        checked = source.run("check", config={"webhooks": {**receiver.config["webhooks"], **section}})
    assert checked.status["status"] == "FAILED"
    assert field in checked.status["message"]
    assert "canary" not in checked.stdout + checked.stderr


def test_the_address_of_the_events_themselves_is_refused_with_a_hint(source):
    with Receiver() as receiver:
        checked = source.run("check", config={"webhooks": {"url": f"{receiver.url}/events", "token": TOKEN}})
    assert "without /events" in checked.status["message"]


def test_the_stream_exists_where_its_section_is_filled_in(source):
    with Receiver() as receiver:
        found = source.run("discover", config={"squadstack": {"page_size": 100}, **receiver.config})
    (catalog,) = found.of("CATALOG")
    assert Counter(stream["name"] for stream in catalog["streams"]) == Counter(["webhook_events"])
