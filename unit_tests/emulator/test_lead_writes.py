"""Writes of v4 and v1 to the letter of their pages, and what the scenario makes of a refused list."""

import pytest

from squadstack_emulator import Fault, FaultKind
from squadstack_emulator.json_text import dumps

CAMPAIGN = "0PT711"


def lead(lead_id="a", **more):
    return {"lead_id": lead_id, "phone_number": "9876543210", "contact_name": "Asha", **more}


def write(caller, operation, body, *, version="v4", campaign=CAMPAIGN, method=None, **parameters):
    method = method or ("PATCH" if operation == "update" else "POST")
    headers = {
        "authorization": f"Bearer {caller.scenario.token}",
        "host": "127.0.0.1:8899",
        "content-type": "application/json",
    }
    path = f"/api/{version}/leads/{operation}/{campaign}/"
    return caller.send(method, path, body=dumps(body), headers=headers, parameters=parameters)


def state(caller, lead_id="a"):
    return caller.pipeline.store[CAMPAIGN].leads[lead_id].state


def test_every_operation_answers_with_its_documented_status(call):
    caller = call()
    assert write(caller, "create", [lead("a"), lead("b"), lead("c")]).status == 201
    assert write(caller, "update", {"lead_id": "a", "city": "Pune"}).status == 200
    assert write(caller, "convert", {"lead_id": "a", "detail": "paid"}).status == 200
    assert write(caller, "disable", [{"lead_id": "b"}]).status == 201
    assert write(caller, "delete", {"lead_id": "c"}).status == 202
    assert [state(caller, each) for each in "abc"] == ["converted", "disabled", "deleted"]
    assert [each[2:] for each in caller.request_log.applied] == [
        (CAMPAIGN, "create", "a"),
        (CAMPAIGN, "create", "b"),
        (CAMPAIGN, "create", "c"),
        (CAMPAIGN, "update", "a"),
        (CAMPAIGN, "convert", "a"),
        (CAMPAIGN, "disable", "b"),
        (CAMPAIGN, "delete", "c"),
    ]
    assert caller.request_log.violations == []


def test_v1_takes_integers_and_needs_a_state_code(call):
    caller = call()
    assert write(caller, "create", [lead(7, state_code="KA")], version="v1").status == 201
    assert write(caller, "disable", [{"lead_id": 7}], version="v1").status == 201
    assert state(caller, "7") == "disabled"
    assert caller.request_log.violations == []
    assert write(caller, "create", [lead(8)], version="v1").content == [{"state_code": ["This field is required."]}]
    for code in ("KAR", "K1", 5):
        assert write(caller, "create", [lead(8, state_code=code)], version="v1").status == 400
    assert write(caller, "disable", [{"lead_id": "7"}], version="v1").status == 400
    assert caller.request_log.violations == ["POST /api/v1/leads/disable/0PT711/: a lead_id of v1 is no integer"]


@pytest.mark.parametrize("operation", ["create", "update", "convert", "disable", "delete"])
def test_a_blank_id_is_a_400_that_changes_nothing_and_breaks_no_document(call, operation):
    caller = call()
    body = {"lead_id": ""}
    answer = write(caller, operation, [body] if operation in {"create", "disable"} else body)
    assert answer.status == 400
    assert caller.request_log.applied == []
    assert caller.request_log.violations == []


@pytest.mark.parametrize("operation", ["update", "convert", "delete"])
def test_a_deleted_lead_is_a_404(call, operation):
    caller = call()
    write(caller, "create", [lead()])
    write(caller, "delete", {"lead_id": "a"})
    answer = write(caller, operation, {"lead_id": "a", **({"detail": "d"} if operation == "convert" else {})})
    assert (answer.status, answer.content) == (404, {"detail": '"lead_id" provided does not exist with us.'})


def test_a_duplicate_and_a_busy_lead_say_so(call):
    caller = call(busy_leads={"b": 1})
    write(caller, "create", [lead()])
    duplicate = write(caller, "create", [lead()])
    assert duplicate.status == 400
    assert duplicate.content["detail"].startswith("Duplicate Lead ID shared")
    busy = write(caller, "create", [lead("b")])
    assert busy.status == 409
    assert "Another request for the same lead" in busy.content["detail"]
    assert write(caller, "create", [lead("b")]).status == 201


def test_a_detail_is_a_code_of_32_characters_at_most(call):
    caller = call()
    write(caller, "create", [lead()])
    for detail in ("x" * 33, {"order": 5}):
        assert write(caller, "convert", {"lead_id": "a", "detail": detail}).content == {
            "detail": ["Invalid value provided."]
        }
    assert write(caller, "convert", {"lead_id": "a", "detail": "x" * 32}).status == 200


@pytest.mark.parametrize(("applies", "there"), [("nothing", set()), ("before", {"a"}), ("others", {"a", "c"})])
def test_a_list_is_refused_as_a_whole_and_part_of_it_may_be_done(call, applies, there):
    caller = call(refused_list_applies=applies)
    answer = write(caller, "create", [lead("a"), lead("b", phone_number="12"), lead("c")])
    assert (answer.status, answer.content) == (400, [{}, {"phone_number": ["Invalid value provided."]}, {}])
    assert set(caller.pipeline.store[CAMPAIGN].leads) == there
    assert {each.lead_id for each in caller.request_log.applied} == there


def test_tokens_methods_and_permissions_are_those_of_the_api(call):
    caller = call()
    path = "/api/v4/leads/update/0PT711/"
    assert caller.send("PATCH", path, headers={"host": "x"}).status == 401
    assert caller.send("PATCH", path, headers={"authorization": "Bearer wrong", "host": "x"}).status == 403
    wrong = write(caller, "update", {"lead_id": "a"}, method="POST")
    assert (wrong.status, wrong.headers["Allow"]) == (405, "PATCH, OPTIONS")
    assert write(call(forbidden=True), "create", [lead()]).status == 403


@pytest.mark.parametrize(
    ("kind", "there"),
    [
        (FaultKind.RESET, set()),
        (FaultKind.RESET_AFTER, {"a", "b"}),
        (FaultKind.HALF_HANG, {"a"}),
        (FaultKind.HTTP_500, set()),
        (FaultKind.TRUNCATED, {"a", "b"}),
    ],
)
def test_the_faults_of_writes_strike_here_too(call, kind, there):
    caller = call(faults=(Fault(kind, on="write", campaign=CAMPAIGN),))
    write(caller, "create", [lead("a"), lead("b")])
    assert set(caller.pipeline.store[CAMPAIGN].leads) == there


def test_two_calls_for_one_lead_at_once_are_entered_and_the_second_is_busy(call):
    caller = call()
    headers = {"authorization": f"Bearer {caller.scenario.token}", "host": "x", "content-type": "application/json"}
    body = dumps([lead()])
    first = caller.arrive("POST", "/api/v4/leads/create/0PT711/", body=body, headers=headers)
    second = caller.arrive("POST", "/api/v4/leads/create/0PT711/", body=body, headers=headers)
    assert caller.request_log.overlapping == [(CAMPAIGN, "a")]
    assert caller.pipeline.serve(second).status_code == 409
    assert caller.pipeline.serve(first).status_code == 201
