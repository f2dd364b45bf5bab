"""Outages reported by call or row by row, calls of ours still at work, leads that the API cannot answer for."""

import random

import pytest

from destination_squadstack.api.contact_center import LOGIN_SECONDS
from destination_squadstack.api.outcomes import ApiResponse, NoResponse
from destination_squadstack.errors import ConfigError, TransientError
from test_support.configs import PORTAL_LOGIN

LOST = NoResponse("connection lost", may_be_applied=True)
TIMED_OUT = NoResponse("no answer in time", may_be_applied=True, timed_out=True)
DUPLICATE = (409, "Duplicate Lead ID shared: A lead with the given Lead ID: 'x' is already present in this campaign")
BUSY = (409, '{"error_type":1,"detail":"Another request for the same lead is getting processed already"}')
ISSUES = (500, "We're facing some technical issues.")
THROTTLED = (429, "Request was throttled. Please try after 60 seconds")
MISSING_ID = (400, "{'lead_id': 'This field is required.'}")
BLOCKED = ApiResponse(403, "<html>The requested URL was rejected</html>", "a body that is not JSON")


def every_row(kit, call, said):
    """Say the same of each lead of a call, and of the lead without an id."""
    if call.records:
        return kit.rows(call, *[said] * len(call.records))
    return ApiResponse(200, {"result": [{"status_code": said[0], "data": {"error_msg": said[1]}}]})


def play(b, answers, *, seconds=3_600):
    """Answer each call at once until all records have an outcome; return when each call left and how many it held."""
    calls = []
    while not b.engine.finished and b.now < seconds:
        for call in b.calls():
            calls.append((b.now, len(call.records)))
            answer = answers(call)
            b.answer(call, answer)
        if not b.engine.finished and not b.engine.under_way:
            b.wait()
    return calls


def feed(b, kit, count, mark=1):
    for index in range(count):
        b.feed(kit.record(f"L{index}"))
    b.feed(kit.state(mark))
    b.end()


# -- an outage reported row by row


@pytest.mark.parametrize("said", [ISSUES, (503, "maintenance"), THROTTLED, BUSY])
def test_an_outage_reported_row_by_row_is_waited_for_and_rejects_nobody(bench, kit, said):
    b = bench()
    feed(b, kit, 500)

    def answers(call):
        if b.now < 60:
            return every_row(kit, call, said)
        return kit.rows(call) if call.records else every_row(kit, call, MISSING_ID)

    play(b, answers)
    assert (b.progress.written, b.progress.rejected_total, b.marks()) == (500, 0, [1])


@pytest.mark.parametrize("said", [ISSUES, THROTTLED, BUSY])
def test_an_outage_reported_row_by_row_that_does_not_end_fails_the_sync_before_its_states(bench, kit, said):
    b = bench()
    feed(b, kit, 500)
    with pytest.raises(TransientError, match="SquadStack gave no usable answer to lead-upserted in 12 tries; the last"):
        play(b, lambda call: every_row(kit, call, said))
    assert (b.progress.written, b.progress.rejected_total, b.marks()) == (0, 0, [])
    assert b.now >= 120


def test_an_outage_that_begins_in_the_middle_of_a_call_rejects_nobody(bench, kit):
    b = bench()
    feed(b, kit, 300)

    def answers(call):
        if b.now >= 90:
            return kit.rows(call) if call.records else every_row(kit, call, MISSING_ID)
        if call.records and call.records[0].lead_id == "L0" and call.tries == 1:
            return kit.rows(call, *[None] * 50, *[ISSUES] * 50)
        return every_row(kit, call, ISSUES)

    play(b, answers)
    assert (b.progress.written, b.progress.rejected_total) == (300, 0)


@pytest.mark.parametrize("share", [0.5, 0.7, 0.9])
@pytest.mark.parametrize("said", [ISSUES, BUSY])
def test_an_outage_of_a_part_of_all_rows_rejects_nobody_although_others_get_through(bench, kit, said, share):
    chance = random.Random(7)
    b = bench()
    feed(b, kit, 2_000)

    def answers(call):
        b.now += 0.5
        if not call.records:
            return every_row(kit, call, MISSING_ID)
        return kit.rows(call, *[said if b.now < 300 and chance.random() < share else None for _ in call.records])

    play(b, answers)
    assert (b.progress.written, b.progress.rejected_total) == (2_000, 0)


