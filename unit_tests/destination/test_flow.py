"""How full calls are, how much is held in memory, and that one API does not wait for the other."""

import pytest

from destination_squadstack.api.outcomes import ApiResponse, NoResponse
from destination_squadstack.engine import engine
from destination_squadstack.engine.batcher import MAX_BYTES_PER_CALL
from destination_squadstack.engine.retry import MAX_STALLED_TRIES
from destination_squadstack.engine.scheduler import MAX_BYTES_UNDER_WAY
from destination_squadstack.errors import TransientError
from test_support.configs import PORTAL_LOGIN

LOGIN_TIMED_OUT = NoResponse("login: no answer in time", may_be_applied=False, timed_out=True)


def test_calls_stay_full_with_a_full_backlog_and_repeats_99_records_back(bench, kit, monkeypatch):
    monkeypatch.setattr(engine, "MAX_RECORDS", 1_000)
    b = bench(kit.config(workers=4, linger_seconds=3_600))
    ids = [f"L{index - 99}" if index % 10 == 9 and index >= 99 else f"L{index}" for index in range(10_000)]
    sizes, under_way = [], []
    for lead in ids:
        while b.engine.saturated:
            under_way += b.calls()
            call = under_way.pop(0)
            sizes.append(len(call.records))
            b.answer(call, kit.rows(call))
        b.feed(kit.record(lead))
    b.end()
    while not b.engine.finished:
        under_way += b.calls()
        call = under_way.pop(0)
        sizes.append(len(call.records))
        b.answer(call, kit.rows(call))
    assert sum(sizes) == 10_000
    assert sum(sizes) / len(sizes) >= 95


@pytest.mark.parametrize("size", [1_000_000, 90_000, 9_000_000])
def test_a_call_is_bounded_by_bytes_and_a_lead_beyond_them_goes_alone(bench, kit, size):
    b = bench(kit.config(workers=8, linger_seconds=3_600))
    for index in range(10):
        b.feed(kit.record(f"L{index}", note="x" * size))
    b.feed(kit.record("L3", note="again"))
    b.end()
    seen = []
    while not b.engine.finished:
        for call in b.calls():
            assert len(call.records) == 1 or sum(len(body) for body in call.bodies) <= MAX_BYTES_PER_CALL
            seen += [record.lead_id for record in call.records]
            b.answer(call, kit.rows(call))
    assert sorted(seen) == sorted([f"L{index}" for index in range(10)] + ["L3"])


def test_bytes_under_way_are_bounded_but_for_one_call(bench, kit):
    b = bench(kit.config(workers=8))
    for index in range(2_000):
        b.feed(kit.record(f"L{index}", note="x" * 12_000))
    b.end()
    under_way = b.calls()
    assert 1 < len(under_way) < 8
    assert sum(call.size for call in under_way) <= MAX_BYTES_UNDER_WAY
    b.answer(under_way[0], kit.rows(under_way[0]))
    assert len(b.calls()) == 1


def test_the_bytes_held_count_a_record_as_it_came_and_as_it_is_sent(bench, kit):
    b = bench(kit.config(linger_seconds=3_600))
    fed = 0
    while not b.engine.saturated:
        b.feed(kit.record(f"L{fed}", note="x" * 300_000))
        fed += 1
    assert fed * 2 * 300_000 <= engine.MAX_BYTES + 2 * 300_100


def test_a_portal_whose_login_is_not_answered_holds_up_none_of_squadstacks_leads(bench, kit):
    config = kit.config(
        workers=2,
        contact_center=PORTAL_LOGIN,
        streams=[{"stream": "set", "api": "contact_center", "operation": "set_status"}],
    )
    b = bench(config, kit.catalog("leads", "set"), largest=1)
    for index in range(20):
        b.feed(kit.record(f"P{index}", "set", status="new"), kit.record(f"L{index}"))
    b.end()
    unanswered = []
    while b.progress.written < 20:
        for call in b.calls():
            if call.lane.operation.name == "set_status":
                unanswered.append(call)
            else:
                b.answer(call, kit.rows(call))
    assert b.now == 0
    assert len(unanswered) == 2
    assert b.engine.max_calls_under_way == 4


def test_a_login_that_is_never_answered_ends_the_sync_and_rejects_nobody(bench, kit):
    config = kit.config(contact_center=PORTAL_LOGIN, default={"operation": "set_status", "api": "contact_center"})
    b = bench(config, kit.catalog("leads", mode="append"))
    for index in range(5):
        b.feed(kit.record(f"P{index}", status="new"))
    b.end()
    with pytest.raises(TransientError, match=f"in {MAX_STALLED_TRIES} tries; the last time: login: no answer in time"):
        while not b.engine.finished:
            for call in b.calls():
                b.answer(call, LOGIN_TIMED_OUT)
            b.wait()
    assert b.progress.rejected_total == 0


def test_calls_that_never_left_prove_nothing_against_their_leads(bench, kit):
    b = bench(kit.config(default={"operation": "update", "api": "v4", "campaign_id": "c"}, workers=2))
    for index in range(100):
        b.feed(kit.record(f"L{index}"))
    b.end()
    never_left = NoResponse("no connection", may_be_applied=False)
    turn = 0
    while not b.engine.finished:
        for call in b.calls():
            turn += 1
            b.answer(call, never_left if turn % 2 else ApiResponse(200, {}))
        if not b.engine.finished and not b.engine.under_way:
            b.wait()
    assert (b.progress.written, b.progress.rejected_total) == (100, 0)
