"""When an answer that a lead is as asked already proves that an earlier attempt of ours did it, and when not."""

import pytest

from destination_squadstack.api.outcomes import ApiResponse, NoResponse
from test_support.configs import PORTAL_LOGIN

LOST = NoResponse("connection lost", may_be_applied=True)
DUPLICATE = (409, "Duplicate Lead ID shared: A lead with the given Lead ID: 'x' is already present in this campaign")
UNJUDGED = (400, "Unjudged leads cannot be re-activated")
CONVERTED = (400, "lead_id:x has been marked as converted from our platform.")
DELETED = (404, "lead_id:x has been deleted from our platform.")
ISSUES = (500, "We're facing some technical issues.")
ALREADY = {"create": DUPLICATE, "upsert": UNJUDGED, "convert": CONVERTED, "delete": DELETED}


def with_operation(bench, kit, operation, **changes):
    return bench(kit.config(default={"operation": operation, "ref_id": "r"}, allow_delete=True, **changes))


def next_call(b):
    while not (calls := b.calls()):
        b.wait()
    (call,) = calls
    return call


def answer_all(b, kit, *answers):
    """Give one answer to each call after the other: a reply, or what is said of its first lead."""
    for said in answers:
        call = next_call(b)
        b.answer(call, said if isinstance(said, ApiResponse | NoResponse) else kit.rows(call, said))


@pytest.mark.parametrize("operation", ALREADY)
@pytest.mark.parametrize(
    "first",
    [
        ApiResponse(503, None, "maintenance"),
        ApiResponse(425, None, "x"),
        ApiResponse(408, None, "x"),
        ApiResponse(429, None, "x", retry_after=1.0),
        NoResponse("no connection", may_be_applied=False),
        (503, "maintenance"),
        (429, "throttled"),
        (409, "Another request for the same lead is getting processed already"),
    ],
)
def test_an_attempt_that_was_not_carried_out_leaves_an_already_done_answer_a_rejection(bench, kit, operation, first):
    b = with_operation(bench, kit, operation)
    b.feed(kit.record("x", detail="d"))
    b.end()
    answer_all(b, kit, first, ALREADY[operation])
    assert (b.progress.written, b.rejected_records.lead_ids) == (0, ["x"])


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_crm_v2_list_that_was_refused_as_a_whole_was_not_carried_out(bench, kit, status):
    b = with_operation(bench, kit, "create", workers=8)
    b.feed(kit.record("x"), kit.record("y"))
    b.end()
    answer_all(b, kit, ApiResponse(status, {"error_msg": "no"}))
    for call in b.calls():
        b.answer(call, kit.rows(call, DUPLICATE if call.records[0].lead_id == "x" else None))
    assert (b.progress.written, b.rejected_records.lead_ids) == (1, ["x"])


@pytest.mark.parametrize("operation", ALREADY)
@pytest.mark.parametrize("first", [LOST, ApiResponse(500, None, "x"), ApiResponse(502, None, "x"), ISSUES])
def test_an_attempt_that_may_have_been_carried_out_makes_an_already_done_answer_a_success(bench, kit, operation, first):
    b = with_operation(bench, kit, operation)
    b.feed(kit.record("x", detail="d"))
    b.end()
    answer_all(b, kit, first, ALREADY[operation])
    assert (b.progress.written, b.rejected_records.lead_ids) == (1, [])


@pytest.mark.parametrize("operation", ALREADY)
@pytest.mark.parametrize("before", ["done", "refused as done"])
def test_an_already_done_answer_is_a_rejection_where_this_run_knew_the_lead(bench, kit, operation, before):
    b = with_operation(bench, kit, operation)
    b.feed(kit.record("x", n=1, detail="d"), kit.record("x", n=2, detail="d"))
    b.end()
    answer_all(b, kit, None if before == "done" else ALREADY[operation], LOST, ALREADY[operation])
    assert b.progress.written == (1 if before == "done" else 0)
    assert b'"n":2' in b.rejected_records.rejections[-1].line


def test_a_lead_that_was_converted_and_made_active_again_can_be_converted_anew(bench, kit):
    config = kit.config(streams=[{"stream": "c", "operation": "convert"}, {"stream": "u", "operation": "upsert"}])
    b = bench(config, kit.catalog("c", "u"))
    b.feed(kit.record("x", "c", detail="d"), kit.record("x", "u"), kit.record("x", "c", detail="e"))
    b.end()
    answer_all(b, kit, None, None, LOST, CONVERTED)
    assert (b.progress.written, b.rejected_records.lead_ids) == (3, [])


def test_a_lead_that_was_made_again_can_be_deleted_anew(bench, kit):
    config = kit.config(
        allow_delete=True, streams=[{"stream": "d", "operation": "delete"}, {"stream": "c", "operation": "create"}]
    )
    b = bench(config, kit.catalog("d", "c"))
    b.feed(kit.record("x", "d"), kit.record("x", "c"), kit.record("x", "d"))
    b.end()
    answer_all(b, kit, None, None, LOST, DELETED)
    assert (b.progress.written, b.rejected_records.lead_ids) == (3, [])


def test_a_lead_that_was_given_up_may_be_there_so_the_next_duplicate_proves_nothing(bench, kit):
    b = with_operation(bench, kit, "create", workers=1)
    b.feed(kit.record("x", n=1), *(kit.record(f"L{index}") for index in range(99)), kit.record("x", n=2))
    b.end()
    while b'"n":1' not in b"".join(rejection.line for rejection in b.rejected_records.rejections):
        call = next_call(b)
        if not call.records:
            b.answer(call, ApiResponse(200, {"result": [{"status_code": 400, "data": {"error_msg": "lead_id"}}]}))
        else:
            b.answer(call, kit.rows(call, *[ISSUES if each.lead_id == "x" else None for each in call.records]))
    answer_all(b, kit, LOST, DUPLICATE)
    assert (b.progress.written, b.rejected_records.lead_ids) == (99, ["x", "x"])


@pytest.mark.parametrize(("status", "written"), [(404, 1), (400, 0)])
def test_a_lead_of_the_contact_center_that_is_gone_after_a_lost_deletion_was_deleted_by_us(bench, kit, status, written):
    config = kit.config(
        default={"operation": "delete_lead", "api": "contact_center"}, contact_center=PORTAL_LOGIN, allow_delete=True
    )
    b = bench(config, kit.catalog("leads", mode="append"))
    b.feed(kit.record("x"))
    b.end()
    answer_all(b, kit, LOST, ApiResponse(status, {"message": "bad_identifier"}))
    assert b.progress.written == written
