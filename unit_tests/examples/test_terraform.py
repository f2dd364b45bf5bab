"""The Terraform example is Terraform, and what it configures are the connectors as they are."""

import re
from pathlib import Path
from typing import Any

import hcl2
import pytest

from destination_squadstack.config import parse_config
from source_squadstack.config import problems
from source_squadstack.source import SourceSquadstack
from test_support.project import project

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples/terraform"
TEXT = "\n".join(path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.tf")))
# What a user gives to the variables that have no default.
GIVEN = {
    "airbyte_client_id": "an-application",
    "airbyte_client_secret": "its-secret",
    "workspace_id": "a-workspace",
    "squadstack_token": "a-token",
    "ref_id": "a-ref",
    "warehouse_destination_id": "a-destination",
    "leads_source_id": "a-source",
}


def plain(value: Any) -> Any:
    """Return what the parser read without its quotes, and without comments and other things that it adds."""
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items() if not key.startswith("__")}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value[1:-1] if isinstance(value, str) and value.startswith('"') else value


PARSED = plain(hcl2.loads(TEXT))
VARIABLES = {name: rules for block in PARSED["variable"] for name, rules in block.items()}
RESOURCES = {
    f"{kind}.{name}": body
    for block in PARSED["resource"]
    for kind, named in block.items()
    for name, body in named.items()
}


def with_variables(value: Any) -> Any:
    """Return a local value as Terraform computes it from the variables."""
    if isinstance(value, dict):
        return {key: with_variables(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_variables(item) for item in value]
    name = re.fullmatch(r"\$\{var\.(\w+)\}", value) if isinstance(value, str) else None
    return VARIABLES[name[1]].get("default", GIVEN.get(name[1])) if name else value


@pytest.fixture(scope="module")
def configs() -> dict[str, Any]:
    return {name: with_variables(value) for block in PARSED["locals"] for name, value in block.items()}


def test_every_variable_is_declared_explained_and_used():
    assert set(re.findall(r"\bvar\.(\w+)", TEXT)) == set(VARIABLES)
    assert not [name for name, rules in VARIABLES.items() if not rules["description"].endswith(".")]
    assert {name for name, rules in VARIABLES.items() if "default" not in rules} == set(GIVEN)


def test_every_reference_leads_to_a_resource_of_the_example():
    assert set(re.findall(r"\b(airbyte_\w+\.\w+)\.\w+", TEXT)) - set(RESOURCES) == set()


def test_secrets_are_no_part_of_a_plan():
    assert {name for name, rules in VARIABLES.items() if rules.get("sensitive")} == {
        "airbyte_client_id",
        "airbyte_client_secret",
        "squadstack_token",
    }


def test_the_images_are_of_this_version():
    assert VARIABLES["image_tag"]["default"] == project()["version"]


def test_the_sources_config_is_one_that_the_source_takes(configs: dict[str, Any]):
    assert problems(configs["source_config"], SourceSquadstack().spec(None).connectionSpecification) == []


def test_the_destinations_config_is_one_that_the_destination_takes(configs: dict[str, Any]):
    assert parse_config(configs["destination_config"]).unknown_fields == ()


def test_source_and_destination_of_the_example_share_the_whole_allowance_and_no_more(configs: dict[str, Any]):
    shares = [config["squadstack"]["calls_per_minute"] for config in configs.values()]
    assert sum(shares) == 100


def test_the_connection_names_the_sources_stream_with_its_key_and_cursor(configs: dict[str, Any]):
    (asked,) = RESOURCES["airbyte_connection.responses"]["configurations"]["streams"]
    catalog = SourceSquadstack(config=configs["source_config"]).discover(None, configs["source_config"])
    (stream,) = [each for each in catalog.streams if each.name == asked["name"]]
    assert asked["primary_key"] == stream.source_defined_primary_key
    assert asked["cursor_field"] == stream.default_cursor_field
