"""Which states leave, when, and with which counts."""

import json

import pytest

from destination_squadstack.input_messages import read_messages


def everything(b, kit):
    b.end()
    while not b.engine.finished:
        for call in b.calls():
            b.answer(call, kit.rows(call))
    return b.states()


def counts(state):
    return state["destinationStats"]["recordCount"], state["destinationStats"]["rejectedRecordCount"]


TWO = {"streams": [{"stream": "a", "ref_id": "r1"}, {"stream": "b", "ref_id": "r2"}], "linger_seconds": 3600}


def test_a_state_waits_for_the_records_of_other_streams_too(bench, kit):
    b = bench(kit.config(**TWO), kit.catalog("a", "b"))
    b.feed(kit.record("x", "b"), kit.record("y", "a"), kit.state(1, "a"))
    b.end()
    by_path = {call.lane.path: call for call in b.calls()}
    b.answer(
        by_path["/voice/crm-integration-v2/r1/lead-upserted"],
        kit.rows(by_path["/voice/crm-integration-v2/r1/lead-upserted"]),
    )
    assert b.marks() == []
    b.answer(
        by_path["/voice/crm-integration-v2/r2/lead-upserted"],
        kit.rows(by_path["/voice/crm-integration-v2/r2/lead-upserted"]),
    )
    assert b.marks() == [1]


def test_states_leave_in_order_although_later_ones_are_covered_first(bench, kit):
    b = bench(kit.config(**TWO), kit.catalog("a", "b"))
    b.feed(kit.record("x", "a"), kit.state(1, "a"), kit.record("y", "b"), kit.state(2, "b"))
    b.end()
    first, second = b.calls()
    b.answer(second, kit.rows(second))
    assert b.marks() == []
    b.answer(first, kit.rows(first))
    assert b.marks() == [1, 2]
    assert b.marks() == []


def test_a_state_before_any_record_leaves_at_once(bench, kit):
    b = bench()
    b.feed(kit.state(1))
    assert [counts(state) for state in b.states()] == [(0, 0)]


def test_a_stream_state_counts_its_own_stream_since_its_last_state(bench, kit):
    b = bench(kit.config(**TWO), kit.catalog("a", "b"))
    b.feed(kit.record("1", "a"), kit.record("2", "b"), kit.state(1, "a"))
    b.feed(kit.record("3", "b"), kit.record("4", "a", contact_name=5), kit.state(2, "b"), kit.state(3, "a"))
    assert [counts(state) for state in everything(b, kit)] == [(1, 0), (2, 0), (0, 1)]


def test_a_global_or_legacy_state_counts_all_streams(bench, kit):
    b = bench(kit.config(**TWO), kit.catalog("a", "b"))
    legacy = kit.message({"type": "STATE", "state": {"data": {"x": 1}}})
    b.feed(
        kit.record("1", "a"), kit.record("2", "b"), kit.state(1, None), kit.record("3", "a"), legacy, kit.state(2, None)
    )
    assert [counts(state) for state in everything(b, kit)] == [(2, 0), (1, 0), (0, 0)]


def test_a_state_leaves_as_it_came(bench, kit):
    b = bench()
    state = {
        "type": "STREAM",
        "stream": {"stream_descriptor": {"name": "leads", "namespace": None}, "stream_state": {"c": None}},
        "id": 7,
        "unheard_of": [1, {"x": 2**70}],
        "sourceStats": {"recordCount": 0.0},
    }
    b.feed(kit.message({"type": "STATE", "state": state, "more": True}))
    (line,) = b.engine.take_states(0.0)
    assert json.loads(line) == {
        "type": "STATE",
        "state": {**state, "destinationStats": {"recordCount": 0, "rejectedRecordCount": 0}},
        "more": True,
    }


STATS = b'"destinationStats":{"recordCount":0,"rejectedRecordCount":0}'


