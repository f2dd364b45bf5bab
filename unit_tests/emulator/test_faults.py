"""Which call a fault strikes, and what it does to it short of the connection."""

from collections.abc import Callable
from typing import Any

import pytest

from squadstack_emulator import Campaign, Fault, FaultKind, PortalCampaign
from squadstack_emulator.faults.plan import FaultPlan

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


def test_a_fault_may_keep_to_a_path_and_the_contact_center_to_its_own() -> None:
    kind = FaultKind.HTTP_500
    assert strikes(Fault(kind, on="read"), "portal") == []
    assert strikes(Fault(kind, on="portal")) == []
    assert strikes(Fault(kind, on="portal"), "login") == []
    assert strikes(Fault(kind, on="login"), "login", 1) == [1]
    assert [strikes(Fault(kind), traffic, 1) for traffic in ("read", "write", "portal", "login")] == [[1]] * 4
    assert strikes(Fault(FaultKind.NULL_RESULTS), "portal", 1) == [1]
    assert strikes(Fault(FaultKind.NULL_RESULTS), "login") == []
    assert strikes(Fault(FaultKind.HALF_HANG), "portal") == []
    plan = FaultPlan((Fault(kind, path="/history", times=1),))
    paths = ("/callcenter/queues/status", "/api/v2/reports/campaigns/leads/history")
    assert [plan.strike("portal", frozenset(), path) is not None for path in paths] == [False, True]


@pytest.mark.parametrize(
    ("kind", "status", "content"),
    [
        (FaultKind.HTTP_500, 500, {"error": "Internal server error"}),
        (FaultKind.HTTP_502, 502, None),
        (FaultKind.HTTP_503, 503, None),
        (FaultKind.THROTTLE, 429, {"detail": "Request was throttled. Please try after 60 seconds"}),
        (FaultKind.HTML_200, 200, None),
        (FaultKind.EMPTY_200, 200, None),
        (FaultKind.TRUNCATED, 200, None),
        (FaultKind.REDIRECT_302, 302, None),
        (FaultKind.UNAUTHORIZED_401, 401, {"error": "Unauthorized"}),
        (FaultKind.FORBIDDEN_403, 403, {"error": "Forbidden"}),
    ],
)
def test_what_a_fault_makes_of_a_read_of_the_contact_center(
    call: Callable[..., Any], kind: FaultKind, status: int, content: object
) -> None:
    caller = call(faults=(Fault(kind, on="portal", times=1),))
    answer = caller.portal("/callcenter/queues/status")
    assert (answer.status, answer.content) == (status, content)
    assert [each.fault for each in caller.request_log.calls] == [None, kind.value]
    assert caller.portal("/callcenter/queues/status").content == []


def test_a_throttling_fault_at_the_contact_center_leaves_squadstacks_allowance_alone(call: Callable[..., Any]) -> None:
    caller = call(calls_per_minute=1, faults=(Fault(FaultKind.THROTTLE, on="portal"),))
    assert caller.get().status == 200
    assert caller.portal("/callcenter/queues/status").status == 429
    assert caller.get().status == 429


def test_null_results_at_the_contact_center_are_null_where_the_rows_would_be(call: Callable[..., Any]) -> None:
    history = "/api/v2/reports/campaigns/leads/history"
    fault = Fault(FaultKind.NULL_RESULTS)

    def faulty(path: str, **scenario: object) -> Any:
        dates = {"startDate": 0, "endDate": 1} if path == history else {}
        return call(faults=(fault,), **scenario).portal(path, **dates).body

    assert faulty(f"/api/v2/config/campaigns/{PortalCampaign.id}/leads") == b'{"data":null}'
    assert faulty(history, activity_shape="envelope_cdrs") == b'{"cdrs":null}'
    assert faulty(history) == b"null"
    assert faulty("/callcenter/queues/status") == b"null"
    assert faulty("/api/v2/reports/campaigns/leads/status") == b"null"
    assert call(faults=(fault,)).portal(history).status == 400


