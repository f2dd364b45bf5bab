"""A config that cannot be right stops the sync; answers that are late, a restart and single rows do not."""

import pytest

from destination_squadstack.api.outcomes import ApiResponse
from destination_squadstack.errors import ConfigError
from test_support.configs import PORTAL_LOGIN

INVALID = (400, "{'phone_number': 'Invalid value provided.'}")
GONE = (404, "lead_id:x doesn't exist on our platform.")


def run_all(b, answers):
    while not b.engine.finished:
        for call in b.calls():
            b.answer(call, answers(call))
        if not b.engine.finished and not b.engine.under_way:
            b.wait()


# -- in order of reading


def test_records_that_fail_our_own_validation_wait_for_the_answers_to_those_read_before(bench, kit):
    b = bench(kit.config(max_rejected_percent=20))
    for index in range(3_000):
        bad = {"contact_name": 7} if index % 10 == 0 and index else {}
        b.feed(kit.record(f"L{index}", **bad))
    b.feed(kit.state(1))
    assert (b.progress.rejected_total, b.marks()) == (299, [])
    b.end()
    run_all(b, kit.rows)
    assert (b.progress.written, b.progress.rejected_total, b.marks()) == (2_701, 299, [1])


def test_the_first_two_hundred_are_the_first_that_were_read_however_late_their_answers(bench, kit):
    b = bench(kit.config(workers=8))
    for index in range(400):
        b.feed(kit.record(f"L{index}"))
    b.feed(kit.state(1))
    b.end()
    first, *others = b.calls()
    for call in others:
        b.answer(call, kit.rows(call, *[INVALID] * 100))
    b.answer(first, kit.rows(first))
    assert (b.progress.written, b.progress.rejected_total, b.marks()) == (100, 300, [1])


def test_the_first_two_hundred_records_stop_the_sync_once_their_late_answers_are_refusals_too(bench, kit):
    b = bench(kit.config(workers=8))
    for index in range(400):
        b.feed(kit.record(f"L{index}"))
    b.feed(kit.state(1))
    b.end()
    first, *others = b.calls()
    for call in others:
        b.answer(call, kit.rows(call, *[INVALID] * 100))
    with pytest.raises(ConfigError, match="none of these records has been acknowledged"):
        b.answer(first, kit.rows(first, *[INVALID] * 100))


def test_a_stopped_sync_says_how_many_rejected_records_had_been_acknowledged(bench, kit):
    b = bench()
    for index in range(150):
        b.feed(kit.record(None), kit.state(index))
    b.now = 301.0
    assert len(b.marks()) == 150
    with pytest.raises(ConfigError, match="150 of its rejected records had been acknowledged before that"):
        for _ in range(50):
            b.feed(kit.record(None))


# -- a row's words are a row's


@pytest.mark.parametrize(
    "said",
    [
        (404, "No active integration found."),
        (404, "This endpoint is not enabled in your Integration"),
        (401, "Invalid auth token"),
        (403, "You do not have permission to perform this action."),
    ],
)
def test_a_config_refusal_of_one_row_rejects_that_row_and_of_all_rows_stops_the_sync(bench, kit, said):
    b = bench()
    for index in range(100):
        b.feed(kit.record(f"L{index}"))
    b.end()
    call = b.call()
    b.answer(call, kit.rows(call, None, said))
    assert (b.progress.written, b.rejected_records.lead_ids) == (99, ["L1"])

    b = bench(kit.config(workers=1))
    for index in range(300):
        b.feed(kit.record(f"L{index}"), kit.state(index))
    b.end()
    with pytest.raises(ConfigError, match="The first 200 records for lead-upserted were all refused") as raised:
        run_all(b, lambda call: kit.rows(call, *[said] * len(call.records)))
    assert b.marks() == []
    assert ("squadstack.token" if said[0] in (401, 403) else "default.ref_id") in str(raised.value)


@pytest.mark.parametrize("status", [400, 404, 410])
def test_a_refusal_of_one_lead_by_the_contact_center_rejects_that_lead_alone(bench, kit, status):
    config = kit.config(default={"operation": "set_status", "api": "contact_center"}, contact_center=PORTAL_LOGIN)
    b = bench(config, kit.catalog("leads", mode="append"))
    for lead in "abc":
        b.feed(kit.record(lead, status="new"))
    b.end()
    refused = ApiResponse(status, {"message": "bad_identifier"})
    run_all(b, lambda call: refused if call.records[0].lead_id == "b" else ApiResponse(200, {}))
    assert (b.progress.written, b.rejected_records.lead_ids, b.rejected_records.rejections[0].status) == (
        2,
        ["b"],
        status,
    )


# -- lists that are refused as a whole


@pytest.mark.parametrize("api", ["crm_v2", "v4"])
def test_lists_that_are_all_refused_for_one_reason_are_not_all_taken_apart(bench, kit, api):
    b = bench(
        kit.config(default={"operation": "create", "api": api, "campaign_id": "c", "ref_id": "r"}),
        kit.catalog("leads", mode="append"),
    )
    for index in range(1_000):
        b.feed(kit.record(f"L{index}"))
    b.feed(kit.state(1))
    b.end()
    with pytest.raises(ConfigError, match="for one reason: phone_number: Invalid value provided") as raised:
        run_all(b, lambda _: ApiResponse(400, {"error_msg": INVALID[1]}))
    assert "All calls for lead" in str(raised.value) or api == "v4"
    assert f", and {b.progress.rejected_total} of the records alone as well" in str(raised.value)
    assert b.progress.calls < 150
    assert b.marks() == []


