"""Which call a fault strikes, and what it does to it short of the wire."""

from collections.abc import Callable
from typing import Any

import pytest

from squadstack_emulator import Campaign, Fault, FaultKind
from squadstack_emulator.faults import FaultPlan

ANYWHERE = frozenset({"0PT711", "ref-0PT711"})
CREATE = "/voice/crm-integration-v2/ref-0PT711/lead-created"


def entries(*lead_ids: str) -> list[dict[str, str]]:
    return [{"lead_id": each, "phone_number": "9999999999", "contact_name": "John Doe"} for each in lead_ids]


def strikes(fault: Fault, traffic: str = "read", calls: int = 10) -> list[int]:
    plan = FaultPlan((fault,))
    return [number for number in range(1, calls + 1) if plan.strike(traffic, ANYWHERE) is fault]  # type: ignore[arg-type]


def test_a_fault_strikes_every_nth_matching_call_after_the_spared_ones_and_so_often() -> None:
    kind = FaultKind.HTTP_500
    assert strikes(Fault(kind)) == list(range(1, 11))
    assert strikes(Fault(kind, every=3)) == [3, 6, 9]
    assert strikes(Fault(kind, every=3, skip=2)) == [5, 8]
    assert strikes(Fault(kind, every=2, times=2)) == [2, 4]
    assert strikes(Fault(kind, skip=3, times=1)) == [4]


def test_a_fault_keeps_to_its_traffic_and_its_campaign() -> None:
    kind = FaultKind.HTTP_500
    assert strikes(Fault(kind, on="write")) == []
    assert strikes(Fault(kind, on="write"), "write", 1) == [1]
    assert strikes(Fault(kind, campaign="other")) == []
    assert strikes(Fault(kind, campaign="0PT711"), calls=1) == [1]
    assert strikes(Fault(kind, campaign="ref-0PT711"), calls=1) == [1]
    assert strikes(Fault(FaultKind.NULL_RESULTS), "write") == []
    assert strikes(Fault(FaultKind.HALF_HANG), "read") == []
    assert strikes(Fault(FaultKind.WRONG_LENGTH), "read") == []


def test_of_two_faults_that_are_due_the_first_strikes_and_the_second_keeps_its_count() -> None:
    first, second = Fault(FaultKind.HTTP_500, times=1), Fault(FaultKind.HTTP_502, times=1)
    plan = FaultPlan((first, second))
    assert [plan.strike("read", ANYWHERE) for _ in range(3)] == [first, second, None]


@pytest.mark.parametrize(
    ("kind", "status", "applied"),
    [
        (FaultKind.HTTP_500, 500, False),
        (FaultKind.HTTP_502, 502, False),
        (FaultKind.HTTP_503, 503, False),
        (FaultKind.THROTTLE, 429, False),
        (FaultKind.HTML_200, 200, False),
        (FaultKind.REDIRECT_302, 302, False),
        (FaultKind.UNAUTHORIZED_401, 401, False),
        (FaultKind.FORBIDDEN_403, 403, False),
        (FaultKind.EMPTY_200, 200, True),
        (FaultKind.TRUNCATED, 200, True),
        (FaultKind.WRONG_LENGTH, 200, True),
        (FaultKind.RESET, 200, False),
        (FaultKind.RESET_AFTER, 200, True),
        (FaultKind.HANG, 200, False),
        (FaultKind.CUT_OFF, 200, True),
    ],
)
def test_what_a_fault_makes_of_a_write_and_whether_the_write_happened(
    call: Callable[..., Any], kind: FaultKind, status: int, applied: bool
) -> None:
    caller = call(faults=(Fault(kind, times=1),))
    assert caller.post("lead-created", entries("a", "b")).status == status
    assert [each.lead_id for each in caller.books.applied] == (["a", "b"] if applied else [])
    assert [each.fault for each in caller.books.calls] == [kind.value]
    again = caller.post("lead-created", entries("a", "b"))
    assert again.content["metadata"]["success"] == (0 if applied else 2)


@pytest.mark.parametrize("kind", [FaultKind.HTTP_500, FaultKind.HTML_200, FaultKind.HANG])
def test_a_fault_may_be_told_to_strike_after_the_write(call: Callable[..., Any], kind: FaultKind) -> None:
    caller = call(faults=(Fault(kind, applied=True),))
    caller.post("lead-created", entries("a"))
    assert [each.lead_id for each in caller.books.applied] == ["a"]


def test_half_of_a_hanging_batch_is_applied(call: Callable[..., Any]) -> None:
    caller = call(faults=(Fault(FaultKind.HALF_HANG),))
    caller.post("lead-created", entries("a", "b", "c", "d", "e"))
    assert [each.lead_id for each in caller.books.applied] == ["a", "b"]


def test_spoilt_answers_are_what_their_names_say(call: Callable[..., Any]) -> None:
    whole = call().post("lead-created", entries("a", "b")).body

    def spoilt(kind: FaultKind) -> Any:
        return call(faults=(Fault(kind),)).post("lead-created", entries("a", "b"))

    assert spoilt(FaultKind.TRUNCATED).body == whole[: len(whole) // 2]
    assert spoilt(FaultKind.EMPTY_200).body == b""
    assert spoilt(FaultKind.HTML_200).body.startswith(b"<!doctype html>")
    assert len(spoilt(FaultKind.WRONG_LENGTH).content["result"]) == 1
    assert spoilt(FaultKind.WRONG_LENGTH).content["metadata"]["total_leads"] == 2
    assert spoilt(FaultKind.REDIRECT_302).headers["Location"] == "http://127.0.0.1:8899/accounts/login/"
    assert spoilt(FaultKind.UNAUTHORIZED_401).content == {"error_msg": "Token expired"}
    text = "We're facing some technical issues. Please try again in a while."
    assert spoilt(FaultKind.HTTP_500).content == {"error_msg": text}


def test_null_results_keep_the_rest_of_the_page(call: Callable[..., Any]) -> None:
    caller = call(campaigns=(Campaign(responses=3),), faults=(Fault(FaultKind.NULL_RESULTS),))
    assert caller.get().content == {"count": 3, "next": None, "previous": None, "results": None}


def test_a_throttling_fault_leaves_the_allowance_alone(call: Callable[..., Any]) -> None:
    caller = call(calls_per_minute=1, faults=(Fault(FaultKind.THROTTLE, times=2),), throttle_answer="retry_after")
    first = caller.get()
    assert (first.status, first.headers) == (429, {"Retry-After": "60"})
    assert [caller.get().status for _ in range(3)] == [429, 200, 429]


def test_calls_that_are_refused_anyway_do_not_count_for_a_fault(call: Callable[..., Any]) -> None:
    caller = call(calls_per_minute=1, faults=(Fault(FaultKind.HTTP_500, skip=1),))
    caller.get(headers={"authorization": "Bearer other"})
    caller.get("/nowhere/")
    assert [caller.get().status for _ in range(3)] == [200, 429, 429]
    caller.clock.seconds = 60.0
    assert caller.get().status == 500
