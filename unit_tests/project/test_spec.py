"""Both specifications keep to what Airbyte's form can show, and explain themselves there."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

SECRETS = {
    "source": ["squadstack.token", "contact_center.password", "webhooks.token", "privacy.salt"],
    "destination": [
        "squadstack.token",
        "contact_center.password",
        "object_storage_config.access_key_id",
        "object_storage_config.secret_access_key",
    ],
}
SECRET_NAMES = {path.rpartition(".")[2] for paths in SECRETS.values() for path in paths}
# A section that may be left out is a choice, and the first option is what a form begins with.
CHOICES = {
    "source": {"squadstack": "enabled", "contact_center": "disabled", "webhooks": "disabled"},
    "destination": {"squadstack": "enabled", "contact_center": "disabled", "object_storage_config": "None"},
}
# Airbyte's form leaves these out or refuses them.
NOT_RENDERED = {"$ref", "anyOf", "allOf", "not", "if", "then", "patternProperties", "prefixItems"}


def objects(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every object of a specification with the path of its fields: the whole, choices, entries of lists."""
    if "properties" in schema:
        yield path, schema
    for name, rule in schema.get("properties", {}).items():
        # Of a choice the form shows the options alone; a section's plain fields stand beside them for programs.
        for each in rule.get("oneOf", [rule]):
            yield from objects(each, f"{path}{name}.")
        yield from objects(rule.get("items", {}), f"{path}{name}[].")


def fields(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Yield every field with its path, and whether it is required where it stands; of a choice each option's fields."""
    for path, each in objects(schema):
        for name, rule in each["properties"].items():
            yield f"{path}{name}", rule, name in each.get("required", [])


def everything(rule: Any) -> Iterator[dict[str, Any]]:
    """Yield every object of a specification, whatever it is for."""
    if isinstance(rule, dict):
        yield rule
    for part in rule.values() if isinstance(rule, dict) else rule if isinstance(rule, list) else ():
        yield from everything(part)


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


def choices(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {path: rule for path, rule, _ in fields(spec) if "oneOf" in rule}


def test_a_section_that_may_be_left_out_is_a_choice_that_begins_with_what_most_users_want(
    spec: dict[str, Any], kind: str
):
    begun = {
        path: next(field["const"] for field in rule["oneOf"][0]["properties"].values() if "const" in field)
        for path, rule in choices(spec).items()
    }
    assert begun == CHOICES[kind]


def test_the_options_of_a_choice_have_descriptions_and_one_constant_each_by_which_they_are_told_apart(
    spec: dict[str, Any],
):
    for path, rule in choices(spec).items():
        constants = [{n: r["const"] for n, r in o["properties"].items() if "const" in r} for o in rule["oneOf"]]
        assert rule["type"] == "object", path
        assert all(option["description"].endswith(".") for option in rule["oneOf"]), path
        assert len({tuple(each) for each in constants}) == 1, path
        assert len({tuple(each.values()) for each in constants}) == len(constants), path


def test_no_two_options_in_a_form_have_one_title(spec: dict[str, Any]):
    # A radio button's HTML id is its option's title: of two with one title the second would switch the first.
    titles = Counter(option["title"] for rule in choices(spec).values() for option in rule["oneOf"])
    assert [title for title, count in titles.items() if count > 1] == []


def test_a_section_has_the_same_fields_plain_and_in_the_option_that_is_on(spec: dict[str, Any]):
    for path, rule in choices(spec).items():
        if path == "object_storage_config":
            continue
        (on,) = [option for option in rule["oneOf"] if option["properties"]["mode"]["const"] == "enabled"]
        assert {name: field for name, field in on["properties"].items() if name != "mode"} == rule["properties"]
        assert "required" not in rule
        assert "mode" not in on["required"]


def test_no_object_is_closed_because_a_later_version_may_drop_a_field(spec: dict[str, Any]):
    # The rule of Airbyte's acceptance tests; the connectors' own validation closes the sections again.
    assert [each for each in everything(spec) if each.get("additionalProperties", True) is not True] == []


def test_every_choice_wherever_it_stands_has_the_shape_that_airbytes_acceptance_tests_ask(spec: dict[str, Any]):
    for each in everything(spec):
        if isinstance(each.get("oneOf"), list):
            assert each["type"] == "object"
            shared = set.intersection(*(set(option["properties"]) for option in each["oneOf"]))
            constants = [
                name for name in shared if all("const" in option["properties"][name] for option in each["oneOf"])
            ]
            assert len(constants) == 1
        if each.get("type") == "object":
            assert each.get("oneOf") or each.get("properties")


def test_only_optional_fields_are_marked_to_be_shown_always(spec: dict[str, Any]):
    assert not [path for path, rule, required in fields(spec) if rule.get("always_show") and required]


def test_exactly_the_secrets_are_marked(spec: dict[str, Any], kind: str):
    assert [path for path, rule, _ in fields(spec) if rule.get("airbyte_secret")] == SECRETS[kind]
    unmarked = [
        name
        for each in everything(spec)
        for name, rule in each.get("properties", {}).items()
        if name in SECRET_NAMES and rule.get("type") == "string" and not rule.get("airbyte_secret")
    ]
    assert unmarked == []


def test_a_field_that_both_connectors_have_is_explained_in_the_same_words(specs: dict[str, dict[str, Any]]):
    shared = ("squadstack.token", "squadstack.base_url", "contact_center.portal_url", "contact_center.domain")
    of = {kind: {path: rule for path, rule, _ in fields(spec)} for kind, spec in specs.items()}
    for path in shared:
        said = [{key: of[kind][path].get(key) for key in ("title", "description", "pattern_descriptor")} for kind in of]
        assert said[0] == said[1]