@pytest.mark.parametrize("lost_response", [LOST, ApiResponse(500, None, "x")])
def test_an_outage_of_half_of_all_calls_rejects_nobody_although_others_get_through(bench, kit, lost_response):
    chance = random.Random(7)
    b = bench()
    feed(b, kit, 2_000)

    def answers(call):
        b.now += 0.5
        if b.now < 300 and chance.random() < 0.5:
            return lost_response
        return kit.rows(call) if call.records else every_row(kit, call, MISSING_ID)

    play(b, answers)
    assert (b.progress.written, b.progress.rejected_total) == (2_000, 0)


def test_leads_that_fail_while_others_get_through_are_rejected_as_retryable(bench, kit):
    b = bench()
    feed(b, kit, 500)
    bad = {"L3", "L250", "L499"}

    def answers(call):
        if not call.records:
            return every_row(kit, call, MISSING_ID)
        return kit.rows(call, *[ISSUES if record.lead_id in bad else None for record in call.records])

    play(b, answers)
    assert set(b.rejected_records.lead_ids) == bad
    assert all(rejection.retryable and rejection.status == 500 for rejection in b.rejected_records.rejections)
    assert (b.progress.written, b.marks()) == (497, [1])


def test_one_operation_that_is_down_is_not_proved_up_by_another(bench, kit):
    config = kit.config(streams=[{"stream": "new", "operation": "create"}])
    b = bench(config, kit.catalog("leads", "new"), largest=1)
    for index in range(200):
        b.feed(kit.record(f"N{index}", "new"), kit.record(f"L{index}"))
    b.end()
    with pytest.raises(TransientError, match="lead-created"):
        play(b, lambda c: every_row(kit, c, ISSUES) if c.lane.operation.name == "create" else kit.rows(c))
    assert b.progress.rejected_total == 0


def test_throttled_rows_wait_as_long_as_they_say_and_slow_all_calls_down(bench, kit):
    b = bench()
    feed(b, kit, 2)
    call = b.call()
    b.answer(call, kit.rows(call, None, THROTTLED))
    assert b.progress.throttled == 1
    b.wait()
    while not (calls := b.calls()):
        b.wait()
    assert [record.lead_id for record in calls[0].records] == ["L1"]
    assert 60 <= b.now < 70


def test_a_retry_after_of_maintenance_is_obeyed(bench, kit):
    b = bench()
    feed(b, kit, 2)
    b.answer(b.call(), ApiResponse(503, None, "x", retry_after=120.0))
    b.wait()
    assert b.now == 120
    call = b.call()
    b.answer(call, kit.rows(call))
    assert b.progress.written == 2


# -- our own call that is still at work


def test_busy_after_an_unanswered_call_of_ours_is_waited_out_and_costs_no_try(bench, kit):
    b = bench(kit.config(default={"operation": "create", "ref_id": "r"}), read_timeout=30.0)
    feed(b, kit, 100)
    call = b.call()
    b.now = 30.0
    b.answer(call, TIMED_OUT)
    done = 0

    def answers(call):
        nonlocal done
        assert len(call.records) == 100 - done
        done = min(100, int(b.now * 100 / 59))  # one downstream request after the other
        rows = [DUPLICATE if int(record.lead_id[1:]) < done else BUSY for record in call.records]
        return kit.rows(call, *rows)

    play(b, answers)
    assert (b.progress.written, b.progress.rejected_total) == (100, 0)


def test_a_lead_busy_for_longer_than_our_own_call_can_take_costs_a_try(bench, kit):
    b = bench(kit.config(default={"operation": "create", "ref_id": "r"}), read_timeout=30.0)
    feed(b, kit, 10)
    call = b.call()
    b.now = 30.0
    b.answer(call, TIMED_OUT)

    def answers(call):
        if not call.records:
            return every_row(kit, call, MISSING_ID)
        return kit.rows(call, *[BUSY if record.lead_id == "L4" else DUPLICATE for record in call.records])

    play(b, answers)
    assert (b.rejected_records.lead_ids, b.progress.written) == (["L4"], 9)
    assert b.rejected_records.rejections[0].retryable
    assert 60 + 15 <= b.now <= 180


