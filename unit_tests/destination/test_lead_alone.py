"""Upserts that no list takes, because they have no number or no name: one a call, an object in place of a list.

The answers are those of the vendor's page for a single lead.
"""

import json

import pytest

from destination_squadstack.api.dry_run import DryRun
from destination_squadstack.api.outcomes import (
    ApiResponse,
    BatchRejected,
    ConfigProblem,
    Mismatch,
    NoResponse,
    OutcomeUnknown,
    RowResults,
    Throttled,
    classify_response,
)
from destination_squadstack.errors import ConfigError
from destination_squadstack.operations import OPERATIONS, Cause

UPSERT = OPERATIONS["crm_v2", "upsert"]
ALONE = UPSERT.for_one_lead
PATH = "/voice/crm-integration-v2/ref-1/lead-upserted"
LOST = NoResponse("connection lost", may_be_applied=True)
BUSY = ApiResponse(
    409, {"error_msg": '{"detail":"campaign:1. Another request for the same lead is getting processed already"}'}
)
UNJUDGED = ApiResponse(400, {"error_msg": "Unjudged leads cannot be re-activated"})
NO_NUMBER = ApiResponse(400, {"error_msg": '{"phone_number":["This field is required."]}'})


class Lead:
    """A lead as the classification needs it."""

    lead_id = "x"
    field_names = frozenset({"lead_id", "stage"})


def partial(kit, lead_id, *missing, **data):
    return kit.record(lead_id, **dict.fromkeys(missing or ("phone_number", "contact_name")), **data)


def sent(call):
    request = call.lane.operation.request(call.lane.path, call.bodies)
    return request.method, request.path, json.loads(request.body)


def accepted(call):
    return ApiResponse(200, json.loads(call.records[0].body))


def outcome(status, body, unreadable=None):
    return classify_response([Lead()], ApiResponse(status, body, unreadable), ALONE)


@pytest.mark.parametrize("missing", [("phone_number",), ("contact_name",), ("phone_number", "contact_name")])
def test_an_upsert_without_number_or_name_is_sent_as_an_object_of_the_same_path(bench, kit, missing):
    b = bench()
    b.feed(partial(kit, "x", *missing, stage="won"))
    fields = {"lead_id": "x", "phone_number": "9876543210", "contact_name": "Asha", "stage": "won"}
    lead = {name: value for name, value in fields.items() if name not in missing}
    assert sent(b.call()) == ("POST", PATH, lead)


def test_an_upsert_with_both_is_sent_in_a_list_also_if_it_is_the_only_one(bench, kit):
    b = bench()
    b.feed(kit.record("x"))
    b.end()
    assert sent(b.call())[2] == [{"lead_id": "x", "phone_number": "9876543210", "contact_name": "Asha"}]


@pytest.mark.parametrize("operation", ["create", "update", "convert", "disable"])
def test_other_operations_are_sent_in_lists_whatever_they_lack(bench, kit, operation):
    b = bench(kit.config(default={"operation": operation, "ref_id": "ref-1"}))
    number = {"phone_number": "9876543210"} if operation == "create" else {}
    b.feed(kit.record("x", detail="d", **{"phone_number": None, **number}))
    b.end()
    assert isinstance(sent(b.call())[2], list)


def test_a_null_that_is_to_be_sent_stays_in_the_list(bench, kit):
    b = bench(kit.config(nulls="send"))
    b.feed(partial(kit, "x"))
    b.end()
    assert sent(b.call())[2] == [{"lead_id": "x", "phone_number": None, "contact_name": None}]


def test_an_upsert_without_a_name_leaves_at_once_and_the_lists_stay_full(bench, kit):
    b = bench(kit.config(linger_seconds=3600, workers=8))
    for index in range(99):
        b.feed(kit.record(f"L{index}"))
    b.feed(partial(kit, "x"), partial(kit, "y"))
    alone = b.calls()
    b.feed(kit.record("L99"))
    full = b.call()
    assert [[record.lead_id for record in call.records] for call in alone] == [["x"], ["y"]]
    assert len(full.records) == 100
    assert (b.progress.calls, b.engine.calls_on_allowance) == (3, 3)


def test_the_order_of_a_lead_holds_between_lists_and_leads_that_are_sent_alone(bench, kit):
    b = bench(kit.config(workers=8))
    b.feed(kit.record("x", n=1), partial(kit, "x", n=2), kit.record("x", n=3), partial(kit, "x", n=4))
    b.end()
    seen = []
    while not b.engine.finished:
        call = b.call()
        body = sent(call)[2]
        seen.append([lead["n"] for lead in body] if isinstance(body, list) else body["n"])
        b.answer(call, kit.rows(call) if isinstance(body, list) else accepted(call))
    assert seen == [[1], 2, [3], 4]
    assert b.progress.written == 4


@pytest.mark.parametrize("status", [200, 201])
def test_the_lead_as_it_was_sent_says_that_it_was_accepted(status):
    assert outcome(status, {"lead_id": "x", "stage": "won"}) == RowResults(None, status)


def test_the_lead_of_a_number_as_id_is_the_same_lead():
    assert classify_response([type("L", (Lead,), {"lead_id": "7"})()], ApiResponse(200, {"lead_id": 7}), ALONE) == (
        RowResults(None)
    )


def test_another_lead_in_the_answer_is_a_mismatch():
    assert outcome(200, {"lead_id": "y"}) == Mismatch()


