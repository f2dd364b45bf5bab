"""What each answer means for the records of a call."""

from dataclasses import dataclass, replace

import pytest

from destination_squadstack.api.bulk_answer import accepted_ids
from destination_squadstack.api.fix_messages import FixContext, fix_message
from destination_squadstack.api.outcomes import (
    ApiResponse,
    BatchRejected,
    ConfigProblem,
    Mismatch,
    NoResponse,
    NotLoggedIn,
    OutcomeUnknown,
    RowResults,
    Throttled,
    classify_response,
)
from destination_squadstack.operations import OPERATIONS, Cause
from squadstack_common.lossless_json import dump


@dataclass
class Lead:
    lead_id: str
    field_names = frozenset({"lead_id", "phone_number"})


LEADS = [Lead("a"), Lead("b")]


def row(lead_id="a", status=200, said=None):
    return {"status_code": status, "data": {"lead_id": lead_id} if said is None else {"error_msg": said}}


def bulk(*rows, **metadata):
    return ApiResponse(200, {"status": "success", "result": list(rows), **({"metadata": metadata} if metadata else {})})


def test_a_list_whose_rows_all_succeeded_is_written():
    assert classify_response(LEADS, bulk(row("a"), row("b"), total_leads=2, success=2, failed=0)) == RowResults(None)


@pytest.mark.parametrize("status", [200, 201, 202])
def test_any_2xx_of_a_row_is_written(status):
    each = RowResults([None, None], [status, 200])
    assert classify_response(LEADS, bulk(row("a", status), row("b"))) in (each, RowResults(None, 200))


def test_rows_belong_to_records_by_position():
    outcome = classify_response(
        LEADS, bulk(row(status=400, said="{'phone_number': 'Invalid value provided.'}"), row("b"))
    )
    first, second = outcome.row_errors
    assert (first.status, first.reason.text, first.retryable) == (400, "phone_number: Invalid value provided.", False)
    assert second is None


def test_an_id_that_comes_back_as_a_number_is_the_same_lead():
    assert classify_response([Lead("7")], bulk(row(7))) == RowResults([None], [200])


def test_a_written_row_that_repeats_no_id_counts_by_its_position():
    assert classify_response([Lead("7")], bulk({"status_code": 200, "data": None})) == RowResults([None], [200])


def test_an_answer_that_names_another_lead_is_a_mismatch():
    assert classify_response(LEADS, bulk(row("b"), row("a"))) == Mismatch()


@pytest.mark.parametrize(
    "reply",
    [
        bulk(row("a")),
        bulk(row("a"), row("b"), row("c")),
        bulk(),
        ApiResponse(200, None, "an empty body"),
        ApiResponse(200, None, "a body that is not JSON"),
        ApiResponse(200, []),
        ApiResponse(200, {"result": None}),
        ApiResponse(200, {"error_msg": "no"}),
        bulk(row("a"), {"status_code": "200", "data": {"lead_id": "b"}}),
        bulk(row("a"), {"status_code": True, "data": {"lead_id": "b"}}),
        bulk(row("a"), None),
        bulk(row("a"), row("b"), total_leads=2, success=1, failed=1),
        bulk(row("a"), row("b"), total_leads=3, success=2, failed=0),
        bulk(row("a"), row(status=400, said="x"), total_leads=2, success=2, failed=0),
        ApiResponse(200, {"result": [row("a"), row("b")], "metadata": 5}),
        ApiResponse(201, None, "an empty body"),
        ApiResponse(500, None, "x"),
        ApiResponse(502, None, "x"),
        ApiResponse(504, None, "x"),
    ],
)
def test_an_answer_that_proves_nothing_is_an_unknown_outcome(reply):
    outcome = classify_response(LEADS, reply)
    assert isinstance(outcome, OutcomeUnknown)
    assert outcome.may_be_applied
    assert outcome.answered


@pytest.mark.parametrize("status", [408, 425, 503])
def test_a_call_that_met_maintenance_or_came_in_part_was_not_carried_out(status):
    outcome = classify_response(LEADS, ApiResponse(status, None, "x", retry_after=90.0))
    assert outcome == OutcomeUnknown(f"HTTP {status}", may_be_applied=False, answered=True, wait=90.0)


def test_a_503_to_a_call_that_must_not_be_sent_twice_may_have_been_carried_out():
    assert classify_response(
        LEADS[:1], ApiResponse(503, None, "x"), OPERATIONS["contact_center", "add_lead"]
    ).may_be_applied


@pytest.mark.parametrize(
    ("operation", "status", "partly"),
    [("v4", 400, True), ("v4", 422, True), ("v4", 413, False), ("crm_v2", 400, False), ("crm_v2", 413, False)],
)
def test_only_v4_and_v1_may_have_taken_part_of_a_list_that_they_refuse(operation, status, partly):
    assert classify_response(LEADS, ApiResponse(status, {}), OPERATIONS[operation, "create"]).may_be_applied is partly
    assert not classify_response(LEADS[:1], ApiResponse(status, {}), OPERATIONS[operation, "create"]).may_be_applied