def test_a_list_that_is_busy_as_a_whole_with_our_own_call_is_not_taken_apart(bench, kit):
    config = kit.config(default={"operation": "create", "api": "v4", "campaign_id": "c"})
    b = bench(config, kit.catalog("leads", mode="append"), read_timeout=30.0)
    feed(b, kit, 100)
    call = b.call()
    b.now = 30.0
    b.answer(call, TIMED_OUT)
    calls = play(b, lambda _: ApiResponse(409, {"detail": BUSY[1]}) if b.now < 50 else ApiResponse(201, {}))
    assert {leads for _, leads in calls} == {100}
    assert b.progress.written == 100


# -- leads that the API cannot answer for


@pytest.mark.parametrize("lost_response", [LOST, TIMED_OUT])
@pytest.mark.parametrize("poison", [{"L0"}, {"L41"}, {"L499"}, {"L3", "L4", "L205"}])
def test_leads_that_cut_the_connection_or_are_never_answered_are_found_and_rejected(bench, kit, lost_response, poison):
    b = bench(read_timeout=300.0)
    feed(b, kit, 500)

    def answers(call):
        if not call.records:
            return every_row(kit, call, MISSING_ID)
        return lost_response if poison & {record.lead_id for record in call.records} else kit.rows(call)

    calls = play(b, answers)
    assert set(b.rejected_records.lead_ids) == poison
    assert all(rejection.retryable for rejection in b.rejected_records.rejections)
    assert (b.progress.written, b.marks()) == (500 - len(poison), [1])
    assert len(calls) < 5 + 35 * len(poison)


def test_the_last_lead_of_all_is_rejected_once_the_api_is_known_to_answer(bench, kit):
    b = bench(kit.config(default={"operation": "update", "api": "v4", "campaign_id": "c"}))
    feed(b, kit, 20)

    def answers(call):
        if not call.records:
            return ApiResponse(400, {"detail": '"lead_id" is a required field!'})
        return LOST if call.records[0].lead_id == "L19" else ApiResponse(200, {})

    play(b, answers)
    assert (b.rejected_records.lead_ids, b.progress.written, b.marks()) == (["L19"], 19, [1])


@pytest.mark.parametrize("lost_response", [LOST, TIMED_OUT, ApiResponse(500, None, "x")])
def test_an_api_that_answers_probes_but_no_leads_rejects_nobody(bench, kit, lost_response):
    b = bench()
    feed(b, kit, 300)
    with pytest.raises(TransientError):
        play(b, lambda call: lost_response if call.records else every_row(kit, call, MISSING_ID), seconds=100_000)
    assert (b.progress.rejected_total, b.marks()) == (0, [])


def test_a_poisonous_lead_of_the_contact_center_is_found_when_it_is_the_first(bench, kit):
    config = kit.config(default={"operation": "set_status", "api": "contact_center"}, contact_center=PORTAL_LOGIN)
    b = bench(config, kit.catalog("leads", mode="append"))
    for index in range(20):
        b.feed(kit.record(f"L{index}", status="new"))
    b.end()
    play(b, lambda call: LOST if call.records[0].lead_id == "L0" else ApiResponse(200, {}))
    assert (b.rejected_records.lead_ids, b.progress.written) == (["L0"], 19)


def test_one_failing_batch_does_not_hold_up_the_others(bench, kit):
    b = bench(kit.config(workers=1), largest=1)
    feed(b, kit, 50)
    play(b, lambda call: LOST if call.records and call.records[0].lead_id == "L0" else kit.rows(call), seconds=1)
    assert b.progress.written == 49


# -- a firewall


def test_a_lead_that_a_firewall_takes_offence_at_is_found_and_rejected(bench, kit):
    b = bench()
    feed(b, kit, 100)

    def answers(call):
        if not call.records:
            return every_row(kit, call, MISSING_ID)
        return BLOCKED if "L7" in {record.lead_id for record in call.records} else kit.rows(call)

    play(b, answers)
    assert (b.rejected_records.lead_ids, b.progress.written) == (["L7"], 99)


