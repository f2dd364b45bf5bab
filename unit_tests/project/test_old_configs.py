"""Configs of every shape that programs and older forms have written give what they gave before the form's choices came.

What is expected in `old_configs.json` was written by the code of then. Two things changed in it since: the operation
`by_sync_mode` stands where a sentence lists the operations, and the source says of a violated specification what the
destination says.
"""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from destination_squadstack.config import parse_config
from destination_squadstack.errors import ConfigError
from destination_squadstack.routing import plan
from source_squadstack.config import problems
from source_squadstack.source import SourceSquadstack
from squadstack_common.config_sections import filled_in

OLD = json.loads(Path(__file__).with_name("old_configs.json").read_text(encoding="utf-8"))
SECTIONS = {"source": ("squadstack", "contact_center", "webhooks"), "destination": ("squadstack", "contact_center")}
PUBLISHED = SourceSquadstack().spec(None).connectionSpecification


def as_the_form_writes_it(kind: str, config: dict[str, Any]) -> dict[str, Any]:
    """Return a config with the mode that Airbyte's form adds to what is filled in, and to what is not."""
    modes = {name: {**config[name], "mode": "enabled"} if name in config else OFF for name in SECTIONS[kind]}
    return {**config, **modes}


OFF = {"mode": "disabled"}


def streams(config: dict[str, Any]) -> list[str]:
    catalog = SourceSquadstack(config=config).discover(logging.getLogger(), config)
    return sorted(stream.name for stream in catalog.streams)


def routes(config: Any, mode: str) -> list[list[str | None]] | str:
    """Return where the records of three streams go, or the sentence that says why that is not known."""
    names = [("public", "leads", mode), (None, "leads", "append_dedup"), (None, "contacts", mode)]
    catalog = {
        "streams": [
            {"stream": {"name": name, "namespace": namespace}, "destination_sync_mode": mode}
            for namespace, name, mode in names
        ]
    }
    try:
        return [[r.namespace, r.stream, r.lane.operation.name, r.lane.path] for r in plan(config, catalog)]
    except ConfigError as error:
        return str(error)


@pytest.mark.parametrize("name", [name for name, case in OLD["source"].items() if "streams" in case])
def test_a_config_of_old_gives_the_source_the_same_streams(name):
    case = OLD["source"][name]
    assert problems(filled_in(case["config"], PUBLISHED), PUBLISHED) == []
    assert streams(case["config"]) == case["streams"]


@pytest.mark.parametrize("name", [name for name, case in OLD["source"].items() if "messages" in case])
def test_a_wrong_config_of_old_gives_the_source_the_same_sentences(name):
    case = OLD["source"][name]
    assert problems(filled_in(case["config"], PUBLISHED), PUBLISHED) == case["messages"]


@pytest.mark.parametrize("name", [name for name, case in OLD["destination"].items() if "routes" in case])
def test_a_config_of_old_gives_the_destination_the_same_routes(name):
    case = OLD["destination"][name]
    config = parse_config(case["config"])
    assert {mode: routes(config, mode) for mode in case["routes"]} == case["routes"]
    assert list(config.unknown_fields) == case["unknown"]


@pytest.mark.parametrize("name", [name for name, case in OLD["destination"].items() if "message" in case])
def test_a_wrong_config_of_old_gives_the_destination_the_same_sentences(name):
    case = OLD["destination"][name]
    with pytest.raises(ConfigError) as error:
        parse_config(case["config"])
    assert str(error.value) == case["message"]


WHOLE = {
    kind: {
        name: case
        for name, case in OLD[kind].items()
        if wanted in case and all(case["config"].get(section, OFF) for section in SECTIONS[kind])
    }
    for kind, wanted in (("source", "streams"), ("destination", "routes"))
}


@pytest.mark.parametrize("name", [name for name in WHOLE["source"] if "form" not in name and "blank" not in name])
def test_the_fields_that_a_form_adds_change_nothing_for_the_source(name):
    plain = WHOLE["source"][name]["config"]
    written = as_the_form_writes_it("source", plain)
    assert filled_in(written, PUBLISHED) == filled_in(plain, PUBLISHED)


@pytest.mark.parametrize("name", [name for name in WHOLE["destination"] if "form" not in name])
def test_the_fields_that_a_form_adds_change_nothing_for_the_destination(name):
    case = WHOLE["destination"][name]
    config = parse_config(as_the_form_writes_it("destination", case["config"]))
    assert {mode: routes(config, mode) for mode in case["routes"]} == case["routes"]


def test_a_section_that_is_switched_off_counts_as_absent_whatever_else_is_in_it():
    case = OLD["source"]["all three"]["config"]
    config = {**case, "contact_center": {**case["contact_center"], **OFF}, "webhooks": {**OFF, "token": "a b"}}
    assert streams(config) == OLD["source"]["SquadStack on v1"]["streams"]
    both = OLD["destination"]["both"]["config"]
    parsed = parse_config({**both, "streams": [], "contact_center": {**both["contact_center"], **OFF}})
    assert parsed.contact_center is None


def test_a_section_that_is_switched_on_and_empty_is_told_what_it_needs():
    on = {"squadstack": {"mode": "enabled"}}
    said = problems(filled_in(on, PUBLISHED), PUBLISHED)
    assert said == [f"`squadstack.{name}` is missing." for name in ("token", "campaign_ids", "start_date")]
    with pytest.raises(ConfigError, match=r"^squadstack\.token is missing\.$"):
        parse_config({**on, "default": {"ref_id": "r"}})


def test_a_mode_that_there_is_not_is_named():
    section = {**OLD["source"]["SquadStack with what is required"]["config"]["squadstack"], "mode": "off"}
    assert problems({"squadstack": section}, PUBLISHED) == ["`squadstack.mode` must be one of: enabled, disabled."]
    with pytest.raises(ConfigError, match=r"^squadstack\.mode must be one of: enabled, disabled\.$"):
        parse_config({"squadstack": {"token": "t", "mode": "off"}, "default": {"ref_id": "r"}})


def test_the_operation_by_sync_mode_is_no_operation_of_its_own():
    for stream in ({}, {"operation": "by_sync_mode"}):
        for default in ({"ref_id": "r"}, {"ref_id": "r", "operation": "by_sync_mode"}):
            config = parse_config(
                {"squadstack": {"token": "t"}, "default": default, "streams": [{"stream": "leads", **stream}]}
            )
            assert [operation for _, _, operation, _ in routes(config, "append_dedup")] == ["upsert"] * 3
            assert "append mode" in routes(config, "append")


def test_a_default_as_airbytes_form_begins_it_is_a_shell():
    form = {"operation": "by_sync_mode", "api": "crm_v2"}
    config = {"squadstack": {"token": "t"}, "default": form, "streams": [{"stream": "leads", "ref_id": "r"}]}
    assert parse_config(config).default is None
