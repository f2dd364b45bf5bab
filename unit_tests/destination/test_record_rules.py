"""The rules of the config on whole records: their order, what each operation is exempt from, and what is counted."""

import json

import pytest

from destination_squadstack.config import parse_config
from destination_squadstack.errors import ConfigError
from destination_squadstack.mapping import SUPPRESSED, Change, Deleted, Filtered, InvalidRecord
from destination_squadstack.progress import Progress
from destination_squadstack.record_rules.suppression import read_list
from destination_squadstack.routing import plan, record_mapper

LEAD = {"lead_id": "L1", "phone_number": "+91 98765 43210", "contact_name": "Asha Rao"}


@pytest.fixture
def mapped(kit):
    """Map records of one stream by a config; `changed` counts what cleaning changed."""

    class Mapped:
        def __init__(self):
            self.progress = Progress(lambda *_: None, now=0.0)

        def __call__(self, record, *, suppressed=(), mode="append_dedup", **config):
            parsed = parse_config(kit.config(**config))
            (route,) = plan(parsed, kit.catalog("contacts", mode=mode))
            listed = read_list(["\n".join(suppressed).encode()]) if suppressed else None
            lead_id, body = record_mapper(parsed, route, self.progress.changed, listed).shape(record)[:2]
            lead = json.loads(body)
            assert lead[route.lane.operation.key] == lead_id
            return lead

    return Mapped()


def stream(**more):
    return [{"stream": "contacts", **more}]


def test_a_row_of_a_crm_leaves_as_a_lead_that_the_api_takes(mapped):
    record = {
        **LEAD,
        "contact_name": "x" * 60,
        "price": 12.50,
        "vip": True,
        "address": {"city": "Pune"},
        "tags": ["a"],
        "score": 7,
        "note": None,
    }
    assert mapped(record) == {
        "lead_id": "L1",
        "phone_number": "9876543210",
        "contact_name": "x" * 48,
        "price": "12.5",
        "vip": "true",
        "address": '{"city":"Pune"}',
        "tags": '["a"]',
        "score": 7,
    }
    assert mapped.progress.changed == {Change.NUMBERS: 1, Change.VALUES: 4, Change.NAMES: 1}


def test_what_is_right_as_it_is_counts_as_nothing_changed(mapped):
    lead = {**LEAD, "phone_number": "9876543210", "city": "Pune"}
    assert mapped(lead) == lead
    assert mapped({**lead, "phone_number": 9876543210}) == lead
    assert mapped.progress.changed.total() == 0


def test_without_cleaning_a_record_leaves_as_it_came(mapped):
    record = {**LEAD, "contact_name": "x" * 60, "price": 12.5, "address": {"city": "Pune"}}
    cleaning = {"phone_numbers": "as_is", "custom_values": "as_is", "long_names": "as_is"}
    assert mapped(record, cleaning=cleaning) == record
    assert mapped.progress.changed.total() == 0


def test_what_is_no_valid_number_leaves_as_it_came_or_is_rejected_where_the_config_is_strict(mapped):
    record = {**LEAD, "phone_number": "98765 4321"}
    assert mapped(record) == record
    with pytest.raises(InvalidRecord) as raised:
        mapped(record, cleaning={"phone_numbers": "strict"})
    assert (raised.value.reason, raised.value.lead_id) == ("phone_number: not a valid Indian number", "L1")


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (" ", None),
        ("", "phone_number: may not be blank"),
        (True, "phone_number: must be string or integer, is a boolean"),
    ],
)
def test_strict_leaves_what_is_no_number_at_all_to_the_schema(mapped, number, reason):
    record = {**LEAD, "phone_number": number}
    if reason is None:
        assert mapped(record, cleaning={"phone_numbers": "strict"}) == record
        return
    with pytest.raises(InvalidRecord) as raised:
        mapped(record, cleaning={"phone_numbers": "strict"})
    assert raised.value.reason == reason