@pytest.mark.parametrize(
    ("line", "leaves"),
    [
        (
            b'{"type":"STATE","state":{"data":{"cursor":1700000000.12345678901234567890,"x":1E2}}}',
            b'{"type":"STATE","state":{"data":{"cursor":1700000000.12345678901234567890,"x":1E2},%b}}',
        ),
        (
            b' { "state" : { "data" : { "a" : "\\u00e9\\ud83d}{" , "b" : 1e400 } } , "type" : "STATE" } \r',
            b'{ "state" : { "data" : { "a" : "\\u00e9\\ud83d}{" , "b" : 1e400 },%b} , "type" : "STATE" }',
        ),
        (
            b'{"state":{"id":1},"type":"STATE","state":{"data":{"state":{"id":3}}}}',
            b'{"state":{"id":1},"type":"STATE","state":{"data":{"state":{"id":3}},%b}}',
        ),
        (b'{"type":"STATE","state":{}}', b'{"type":"STATE","state":{%b}}'),
        (
            b'{"type":"STATE","state":{"destinationStats":{"recordCount":9},"data":{"destinationStats":9.10}}}',
            b'{"type":"STATE","state":{%b,"data":{"destinationStats":9.10}}}',
        ),
        (
            b'{"type":"STATE","state":{"destinationStat\\u0073":{"recordCount":9},"data":{}}}',
            b'{"type":"STATE","state":{"destinationStat\\u0073":%b,"data":{}}}',
        ),
        (
            b'{"type":"STATE","state":{"data":{"a":' + b'[{"b":' * 400 + b"1" + b"}]" * 400 + b"}}}",
            b'{"type":"STATE","state":{"data":{"a":' + b'[{"b":' * 400 + b"1" + b"}]" * 400 + b"},%b}}",
        ),
    ],
    ids=["digits", "spaces-and-escapes", "state-twice", "empty", "own-stats", "own-stats-in-escapes", "deep"],
)
def test_a_state_leaves_byte_for_byte_with_the_counts_put_in(bench, line, leaves):
    b = bench()
    pieces = [line, b""]
    for messages in read_messages(lambda _size: pieces.pop(0)):
        b.feed(*messages)
    stats = STATS.partition(b":")[2] if b"\\u0073" in line else STATS
    assert b.engine.take_states(0.0) == [leaves % stats]


def test_an_empty_namespace_is_no_namespace(bench, kit):
    b = bench()
    state = kit.message(
        {
            "type": "STATE",
            "state": {"type": "STREAM", "stream": {"stream_descriptor": {"name": "leads", "namespace": ""}}},
        }
    )
    b.feed(kit.record("1", namespace=""), kit.record("2"), state)
    assert [counts(state) for state in everything(b, kit)] == [(2, 0)]


def test_a_source_that_counted_otherwise_is_reported(bench, kit):
    b = bench()
    b.feed(kit.record("1"), kit.record("2"), kit.state(1, counted=2), kit.record("3"), kit.state(2, counted=5))
    everything(b, kit)
    assert [text for level, text in b.logs if level == "WARN"] == [
        "State 2: the source counted 5 records, 1 arrived here since its last state."
    ]


def test_reading_stops_at_ten_thousand_states_without_room(bench, kit):
    b = bench()
    b.feed(kit.record("1"))
    for index in range(10_000):
        assert not b.engine.saturated
        b.feed(kit.state(index))
    assert b.engine.saturated
    call = b.call()  # nothing is under way that would make room, so the open batch leaves before its time
    b.answer(call, kit.rows(call))
    assert len(b.states()) == 10_000
    assert not b.engine.saturated


def test_reading_stops_at_ten_thousand_records_without_an_outcome(bench, kit):
    b = bench()
    for index in range(10_000):
        assert not b.engine.saturated
        b.feed(kit.record(f"L{index}"))
    assert b.engine.saturated


def test_large_records_stop_the_reading_earlier(bench, kit):
    b = bench()
    for index in range(30):
        assert not b.engine.saturated
        b.feed(kit.record(f"L{index}", note="x" * 1_000_000))
    for index in range(30, 35):
        b.feed(kit.record(f"L{index}", note="x" * 1_000_000))
    assert b.engine.saturated
    for call in b.calls():
        b.answer(call, kit.rows(call))
    assert not b.engine.saturated