@pytest.mark.parametrize("applied", [True, False])
def test_no_response_is_an_unknown_outcome_and_keeps_its_cause(applied):
    outcome = classify_response(LEADS, NoResponse("no answer in time", may_be_applied=applied, timed_out=True))
    assert outcome == OutcomeUnknown("no answer in time", may_be_applied=applied, answered=False, timed_out=True)


@pytest.mark.parametrize(
    ("status", "said", "again", "maybe"),
    [
        (400, "{'phone_number': 'x'}", False, False),
        (404, "lead_id:a doesn't exist on our platform.", False, False),
        (409, "Duplicate Lead ID shared", False, False),
        (409, "Another request for the same lead is getting processed already", True, False),
        (422, "x", False, False),
        (429, "throttled", True, False),
        (500, "x", True, True),
        (503, "x", True, False),
        (404, "No active integration found.", False, False),
        (404, "This endpoint is not enabled in your Integration", False, False),
        (401, "Token expired", False, False),
        (403, "You do not have permission to perform this action.", False, False),
    ],
)
def test_a_row_is_refused_for_good_or_for_now(status, said, again, maybe):
    refusal = classify_response(LEADS, bulk(row(status=status, said=said), row("b"))).row_errors[0]
    assert (refusal.retryable, refusal.may_be_applied) == (again, maybe)


@pytest.mark.parametrize(
    ("status", "body", "problem"),
    [
        (401, {"error_msg": "Invalid auth token"}, "token"),
        (403, {"error_msg": "You do not have permission to perform this action."}, "permission"),
        (403, "<html>", "permission"),
        (404, {"error_msg": "No active integration found."}, "unknown_ref"),
        (400, {"error_msg": "No active integration found."}, "unknown_ref"),
        (404, {"error_msg": "This endpoint is not enabled in your Integration”"}, "not_enabled"),
        (404, "<html>", "not_found"),
        (405, None, "not_allowed"),
        (301, None, "redirect"),
        (302, None, "redirect"),
        (307, None, "redirect"),
        (402, None, "unexpected"),
        (451, None, "unexpected"),
    ],
)
def test_an_answer_that_only_the_user_can_put_right_is_a_config_problem(status, body, problem):
    outcome = classify_response(LEADS, ApiResponse(status, body))
    assert isinstance(outcome, ConfigProblem)
    assert outcome.problem == problem


def test_a_web_page_with_403_may_be_a_firewalls_word_about_one_lead():
    outcome = classify_response(LEADS, ApiResponse(403, "<html>blocked", "a body that is not JSON"))
    assert (outcome.problem, outcome.may_be_applied, outcome.answered) == ("permission", False, True)


@pytest.mark.parametrize(
    ("said", "header", "wait"),
    [
        ("Request was throttled. Please try after 60 seconds", None, 60.0),
        ("Request was throttled", 5.0, 5.0),
        ("Request was throttled", None, None),
    ],
)
def test_a_row_that_is_throttled_waits_as_long_as_it_says(said, header, wait):
    reply = replace(bulk(row(status=429, said=said), row("b")), retry_after=header)
    assert classify_response(LEADS, reply).row_errors[0].wait == wait


def test_a_list_may_be_answered_with_any_2xx():
    assert classify_response(LEADS, ApiResponse(202, {"result": [row("a"), row("b")]})) == RowResults(None)


@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_a_list_can_be_refused_as_a_whole(status):
    outcome = classify_response(
        LEADS, ApiResponse(status, {"error_msg": "{'phone_number': 'Invalid value provided.'}"})
    )
    assert isinstance(outcome, BatchRejected)
    assert (outcome.status, outcome.reason.cause) == (status, Cause.OTHER)


# -- calls that are answered as a whole

CREATE, CONVERT = OPERATIONS["v4", "create"], OPERATIONS["v4", "convert"]
SET_STATUS = OPERATIONS["contact_center", "set_status"]


@pytest.mark.parametrize("status", [200, 201, 202, 204])
@pytest.mark.parametrize(
    ("body", "unreadable"), [({}, None), ([], None), ("", "an empty body"), ("OK", "a body that is not JSON")]
)
def test_any_2xx_for_a_whole_call_is_success(status, body, unreadable):
    for operation in (CREATE, CONVERT, SET_STATUS):
        outcome = classify_response(LEADS[:1], ApiResponse(status, body, unreadable), operation)
        assert outcome == RowResults(None, status)


@pytest.mark.parametrize("body", ["<html>", ' {"det', "[", '"Suc'])
def test_a_200_with_a_web_page_or_half_a_body_is_an_unknown_outcome(body):
    outcome = classify_response(LEADS, ApiResponse(200, body, "a body that is not JSON"), CREATE)
    assert outcome == OutcomeUnknown("HTTP 200 with a body that is not JSON", may_be_applied=True, answered=True)


