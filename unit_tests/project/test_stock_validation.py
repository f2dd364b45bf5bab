"""What validators that others wrote say of a config: PyAirbyte's, the Connector Builder's, a platform's.

They take every config that a connector takes, and of a wrong one they report an error that holds no secret.
Which one of its errors that is differs: the newest jsonschema looks where each lies, 4.17 only how deep.
`make clients-test` asks the real 4.17.
"""

from typing import Any

import pytest
from jsonschema import Draft7Validator, ValidationError
from jsonschema.exceptions import best_match, relevance

from test_support.wrong_configs import CONFIGS, NUMBER, SECRET, wrong_configs


def by_depth(error: ValidationError) -> Any:
    """Order errors as jsonschema 4.17 does, the oldest that the CDK takes."""
    return -len(error.path), error.validator not in {"anyOf", "oneOf"}, False, not error._matches_type()


ORDERS = {"the newest": relevance, "4.17": by_depth}


@pytest.fixture
def validator(spec: dict[str, Any]) -> Draft7Validator:
    return Draft7Validator(spec)


def said(validator: Draft7Validator, config: dict[str, Any], order: str) -> str | None:
    """Return what `jsonschema.validate` reports of a config."""
    error = best_match(validator.iter_errors(config), key=ORDERS[order])
    return error.message if error else None


@pytest.mark.parametrize("order", ORDERS)
def test_a_validator_takes_what_the_connector_takes(validator, kind, order):
    assert [config for config in CONFIGS[kind] if said(validator, config, order)] == []


@pytest.mark.parametrize("order", ORDERS)
def test_a_validator_prints_no_secret_of_a_wrong_config(validator, kind, order):
    found = [said(validator, wrong, order) for config in CONFIGS[kind] for wrong in wrong_configs(config)]
    refusals = list(filter(None, found))
    assert len(refusals) > 200
    assert [message for message in refusals if SECRET in message or str(NUMBER) in message] == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"page_size": 0}, "0 is less than the minimum of 1"),
        ({"api_version": "v2"}, "'v2' is not one of ['v4', 'v1']"),
        ({"campaign_ids": []}, "[] should be non-empty"),
        ({"mode": "off"}, "'off' is not one of ['enabled', 'disabled']"),
        ({"campaign_ids": ["a b"]}, "'each field of the section as its description says' was expected"),
        ({"token": "a b"}, "'each field of the section as its description says' was expected"),
    ],
)
def test_the_newest_validator_names_most_of_what_is_wrong(specs, changes, message):
    wrong = {"squadstack": {**CONFIGS["source"][0]["squadstack"], **changes}}
    assert said(Draft7Validator(specs["source"]), wrong, "the newest") == message


@pytest.mark.parametrize("order", ORDERS)
def test_a_validator_names_the_field_missing_beside_a_secret(specs, order):
    validator = Draft7Validator(specs["source"])
    missing = {"squadstack": {"token": SECRET, "campaign_ids": ["a"]}}
    assert said(validator, missing, order) == "'start_date' is a dependency of 'token'"
    assert said(validator, {"webhooks": {"token": SECRET}}, order) == "'url' is a required property"


RULES = ("type", "enum", "pattern", "minLength", "minimum", "maximum", "minItems", "maxItems", "uniqueItems", "items")


def rules(field: dict[str, Any]) -> dict[str, Any]:
    """Return what a field must keep to: without its words, and of an enum without the type, which says less."""
    kept = {name: rule for name, rule in field.items() if name in RULES}
    return {name: rule for name, rule in kept.items() if not (name == "type" and "enum" in kept)}


@pytest.mark.parametrize(
    ("kind", "section", "key"),
    [
        ("source", "squadstack", "start_date"),
        ("source", "contact_center", "domain"),
        ("source", "webhooks", "token"),
        ("destination", "squadstack", "token"),
        ("destination", "contact_center", "account_id"),
        ("destination", "object_storage_config", "access_key_id"),
    ],
)
def test_the_rules_for_validators_beside_a_choice_are_those_of_its_fields(specs, kind, section, key):
    rule = specs[kind]["properties"][section]
    beside = rule["dependencies"][key]["oneOf"][0]["properties"]
    fields = rule.get("properties") or rule["oneOf"][-1]["properties"]
    told_apart_by = {"mode", "option", "storage_type"}
    assert {name: rules(field) for name, field in beside.items() if name not in told_apart_by} == {
        name: rules(field)
        for name, field in fields.items()
        if name not in told_apart_by and (name != key or name in beside)
    }
