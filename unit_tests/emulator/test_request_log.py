"""The request log: what a test may know about the calls that were made."""

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from squadstack_emulator import Campaign, RequestLog
from squadstack_emulator.request_log import Call, LeadKey

CREATE = "/voice/crm-integration-v2/ref-0PT711/lead-created"


def entry(lead_id: str) -> dict[str, str]:
    return {"lead_id": lead_id, "phone_number": "9999999999", "contact_name": "John Doe"}


def test_every_call_is_logged_with_what_it_asked_and_how_it_ended(call: Callable[..., Any]) -> None:
    caller = call(campaigns=(Campaign(responses=3),))
    caller.get(page_size=2, processed_after=0)
    caller.clock.seconds = 2.5
    caller.post("lead-created", [entry("a"), entry("b")])
    read = "/api/v4/leads/responses/0PT711/"
    query = {"page_size": "2", "processed_after": "0"}
    assert caller.request_log.calls == [
        Call(1, 0.0, "GET", read, query, target="0PT711", status=200, fault=None, leads=2),
        Call(2, 2.5, "POST", CREATE, {}, target="ref-0PT711", status=200, fault=None, leads=2),
    ]
    assert [(each.call_seq, each.operation, each.lead_id) for each in caller.request_log.applied] == [
        (2, "create", "a"),
        (2, "create", "b"),
    ]


def test_throttled_calls_are_counted_and_do_not_count_towards_the_busiest_window(call: Callable[..., Any]) -> None:
    caller = call(calls_per_minute=2)
    assert [caller.get().status for _ in range(5)] == [200, 200, 429, 429, 429]
    caller.clock.seconds = 59.9
    assert caller.post("lead-created", [entry("a")]).status == 429
    caller.clock.seconds = 60.0
    assert caller.post("lead-created", [entry("a")]).status == 200
    assert (caller.request_log.throttled, caller.request_log.max_calls_in_window) == (4, 2)
    assert caller.request_log.violations == []


def test_a_call_with_a_wrong_token_uses_up_nobodys_allowance_but_is_an_arrival(call: Callable[..., Any]) -> None:
    caller = call(calls_per_minute=1)
    caller.get(headers={"authorization": "Bearer other"})
    assert caller.get().status == 200
    assert caller.request_log.max_calls_in_window == 2


def test_a_lead_in_two_calls_at_once_is_overlapping_and_busy_in_the_second(call: Callable[..., Any]) -> None:
    caller = call()
    body = b'[{"lead_id":"a","phone_number":"9999999999","contact_name":"John Doe"}]'
    first = caller.arrive("POST", CREATE, body=body)
    second = caller.arrive("POST", CREATE, body=body)
    assert caller.request_log.overlapping == [LeadKey("ref-0PT711", "a")]
    replies = [caller.pipeline.serve(each).body for each in (second, first)]
    assert b"Another request for the same lead is getting processed already" in replies[0]
    assert b'"success":1' in replies[1]
    for pending in (first, second):
        caller.pipeline.close(pending, None)
    assert caller.post("lead-updated", [{"lead_id": "a"}]).content["metadata"]["success"] == 1
    assert len(caller.request_log.overlapping) == 1


def test_one_lead_in_two_campaigns_does_not_overlap(call: Callable[..., Any]) -> None:
    caller = call(campaigns=(Campaign(), Campaign("other", "ref-other")))
    body = b'[{"lead_id":"a"}]'
    caller.arrive("POST", CREATE, body=body)
    caller.arrive("POST", CREATE.replace("0PT711", "other"), body=body)
    assert caller.request_log.overlapping == []


def test_reset_clears_the_log_and_calls_in_flight_end_unrecorded(call: Callable[..., Any]) -> None:
    caller = call()
    pending = caller.arrive("POST", CREATE, body=b'[{"lead_id":"a"}]')
    caller.get(limit=1)
    caller.request_log.reset()
    caller.pipeline.close(pending, None)
    log = caller.request_log
    assert (
        log.calls,
        log.applied,
        log.violations,
        log.overlapping,
        log.throttled,
    ) == ([], [], [], [], 0)
    caller.post("lead-created", [entry("a")])
    assert log.overlapping == []
    assert [each.seq for each in log.calls] == [3]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=30))
def test_a_lead_overlaps_when_another_open_call_has_it_and_only_then(moves: list[tuple[int, int]]) -> None:
    request_log = RequestLog()
    open_calls: dict[int, tuple[int, int]] = {}
    expected = 0
    for slot, lead in moves:
        if slot in open_calls:
            request_log.close_call(open_calls.pop(slot)[0], status=200, fault=None, leads=1)
        seq = request_log.open_call(at=0.0, method="POST", path="/", query={}, target="r")
        overlapping = request_log.hold(seq, [LeadKey("r", str(lead))])
        expected += any(held == lead for _, held in open_calls.values())
        assert len(overlapping) == any(held == lead for _, held in open_calls.values())
        open_calls[slot] = (seq, lead)
    assert len(request_log.overlapping) == expected