def test_an_upsert_without_a_number_is_not_tested_for_one(mapped):
    strict = {"phone_numbers": "strict"}
    assert mapped({"lead_id": "L1"}, cleaning=strict, suppressed=["9876543210"]) == {"lead_id": "L1"}


def test_the_detail_of_a_conversion_is_no_custom_value(mapped):
    record = {"lead_id": "L1", "detail": {"order": 1.5}}
    assert mapped(record, default={"operation": "convert", "ref_id": "r"}) == record


CONTACT_CENTER = {
    "contact_center": {
        "portal_url": "https://portal.example.com:9443",
        "username": "u",
        "password": "p",
        "domain": "d",
        "account_id": "a",
    },
    "default": {"operation": "add_lead", "api": "contact_center", "campaign_id": "c"},
}


def test_the_contact_center_gets_numbers_as_they_came_and_none_that_is_suppressed(mapped):
    assert mapped({"number": "+91 98765 43210"}, **CONTACT_CENTER) == {"number": "+91 98765 43210"}
    with pytest.raises(InvalidRecord) as raised:
        mapped({"number": "+91 98765 43210"}, suppressed=["9876543210"], **CONTACT_CENTER)
    assert raised.value.reason == SUPPRESSED


@pytest.mark.parametrize("phone_numbers", ["normalize", "strict", "as_is"])
@pytest.mark.parametrize("operation", ["create", "upsert", "update"])
def test_a_suppressed_number_is_not_sent_by_what_leads_to_a_call(mapped, operation, phone_numbers):
    with pytest.raises(InvalidRecord) as raised:
        mapped(
            LEAD,
            suppressed=["098765-43210"],
            cleaning={"phone_numbers": phone_numbers},
            default={"operation": operation, "ref_id": "r"},
        )
    assert raised.value.reason == "suppressed: the number is on the suppression list"
    assert (raised.value.lead_id, raised.value.about_config) == ("L1", False)


@pytest.mark.parametrize("operation", ["disable", "convert"])
def test_a_suppressed_number_does_not_keep_a_lead_from_being_disabled_or_converted(mapped, operation):
    default = {"operation": operation, "ref_id": "r"}
    assert mapped({**LEAD, "detail": "won"}, suppressed=["9876543210"], default=default)["lead_id"] == "L1"


def test_several_fields_are_joined_and_constants_added(mapped):
    field_map = [
        {"to": "lead_id", "from": "id"},
        {"to": "contact_name", "from": "properties.firstname, properties.lastname"},
        {"to": "phone_number", "from": "properties.phone"},
        {"to": "source", "value": "HubSpot"},
    ]
    record = {
        "id": 5,
        "properties": {"firstname": "Asha", "lastname": None, "phone": "098765 43210"},
        "archived": False,
    }
    lead = {"lead_id": "5", "contact_name": "Asha", "phone_number": "9876543210", "source": "HubSpot"}
    assert mapped(record, streams=stream(field_map=field_map, send_fields="mapped")) == lead
    assert mapped(record, streams=stream(field_map=field_map)) == {
        **lead,
        "properties": '{"firstname":"Asha","lastname":null,"phone":"098765 43210"}',
        "archived": "false",
    }


def test_mapped_fields_are_sent_with_those_that_the_operation_documents(mapped):
    streams = stream(field_map=[{"to": "city", "from": "town"}], send_fields="mapped")
    assert mapped({**LEAD, "town": "Pune", "zip": 1, "city": "lost"}, streams=streams) == {
        **LEAD,
        "phone_number": "9876543210",
        "city": "Pune",
    }


FILTER = [
    {"field": "stage", "test": "one_of", "value": "lead, opportunity"},
    {"field": "phone_number", "test": "is_filled"},
]


