"""What is sent of a record, what is not, and which records cannot be sent."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destination_squadstack.mapping import Deleted, InvalidRecord, MappedField, RecordMapper, RecordValidator
from destination_squadstack.operations import OPERATIONS, Body
from squadstack_common.lossless_json import load

LEAD = {"lead_id": "L1", "phone_number": "9876543210", "contact_name": "Asha"}


def operation(name):
    return OPERATIONS["crm_v2", name]


def sent(data, name="create", renames=(), **more):
    lead_id, body = RecordMapper(operation(name), renames, **more).shape(data)[:2]
    lead = json.loads(body)
    assert lead["lead_id"] == lead_id
    return lead


def refusal(data, name="create", renames=()):
    with pytest.raises(InvalidRecord) as raised:
        RecordMapper(operation(name), renames).shape(data)
    return raised.value


def test_fields_pass_through_but_for_bookkeeping_and_nulls():
    data = {
        **LEAD,
        "city": "Pune",
        "none": None,
        "zero": 0,
        "no": False,
        "_airbyte_raw_id": "x",
        "_airbyte_": 1,
        "_ab_x": 2,
    }
    assert sent(data) == {**LEAD, "city": "Pune", "zero": 0, "no": False, "_ab_x": 2}


def test_null_fields_are_sent_if_the_config_says_so():
    assert sent({**LEAD, "city": None}, send_nulls=True) == {**LEAD, "city": None}


def test_nulls_within_a_value_are_always_sent():
    assert sent({**LEAD, "city": {"a": None}}) == {**LEAD, "city": {"a": None}}


@pytest.mark.parametrize("big", [7, 2**53 + 1, 2**64, 10**40])
def test_whole_numbers_are_sent_as_text_where_text_is_meant(big):
    lead = sent({**LEAD, "lead_id": big, "phone_number": big, "score": big})
    assert (lead["lead_id"], lead["phone_number"], lead["score"]) == (str(big), str(big), big)


def deleted(row, value):
    good = {**LEAD, "number": "1", "cdr_id": "1", "status": "hopper", "detail": "won", "state_code": "MH"}
    record = {field: good[field] for field in row.schema["required"]} | {"lead_id": "1", "_ab_cdc_deleted_at": value}
    try:
        RecordMapper(row).shape(record)
    except Deleted:
        return True
    return False


@pytest.mark.parametrize(("api", "name"), OPERATIONS)
def test_a_row_deleted_at_its_source_is_sent_only_by_what_disables_or_deletes_leads(api, name):
    takes = {"disable", "delete", "delete_lead"}
    assert deleted(OPERATIONS[api, name], "2026-11-20T08:15:00Z") is (name not in takes)


@pytest.mark.parametrize("value", [None, "", "  ", False, "false", "False"])
def test_a_row_with_an_empty_deletion_time_is_a_row_like_any_other(value):
    assert not deleted(OPERATIONS["crm_v2", "upsert"], value)


IDS = [
    (api, name, key)
    for (api, name), row in OPERATIONS.items()
    for key in ([row.key] if row.body is not Body.IN_PATH else row.schema["required"])
]


@pytest.mark.parametrize(("api", "name", "key"), IDS)
def test_half_a_surrogate_pair_in_an_id_refuses_the_record(api, name, key):
    row = OPERATIONS[api, name]
    good = {**LEAD, "number": "1", "cdr_id": "1", "status": "hopper", "detail": "won", "state_code": "MH"}
    record = {field: good[field] for field in row.schema["required"]} | {key: "L\ud83d"}
    with pytest.raises(InvalidRecord) as raised:
        RecordMapper(row).shape(record)
    said = "must be an integer, or text that spells one" if api == "v1" else "holds half of a surrogate pair"
    assert str(raised.value).startswith(f"{key}: {said}")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"score": 1e400}', "score: holds a number that is too large"),
        ('{"score": ' + "9" * 5_000 + "}", "score: holds a number that is too large"),
        ('{"score": [{"x": -1e400}]}', "score: holds a number that is too large"),
        ('{"contact_name": 1e400}', "contact_name: must be string, is a number that is too large"),
        ('{"lead_id": 1e400}', "lead_id: must be string or integer, is a number that is too large"),
        ('{"deep": ' + "[" * 900 + "]" * 900 + "}", None),
    ],
)
def test_a_number_that_no_float_holds_refuses_the_record_and_not_the_sync(text, reason):
    data = {**LEAD, **load(text.encode())}
    if reason is None:
        assert sent(data) == data
    else:
        assert refusal(data).reason == reason


def test_half_a_surrogate_pair_is_sent_as_it_came():
    assert sent({**LEAD, "note": "\ud83d"})["note"] == "\ud83d"


def test_fields_are_renamed_and_come_from_nowhere_else():
    renames = [MappedField("lead_id", "id"), MappedField("contact_name", "full_name"), MappedField("city", "town")]
    data = {"id": 5, "lead_id": "other", "full_name": "Asha", "phone_number": "98", "city": "lost", "zip": 1}
    assert sent(data, renames=renames) == {"lead_id": "5", "contact_name": "Asha", "phone_number": "98", "zip": 1}


def test_one_field_of_a_record_can_fill_two_fields_of_a_lead():
    renames = [MappedField("lead_id", "id"), MappedField("crm_id", "id")]
    data = {"id": "a", "phone_number": "98", "contact_name": "Asha"}
    assert sent(data, renames=renames) == {"lead_id": "a", "crm_id": "a", "phone_number": "98", "contact_name": "Asha"}


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("disable", {"lead_id"}),
        ("delete", {"lead_id"}),
        ("convert", {"lead_id", "detail"}),
        ("update", {*LEAD, "detail"}),
    ],
)
def test_no_more_of_a_person_is_sent_than_the_operation_takes(name, fields):
    assert set(sent({**LEAD, "detail": "paid"}, name)) == fields


@pytest.mark.parametrize("detail", ["paid", {"order": {"id": 1}}, {}])
def test_the_detail_of_a_conversion_is_text_or_an_object(detail):
    assert sent({"lead_id": "a", "detail": detail}, "convert")["detail"] == detail


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"phone_number": "9", "contact_name": "A"}, "lead_id: this field is required"),
        ({**LEAD, "lead_id": None}, "lead_id: this field is required"),
        ({**LEAD, "lead_id": ""}, "lead_id: may not be blank"),
        ({**LEAD, "lead_id": 1.5}, "lead_id: must be string or integer, is a number"),
        ({**LEAD, "lead_id": 12.0}, "lead_id: must be string or integer, is a number"),
        ({**LEAD, "lead_id": True}, "lead_id: must be string or integer, is a boolean"),
        ({**LEAD, "lead_id": ["x"]}, "lead_id: must be string or integer, is a list"),
        ({**LEAD, "lead_id": {"a": 1}}, "lead_id: must be string or integer, is an object"),
        ({**LEAD, "lead_id": " L1"}, "lead_id: has white space around it"),
        ({**LEAD, "lead_id": "L1\n"}, "lead_id: has white space around it"),
        ({**LEAD, "lead_id": "   "}, "lead_id: has white space around it"),
        ({**LEAD, "phone_number": None}, "phone_number: this field is required"),
        ({**LEAD, "contact_name": 5}, "contact_name: must be string, is an integer"),
        ({**LEAD, "contact_name": ""}, "contact_name: may not be blank"),
        ({}, "lead_id: this field is required"),
    ],
)
def test_a_record_that_does_not_fit_is_described_and_not_quoted(data, reason):
    assert refusal(data).reason == reason


def test_the_id_of_a_refused_record_is_kept_where_there_is_one():
    assert refusal({"lead_id": 7}).lead_id == "7"
    assert refusal({"lead_id": 7.5}).lead_id is None


@pytest.mark.parametrize(
    ("api", "name", "data", "reason"),
    [
        ("v1", "disable", {"lead_id": "a7"}, "lead_id: must be an integer, or text that spells one"),
        ("v1", "disable", {"lead_id": "07"}, "lead_id: must be an integer, or text that spells one"),
        ("v1", "disable", {"lead_id": -7}, "lead_id: must be at least 0"),
        ("v1", "create", {**LEAD, "lead_id": 7}, "state_code: this field is required"),
        ("v1", "create", {**LEAD, "lead_id": 7, "state_code": "KAR"}, "state_code: must be a code of two letters"),
        ("v4", "convert", {"lead_id": "a", "detail": "x" * 33}, "detail: may have at most 32 characters"),
        ("v4", "convert", {"lead_id": "a", "detail": {}}, "detail: must be string, is an object"),
        ("contact_center", "add_lead", {"first_name": "A"}, "number: this field is required"),
        ("contact_center", "add_lead", {"number": " +1"}, "number: has white space around it"),
        ("contact_center", "add_lead", {"number": "+1", "retries": "3"}, "retries: must be integer, is text"),
        ("contact_center", "set_status", {"lead_id": "a"}, "status: this field is required"),
        (
            "contact_center",
            "delete_lead",
            {"lead_id": ".."},
            "lead_id: cannot be part of an address: it is . or .. or has a / or \\ in it",
        ),
        (
            "contact_center",
            "voicemail_disposition",
            {"cdr_id": "a/b"},
            "cdr_id: cannot be part of an address: it is . or .. or has a / or \\ in it",
        ),
    ],
)
def test_the_rules_of_each_api_are_told_before_anything_is_sent(api, name, data, reason):
    with pytest.raises(InvalidRecord) as raised:
        RecordMapper(OPERATIONS[api, name]).shape(data)
    assert raised.value.reason == reason


@pytest.mark.parametrize("lead_id", [7, "7", 10**30, str(10**30), 0])
def test_v1_is_given_its_numbers_as_integers(lead_id):
    key, body = RecordMapper(OPERATIONS["v1", "disable"]).shape({"lead_id": lead_id, "contact_name": "Asha"})[:2]
    assert (key, json.loads(body)) == (str(lead_id), {"lead_id": int(lead_id)})


def test_an_added_lead_carries_the_documented_fields_alone():
    fields = {"number": 12, "retries": 0, "first_name": "", "priority": 4, "ticket_id": 9, "note": "n", "cool_off": 60}
    key, body = RecordMapper(OPERATIONS["contact_center", "add_lead"]).shape({**fields, "city": "Pune"})[:2]
    assert (key, json.loads(body)) == ("12", {**fields, "number": "12", "ticket_id": "9"})


def test_an_upsert_needs_no_more_than_the_id():
    assert sent({"lead_id": "a"}, "upsert") == {"lead_id": "a"}


AS_TEXT = ("lead_id", "phone_number", "number", "cdr_id", "ticket_id")
NAMES = [
    "lead_id",
    "phone_number",
    "contact_name",
    "detail",
    "city",
    "state_code",
    "number",
    "status",
    "cdr_id",
    "note",
]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.sampled_from(["", " ", "a", "b ", "ab", "7", "07", "..", "a/b"]),
    st.just([]),
    st.just({}),
    st.just({"a": 1}),
)


@given(
    st.sampled_from(list(OPERATIONS.values())),
    st.dictionaries(st.sampled_from(NAMES), VALUES),
)
def test_the_quick_check_and_the_schema_agree(row, data):
    lead = {key: value for key, value in data.items() if value is not None}
    if row.schema.get("additionalProperties") is False:
        lead = {key: value for key, value in lead.items() if key in row.schema["properties"]}
    valid = RecordValidator(row.schema).is_valid(lead)
    key = str(lead.get(row.key, ""))
    try:
        _, body = RecordMapper(row).shape(data)[:2]
    except InvalidRecord:
        assert not valid or key != key.strip()
    else:
        assert valid
        as_text = {
            name: str(value) if name in AS_TEXT and name in row.schema["properties"] and type(value) is int else value
            for name, value in lead.items()
        }
        if row.integer_key:
            as_text[row.key] = int(as_text[row.key])
        assert json.loads(body) == as_text


@pytest.mark.parametrize(("given", "kept"), [("L1", "L1"), (7, "7"), (True, None), (None, None), (["L1"], None)])
def test_a_refused_record_keeps_its_lead_id_if_that_is_one(given, kept):
    assert refusal({**LEAD, "lead_id": given, "contact_name": 5}).lead_id == kept
