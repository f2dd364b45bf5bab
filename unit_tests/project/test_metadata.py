"""What a platform shows of the connectors before it runs them is whole and true."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import yaml
from airbyte_cdk.models.connector_metadata import MetadataFile
from airbyte_cdk.test.models.scenario import entry_key_problems
from jsonschema import validate

from test_support.project import project, pyproject

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
    "externalDocumentationUrls",
    "githubIssueLabel",
    "icon",
    "license",
    "name",
    "registryOverrides",
    "releaseDate",
    "releaseStage",
    "remoteRegistries",
    "resourceRequirements",
    "supportLevel",
    "tags",
}


ADDRESSES = {
    "source": {
        "squadstack": {"base_url": "https://app.squadrun.co/"},
        "contact_center": {"portal_url": "https://portal.example.com:9443"},
        "webhooks": {"url": "https://webhooks.example.com/squadstack"},
    },
    "destination": {
        "squadstack": {"base_url": "https://app.squadrun.co/"},
        "contact_center": {"portal_url": "https://portal.example.com:9443"},
        "object_storage_config": {
            "s3_bucket_name": "leads",
            "s3_bucket_region": "ap-south-1",
            "s3_endpoint": "https://storage.example.com",
        },
    },
}
ALLOWED = {
    "source": [
        "api.squadstack.com",
        "app.squadrun.co",
        "portal.example.com",
        "webhooks.example.com",
        "*.amazonaws.com",
    ],
    "destination": [
        "api.squadstack.com",
        "app.squadrun.co",
        "portal.example.com",
        "s3.ap-south-1.amazonaws.com",
        "leads.s3.ap-south-1.amazonaws.com",
        "storage.example.com",
    ],
}


def hosts(templates: list[str], config: dict[str, dict[str, str]]) -> list[str]:
    """Fill in allowed hosts as Airbyte does: of an address the host alone; what cannot be filled in drops out."""
    values = {
        f"{section}.{field}": urlsplit(value if "://" in value else f"//{value}").hostname or ""
        for section, fields in config.items()
        for field, value in fields.items()
    }
    filled = [re.sub(r"\$\{([^}]+)\}", lambda name: values.get(name[1], name[0]), template) for template in templates]
    return [host for host in filled if "${" not in host]


def scalar_fields(schema: dict[str, Any], prefix: str = "") -> set[str]:
    """The dotted names of what a user fills in, in every variant of a oneOf."""
    fields = set()
    for variant in [schema, *schema.get("oneOf", [])]:
        for name, field in variant.get("properties", {}).items():
            fields |= scalar_fields(field, f"{prefix}{name}.") or {prefix + name}
    return fields


def test_the_cdk_can_read_the_metadata(metadata_path: Path, kind: str):
    assert MetadataFile.from_file(metadata_path).data.dockerRepository == f"squadstack/{kind}-squadstack"


def test_the_metadata_says_all_that_a_registry_asks(metadata: dict[str, Any]):
    assert REQUIRED - set(metadata) == set()
    assert UUID(metadata["definitionId"]).version == 4


def test_the_metadata_says_which_of_the_two_connectors_it_describes(metadata: dict[str, Any], kind: str):
    assert metadata["connectorType"] == kind
    assert metadata["githubIssueLabel"] == f"{kind}-squadstack"


def test_the_documentation_is_a_page_that_exists_and_the_one_of_the_specification(
    metadata: dict[str, Any], kind: str, root: Path
):
    manifest = yaml.safe_load((root / "source_squadstack/manifest.yaml").read_text(encoding="utf-8"))
    declared = json.loads((root / "destination_squadstack/spec.json").read_text(encoding="utf-8"))
    of = {"source": manifest["spec"]["documentation_url"], "destination": declared["documentationUrl"]}
    assert metadata["documentationUrl"] == of[kind]
    # One that the vendor has: docs.airbyte.com knows no SquadStack.
    assert metadata["documentationUrl"] in {page["url"] for page in metadata["externalDocumentationUrls"]}


def test_poetrys_table_tells_airbytes_checks_what_the_project_says():
    poetry, said = pyproject()["tool"]["poetry"], project()
    (cdk,) = [each for each in said["dependencies"] if each.startswith("airbyte-cdk")]
    assert poetry == {
        "name": said["name"],
        "version": said["version"],
        "license": said["license"],
        "dependencies": {"airbyte-cdk": cdk.removeprefix("airbyte-cdk")},
    }


def test_the_tags_say_what_each_connector_is_made_with(metadata: dict[str, Any], kind: str):
    made_with = {"source": "cdk:low-code", "destination": "cdk:python"}
    assert [tag for tag in metadata["tags"] if not tag.startswith("keyword:")] == ["language:python", made_with[kind]]


def test_the_two_connectors_have_ids_of_their_own(root: Path):
    texts = [
        (root / path).read_text(encoding="utf-8") for path in ("metadata.yaml", "destination_squadstack/metadata.yaml")
    ]

    assert len({yaml.safe_load(text)["data"]["definitionId"] for text in texts}) == 2


def test_the_license_is_that_of_the_project(metadata: dict[str, Any]):
    assert metadata["license"] == project()["license"]


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


def test_a_users_config_makes_hosts_of_the_allowed_hosts(metadata: dict[str, Any], kind: str):
    assert hosts(metadata["allowedHosts"]["hosts"], ADDRESSES[kind]) == ALLOWED[kind]


def test_of_a_config_without_addresses_the_defaults_host_is_left_and_where_recordings_lie(
    metadata: dict[str, Any], kind: str
):
    recordings = {"source": ["*.amazonaws.com"], "destination": []}
    left = hosts(metadata["allowedHosts"]["hosts"], {"squadstack": {"token": "t"}})
    assert left == ["api.squadstack.com", *recordings[kind]]


def test_the_metadata_claims_no_more_than_was_tested(metadata: dict[str, Any]):
    claims = {key: metadata[key] for key in ("releaseStage", "supportLevel", "registryOverrides", "remoteRegistries")}
    assert claims == {
        "releaseStage": "alpha",
        "supportLevel": "community",
        "registryOverrides": {"oss": {"enabled": True}, "cloud": {"enabled": False}},
        "remoteRegistries": {"pypi": {"enabled": False, "packageName": "airbyte-squadstack"}},
    }


def test_every_page_of_the_vendor_says_what_it_is_about(metadata: dict[str, Any]):
    types = {"api_reference", "authentication_guide", "rate_limits", "permissions_scopes", "status_page"}
    for page in metadata["externalDocumentationUrls"]:
        assert page["title"]
        assert page["url"].startswith("https://")
        assert page["type"] in types


def test_the_icon_is_a_square_drawing_without_anything_from_elsewhere(metadata: dict[str, Any], metadata_path: Path):
    drawing = (metadata_path.parent / metadata["icon"]).read_text(encoding="utf-8")
    assert 'viewBox="0 0 250 250"' in drawing
    assert not re.findall(r"<image|<script|href=", drawing)


def test_the_acceptance_tests_are_configured_as_the_cdk_reads_them(
    metadata: dict[str, Any], metadata_path: Path, kind: str
):
    written = yaml.safe_load((metadata_path.parent / "acceptance-test-config.yml").read_text(encoding="utf-8"))
    entries = [(part, entry) for part, each in written["acceptance_tests"].items() for entry in each["tests"]]
    assert {"suite": "acceptanceTests"} in metadata["connectorTestSuitesOptions"]
    assert written["connector_image"] == f"squadstack/{kind}-squadstack:dev"
    assert [problem for part, entry in entries for problem in entry_key_problems(entry, (part,))] == []


def test_the_files_of_the_acceptance_tests_exist_but_for_the_secrets(metadata_path: Path):
    written = yaml.safe_load((metadata_path.parent / "acceptance-test-config.yml").read_text(encoding="utf-8"))
    paths = {
        value
        for part in written["acceptance_tests"].values()
        for entry in part["tests"]
        for key, value in entry.items()
        if key.endswith("_path") and "secrets/" not in value
    }
    assert [path for path in paths if not (metadata_path.parent / path).is_file()] == []


def test_the_config_that_the_acceptance_tests_expect_to_fail_is_refused_by_the_api_and_not_by_its_form(
    root: Path, spec: dict[str, Any], kind: str
):
    config = json.loads((root / f"integration_tests/acceptance/{kind}_invalid_config.json").read_text(encoding="utf-8"))
    validate(config, spec)


def test_the_streams_that_the_source_suggests_exist(root: Path):
    suggested = yaml.safe_load((root / "metadata.yaml").read_text(encoding="utf-8"))["data"]["suggestedStreams"][
        "streams"
    ]
    schemas = {path.stem for path in (root / "source_squadstack/schemas").glob("*.json")}

    assert set(suggested) - schemas == set()
