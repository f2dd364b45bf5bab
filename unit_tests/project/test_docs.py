"""The docs say what the code does: their tables are compared with spec, schemas and manifest."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from airbyte_cdk.utils.yaml_loader import safe_load_yaml

from destination_squadstack.operations import OPERATIONS
from destination_squadstack.spec import load_spec
from source_squadstack.manifest import MANIFEST
from source_squadstack.source import SourceSquadstack
from test_support.markdown import rows, section

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGE = (ROOT / "docs/sources/squadstack.md").read_text(encoding="utf-8")
DESTINATION_PAGE = (ROOT / "docs/destinations/squadstack.md").read_text(encoding="utf-8")
SPEC = safe_load_yaml(MANIFEST.read_text(encoding="utf-8"))["spec"]["connection_specification"]
CONFIG = {
    "squadstack": {
        "token": "token-of-the-docs",
        "campaign_ids": ["0PT711"],
        "start_date": "2024-01-01",
        "api_version": "v1",
    },
    "contact_center": {
        "portal_url": "https://portal.example.com:9443",
        "username": "x",
        "password": "password-of-the-docs",
        "domain": "x",
        "account_id": "x",
        "start_date": "2024-01-01",
    },
    "webhooks": {"url": "https://webhooks.example.com", "token": "pull-token-of-the-docs"},
}


def test_the_destinations_page_says_what_to_enter_for_every_store():
    stores = load_spec()["connectionSpecification"]["properties"]["object_storage_config"]["oneOf"]
    listed = " ".join(row[0] for row in rows(section(DESTINATION_PAGE, "### The store for rejected records")))
    assert not [name for store in stores for name in store["properties"] if f"`{name}`" not in listed]


def test_the_destinations_page_has_a_row_for_every_operation():
    listed = [row[0] for row in rows(section(DESTINATION_PAGE, "### Which operation"))]
    assert listed == [f"`{name}`" for name in dict.fromkeys(name for _, name in OPERATIONS)]


@pytest.mark.parametrize(
    ("page", "spec"),
    [(PAGE, SPEC), (DESTINATION_PAGE, load_spec()["connectionSpecification"])],
    ids=["source", "destination"],
)
def test_whatever_field_is_in_focus_airbytes_panel_finds_its_place_on_the_page(page, spec):
    anchors = re.findall(r'^<FieldAnchor field="(.+)">$', page, re.MULTILINE)
    assert sorted(",".join(anchors).split(",")) == sorted(focused(spec))


def focused(schema: dict, prefix: str = "") -> Iterator[str]:
    """Yield what Airbyte's form says is in focus: a field by its path, an option by its constant."""
    for name, rule in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        if "oneOf" in rule:
            found = set()
            for option in rule["oneOf"]:
                constant = next(field["const"] for field in option["properties"].values() if "const" in field)
                found |= {f"{path}[{constant}]", *focused(option, f"{path}.")}
            yield from found
        elif rule["type"] == "object":
            yield from focused(rule, f"{path}.")
        elif "const" not in rule:
            yield path


STANDARD_ORDER = [
    *("Prerequisites", "Setup guide", "Set up SquadStack", "Set up the SquadStack connector in Airbyte", "Fields"),
    *("Supported sync modes", "Supported {streams}", "IP allow list", "Limitations & Troubleshooting", "Changelog"),
]


@pytest.mark.parametrize(
    ("page", "streams"), [(PAGE, "Streams"), (DESTINATION_PAGE, "streams")], ids=["source", "destination"]
)
def test_the_pages_have_the_order_of_airbytes_own(page, streams):
    assert page.startswith("# SquadStack\n")
    wanted = [heading.format(streams=streams) for heading in STANDARD_ORDER]
    assert [heading for heading in re.findall(r"^## (.+)$", page, re.MULTILINE) if heading in wanted] == wanted


def test_the_page_lists_every_stream_with_key_cursor_and_sync_modes():
    v4 = {**CONFIG, "squadstack": {**CONFIG["squadstack"], "api_version": "v4"}}
    found = [SourceSquadstack(config=config).discover(None, config).streams for config in (CONFIG, v4)]
    streams = {stream.name: stream for streams in found for stream in streams}
    listed = [row for row in rows(section(PAGE, "## Supported sync modes")) if len(row) == 4]
    assert listed == [
        [
            f"`{stream.name}`",
            ", ".join(f"`{part}`" for (part,) in stream.source_defined_primary_key),
            ", ".join(f"`{part}`" for part in stream.default_cursor_field or []),
            ", ".join(mode.value.replace("_", " ") for mode in stream.supported_sync_modes),
        ]
        for stream in (streams[name.strip("`")] for name, *_ in listed)
    ]
    assert {name.strip("`") for name, *_ in listed} == set(streams)


# Streams with the fields of another.
FIELDS_OF = {"leads": "lead_responses"}


@pytest.mark.parametrize("stream", [path.stem for path in sorted((MANIFEST.parent / "schemas").glob("*.json"))])
def test_the_page_describes_every_field_of_a_stream_and_so_does_its_schema(stream):
    schema = json.loads((MANIFEST.parent / f"schemas/{stream}.json").read_text(encoding="utf-8"))
    described = FIELDS_OF.get(stream, stream)
    assert f"<!-- generated: stream {described} -->" in PAGE
    assert not [name for name, rule in schema["properties"].items() if "Source: " not in rule["description"]]
    keys = schema["required"]
    assert not [name for name, rule in schema["properties"].items() if ("null" in rule["type"]) == (name in keys)]


def test_the_page_has_a_row_for_every_status_of_the_manifests_error_tables():
    tables = safe_load_yaml(MANIFEST.read_text(encoding="utf-8"))["definitions"]["error_handlers"].values()
    statuses = {code for table in tables for entry in table["response_filters"] for code in entry["http_codes"]}
    said = " ".join(row[0] for row in rows(section(PAGE, "## Limitations & Troubleshooting")))
    assert not [code for code in statuses if str(code) not in said]