@pytest.mark.parametrize(
    ("change", "passes"),
    [
        ({"stage": "lead"}, True),
        ({"stage": "customer"}, False),
        ({}, False),
        ({"stage": "lead", "phone_number": ""}, False),
    ],
)
def test_a_record_that_fails_a_test_of_the_filter_is_not_sent(mapped, change, passes):
    record = {**LEAD, **change}
    for config in (
        {"streams": stream(filter=FILTER)},
        {"default": {"operation": "upsert", "ref_id": "r", "filter": FILTER}},
    ):
        if passes:
            assert mapped(record, **config)["lead_id"] == "L1"
        else:
            with pytest.raises(Filtered):
                mapped(record, **config)


def test_an_entry_without_a_filter_takes_the_default_s_and_one_with_a_filter_its_own(mapped):
    default = {"operation": "upsert", "ref_id": "r", "filter": [{"field": "stage", "test": "equals", "value": "x"}]}
    for entry in ({}, {"filter": []}):
        with pytest.raises(Filtered):
            mapped(LEAD, default=default, streams=stream(**entry))
    own = [{"field": "stage", "test": "is_empty"}]
    assert mapped(LEAD, default=default, streams=stream(filter=own))["lead_id"] == "L1"


@pytest.mark.parametrize("value", ["2026-11-20", True, "true", 1])
def test_a_tombstone_is_found_by_the_field_that_the_config_names(mapped, value):
    for name, record in (("IsDeleted", {"IsDeleted": value}), ("meta.deleted", {"meta": {"deleted": value}})):
        with pytest.raises(Deleted):
            mapped({**LEAD, **record}, streams=stream(deleted_field=name))
        with pytest.raises(Deleted):
            mapped({**LEAD, **record}, default={"operation": "create", "ref_id": "r", "deleted_field": name})


def test_a_flag_that_is_off_is_no_tombstone(mapped):
    assert mapped({**LEAD, "IsDeleted": False}, streams=stream(deleted_field="IsDeleted"))["IsDeleted"] == "false"


def test_the_rules_are_applied_in_their_order(mapped):
    """Filter, tombstone, field map, cleaning, suppression, schema: each row breaks one rule and all that follow."""
    config = {
        "streams": stream(
            filter=[{"field": "stage", "test": "equals", "value": "lead"}],
            field_map=[{"to": "phone_number", "from": "mobile"}, {"to": "contact_name", "from": "name"}],
        ),
        "cleaning": {"phone_numbers": "strict"},
        "suppressed": ["9876543210"],
    }
    record = {"lead_id": "L1", "stage": "customer", "_ab_cdc_deleted_at": "2026-11-20", "mobile": "none", "name": 5}
    with pytest.raises(Filtered):
        mapped(record, **config)
    with pytest.raises(Deleted):
        mapped(record := {**record, "stage": "lead"}, **config)
    reasons = []
    for change in ({"_ab_cdc_deleted_at": None}, {"mobile": "098765 43210"}, {"mobile": "098765 43211"}):
        record |= change
        with pytest.raises(InvalidRecord) as raised:
            mapped(record, **config)
        reasons.append(raised.value.reason)
    assert reasons == [
        "phone_number: not a valid Indian number",
        SUPPRESSED,
        "contact_name: must be string, is an integer",
    ]


def test_a_number_that_cleaning_refuses_is_told_as_such_and_not_as_a_suppressed_one(mapped):
    with pytest.raises(InvalidRecord) as raised:
        mapped(
            {**LEAD, "phone_number": "98765 43210 / 91234 56780"},
            suppressed=["9123456780"],
            cleaning={"phone_numbers": "strict"},
        )
    assert raised.value.reason == "phone_number: not a valid Indian number"


@pytest.mark.parametrize("name", ["IsDeleted ", " IsDeleted", " meta.deleted "])
def test_white_space_around_a_name_hides_no_deleted_row(mapped, name):
    with pytest.raises(Deleted):
        mapped({**LEAD, "IsDeleted": True, "meta": {"deleted": True}}, streams=stream(deleted_field=name))


