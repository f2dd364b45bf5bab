"""Which records are sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destination_squadstack.record_rules.filters import Comparison, FieldCondition, record_filter
from squadstack_common.lossless_json import TooLarge


def passes(record, test, value="", field="f"):
    passing = record_filter([FieldCondition(field, Comparison(test), value)])
    return passing(record)


def test_without_tests_there_is_no_filter_to_run():
    assert record_filter([]) is None


@pytest.mark.parametrize(
    ("given_value", "wanted", "same"),
    [
        ("lead", "lead", True),
        (" lead ", "lead", True),
        ("lead", " lead ", True),
        ("Lead", "lead", False),
        ("leads", "lead", False),
        (True, "true", True),
        (False, "false", True),
        (5, "5", True),
        (5.0, "5", True),
        (12.50, "12.5", True),
        ("12.50", "12.5", False),
        (None, "", True),
        ("", "", True),
        (["a"], '["a"]', True),
        (None, "lead", False),
    ],
)
def test_equals_compares_texts(given_value, wanted, same):
    assert passes({"f": given_value}, "equals", wanted) is same
    assert passes({"f": given_value}, "not_equals", wanted) is not same


def test_a_missing_field_equals_nothing_but_empty_text():
    assert not passes({}, "equals", "lead")
    assert passes({}, "not_equals", "lead")
    assert passes({}, "equals", "")


@pytest.mark.parametrize(
    ("given_value", "listed"),
    [
        ("lead", True),
        ("opportunity", True),
        (" lead", True),
        ("customer", False),
        ("lead, opportunity", False),
        (7, True),
    ],
)
def test_the_filter_one_of_takes_a_list_with_commas(given_value, listed):
    assert passes({"f": given_value}, "one_of", "lead, opportunity ,7") is listed
    assert passes({"f": given_value}, "none_of", "lead, opportunity ,7") is not listed


@pytest.mark.parametrize(
    ("given_value", "wanted", "order"),
    [
        (10, "9", 1),
        ("10", "9", 1),
        ("9", "10", -1),
        (9.5, "9.50", 0),
        ("1e3", "999", 1),
        (-1, "0", -1),
        (2**70, str(2**70 - 1), 1),
        ("0.1", "0.10000000000000001", -1),
        ("b", "a", 1),
        ("a", "b", -1),
        ("2026-11-24", "2026-09-30", 1),
        ("2026-11-24T08:00:00Z", "2026-11-24", 1),
        ("10 lakh", "9", -1),
        ("1_000", "999", -1),
        ("nan", "1", 1),
    ],
)
def test_greater_and_less_compare_numbers_where_both_are_and_texts_otherwise(given_value, wanted, order):
    assert passes({"f": given_value}, "greater_than", wanted) is (order > 0)
    assert passes({"f": given_value}, "less_than", wanted) is (order < 0)


@pytest.mark.parametrize("record", [{}, {"f": None}, {"f": ""}, {"f": "  "}])
def test_an_empty_field_is_neither_greater_nor_less(record):
    assert not passes(record, "greater_than", "-1")
    assert not passes(record, "less_than", "1")


@pytest.mark.parametrize(
    ("record", "filled"),
    [
        ({}, False),
        ({"f": None}, False),
        ({"f": ""}, False),
        ({"f": " \n"}, False),
        ({"f": []}, False),
        ({"f": {}}, False),
        ({"f": "x"}, True),
        ({"f": 0}, True),
        ({"f": False}, True),
        ({"f": [None]}, True),
        ({"f": TooLarge()}, True),
    ],
)
def test_filled_is_what_holds_something(record, filled):
    assert passes(record, "is_filled") is filled
    assert passes(record, "is_empty") is not filled


def test_every_test_must_hold():
    both = record_filter(
        [
            FieldCondition("lifecyclestage", Comparison.ONE_OF, "lead, opportunity"),
            FieldCondition("properties.phone", Comparison.IS_FILLED),
        ]
    )
    assert both({"lifecyclestage": "lead", "properties": {"phone": "98"}})
    assert not both({"lifecyclestage": "lead", "properties": {"phone": None}})
    assert not both({"lifecyclestage": "customer", "properties": {"phone": "98"}})


@pytest.mark.parametrize(("name", "needs"), [(name, name not in {"is_filled", "is_empty"}) for name in Comparison])
def test_only_tests_of_emptiness_need_no_value(name, needs):
    assert name.needs_value is needs


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


@given(VALUES, st.sampled_from(Comparison), st.text())
def test_any_filter_can_be_applied_to_any_value(value, name, wanted):
    passes({"f": value}, name, wanted)


@given(VALUES, st.text())
def test_a_value_is_never_both_greater_and_less(value, wanted):
    assert not (passes({"f": value}, "greater_than", wanted) and passes({"f": value}, "less_than", wanted))
