"""A violation of a specification is a sentence that names the field and never its value."""

import pytest

from squadstack_common.config_errors import address_problems, problems

SECRET = "canary"


def said(rule, value, **options):
    return problems({"field": value}, {"type": "object", "properties": {"field": rule}}, **options)


@pytest.mark.parametrize(
    ("rule", "value", "sentence"),
    [
        ({"type": "string"}, 7, "field must be a string."),
        ({"type": "integer"}, SECRET, "field must be an integer."),
        ({"type": "array"}, SECRET, "field must be an array."),
        ({"type": "object"}, SECRET, "field must be an object."),
        ({"enum": ["a", "b"]}, SECRET, "field must be one of: a, b."),
        ({"pattern": "^[0-9]+$"}, SECRET, "field must look like this: ^[0-9]+$."),
        ({"pattern": "^[0-9]+$", "pattern_descriptor": "digits"}, SECRET, "field must look like this: digits."),
        ({"minimum": 1}, 0, "field must be at least 1."),
        ({"maximum": 1}, 2, "field must be at most 1."),
        ({"minLength": 1}, "", "field is empty."),
        ({"minItems": 1}, [], "field must name at least one."),
        ({"maxItems": 1}, [SECRET, 2], "field must name at most 1; read the others by another source."),
        ({"uniqueItems": True}, [SECRET, SECRET], "field must not name one twice."),
        ({"maxLength": 1}, SECRET, "field breaks the rule 'maxLength' of the specification."),
    ],
)
def test_each_rule_of_a_specification_has_a_sentence_of_its_own(rule, value, sentence):
    assert said(rule, value) == [sentence]


def test_a_field_of_a_config_is_spelled_as_the_connectors_other_messages_spell_it():
    assert said({"type": "string"}, 7, field="`{}`") == ["`field` must be a string."]


def test_every_missing_field_of_a_config_is_named_once():
    rule = {"type": "object", "required": ["a", "b", "c"]}
    assert said(rule, {"b": 1}) == ["field.a is missing.", "field.c is missing."]


def test_every_unknown_field_of_a_config_is_named():
    rule = {"type": "object", "properties": {"a": {}}, "additionalProperties": False}
    assert said(rule, {"a": 1, "z": SECRET, "y": SECRET}) == [
        "field.y is not a field that this connector knows.",
        "field.z is not a field that this connector knows.",
    ]


def test_an_entry_of_a_list_in_a_config_is_named_by_its_place():
    rule = {"items": {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}}
    assert said(rule, [{"id": "a"}, {"id": 5}, {}]) == ["field[1].id must be a string.", "field[2].id is missing."]


@pytest.mark.parametrize("value", [f"{SECRET}\n", f"\n{SECRET}"])
def test_a_line_break_at_an_end_does_not_match_a_pattern_of_a_specification(value):
    assert said({"pattern": "^[a-z]+$", "pattern_descriptor": "letters"}, value) == [
        "field must look like this: letters."
    ]


@pytest.mark.parametrize("value", [4.0, True])
def test_neither_four_point_zero_nor_true_is_an_integer_in_a_config(value):
    assert said({"type": "integer"}, value) == ["field must be an integer."]


CHOICE = {
    "oneOf": [
        {"properties": {"kind": {"const": "none"}}, "required": ["kind"]},
        {
            "properties": {"kind": {"const": "some"}, "paths": {"items": {"type": "string"}}},
            "required": ["kind", "paths"],
            "additionalProperties": False,
        },
    ]
}


@pytest.mark.parametrize("value", [{}, {"kind": SECRET}, {"kind": [SECRET]}, SECRET])
def test_a_choice_in_a_config_that_names_no_option_is_told_the_options(value):
    assert said(CHOICE, value) == ["field.kind must be one of: none, some."]


def test_a_choice_in_a_config_is_held_to_the_option_that_it_names():
    assert said(CHOICE, {"kind": "some", "path": SECRET}) == [
        "field.paths is missing.",
        "field.path is not a field that this connector knows.",
    ]
    assert said(CHOICE, {"kind": "some", "paths": ["a", 5]}) == ["field.paths[1] must be a string."]


def test_a_config_that_keeps_to_its_schema_has_no_problems():
    assert said(CHOICE, {"kind": "some", "paths": []}) == []


@pytest.mark.parametrize(
    "url", ["https://canary..example", "https://[::1", "https://a:99999", "https://a:0", f"https://{'a' * 70}.b"]
)
def test_an_address_in_a_config_that_no_host_can_have_is_named_by_its_field(url):
    config = {"section": {"url": url}, "other": {"url": "https://a.b"}}
    assert address_problems(config, {"other": "url", "section": "url", "absent": "url"}) == [
        "section.url is not an address that a host can have."
    ]


@pytest.mark.parametrize(
    "url", ["https://a.b/c", "http://localhost:8899", "http://127.0.0.1:1/x", "http://[::1]:5", "https://a_b.c."]
)
def test_an_address_in_a_config_that_a_host_can_have_is_no_problem(url):
    assert address_problems({"section": {"url": url}}, {"section": "url"}) == []