def test_lists_are_taken_apart_as_long_as_some_of_their_leads_may_be_good(bench, kit):
    b = bench(kit.config(workers=8))
    for index in range(1_000):
        b.feed(kit.record(f"L{index}"))
    b.end()
    bad = {f"L{index}" for index in range(45)} | {f"L{index}" for index in range(50, 1_000, 50)}

    def answers(call):
        if bad & {record.lead_id for record in call.records}:
            return ApiResponse(400, {"error_msg": INVALID[1]})
        return kit.rows(call)

    run_all(b, answers)
    assert (set(b.rejected_records.lead_ids), b.progress.written) == (bad, 1_000 - len(bad))


# -- a restart after kill -9


@pytest.mark.parametrize(
    ("api", "operation", "status"),
    [
        ("v4", "delete", 404),
        ("v4", "delete", 400),
        ("contact_center", "delete_lead", 404),
        ("contact_center", "delete_lead", 400),
        ("crm_v2", "delete", 404),
    ],
)
def test_deletions_of_leads_that_are_gone_never_stop_the_sync_however_many_they_are(bench, kit, api, operation, status):
    target = {"operation": operation, "api": api, "campaign_id": "c", "ref_id": "r"}
    if api == "contact_center":
        del target["campaign_id"], target["ref_id"]
    b = bench(
        kit.config(default=target, contact_center=PORTAL_LOGIN, allow_delete=True), kit.catalog("leads", mode="append")
    )
    for index in range(300):
        b.feed(kit.record(f"L{index}"))
    b.feed(kit.state(1))
    b.end()
    gone = ApiResponse(status, {"detail": "Not found."})
    run_all(b, lambda call: kit.rows(call, *[GONE] * 100) if api == "crm_v2" else gone)
    assert (b.progress.written, b.progress.rejected_total, b.marks()) == (0, 300, [1])


@pytest.mark.parametrize("ends", ["delete", "convert"])
def test_updates_of_leads_that_the_same_sync_disables_or_deletes_do_not_stop_it(bench, kit, ends):
    config = kit.config(
        allow_delete=True, streams=[{"stream": "u", "operation": "update"}, {"stream": "e", "operation": ends}]
    )
    b = bench(config, kit.catalog("u", "e"))
    for index in range(300):
        b.feed(kit.record(f"L{index}", "u"))
    b.feed(kit.state(1, "u"))
    b.end()
    run_all(b, lambda call: kit.rows(call, *[GONE] * 100))
    assert (b.progress.rejected_total, b.marks()) == (300, [1])


def test_updates_of_unknown_leads_that_nothing_disables_or_deletes_stop_the_sync(bench, kit):
    b = bench(kit.config(default={"operation": "update", "ref_id": "r"}))
    for index in range(300):
        b.feed(kit.record(f"L{index}"))
    b.end()
    with pytest.raises(ConfigError, match="The lead does not exist in the campaign"):
        run_all(b, lambda call: kit.rows(call, *[GONE] * 100))


# -- few records that the config has refused


CONFIG_IS_WRONG = [
    ((404, "No active integration found."), "default.ref_id"),
    ((404, "This endpoint is not enabled in your Integration"), "default.operation"),
    ((401, "Invalid auth token"), "squadstack.token"),
    ((403, "You do not have permission to perform this action."), "squadstack.token"),
]


@pytest.mark.parametrize(("said", "field"), CONFIG_IS_WRONG)
@pytest.mark.parametrize("count", [1, 50])
def test_few_records_that_are_all_refused_for_the_config_end_the_sync_before_their_state(
    bench, kit, said, field, count
):
    b = bench()
    for index in range(count):
        b.feed(kit.record(f"L{index}"))
    b.feed(kit.state(1))
    b.end()
    run_all(b, lambda call: kit.rows(call, *[said] * count))
    how_many = "All 50 records for lead-upserted were" if count > 1 else "The only record for lead-upserted was"
    for _ in range(2):
        with pytest.raises(ConfigError, match=f"{how_many} refused for one reason") as raised:
            b.marks()
        assert field in str(raised.value)
    assert b.progress.rejected_total == count


@pytest.mark.parametrize("other", [None, INVALID, (404, "lead_id:x has been deleted from our platform.")])
def test_one_record_that_is_not_refused_shows_that_the_config_is_not_to_blame(bench, kit, other):
    b = bench()
    for index in range(50):
        b.feed(kit.record(f"L{index}"))
    b.feed(kit.state(1))
    b.end()
    run_all(b, lambda call: kit.rows(call, other, *[CONFIG_IS_WRONG[0][0]] * 49))
    assert b.marks() == [1]


def test_few_records_that_are_all_refused_for_themselves_are_acknowledged(bench, kit):
    b = bench()
    b.feed(kit.record("a"), kit.record("b"), kit.state(1))
    b.end()
    run_all(b, lambda call: kit.rows(call, INVALID, INVALID))
    assert (b.progress.rejected_total, b.marks()) == (2, [1])


def test_a_replay_of_few_records_goes_on_whatever_is_said_of_the_config(bench, kit):
    b = bench(tolerate_rejections=True)
    b.feed(kit.record("a"), kit.state(1))
    b.end()
    run_all(b, lambda call: kit.rows(call, CONFIG_IS_WRONG[0][0]))
    assert b.marks() == [1]
