"""Which sections of a config are filled in, and what a field means that is left out."""

import pytest

from squadstack_common.config_sections import filled_in, plain_schema, with_defaults

FIELDS = {"token": {"type": "string"}, "speed": {"type": "integer", "default": 100}}
OFF = {"properties": {"mode": {"const": "disabled"}}, "required": ["mode"]}
ON = {"properties": {**FIELDS, "mode": {"const": "enabled"}}, "required": ["token"]}
PUBLISHED = {
    "type": "object",
    "additionalProperties": True,
    "properties": {
        "account": {"type": "object", "properties": FIELDS, "dependencies": {"token": ["speed"]}, "oneOf": [OFF, ON]},
        "store": {
            "type": "object",
            "oneOf": [
                {"properties": {"kind": {"const": "none"}}},
                {"properties": {"kind": {"const": "folder"}, "path": {"type": "string"}, "keep": {"default": 7}}},
            ],
        },
        "entries": {
            "type": "array",
            "default": [],
            "items": {"type": "object", "properties": {"name": {"type": "string"}, "act": {"default": "add"}}},
        },
        "texts": {"type": "object", "properties": {"long": {"default": "cut"}, "inner": {"default": False}}},
        "limit": {"type": "integer"},
    },
}
PLAIN = plain_schema(PUBLISHED)


def test_the_plain_form_of_an_optional_section_is_a_closed_object_with_its_required_fields():
    assert PLAIN["properties"]["account"] == {
        "type": "object",
        "properties": {**FIELDS, "mode": {"enum": ["disabled", "enabled"]}},
        "required": ["token"],
        "additionalProperties": False,
    }


def test_every_object_of_a_plain_specification_but_the_whole_is_closed():
    properties = PLAIN["properties"]
    assert PLAIN["additionalProperties"] is True
    assert properties["texts"]["additionalProperties"] is False
    assert properties["entries"]["items"]["additionalProperties"] is False
    assert [option["additionalProperties"] for option in properties["store"]["oneOf"]] == [False, False]


def test_making_a_plain_specification_leaves_the_published_one_as_it_was():
    assert PUBLISHED["properties"]["account"]["oneOf"] == [OFF, ON]
    assert "additionalProperties" not in PUBLISHED["properties"]["account"]


@pytest.mark.parametrize(
    "shell",
    [None, {}, {"token": ""}, {"token": None, "speed": 100}, {"token": []}, {"mode": "disabled", "token": "t"}],
)
def test_a_section_of_a_config_that_nobody_filled_in_or_that_is_off_is_left_out(shell):
    assert filled_in({"account": shell, "later": 1}, PUBLISHED) == {"later": 1}


@pytest.mark.parametrize(
    "section", [{"speed": 5}, {"token": "t"}, "text", {"mode": "off"}, {"misspelt": "t"}, {"token": 0}]
)
def test_a_section_of_a_config_that_somebody_began_to_fill_in_is_kept(section):
    assert filled_in({"account": section}, PUBLISHED) == {"account": section}


def test_a_section_of_a_config_that_is_on_is_kept_without_its_mode_even_when_empty():
    assert filled_in({"account": {"mode": "enabled", "token": "t"}}, PUBLISHED) == {"account": {"token": "t"}}
    assert filled_in({"account": {"mode": "enabled"}}, PUBLISHED) == {"account": {}}


def test_a_field_at_the_top_of_a_config_that_is_null_counts_as_left_out():
    assert filled_in({"limit": None, "later": None}, PUBLISHED) == {}


def test_a_sections_mode_means_something_only_where_the_specification_has_one():
    config = {"texts": {"mode": "disabled", "long": "x"}, "later": {"mode": "disabled"}}
    assert filled_in(config, PUBLISHED) == config


def test_fields_that_a_config_leaves_out_get_the_defaults_of_the_specification():
    config = {"account": {"token": "t"}, "store": {"kind": "folder"}, "entries": [{"name": "a"}, {"act": "drop"}]}
    assert with_defaults(config, PLAIN) == {
        "account": {"token": "t", "speed": 100},
        "store": {"kind": "folder", "keep": 7},
        "entries": [{"act": "add", "name": "a"}, {"act": "drop"}],
        "texts": {"long": "cut", "inner": False},
    }


def test_only_a_section_of_which_every_field_has_a_default_is_there_without_being_named():
    assert with_defaults({}, PLAIN) == {"entries": [], "texts": {"long": "cut", "inner": False}}


def test_a_field_that_a_config_gives_keeps_its_value_and_not_the_default():
    given = {"account": {"token": "t", "speed": 1}, "entries": [], "texts": {"long": "keep", "inner": True}, "limit": 3}
    assert with_defaults(given, PLAIN) == given
