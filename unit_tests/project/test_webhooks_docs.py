"""The page of the webhook receiver says what the code does: its tables are compared with it."""

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from test_support.markdown import rows, section
from webhooks_squadstack import openapi, settings
from webhooks_squadstack.events import EVENT_TYPES
from webhooks_squadstack.metrics import REFUSALS, Metrics
from webhooks_squadstack.pullers import Puller
from webhooks_squadstack.store import Summary

PAGE = (Path(__file__).parents[2] / "docs/webhooks.md").read_text(encoding="utf-8")


def test_the_page_lists_every_variable_and_which_it_does_not_start_without():
    names = {
        value for name, value in vars(settings).items() if isinstance(value, str) and value.startswith("WEBHOOKS_")
    }
    table = {row[0].strip("`"): row[1] for row in rows(section(PAGE, "## Start it"))}
    assert set(table) == names
    needed = {name for name, word in table.items() if word == "required"}
    with pytest.raises(settings.SettingsError) as refused:
        settings.read_settings({})
    assert needed == {name for name in names if f"{name} " in str(refused.value)}


def test_the_page_describes_every_type_of_event():
    table = rows(section(PAGE, "## What each event holds"))
    assert sorted(row[0].strip("`") for row in table) == sorted(EVENT_TYPES)


def test_the_page_lists_every_metric_with_its_labels_and_every_reason_of_a_refusal():
    summary = Summary(1, 1, {}, (Puller("default", 0, 0, 0),))
    found: dict[str, str] = {}
    for family in text_string_to_metric_families(Metrics().text(summary, waiting=0).decode()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = sorted({label for sample in family.samples for label in sample.labels if label != "le"})
        found[name + (f"{{{','.join(labels)}}}" if labels else "")] = family.type
    table = rows(section(PAGE, "## Monitoring"))
    listed = {name: row[1] for row in table for name in re.findall(r"`([^`]+)`", row[0])}
    assert listed == found
    (refused,) = [row[2] for row in table if row[0].startswith("`webhooks_refused")]
    assert set(re.findall(r"`([a-z_]+)`", refused)) == set(REFUSALS)


def test_the_page_shows_what_pulling_is_asked_with_and_answered():
    pulling = section(PAGE, "## How events are pulled")
    operation = openapi.document("0")["paths"]["/events"]["get"]
    cells = " ".join(row[0] for row in rows(pulling))
    parameters = [parameter["name"] for parameter in operation["parameters"] if parameter["name"] != "puller"]
    assert not [name for name in parameters if f"`{name}`" not in cells]
    refusals = {status for status in operation["responses"] if status != "200"}
    assert {row[0] for row in rows(pulling) if row[0].isdigit()} == refusals
    assert f'"has_more": {str(False).lower()}' in pulling
