"""What leaves for a custom value that the API would refuse."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destination_squadstack.record_rules.custom_values import as_text, convert_custom_values
from squadstack_common.lossless_json import TooLarge

DOCUMENTED = frozenset({"lead_id", "detail"})


def converted(lead):
    lead = dict(lead)
    return convert_custom_values(lead, DOCUMENTED), lead


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12.5, "12.5"),
        (0.1, "0.1"),
        (100.0, "100"),
        (0.0, "0"),
        (-0.0, "0"),
        (-2.50, "-2.5"),
        (1e-7, "0.0000001"),
        (1.5e-9, "0.0000000015"),
        (1e21, "1000000000000000000000"),
        (123456789012345.67, "123456789012345.67"),
        (True, "true"),
        (False, "false"),
        ({"city": "Pune", "pin": 411001}, '{"city":"Pune","pin":411001}'),
        (["a", 1, None, True, 1.5], '["a",1,null,true,1.5]'),
        ({"नाम": "आशा"}, '{"नाम":"आशा"}'),
        ({}, "{}"),
        ([], "[]"),
        ([2**70], f"[{2**70}]"),
    ],
)
def test_fractions_booleans_objects_and_lists_leave_as_text(value, text):
    assert converted({"x": value}) == (1, {"x": text})


@pytest.mark.parametrize("value", ["12.50", "", "true", 5, -5, 2**70, None, "नमस्ते", "\ud83d"])
def test_texts_integers_and_nulls_leave_as_they_are(value):
    assert converted({"x": value}) == (0, {"x": value})


def test_documented_fields_are_no_custom_values():
    lead = {"lead_id": 12.0, "detail": {"order": 1}}
    assert converted(lead) == (0, lead)


def test_the_changed_values_of_a_lead_are_counted_and_keep_their_places():
    count, lead = converted({"a": 1.5, "lead_id": "L1", "b": "x", "c": [1], "detail": 0.5})
    assert count == 2
    assert list(lead.items()) == [("a", "1.5"), ("lead_id", "L1"), ("b", "x"), ("c", "[1]"), ("detail", 0.5)]


def test_a_value_that_cannot_be_text_stays_for_the_mapper_to_refuse():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    for value in (TooLarge(), [TooLarge()], deep):
        assert as_text(value) is None
        count, lead = converted({"x": value})
        assert (count, lead["x"] is value) == (0, True)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_text_of_a_fraction_is_the_same_number_with_no_exponent_and_no_needless_zero(value):
    text = as_text(value)
    assert float(text) == value
    assert set(text) <= set("-0123456789.")
    if "." in text:
        assert text[-1] not in "0."


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON))
def test_a_converted_lead_holds_text_integers_and_nulls_alone_and_is_not_converted_again(lead):
    _, once = converted(lead)
    assert converted(once) == (0, once)
    assert {type(value) for name, value in once.items() if name not in DOCUMENTED} <= {str, int, type(None)}
    assert all(
        json.loads(once[name]) == value
        for name, value in lead.items()
        if isinstance(value, list | dict) and name not in DOCUMENTED
    )
