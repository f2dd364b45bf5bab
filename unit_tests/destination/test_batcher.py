"""Fill, order, and what a lead that comes again and again costs."""

import pytest

LONG = {"linger_seconds": 3600}


def leads(call):
    return [record.lead_id for record in call.records]


def fill(bench, kit, ids):
    calls = []
    for lead in ids:
        bench.feed(kit.record(lead))
        calls += bench.calls()
        while bench.engine.under_way:
            bench.answer(calls[-1], kit.rows(calls[-1]))
    return calls


def test_a_batch_leaves_when_it_is_full_and_not_at_a_state(bench, kit):
    b = bench(kit.config(**LONG))
    for index in range(99):
        b.feed(kit.record(f"L{index}"), kit.state(index))
    assert b.calls() == []
    b.feed(kit.record("L99"))
    assert leads(b.call()) == [f"L{index}" for index in range(100)]


def test_a_batch_leaves_when_it_has_lingered(bench, kit):
    b = bench(kit.config(linger_seconds=30))
    b.feed(kit.record("a"))
    b.now = 29.9
    assert b.calls() == []
    assert b.engine.wake_at(b.now) == 30.0
    b.wait()
    assert leads(b.call()) == ["a"]


def test_a_batch_leaves_at_the_end_of_the_input(bench, kit):
    b = bench(kit.config(**LONG))
    b.feed(kit.record("a"), kit.record("b"))
    b.end()
    assert leads(b.call()) == ["a", "b"]


def test_a_lead_is_in_a_call_once_and_never_in_two_at_a_time(bench, kit):
    b = bench(kit.config(**LONG))
    b.feed(kit.record("a", n=1), kit.record("b"), kit.record("a", n=2))
    b.end()
    first = b.call()
    assert leads(first) == ["a", "b"]
    b.answer(first, kit.rows(first))
    second = b.call()
    assert leads(second) == ["a"]
    assert b'"n":2' in second.records[0].body


def test_the_order_of_a_lead_holds_across_streams_and_operations_of_one_campaign(bench, kit):
    config = kit.config(
        streams=[{"stream": "new", "operation": "create"}, {"stream": "changes", "operation": "update"}], **LONG
    )
    b = bench(config, kit.catalog("new", "changes"))
    b.feed(kit.record("a", "new"), kit.record("a", "changes"), kit.record("x", "changes"))
    b.end()
    first = b.call()
    assert first.lane.operation.name == "create"
    b.answer(first, kit.rows(first))
    assert leads(b.call()) == ["a", "x"]


def test_the_same_lead_id_in_two_campaigns_is_two_leads(bench, kit):
    config = kit.config(streams=[{"stream": "one", "ref_id": "r1"}, {"stream": "two", "ref_id": "r2"}], **LONG)
    b = bench(config, kit.catalog("one", "two"))
    b.feed(kit.record("a", "one"), kit.record("a", "two"))
    b.end()
    assert len(b.calls()) == 2


def test_sealing_a_full_batch_seals_the_open_one_it_waits_for(bench, kit):
    config = kit.config(
        streams=[{"stream": "c", "operation": "create"}, {"stream": "u", "operation": "upsert"}], **LONG
    )
    b = bench(config, kit.catalog("c", "u"), largest=3)
    b.feed(kit.record("a", "c"))
    b.feed(kit.record("a", "u"), kit.record("b", "u"), kit.record("c", "u"))
    first = b.call()
    assert (first.lane.operation.name, leads(first)) == ("create", ["a"])
    b.answer(first, kit.rows(first))
    assert leads(b.call()) == ["a", "b", "c"]


@pytest.mark.parametrize("distance", [1, 7, 50, 99, 100, 101, 500])
def test_every_tenth_record_repeating_a_lead_costs_no_fill(bench, kit, distance):
    b = bench(kit.config(**LONG))
    ids = [f"L{index - distance}" if index % 10 == 9 and index >= distance else f"L{index}" for index in range(10_000)]
    calls = []
    for lead in ids:
        b.feed(kit.record(lead))
        for call in b.calls():
            calls.append(call)
            b.answer(call, kit.rows(call))
    b.end()
    while not b.engine.finished:
        for call in b.calls():
            calls.append(call)
            b.answer(call, kit.rows(call))
    assert sum(len(call.records) for call in calls) == 10_000
    assert 10_000 / len(calls) >= 95


def test_a_hot_lead_does_not_linger_and_is_not_piled_up(bench, kit):
    b = bench(kit.config(**LONG))
    sent = 0
    for index in range(500):
        b.feed(kit.record("hot", n=index))
        for call in b.calls():
            assert len(call.records) == 1
            sent += 1
            b.answer(call, kit.rows(call))
    assert sent == 500 - 16, "only the open batches are left"
    assert b.engine.waiting == 16
    assert b.now == 0.0


def test_states_alone_never_close_a_batch(bench, kit):
    b = bench(kit.config(**LONG))
    for index in range(2_000):
        b.feed(kit.record(f"L{index}"))
        if index % 10 == 9:
            b.feed(kit.state(index))
    b.end()
    calls, marks = 0, []
    while not b.engine.finished:
        for call in b.calls():
            calls += 1
            b.answer(call, kit.rows(call))
        marks += b.marks()
    assert calls == 20
    assert marks == list(range(9, 2_000, 10))
