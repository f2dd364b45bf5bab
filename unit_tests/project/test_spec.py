"""Both specifications keep to what Airbyte's form can show, and explain themselves there."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import ValidationError, validate

SECRETS = {
    "source": ["squadstack.token", "contact_center.password", "webhooks.token"],
    "destination": [
        "squadstack.token",
        "contact_center.password",
        "object_storage_config.access_key_id",
        "object_storage_config.secret_access_key",
    ],
}
FILLED_IN = {
    "source": {"token": "t", "campaign_ids": ["0PT711"], "start_date": "2024-01-01T00:00:00Z"},
    "destination": {"token": "t"},
}
# Airbyte's form leaves these out or refuses them.
NOT_RENDERED = {"$ref", "anyOf", "allOf", "not", "if", "then", "dependencies", "patternProperties", "prefixItems"}


def objects(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every object of a specification with the path of its fields: the whole, choices, entries of lists."""
    if "properties" in schema:
        yield path, schema
    for name, rule in schema.get("properties", {}).items():
        for each in (rule, *rule.get("oneOf", [])):
            yield from objects(each, f"{path}{name}.")
        yield from objects(rule.get("items", {}), f"{path}{name}[].")


def fields(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Yield every field with its path, and whether it is required where it stands."""
    for path, each in objects(schema):
        for name, rule in each["properties"].items():
            yield f"{path}{name}", rule, name in each.get("required", [])


def test_every_field_has_a_title_and_a_description_that_ends_like_a_sentence(spec: dict[str, Any]):
    assert not [path for path, rule, _ in fields(spec) if not rule["title"] or not rule["description"].endswith(".")]


def test_every_field_is_of_one_type_and_of_no_shape_that_a_form_cannot_show(spec: dict[str, Any]):
    assert not [path for path, rule, _ in fields(spec) if not isinstance(rule["type"], str)]
    assert not [path for path, rule, _ in fields(spec) if NOT_RENDERED & (set(rule) | set(rule.get("items", {})))]
    assert not [path for path, rule, _ in fields(spec) if rule.get("default", "") is None]


def test_every_number_has_bounds_and_every_pattern_is_put_in_words(spec: dict[str, Any]):
    numbers = [(path, rule) for path, rule, _ in fields(spec) if rule["type"] == "integer"]
    patterns = [(path, rule) for path, field, _ in fields(spec) for rule in (field, field.get("items", {}))]
    assert not [path for path, rule in numbers if not {"minimum", "maximum"} <= set(rule)]
    assert not [path for path, rule in patterns if ("pattern" in rule) != ("pattern_descriptor" in rule)]


def test_every_field_has_a_place_of_its_own(spec: dict[str, Any]):
    for path, each in objects(spec):
        places = Counter(rule["order"] for rule in each["properties"].values())
        assert [path for _, count in places.items() if count > 1] == []


def test_every_field_at_the_top_is_in_a_card_that_has_a_title_and_no_other_field_is(spec: dict[str, Any]):
    titled = {group["id"] for group in spec["groups"] if group["title"]}
    assert {rule.get("group") for rule in spec["properties"].values()} == titled
    assert not [path for path, rule, _ in fields(spec) if "group" in rule and "." in path]


def test_no_two_fields_of_a_card_have_one_title(spec: dict[str, Any]):
    # The fields of a nested object stand in its card without a heading of their own; a list's entry has its own window.
    shown = Counter(
        (spec["properties"][path.partition(".")[0]]["group"], rule["title"])
        for path, rule, _ in fields(spec)
        if "[]" not in path and "const" not in rule and rule["type"] != "object"
    )
    assert [title for title, count in shown.items() if count > 1] == []


def test_the_options_of_a_choice_have_titles_and_one_constant_each_by_which_they_are_told_apart(
    spec: dict[str, Any], kind: str
):
    choices = [(path, rule) for path, rule, _ in fields(spec) if "oneOf" in rule]
    assert [path for path, _ in choices] == (["object_storage_config"] if kind == "destination" else [])
    for path, rule in choices:
        constants = [{n: r["const"] for n, r in o["properties"].items() if "const" in r} for o in rule["oneOf"]]
        assert rule["type"] == "object", path
        assert all(option["title"] and option["description"] for option in rule["oneOf"]), path
        assert len({tuple(each) for each in constants}) == 1, path
        assert len({tuple(each.values()) for each in constants}) == len(constants), path


def test_what_is_not_required_and_yet_on_show_is_marked_so_and_nothing_else_is(spec: dict[str, Any]):
    assert not [path for path, rule, required in fields(spec) if rule.get("always_show") and required]


def test_exactly_the_secrets_are_marked(spec: dict[str, Any], kind: str):
    assert [path for path, rule, _ in fields(spec) if rule.get("airbyte_secret")] == SECRETS[kind]


def test_a_field_that_both_connectors_have_is_explained_in_the_same_words(specs: dict[str, dict[str, Any]]):
    shared = ("squadstack.token", "squadstack.base_url", "contact_center.portal_url", "contact_center.domain")
    of = {kind: {path: rule for path, rule, _ in fields(spec)} for kind, spec in specs.items()}
    for path in shared:
        said = [{key: of[kind][path].get(key) for key in ("title", "description", "pattern_descriptor")} for kind in of]
        assert said[0] == said[1]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"token": None}, "None is not of type 'string'"),
        ({"token": "a b"}, "'a b' does not match '^[!-~]+$'"),
        ({"unknown": 1}, "Additional properties are not allowed ('unknown' was unexpected)"),
    ],
)
def test_a_validator_that_knows_nothing_of_us_blames_the_field_and_not_the_section(
    spec: dict[str, Any], kind: str, change: dict[str, Any], complaint: str
):
    # As PyAirbyte and the stock runner validate. "… is not valid under any of the given schemas" would print the token.
    with pytest.raises(ValidationError) as error:
        validate({"squadstack": {**FILLED_IN[kind], **change}}, spec)
    assert error.value.message == complaint