@pytest.mark.parametrize(
    ("operation", "body", "unreadable", "expected"),
    [
        (CONVERT, {"detail": '"lead_id" provided does not exist with us.'}, None, "lead"),
        (CONVERT, {"detail": "Not found."}, None, "lead"),
        (CONVERT, "", "an empty body", "lead"),
        (CONVERT, {"detail": "Campaign not found."}, None, "unknown_campaign"),
        (CONVERT, "<html>", "a body that is not JSON", "not_found"),
        (CREATE, {"detail": "Not found."}, None, "unknown_campaign"),
        (CREATE, "<html>", "a body that is not JSON", "not_found"),
        (OPERATIONS["v4", "disable"], {"detail": "lead_id:a doesn't exist on our platform."}, None, "lead"),
        (SET_STATUS, {"error": "x"}, None, "lead"),
        (SET_STATUS, {"data": {"id": "x"}, "message": "bad_identifier"}, None, "lead"),
        (SET_STATUS, "", "an empty body", "lead"),
        (SET_STATUS, "<html>", "a body that is not JSON", "not_found"),
        (OPERATIONS["contact_center", "add_lead"], {"error": "x"}, None, "not_found"),
    ],
)
def test_a_404_is_about_the_lead_the_campaign_or_the_address(operation, body, unreadable, expected):
    outcome = classify_response(LEADS[:1], ApiResponse(404, body, unreadable), operation)
    if expected == "lead":
        assert isinstance(outcome, BatchRejected)
        assert (outcome.status, outcome.reason.cause) == (404, Cause.UNKNOWN_LEAD)
    else:
        assert isinstance(outcome, ConfigProblem)
        assert outcome.problem == expected


@pytest.mark.parametrize("row", OPERATIONS.values(), ids=lambda row: f"{row.api}.{row.name}")
@pytest.mark.parametrize("status", [301, 401, 402, 403, 404, 405])
def test_every_problem_has_a_sentence_for_every_operation(row, status):
    outcome = classify_response(LEADS[:1], ApiResponse(status, "<html>", "a body that is not JSON"), row)
    said = fix_message(outcome.problem, "x", FixContext(row.api, row.endpoint, "default", "default.ref_id"))
    assert said.endswith(".")
    assert "{" not in said


def test_a_login_that_failed_is_the_users_to_put_right():
    assert classify_response(LEADS[:1], NotLoggedIn("login", "x"), SET_STATUS) == ConfigProblem("login", "x")


def test_a_429_is_a_pause():
    assert classify_response(LEADS, ApiResponse(429, "Request was throttled.", "x", retry_after=7.0)) == Throttled(7.0)


@pytest.mark.parametrize("operation", [SET_STATUS, CREATE])
def test_a_refusal_of_which_no_word_can_be_repeated_tells_its_status(operation):
    outcome = classify_response(LEADS[:1], ApiResponse(400, {"error": "quux"}), operation)
    assert outcome.reason.text == "Refused (HTTP 400): … (words that may be a lead's are not repeated)"


ANSWERS = {
    "all": bulk(row("a"), row("b")),
    "all-with-metadata": bulk(row("a"), row("b"), total_leads=2, success=2, failed=0),
    "metadata-that-contradict": bulk(row("a"), row("b"), total_leads=2, success=1, failed=1),
    "metadata-of-nulls": bulk(row("a"), row("b"), total_leads=None),
    "white-space": bulk(row(" a "), row("b")),
    "another-id": bulk(row("a"), row("c")),
    "another-order": bulk(row("b"), row("a")),
    "too-few": bulk(row("a")),
    "too-many": bulk(row("a"), row("b"), row("c")),
    "none": bulk(),
    "a-number-for-an-id": bulk(row("a"), row(2)),
    "no-id": bulk(row("a"), {"status_code": 200, "data": {}}),
    "no-data": bulk(row("a"), {"status_code": 200}),
    "another-2xx": bulk(row("a"), row("b", 201)),
    "a-flag-for-a-status": bulk(row("a"), row("b", True)),
    "a-fraction-for-a-status": bulk(row("a"), row("b", 200.0)),
    "refused": bulk(row("a"), row(status=400, said="phone_number: Invalid value provided.")),
    "no-list": ApiResponse(200, {"result": {}}),
    "no-object": ApiResponse(200, []),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_that_is_read_without_being_built_means_what_it_means_when_it_is(name):
    whole = ANSWERS[name]
    ids = accepted_ids(dump(whole.body))
    assert (ids is not None) == (
        name
        in {
            "all",
            "all-with-metadata",
            "white-space",
            "another-id",
            "another-order",
            "too-few",
            "too-many",
        }
    )
    if ids is not None:
        found = classify_response(LEADS, ApiResponse(200, None, accepted=ids))
        expected = classify_response(LEADS, whole)
        assert found == (RowResults(None) if expected == RowResults([None, None], [200, 200]) else expected)


@pytest.mark.parametrize("body", [b"", b"null", b'{"result":[{"status_code":200,"data":{"lead_id":"a"}}]', b"\xff"])
def test_an_answer_that_is_cut_off_accepts_nothing(body):
    assert accepted_ids(body) is None


def test_an_answer_with_a_byte_that_is_no_text_accepts_nothing():
    assert accepted_ids(b'{"message":"\xff","result":[{"status_code":200,"data":{"lead_id":"a"}}]}') is None
