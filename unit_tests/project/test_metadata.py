"""What a platform shows of the connectors before it runs them is whole and true."""

import re
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from airbyte_cdk.models.connector_metadata import MetadataFile

REQUIRED = {
    "allowedHosts",
    "connectorBuildOptions",
    "connectorSubtype",
    "connectorTestSuitesOptions",
    "connectorType",
    "definitionId",
    "dockerImageTag",
    "dockerRepository",
    "documentationUrl",
    "githubIssueLabel",
    "icon",
    "license",
    "name",
    "registryOverrides",
    "releaseDate",
    "releaseStage",
    "supportLevel",
    "tags",
}


def scalar_fields(schema: dict[str, Any], prefix: str = "") -> set[str]:
    """The dotted names of what a user fills in, in every variant of a oneOf."""
    fields = set()
    for variant in [schema, *schema.get("oneOf", [])]:
        for name, field in variant.get("properties", {}).items():
            fields |= scalar_fields(field, f"{prefix}{name}.") or {prefix + name}
    return fields


def test_the_cdk_can_read_it(metadata_path: Path, kind: str):
    assert MetadataFile.from_file(metadata_path).data.dockerRepository == f"squadstack/{kind}-squadstack"


def test_it_says_all_that_a_registry_asks(metadata: dict[str, Any]):
    assert REQUIRED - set(metadata) == set()
    assert UUID(metadata["definitionId"]).version == 4


def test_it_says_which_of_the_two_connectors_it_is(metadata: dict[str, Any], kind: str):
    assert metadata["connectorType"] == kind
    assert metadata["githubIssueLabel"] == f"{kind}-squadstack"
    assert metadata["documentationUrl"].endswith(f"/{kind}s/squadstack")


def test_the_two_connectors_have_ids_of_their_own(root: Path):
    texts = [
        (root / path).read_text(encoding="utf-8") for path in ("metadata.yaml", "destination_squadstack/metadata.yaml")
    ]

    assert len({yaml.safe_load(text)["data"]["definitionId"] for text in texts}) == 2


def test_the_license_is_that_of_the_project(metadata: dict[str, Any], setup_arguments: dict[str, Any]):
    assert metadata["license"] == setup_arguments["license_expression"]


def test_allowed_hosts_follow_fields_that_the_spec_has(metadata: dict[str, Any], spec: dict[str, Any]):
    followed = set(re.findall(r"\$\{([^}]+)\}", " ".join(metadata["allowedHosts"]["hosts"])))

    assert followed - scalar_fields(spec) == set()


def test_every_address_that_a_user_can_configure_is_an_allowed_host(metadata: dict[str, Any], spec: dict[str, Any]):
    # A bucket's region is an address as well: s3.${…region}.amazonaws.com.
    addresses = {field for field in scalar_fields(spec) if field.endswith(("url", "endpoint", "region"))}
    hosts = " ".join(metadata["allowedHosts"]["hosts"])

    assert [field for field in addresses if f"${{{field}}}" not in hosts] == []


def test_the_default_host_of_the_api_is_allowed(metadata: dict[str, Any], spec: dict[str, Any]):
    default = spec["properties"]["squadstack"]["properties"]["base_url"]["default"]

    assert default.removeprefix("https://") in metadata["allowedHosts"]["hosts"]


def test_the_streams_that_the_source_suggests_exist(root: Path):
    suggested = yaml.safe_load((root / "metadata.yaml").read_text(encoding="utf-8"))["data"]["suggestedStreams"][
        "streams"
    ]
    schemas = {path.stem for path in (root / "source_squadstack/schemas").glob("*.json")}

    assert set(suggested) - schemas == set()
