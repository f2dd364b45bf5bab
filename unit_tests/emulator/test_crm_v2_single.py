"""CRM v2 calls with one lead: the recorded answers and the tables of status codes of the bulk page."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

JOHN = {
    "lead_id": "sample_lead_id",
    "phone_number": "9999999999",
    "contact_name": "John Doe",
    "custom_field1": "custom value1",
}
ID = {"lead_id": "sample_lead_id"}
BUSY = "Another request for the same lead is getting processed already"


def told(answer: Any) -> tuple[int, object]:
    return answer.status, answer.content


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("lead-created", JOHN),
        ("lead-upserted", JOHN),
        ("lead-updated", {**ID, "field_to_update": "new value"}),
        ("lead-converted", {**ID, "detail": "Lead successfully converted"}),
        ("lead-disabled", ID),
        ("lead-deleted", ID),
    ],
)
def test_success_is_a_200_with_what_was_sent(call: Callable[..., Any], endpoint: str, body: object) -> None:
    caller = call()
    if endpoint != "lead-created":
        caller.post("lead-created", JOHN)
    assert told(caller.post(endpoint, body)) == (200, body)


def test_creating_a_lead_that_is_there_is_a_409_with_json_in_a_string(call: Callable[..., Any]) -> None:
    caller = call()
    caller.post("lead-created", JOHN)
    answer = caller.post("lead-created", JOHN)
    assert answer.status == 409
    assert answer.body == rb'{"error_msg":"{\"error_type\":1,\"detail\":\"Internal ID already exists\"}"}'


@pytest.mark.parametrize("endpoint", ["lead-created", "lead-upserted"])
def test_a_bad_field_is_a_400_with_json_in_a_string(call: Callable[..., Any], endpoint: str) -> None:
    caller = call()
    answer = caller.post(endpoint, {**JOHN, "phone_number": "123"})
    assert answer.status == 400
    assert answer.body == rb'{"error_msg":"{\"phone_number\":[\"Invalid value provided.\"]}"}'
    answer = caller.post(endpoint, {**JOHN, "contact_name": ""})
    assert answer.body == rb'{"error_msg":"{\"contact_name\":[\"This field may not be blank.\"]}"}'


def test_an_upsert_needs_number_and_name_the_first_time_only(call: Callable[..., Any]) -> None:
    caller = call()
    assert caller.post("lead-upserted", {**ID, "stage": "2"}).status == 400
    assert caller.post("lead-upserted", JOHN).status == 200
    assert told(caller.post("lead-upserted", {**ID, "stage": "2"})) == (200, {**ID, "stage": "2"})


def test_updating_a_lead_that_is_unknown_or_processed_is_one_400(call: Callable[..., Any]) -> None:
    caller = call()
    text = (
        "Either lead with given lead_id does not exist in SquadIQ system or lead has already been processed by SquadIQ!"
    )
    assert told(caller.post("lead-updated", ID)) == (400, {"error_msg": text})
    caller.post("lead-created", JOHN)
    leads = caller.pipeline.store["0PT711"]
    leads.put(replace(leads.leads["sample_lead_id"], state="processed"))
    assert told(caller.post("lead-updated", ID)) == (400, {"error_msg": text})


def test_converted_leads_answer_as_their_tables_say(call: Callable[..., Any]) -> None:
    caller = call()
    caller.post("lead-created", JOHN)
    caller.post("lead-converted", {**ID, "detail": "sold"})
    text = "We cannot accept this request as the lead_id: sample_lead_id has already been marked as converted."
    assert told(caller.post("lead-updated", ID)) == (400, {"error_msg": text})
    assert told(caller.post("lead-upserted", JOHN)) == (400, {"error_msg": text})
    again = caller.post("lead-converted", {**ID, "detail": "sold"})
    assert again.status == 400
    assert (
        again.body
        == rb'{"error_msg":"{\"detail\":\"lead_id:sample_lead_id has been marked as converted from our platform.\"}"}'
    )


def test_converting_without_an_id_is_a_400_with_two_layers_of_quotes(call: Callable[..., Any]) -> None:
    answer = call().post("lead-converted", {"lead_id": "", "detail": "sold"})
    assert answer.status == 400
    assert answer.body == rb'{"error_msg":"{\"detail\":\"\\\"lead_id\\\" is a required field!\"}"}'


@pytest.mark.parametrize("endpoint", ["lead-disabled", "lead-deleted"])
def test_disabling_and_deleting_say_detail_instead_of_error_msg(call: Callable[..., Any], endpoint: str) -> None:
    caller = call()
    assert told(caller.post(endpoint, ID)) == (404, {"detail": '"lead_id" provided does not exist with us.'})
    assert told(caller.post(endpoint, {"lead_id": ""})) == (400, {"detail": '"lead_id" is a required field!'})


def test_a_busy_lead_is_a_409(call: Callable[..., Any]) -> None:
    caller = call(busy_leads={"sample_lead_id": 2})
    answer = caller.post("lead-created", JOHN)
    assert answer.status == 409
    assert answer.content == {"error_msg": '{"error_type":1,"detail":"' + BUSY + '"}'}
    answer = caller.post("lead-updated", ID)
    assert answer.content == {"error_msg": '{"detail":"campaign:0PT711. ' + BUSY + '","error_type":1}'}
    assert caller.post("lead-created", JOHN).status == 200