def test_white_space_around_a_name_hides_no_field_and_a_key_that_has_it_wins(mapped):
    streams = stream(field_map=[{"to": "lead_id", "from": " id "}, {"to": "contact_name", "from": " Name"}])
    lead = {"lead_id": "5", "phone_number": "9876543210", "contact_name": "Asha"}
    assert mapped({"id": 5, "phone_number": "9876543210", "Name": "Asha"}, streams=streams) == lead
    assert mapped({"id": 5, "phone_number": "9876543210", " Name": "Asha", "Name": "x"}, streams=streams) == lead


def test_what_is_behind_the_last_comma_of_a_list_is_not_the_empty_text(mapped):
    for test, value in (("one_of", "lead, opportunity,"), ("one_of", "lead,,opportunity")):
        with pytest.raises(Filtered):
            mapped(LEAD, streams=stream(filter=[{"field": "stage", "test": test, "value": value}]))
    assert mapped(LEAD, streams=stream(filter=[{"field": "stage", "test": "none_of", "value": "customer,"}]))


@pytest.mark.parametrize(
    ("suppression", "sentence"),
    [
        ({"path": ""}, "path is blank: name the list, or leave the field out if no number is to be held back."),
        ({"path": " ", "on_match": "reject"}, "path is blank: name the list, or leave"),
        ({"on_match": "disable"}, "path is missing: suppression.on_match says what to do about the numbers of a list."),
    ],
)
def test_a_list_that_is_meant_and_not_named_is_a_config_error(kit, suppression, sentence):
    with pytest.raises(ConfigError) as raised:
        parse_config(kit.config(suppression=suppression))
    assert str(raised.value).startswith(f"suppression.{sentence}")


@pytest.mark.parametrize("suppression", [None, {}, {"on_match": "reject"}, {"path": None}])
def test_a_section_that_a_form_leaves_behind_is_no_list(kit, suppression):
    assert parse_config(kit.config(suppression=suppression)).suppression is None


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({"deleted_field": " "}, "deleted_field names no field."),
        ({"ref_id_from": " "}, "ref_id_from names no field."),
        (
            {"filter": [{"field": "a", "test": "none_of", "value": " , "}]},
            "filter[0].value is missing: none_of needs one.",
        ),
        (
            {"field_map": [{"to": "phone_number ", "from": "phone"}]},
            "field_map[0].to has white space around it, which no field of a lead has: remove it.",
        ),
        (
            {"field_map": [{"to": "a", "from": "b", "value": "c"}]},
            "field_map[0] has both from and value: leave one out.",
        ),
        ({"field_map": [{"to": "a", "from": " , "}]}, "field_map[0].from names no field."),
        ({"filter": [{"field": "a", "test": "equals"}]}, "filter[0].value is missing: equals needs one."),
        ({"filter": [{"field": "a", "test": "one_of", "value": " "}]}, "filter[0].value is missing: one_of needs one."),
        ({"filter": [{"field": " ", "test": "is_filled"}]}, "filter[0].field names no field."),
    ],
)
def test_a_rule_that_says_nothing_is_a_config_error(kit, entry, sentence):
    with pytest.raises(ConfigError) as raised:
        parse_config(kit.config(streams=stream(**entry)))
    assert str(raised.value) == f"streams[0].{sentence}"


def test_the_report_says_what_the_rules_did():
    said = []
    progress = Progress(lambda level, text: said.append((level, text)), now=0.0)
    progress.changed.update({Change.NUMBERS: 1312, Change.VALUES: 40, Change.NAMES: 3})
    progress.filtered["contacts"] = 1204
    progress.deleted_at_source = 17
    for _ in range(9):
        progress.reject("upsert", SUPPRESSED)
    progress.end(1.0, waiting=0, used=0, allowance=100)
    assert (
        "INFO",
        "Changed: 1,312 numbers, 40 values, 3 names; filtered 1,204; deleted at source 17; suppressed 9.",
    ) in said
    assert ("INFO", "1204 records of the stream 'contacts' did not pass the filter and were not sent.") in said
