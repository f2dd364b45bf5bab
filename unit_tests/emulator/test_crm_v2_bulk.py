"""CRM v2 bulk calls: the recorded requests and answers of the bulk page, and what its tables say besides."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

DONE = "Bulk operation completed successfully"


def person(lead_id: str, phone_number: object = "9999999999", contact_name: str = "John Doe", **custom: Any) -> Any:
    return {"lead_id": lead_id, "phone_number": phone_number, "contact_name": contact_name, **custom}


def refused(status_code: int, error_msg: str) -> dict[str, object]:
    return {"status_code": status_code, "data": {"error_msg": error_msg}}


def results(answer: Any) -> list[tuple[int, str | None]]:
    assert answer.status == 200
    return [(each["status_code"], each["data"].get("error_msg")) for each in answer.content["result"]]


def states(caller: Any) -> Mapping[str, str]:
    return {lead.lead_id: lead.state for lead in caller.pipeline.store["0PT711"].leads.values()}


def process(caller: Any, lead_id: str) -> None:
    leads = caller.pipeline.store["0PT711"]
    lead = leads.leads[lead_id]
    leads.put(replace(lead, state="processed", processed_at=lead.created_at, judgements=1))


def test_create_fully_successful_is_the_recorded_answer(call: Callable[..., Any]) -> None:
    leads = [
        person("lead101", city="Bangalore", lead_stage="stage1"),
        person("lead102", contact_name="Jane Doe", city="Mumbai", lead_stage="stage1"),
        person("lead103", contact_name="Jasmine Doe", city="Delhi", lead_stage="stage1"),
    ]
    answer = call().post("lead-created", leads)
    assert answer.status == 200
    assert answer.content == {
        "status": "success",
        "message": DONE,
        "result": [{"status_code": 200, "data": lead} for lead in leads],
        "metadata": {"total_leads": 3, "success": 3, "failed": 0},
    }


def test_create_of_a_lead_that_is_there_is_the_recorded_answer(call: Callable[..., Any]) -> None:
    caller = call()
    caller.post("lead-created", [person("lead2")])
    leads = [person("lead11", city="Bangalore"), person("lead2", city="Mumbai"), person("lead2", city="Delhi")]
    duplicate = (
        "Duplicate Lead ID shared: A lead with the given Lead ID: 'lead2' is already present in this campaign, please "
        "use a different Lead ID, or reach out to us at support@squadstack.com."
    )
    assert caller.post("lead-created", leads).content == {
        "status": "partial_sucess",
        "message": DONE,
        "result": [{"status_code": 200, "data": leads[0]}, refused(409, duplicate), refused(409, duplicate)],
        "metadata": {"total_leads": 3, "success": 1, "failed": 2},
    }


def test_of_two_creates_of_one_lead_in_a_call_the_first_wins(call: Callable[..., Any]) -> None:
    caller = call()
    answer = caller.post("lead-created", [person("a", contact_name="First"), person("a", contact_name="Second")])
    assert [status for status, _ in results(answer)] == [200, 409]
    assert caller.pipeline.store["0PT711"].leads["a"].contact_name == "First"


def test_create_with_bad_phone_numbers_is_the_recorded_answer(call: Callable[..., Any]) -> None:
    leads = [person(lead_id, "999999999", city="Bangalore") for lead_id in ("lead1", "lead2", "lead2")]
    assert call().post("lead-created", leads).content == {
        "status": "failure",
        "message": DONE,
        "result": [refused(400, "{'phone_number': 'Invalid value provided.'}")] * 3,
        "metadata": {"total_leads": 3, "success": 0, "failed": 3},
    }


def test_upsert_partially_successful_is_the_recorded_answer(call: Callable[..., Any]) -> None:
    leads = [person("lead_id_upsert4"), {"lead_id": "lead_id_upsert5", "contact_name": "Jane Doe"}, person("6")]
    assert call().post("lead-upserted", leads).content == {
        "status": "partial_sucess",
        "message": DONE,
        "result": [
            {"status_code": 200, "data": leads[0]},
            refused(400, "{'phone_number': 'This field is required.'}"),
            {"status_code": 200, "data": leads[2]},
        ],
        "metadata": {"total_leads": 3, "success": 2, "failed": 1},
    }


def test_upsert_failed_is_the_recorded_answer(call: Callable[..., Any]) -> None:
    answer = call().post(
        "lead-upserted",
        [
            {"phone_number": "9999999999", "contact_name": "John Doe", "customkey1": "custom value"},
            {"lead_id": "lead_id_upsert8", "contact_name": "Jane Doe", "customkey1": "custom value"},
            {"lead_id": "lead_id_upsert9", "phone_number": "9999999999", "customkey1": "custom value"},
        ],
    )
    assert answer.content == {
        "status": "failure",
        "message": DONE,
        "result": [
            refused(400, "{'lead_id': 'This field is required.'}"),
            refused(400, "{'phone_number': 'This field is required.'}"),
            refused(400, "{'contact_name': 'This field is required.'}"),
        ],
        "metadata": {"total_leads": 3, "success": 0, "failed": 3},
    }


def test_update_of_leads_that_are_not_there_is_the_recorded_answer(call: Callable[..., Any]) -> None:
    caller = call()
    caller.post("lead-created", [person("lead1"), person("lead2")])
    leads = [{"lead_id": lead_id, "stage": "new_stage"} for lead_id in ("lead1", "lead2", "lead3")]
    assert caller.post("lead-updated", leads).content == {
        "status": "partial_sucess",
        "message": DONE,
        "result": [
            {"status_code": 200, "data": leads[0]},
            {"status_code": 200, "data": leads[1]},
            refused(400, "lead_id:lead3 doesn't exist on our platform."),
        ],
        "metadata": {"total_leads": 3, "success": 2, "failed": 1},
    }
    assert caller.pipeline.store["0PT711"].leads["lead1"].custom == {"stage": "new_stage"}


def test_convert_failed_is_the_recorded_answer(call: Callable[..., Any]) -> None:
    caller = call()
    caller.post("lead-created", [person("lead102"), person("lead103")])
    leads = [{"lead_id": "lead364", "detail": "done"}, {"lead_id": "lead102"}, {"lead_id": "lead103", "detail": ""}]
    assert caller.post("lead-converted", leads).content == {
        "status": "failure",
        "message": DONE,
        "result": [
            refused(400, "lead_id:lead364 doesn't exist on our platform."),
            refused(400, "{'detail': 'This field is required.'}"),
            refused(400, "{'detail': 'This field is required.'}"),
        ],
        "metadata": {"total_leads": 3, "success": 0, "failed": 3},
    }


def test_a_conversion_takes_text_or_json_and_happens_once(call: Callable[..., Any]) -> None:
    caller = call()
    caller.post("lead-created", [person("lead101"), person("lead102")])
    leads = [
        {"lead_id": "lead101", "detail": "Lead converted successfully"},
        {"lead_id": "lead102", "detail": {"order_id": "101", "order_amount": "10000"}},
    ]
    assert results(caller.post("lead-converted", leads)) == [(200, None), (200, None)]
    assert caller.pipeline.store["0PT711"].leads["lead102"].detail == {"order_id": "101", "order_amount": "10000"}
    again = "lead_id:lead101 has been marked as converted from our platform."
    assert results(caller.post("lead-converted", leads[:1])) == [(400, again)]


def test_disable_partially_successful_is_the_recorded_answer(call: Callable[..., Any]) -> None:
    caller = call()
    caller.post("lead-created", [person("lead_id_disable1")])
    # As in the recording, the first lead has been disabled before.
    caller.post("lead-disabled", [{"lead_id": "lead_id_disable1"}])
    answer = caller.post("lead-disabled", [{"lead_id": "lead_id_disable1"}, {}, {"lead_id": "lead_id_disable5"}])
    assert answer.content == {
        "status": "partial_sucess",
        "message": DONE,
        "result": [
            {"status_code": 200, "data": {"lead_id": "lead_id_disable1"}},
            refused(400, "{'lead_id': 'This field is required.'}"),
            refused(400, "lead_id:lead_id_disable5 doesn't exist on our platform."),
        ],
        "metadata": {"total_leads": 3, "success": 1, "failed": 2},
    }


def test_delete_partially_successful_is_the_recorded_answer(call: Callable[..., Any]) -> None:
    caller = call()
    caller.post("lead-created", [person("lead101"), person("lead_id_disable1")])
    caller.post("lead-deleted", [{"lead_id": "lead101"}])
    leads = [{"lead_id": "lead101"}, {"lead_id": "lead1023"}, {"lead_id": "lead_id_disable1"}]
    assert caller.post("lead-deleted", leads).content == {
        "status": "partial_sucess",
        "message": DONE,
        "result": [
            refused(404, "lead_id:lead101 has been deleted from our platform."),
            refused(400, "lead_id:lead1023 doesn't exist on our platform."),
            {"status_code": 200, "data": {"lead_id": "lead_id_disable1"}},
        ],
        "metadata": {"total_leads": 3, "success": 1, "failed": 2},
    }


def test_a_deleted_lead_is_purged_and_may_be_created_anew(call: Callable[..., Any]) -> None:
    caller = call()
    caller.post("lead-created", [person("a", city="Delhi")])
    caller.post("lead-deleted", [{"lead_id": "a"}])
    tombstone = caller.pipeline.store["0PT711"].leads["a"]
    assert (tombstone.phone_number, tombstone.contact_name, tombstone.custom) == ("", "", {})
    assert results(caller.post("lead-created", [person("a")])) == [(200, None)]
    assert states(caller) == {"a": "active"}


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("lead_id", "", "This field may not be blank."),
        ("lead_id", " ", "This field may not be blank."),
        ("lead_id", None, "This field may not be blank."),
        ("lead_id", "x" * 256, "Invalid value provided."),
        ("phone_number", "", "This field may not be blank."),
        ("phone_number", "0599999999", "Invalid value provided."),
        ("phone_number", "99999999999", "Invalid value provided."),
        ("phone_number", "0919999999999", "Invalid value provided."),
        ("phone_number", "99999 99999", "Invalid value provided."),
        ("phone_number", "९९९९९९९९९९", "Invalid value provided."),
        ("contact_name", None, "This field may not be blank."),
        ("contact_name", "x" * 49, "Invalid value provided."),
        ("score", 1.5, "Invalid value provided."),
        ("tags", ["a"], "Invalid value provided."),
        ("address", {"city": "Delhi"}, "Invalid value provided."),
    ],
)
def test_a_bad_value_is_named_with_its_field(call: Callable[..., Any], field: str, value: object, text: str) -> None:
    caller = call()
    answer = caller.post("lead-created", [{**person("a"), field: value}])
    assert results(answer) == [(400, str({field: text}))]
    assert caller.request_log.violations == []
    assert states(caller) == {}


@pytest.mark.parametrize("number", ["9999999999", "919999999999", "09999999999"])
def test_every_spelling_of_an_indian_number_is_one_number(call: Callable[..., Any], number: str) -> None:
    caller = call()
    assert results(caller.post("lead-created", [person("a", number)])) == [(200, None)]
    assert caller.pipeline.store["0PT711"].leads["a"].phone_number == "+919999999999"


@pytest.mark.parametrize(
    "number", ["+919999999999", "+91 99999 99999", "99999 99999", "999999999", "0022345678", "call"]
)
def test_a_number_of_more_than_12_characters_or_in_another_spelling_is_refused(
    call: Callable[..., Any], number: str
) -> None:
    answer = call().post("lead-created", [person("a", number)])
    assert results(answer) == [(400, str({"phone_number": "Invalid value provided."}))]


@pytest.mark.parametrize("number", ["2223456789", "01123456789"])
def test_a_landline_is_an_indian_number(call: Callable[..., Any], number: str) -> None:
    assert results(call().post("lead-created", [person("a", number)])) == [(200, None)]


def test_values_at_their_limits_and_every_plain_custom_value_are_taken_and_echoed(call: Callable[..., Any]) -> None:
    caller = call()
    lead = person("x" * 255, contact_name="y" * 48, number=2**80, flag=True, nothing=None, text="नमस्ते")
    answer = caller.post("lead-created", [lead])
    assert answer.content["result"] == [{"status_code": 200, "data": lead}]
    assert caller.pipeline.store["0PT711"].leads["x" * 255].custom == {
        "number": 2**80,
        "flag": True,
        "nothing": None,
        "text": "नमस्ते",
    }


def test_an_upsert_merges_custom_values_and_keeps_the_rest(call: Callable[..., Any]) -> None:
    caller = call()
    caller.post("lead-upserted", [person("a", city="Delhi", stage="1")])
    caller.post("lead-upserted", [person("a", "8888888888", "Jane Doe", stage="2")])
    lead = caller.pipeline.store["0PT711"].leads["a"]
    assert (lead.phone_number, lead.contact_name, lead.custom) == (
        "+918888888888",
        "Jane Doe",
        {"city": "Delhi", "stage": "2"},
    )


def test_converted_and_processed_leads_refuse_what_their_tables_say(call: Callable[..., Any]) -> None:
    caller = call()
    caller.post("lead-created", [person("won"), person("called")])
    caller.post("lead-converted", [{"lead_id": "won", "detail": "sold"}])
    process(caller, "called")
    converted = "We cannot accept this request as the lead_id: won has already been marked as converted."
    processed = (
        "Either lead with given lead_id does not exist in SquadIQ system or lead has already been processed by SquadIQ!"
    )
    assert results(caller.post("lead-updated", [{"lead_id": "won"}, {"lead_id": "called"}])) == [
        (400, converted),
        (400, processed),
    ]
    assert results(caller.post("lead-upserted", [person("won"), person("called")])) == [(400, converted), (200, None)]
    assert states(caller) == {"won": "converted", "called": "processed"}


@pytest.mark.parametrize("endpoint", ["lead-created", "lead-updated", "lead-upserted"])
def test_where_leads_are_re_activated_a_judged_one_is_called_again_and_an_active_one_refused(
    call: Callable[..., Any], endpoint: str
) -> None:
    caller = call(reactivates=True)
    caller.post("lead-created", [person("judged"), person("active")])
    process(caller, "judged")
    answer = caller.post(endpoint, [person("judged"), person("active")])
    assert results(answer) == [(200, None), (400, "Unjudged leads cannot be re-activated")]
    judged = caller.pipeline.store["0PT711"].leads["judged"]
    assert (judged.state, judged.processed_at) == ("active", None)


def test_a_busy_lead_answers_409_as_often_as_the_scenario_says(call: Callable[..., Any]) -> None:
    caller = call(busy_leads={"a": 2})
    busy = '{"error_type":1,"detail":"Another request for the same lead is getting processed already"}'
    answers = [results(caller.post("lead-upserted", [person("a"), person("b")])) for _ in range(3)]
    assert answers == [[(409, busy), (200, None)], [(409, busy), (200, None)], [(200, None), (200, None)]]


def test_an_update_of_a_busy_lead_names_the_campaign(call: Callable[..., Any]) -> None:
    answer = call(busy_leads={"a": 1}).post("lead-updated", [{"lead_id": "a"}])
    busy = "campaign:0PT711. Another request for the same lead is getting processed already"
    assert results(answer) == [(409, '{"detail":"' + busy + '","error_type":1}')]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ([person(f"lead{number}") for number in range(101)], "A maximum of 100 leads per API call"),
        ([], "This list may not be empty."),
        ("lead", "Invalid data. Expected a list of leads or a lead."),
    ],
)
def test_a_body_that_is_no_list_of_1_to_100_leads_is_refused_whole(
    call: Callable[..., Any], body: object, text: str
) -> None:
    caller = call()
    answer = caller.post("lead-created", body)
    assert (answer.status, answer.content) == (400, {"error_msg": text})
    assert caller.request_log.violations == [f"POST /voice/crm-integration-v2/ref-0PT711/lead-created: {text}"]
    assert states(caller) == {}


def test_a_hundred_leads_are_taken_and_logged_in_their_order(call: Callable[..., Any]) -> None:
    caller = call()
    leads = [person(f"lead{number}") for number in range(100)]
    assert caller.post("lead-created", leads).content["metadata"] == {"total_leads": 100, "success": 100, "failed": 0}
    assert [entry.lead_id for entry in caller.request_log.applied] == [lead["lead_id"] for lead in leads]
    assert [entry.seq for entry in caller.request_log.applied] == list(range(1, 101))
    assert {entry[1:4] for entry in caller.request_log.applied} == {(1, "ref-0PT711", "create")}


def test_a_lead_with_an_empty_id_tells_whether_the_endpoint_is_there_and_changes_nothing(
    call: Callable[..., Any],
) -> None:
    for endpoint in ("created", "upserted", "updated", "converted", "disabled", "deleted"):
        caller = call()
        assert [status for status, _ in results(caller.post(f"lead-{endpoint}", [{"lead_id": ""}]))] == [400]
        assert (states(caller), caller.request_log.applied, caller.request_log.violations) == ({}, [], [])


def test_an_unknown_reference_and_an_endpoint_that_is_off_are_404(call: Callable[..., Any]) -> None:
    caller = call(disabled_endpoints=frozenset({"lead-upserted"}))
    answer = caller.post("lead-created", [person("a")], ref_id="other")
    assert (answer.status, answer.content) == (404, {"error_msg": "No active integration found."})
    answer = caller.post("lead-upserted", [person("a")])
    assert (answer.status, answer.content) == (
        404,
        {"error_msg": "This endpoint is not enabled in your Integration"},
    )
    assert caller.request_log.violations == []