def test_a_login_is_struck_only_where_it_is_named_or_anything_is(call: Callable[..., Any]) -> None:
    assert call(faults=(Fault(FaultKind.HTTP_500, on="portal"),)).log_in().status == 200
    for on in ("login", "any"):
        caller = call(faults=(Fault(FaultKind.HTTP_500, on=on, times=1),))
        assert [caller.log_in().status for _ in range(2)] == [500, 200]
        assert caller.request_log.logins == 1


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
    assert [each.lead_id for each in caller.request_log.applied] == (["a", "b"] if applied else [])
    assert [each.fault for each in caller.request_log.calls] == [kind.value]
    again = caller.post("lead-created", entries("a", "b"))
    assert again.content["metadata"]["success"] == (0 if applied else 2)


@pytest.mark.parametrize("kind", [FaultKind.HTTP_500, FaultKind.HTML_200, FaultKind.HANG])
def test_a_fault_may_be_told_to_strike_after_the_write(call: Callable[..., Any], kind: FaultKind) -> None:
    caller = call(faults=(Fault(kind, applied=True),))
    caller.post("lead-created", entries("a"))
    assert [each.lead_id for each in caller.request_log.applied] == ["a"]


def test_half_of_a_hanging_batch_is_applied(call: Callable[..., Any]) -> None:
    caller = call(faults=(Fault(FaultKind.HALF_HANG),))
    caller.post("lead-created", entries("a", "b", "c", "d", "e"))
    assert [each.lead_id for each in caller.request_log.applied] == ["a", "b"]


def test_faulty_answers_are_what_their_names_say(call: Callable[..., Any]) -> None:
    whole = call().post("lead-created", entries("a", "b")).body

    def faulty(kind: FaultKind) -> Any:
        return call(faults=(Fault(kind),)).post("lead-created", entries("a", "b"))

    assert faulty(FaultKind.TRUNCATED).body == whole[: len(whole) // 2]
    assert faulty(FaultKind.EMPTY_200).body == b""
    assert faulty(FaultKind.HTML_200).body.startswith(b"<!doctype html>")
    assert len(faulty(FaultKind.WRONG_LENGTH).content["result"]) == 1
    assert faulty(FaultKind.WRONG_LENGTH).content["metadata"]["total_leads"] == 2
    assert faulty(FaultKind.REDIRECT_302).headers["Location"] == "http://127.0.0.1:8899/accounts/login/"
    assert faulty(FaultKind.UNAUTHORIZED_401).content == {"error_msg": "Token expired"}
    text = "We're facing some technical issues. Please try again in a while."
    assert faulty(FaultKind.HTTP_500).content == {"error_msg": text}


def test_null_results_keep_the_rest_of_the_page(call: Callable[..., Any]) -> None:
    caller = call(campaigns=(Campaign(responses=3),), faults=(Fault(FaultKind.NULL_RESULTS),))
    assert caller.get().content == {"count": 3, "next": None, "previous": None, "results": None}


def test_a_throttling_fault_leaves_the_allowance_alone(call: Callable[..., Any]) -> None:
    caller = call(calls_per_minute=1, faults=(Fault(FaultKind.THROTTLE, times=2),), throttle_answer="retry_after")
    first = caller.get()
    assert (first.status, first.headers["Retry-After"]) == (429, "60")
    assert [caller.get().status for _ in range(3)] == [429, 200, 429]


def test_calls_that_are_refused_anyway_do_not_count_for_a_fault(call: Callable[..., Any]) -> None:
    caller = call(calls_per_minute=1, faults=(Fault(FaultKind.HTTP_500, skip=1),))
    caller.get(headers={"authorization": "Bearer other"})
    caller.get("/nowhere/")
    assert [caller.get().status for _ in range(3)] == [200, 429, 429]
    caller.clock.seconds = 60.0
    assert caller.get().status == 500
