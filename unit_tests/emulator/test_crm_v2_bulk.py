"""CRM v2 bulk calls: what the recorded answers in `examples/` do not show."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest


def person(lead_id: str, phone_number: object = "9999999999", contact_name: str = "John Doe", **custom: Any) -> Any:
    return {"lead_id": lead_id, "phone_number": phone_number, "contact_name": contact_name, **custom}


def results(answer: Any) -> list[tuple[int, str | None]]:
    assert answer.status == 200
    return [(each["status_code"], each["data"].get("error_msg")) for each in answer.content["result"]]


def states(caller: Any) -> Mapping[str, str]:
    return {lead.lead_id: lead.state for lead in caller.pipeline.store["0PT711"].leads.values()}


def process(caller: Any, lead_id: str) -> None:
    leads = caller.pipeline.store["0PT711"]
    lead = leads.leads[lead_id]
    leads.put(replace(lead, state="processed", processed_at=lead.created_at, judgements=1))


def test_of_two_creates_of_one_lead_in_a_call_the_first_wins(call: Callable[..., Any]) -> None:
    caller = call()
    answer = caller.post("lead-created", [person("a", contact_name="First"), person("a", contact_name="Second")])
    assert [status for status, _ in results(answer)] == [200, 409]
    assert caller.pipeline.store["0PT711"].leads["a"].contact_name == "First"


def test_the_detail_of_a_conversion_is_kept(call: Callable[..., Any]) -> None:
    caller = call()
    caller.post("lead-created", [person("lead102")])
    detail = {"order_id": "101", "order_amount": "10000"}
    assert results(caller.post("lead-converted", [{"lead_id": "lead102", "detail": detail}])) == [(200, None)]
    assert caller.pipeline.store["0PT711"].leads["lead102"].detail == detail


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
