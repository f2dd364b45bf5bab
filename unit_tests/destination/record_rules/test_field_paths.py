"""Which value of a record a name leads to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destination_squadstack.record_rules.field_paths import MISSING, field_reader


@pytest.mark.parametrize(
    ("record", "name", "found"),
    [
        ({"phone": "1"}, "phone", "1"),
        ({"phone": None}, "phone", None),
        ({}, "phone", MISSING),
        ({"properties": {"phone": "1"}}, "properties.phone", "1"),
        ({"properties": {"phone": None}}, "properties.phone", None),
        ({"properties": {}}, "properties.phone", MISSING),
        ({"properties": None}, "properties.phone", MISSING),
        ({"properties": "phone"}, "properties.phone", MISSING),
        ({"properties": ["phone"]}, "properties.phone", MISSING),
        ({"a": {"b": {"c": {"d": 0}}}}, "a.b.c.d", 0),
        ({"a": {"b": 1}}, "a", {"b": 1}),
        ({"a": [{"b": 1}]}, "a.0.b", MISSING),
    ],
)
def test_a_dotted_name_leads_through_objects(record, name, found):
    assert field_reader(name)(record) == found


@pytest.mark.parametrize(
    ("record", "found"),
    [
        ({"a.b.c": 1, "a": {"b": {"c": 2}}}, 1),
        ({"a.b": {"c": 1}, "a": {"b.c": 2}}, 1),
        ({"a": {"b.c": 1, "b": {"c": 2}}}, 1),
        ({"a.b": {}, "a": {"b.c": 2}}, 2),
        ({"a.b": "text", "a": {"b": {"c": 3}}}, 3),
        ({"a.b.c": None, "a": {"b": {"c": 2}}}, None),
    ],
)
def test_a_key_that_holds_dots_wins_over_the_path(record, found):
    assert field_reader("a.b.c")(record) == found


@pytest.mark.parametrize("name", [".", "..", "a.", ".a", "a..b", ""])
def test_an_odd_name_is_a_key_like_any_other_or_missing(name):
    assert field_reader(name)({name: 1}) == 1
    assert field_reader(name)({"b": 1}) is MISSING


@given(
    st.dictionaries(st.text("ab.", max_size=4), st.dictionaries(st.text("ab.", max_size=3), st.integers())), st.data()
)
def test_every_key_is_found_under_its_own_name(record, data):
    if record:
        name = data.draw(st.sampled_from(sorted(record)))
        assert field_reader(name)(record) == record[name]