def test_an_answer_to_a_list_of_one_counts_as_its_entry_says():
    row = {"status_code": 400, "data": {"error_msg": "{'phone_number': 'This field is required.'}"}}
    (error,) = outcome(200, {"status": "failure", "result": [row]}).row_errors
    assert (error.status, error.reason.text) == (400, "phone_number: This field is required.")


@pytest.mark.parametrize(
    ("body", "unreadable"), [(None, "a body that is not JSON"), ([], None), ("ok", None), (None, "an empty body")]
)
def test_a_200_that_is_no_lead_leaves_the_outcome_unknown(body, unreadable):
    found = outcome(200, body, unreadable)
    assert isinstance(found, OutcomeUnknown)
    assert found.may_be_applied


@pytest.mark.parametrize(
    ("status", "said", "cause", "text"),
    [
        (400, {"phone_number": ["This field is required."]}, Cause.OTHER, "phone_number: This field is required."),
        (
            400,
            {"contact_name": ["This field may not be blank."]},
            Cause.OTHER,
            "contact_name: This field may not be blank.",
        ),
        (
            400,
            "We cannot accept this request as the lead_id: x has already been marked as converted.",
            Cause.CONVERTED,
            "The lead has already been marked as converted.",
        ),
        (
            400,
            "Unjudged leads cannot be re-activated",
            Cause.STILL_ACTIVE,
            "The lead is still active, it cannot be re-activated.",
        ),
        (
            404,
            {"detail": '"lead_id" provided does not exist with us.'},
            Cause.UNKNOWN_LEAD,
            "The lead does not exist in the campaign.",
        ),
    ],
)
def test_a_refusal_rejects_the_lead_with_the_words_of_the_page(status, said, cause, text):
    text_said = said if isinstance(said, str) else json.dumps(said)
    found = outcome(status, {"error_msg": text_said})
    assert isinstance(found, BatchRejected)
    assert (found.status, found.reason.cause, found.reason.text) == (status, cause, text)
    assert not found.may_be_applied


@pytest.mark.parametrize(
    ("status", "said", "problem"),
    [
        (404, "No active integration found.", "unknown_ref"),
        (404, "This endpoint is not enabled in your Integration", "not_enabled"),
        (400, "This endpoint is not enabled in your Integration", "not_enabled"),
        (401, "Invalid auth token", "token"),
        (403, "You do not have permission to perform this action.", "permission"),
    ],
)
def test_what_is_wrong_with_the_config_is_told_as_of_a_list(status, said, problem):
    found = outcome(status, {"error_msg": said})
    assert isinstance(found, ConfigProblem)
    assert found.problem == problem


def test_a_throttled_call_waits():
    assert outcome(429, {"detail": "Request was throttled. Please try after 60 seconds"}) == Throttled(None)


@pytest.mark.parametrize(("first", "written"), [(LOST, 1), (ApiResponse(503, None, "maintenance"), 0), (BUSY, 0)])
def test_still_active_is_a_success_only_after_an_attempt_that_may_have_been_carried_out(bench, kit, first, written):
    b = bench()
    b.feed(partial(kit, "x"))
    b.end()
    for answer in (first, UNJUDGED):
        while not (calls := b.calls()):
            b.wait()
        assert sent(calls[0])[2] == {"lead_id": "x"}
        b.answer(calls[0], answer)
    assert (b.progress.written, b.rejected_records.lead_ids) == (written, [] if written else ["x"])


def test_a_lead_that_is_new_and_has_no_number_is_rejected_with_the_api_s_reason(bench, kit):
    b = bench()
    b.feed(partial(kit, "x"), kit.state(1))
    b.end()
    b.answer(b.call(), NO_NUMBER)
    assert b.rejected_records.reasons == ["phone_number: This field is required."]
    assert b.marks() == [1]


def test_two_hundred_of_them_refused_for_one_reason_end_the_sync(bench, kit):
    b = bench(kit.config(workers=1))
    b.feed(*(partial(kit, f"L{index}") for index in range(201)))
    with pytest.raises(ConfigError):
        for _ in range(201):
            b.answer(b.call(), NO_NUMBER)
    assert b.progress.calls == 200


def test_refused_leads_sent_alone_end_no_sync_whose_lists_are_accepted(bench, kit):
    b = bench(kit.config(workers=1))
    b.feed(kit.record("L"), *(partial(kit, f"L{index}") for index in range(300)))
    b.end()
    while not b.engine.finished:
        call = b.call()
        b.answer(call, kit.rows(call) if isinstance(sent(call)[2], list) else NO_NUMBER)
    assert (b.progress.written, b.progress.rejected_total) == (1, 300)


def test_a_dry_run_counts_the_call_and_sends_none(bench, kit):
    b = bench()
    b.feed(partial(kit, "x"))
    call = b.call()
    b.answer(call, DryRun().send(call.lane, call.bodies))
    assert (b.progress.written, b.progress.calls) == (1, 1)


WARNING = (
    "The stream 'leads' has records without phone_number or contact_name. SquadStack takes those one a call, in place "
    "of 100: each costs a call of the allowance."
)
COUNTED = "2 records of the stream 'leads' had no phone_number or no contact_name: each took a call of its own."


def test_the_log_says_what_they_cost_at_the_first_and_how_many_there_were_at_the_end(bench, kit):
    b = bench()
    b.feed(partial(kit, "x"), partial(kit, "y"), kit.record("z"))
    assert b.logs == [("WARN", WARNING)]
    b.progress.end(1.0, waiting=0, used=0, allowance=100)
    assert ("INFO", COUNTED) in b.logs
