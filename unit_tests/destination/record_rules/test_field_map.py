"""How a lead's fields are filled from a record's."""

import pytest

from destination_squadstack.record_rules.field_map import MappedField, field_mapper, hidden_names


def filled(record, *fields):
    return field_mapper(fields)(record)


def test_a_field_is_filled_with_the_value_as_it_is():
    assert filled({"id": 7, "tags": ["a"], "x": None}, MappedField("lead_id", "id"), MappedField("t", "tags")) == {
        "lead_id": 7,
        "t": ["a"],
    }


def test_a_null_is_filled_in_and_a_missing_field_is_not():
    assert filled({"x": None}, MappedField("a", "x"), MappedField("b", "y")) == {"a": None}


def test_a_constant_is_the_same_for_every_record():
    fill = field_mapper([MappedField("source", value="HubSpot")])
    assert [fill({}), fill({"source": "other"})] == [{"source": "HubSpot"}, {"source": "HubSpot"}]


def test_a_dotted_name_reaches_into_an_object():
    assert filled({"properties": {"phone": "98"}}, MappedField("phone_number", "properties.phone")) == {
        "phone_number": "98"
    }


@pytest.mark.parametrize(
    ("record", "name"),
    [
        ({"first": "Asha", "last": "Rao"}, "Asha Rao"),
        ({"first": " Asha ", "last": "Rao\n"}, "Asha Rao"),
        ({"first": "Asha", "last": ""}, "Asha"),
        ({"first": "  ", "last": "Rao"}, "Rao"),
        ({"first": None, "last": "Rao"}, "Rao"),
        ({"last": "Rao"}, "Rao"),
        ({"first": 7, "last": 1.50}, "7 1.5"),
        ({"first": True, "last": {"a": [1]}}, 'true {"a":[1]}'),
    ],
)
def test_several_fields_are_joined_by_a_space_and_blank_ones_left_out(record, name):
    assert filled(record, MappedField("contact_name", "first, last")) == {"contact_name": name}


@pytest.mark.parametrize("record", [{}, {"first": None}, {"first": "", "last": "  "}])
def test_several_blank_fields_are_no_field(record):
    assert filled(record, MappedField("contact_name", "first,last")) == {}


def test_several_fields_may_be_dotted():
    record = {"properties": {"firstname": "Asha", "lastname": "Rao"}}
    field = MappedField("contact_name", "properties.firstname , properties.lastname")
    assert filled(record, field) == {"contact_name": "Asha Rao"}


def test_a_column_whose_own_name_has_a_comma_wins_over_the_two_that_it_could_name():
    record = {"Last, First": "Rao, Asha", "Last": "x", "First": "y"}
    assert filled(record, MappedField("contact_name", "Last, First")) == {"contact_name": "Rao, Asha"}


def test_a_mapped_field_is_not_sent_under_its_old_name_as_well():
    fields = [
        MappedField("lead_id", "id"),
        MappedField("contact_name", "first, last"),
        MappedField("source", value="x"),
    ]
    assert hidden_names(fields) == {"lead_id", "id", "contact_name", "first, last", "first", "last", "source"}


@pytest.mark.parametrize(
    ("field", "plain"),
    [
        (MappedField("a", "b"), True),
        (MappedField("a", "b.c"), False),
        (MappedField("a", "b,c"), False),
        (MappedField("a", value="b"), False),
    ],
)
def test_a_plain_field_is_another_name_of_one_field(field, plain):
    assert field.is_plain is plain