def test_a_firewall_that_blocks_everything_is_a_config_error_at_the_second_call(bench, kit):
    b = bench(kit.config(workers=1))
    feed(b, kit, 100)
    calls = []
    with pytest.raises(ConfigError, match=r"squadstack\.token may not use lead-upserted"):
        play(b, lambda call: calls.append(call) or BLOCKED)
    assert len(calls) == 2


# -- every call has its turn, and every record an end


def test_leads_on_trial_that_need_more_calls_than_the_allowance_keep_no_other_from_being_sent(bench, kit):
    b = bench(kit.config(workers=8), calls_per_minute=30)
    feed(b, kit, 1_500)
    poison = {f"L{number}" for number in range(0, 1_500, 11)}

    def answers(call):
        b.now += 0.1
        if b.now < 5:
            return every_row(kit, call, ISSUES)
        if not call.records:
            return every_row(kit, call, MISSING_ID)
        return LOST if poison & {record.lead_id for record in call.records} else kit.rows(call)

    play(b, answers, seconds=12 * 3_600)
    assert (set(b.rejected_records.lead_ids), b.progress.written, b.marks()) == (poison, 1_500 - len(poison), [1])


def test_an_outage_that_all_leads_were_tried_in_excuses_none_for_ever(bench, kit):
    b = bench(kit.config(workers=8))
    feed(b, kit, 800)

    def answers(call):
        b.now += 0.1
        if not call.records:
            return every_row(kit, call, MISSING_ID)
        return kit.rows(call, *[ISSUES if b.now < 60 or record.lead_id == "L7" else None for record in call.records])

    play(b, answers)
    assert (b.progress.written, b.rejected_records.lead_ids, b.marks()) == (799, ["L7"], [1])


def test_an_outage_that_lets_few_rows_through_for_ever_ends_the_sync_and_rejects_nobody(bench, kit):
    chance = random.Random(7)
    b = bench()
    feed(b, kit, 300)

    def answers(call):
        if not call.records:
            return every_row(kit, call, MISSING_ID)
        return kit.rows(call, *[ISSUES if chance.random() < 0.97 else None for _ in call.records])

    with pytest.raises(TransientError, match="SquadStack gave no final answer for a lead of lead-upserted in 60 tries"):
        play(b, answers, seconds=12 * 3_600)
    assert (b.progress.rejected_total, b.marks()) == (0, [])
    assert b.now < 3_600


def test_an_allowance_that_is_used_up_for_an_hour_ends_the_sync(bench, kit):
    b = bench()
    feed(b, kit, 100)
    with pytest.raises(TransientError, match="SquadStack's allowance has been used up for an hour"):
        play(b, lambda _: ApiResponse(429, None, "x"), seconds=12 * 3_600)
    assert 3_600 <= b.now < 5_000
    assert (b.progress.written, b.marks()) == (0, [])


def test_a_portal_whose_login_gets_no_response_ends_the_sync_in_minutes_once_the_other_api_is_done(bench, kit):
    config = kit.config(
        streams=[{"stream": "dials", "operation": "set_status", "api": "contact_center"}], contact_center=PORTAL_LOGIN
    )
    b = bench(config, kit.catalog("leads", "dials", mode="append"))
    for index in range(500):
        b.feed(kit.record(f"L{index}"), kit.record(f"D{index}", "dials", status="new"))
    b.feed(kit.state(1))
    b.end()
    silent = NoResponse("login: no answer in time", may_be_applied=False, timed_out=True)

    def logins():
        # All calls that wait for the same login get its answer together, when its time is over.
        while True:
            calls = b.calls()
            dials = [call for call in calls if call.lane.operation.name == "set_status"]
            for call in calls:
                if call not in dials:
                    b.answer(call, kit.rows(call))
            if dials:
                b.now += LOGIN_SECONDS
                for call in dials:
                    b.answer(call, silent)
            else:
                b.wait()

    with pytest.raises(TransientError, match="gave no usable answer to set_status in 12 tries; the last time: login"):
        logins()
    assert (b.progress.written, b.progress.rejected_total, b.marks()) == (500, 0, [])
    assert 180 <= b.now <= 480
