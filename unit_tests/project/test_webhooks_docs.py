"""The page of the webhook receiver says what the code does: its tables are compared with it."""

import json
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest
from prometheus_client.parser import text_string_to_metric_families

from test_support.markdown import blocks, rows, section
from webhooks_squadstack import openapi, settings
from webhooks_squadstack.consumers import Consumer
from webhooks_squadstack.events import EVENT_TYPES
from webhooks_squadstack.metrics import REFUSALS, Metrics
from webhooks_squadstack.store import Summary

PAGE = (Path(__file__).parents[2] / "docs/webhooks.md").read_text(encoding="utf-8")


def test_the_page_lists_every_variable_and_which_it_does_not_start_without():
    names = {
        value
        for name, value in vars(settings).items()
        if isinstance(value, str) and value.startswith("WEBHOOKS_") and not name.startswith("_")
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
    summary = Summary(1, 1, {}, (Consumer("default", 0, 0, 0),))
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


def warehouse(*events: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    """A warehouse that has received these events, `payload` as JSON."""
    database = duckdb.connect()
    database.execute(
        "CREATE TABLE webhook_events (event_id VARCHAR, sequence BIGINT, event_type VARCHAR, campaign_id VARCHAR,"
        " lead_id VARCHAR, occurred_at TIMESTAMPTZ, payload JSON)"
    )
    for event in events:
        row = {"event_id": "e", "sequence": 1, "event_type": "call", "campaign_id": "c", "lead_id": "l"} | event
        row["payload"] = json.dumps(row.get("payload", {}))
        names = ", ".join(row)
        database.execute(
            f"INSERT INTO webhook_events ({names}) VALUES ({', '.join('?' * len(row))})",
            [*row.values()],
        )
    return database


def test_the_query_for_the_latest_event_of_a_lead_takes_no_event_without_a_time():
    _, latest = blocks(section(PAGE, "## What each event holds"), "sql")
    kind = {"event_type": "lead_processed"}
    with warehouse(
        {"event_id": "no time", "sequence": 9, **kind},
        {"event_id": "older", "sequence": 3, "occurred_at": "2026-11-20T09:00:00Z", **kind},
        {"event_id": "latest", "sequence": 2, "occurred_at": "2026-11-21T09:00:00Z", **kind},
    ) as database:
        assert [row[0] for row in database.execute(latest).fetchall()] == ["latest"]


def test_the_query_for_answers_reads_objects_and_lists_and_a_custom_field_at_the_top():
    answers, _ = blocks(section(PAGE, "## What each event holds"), "sql")
    with warehouse(
        {"event_id": "1", "payload": {"city": "Pune", "lead_responses": {"language": "English", "more": {"a": 1}}}},
        {"event_id": "2", "payload": {"lead_responses": [{"question": "language", "answer": "English"}]}},
        {"event_id": "3", "payload": {"lead_responses": []}},
        {"event_id": "4", "payload": {"called_at": "2026-11-21T09:00:00Z"}},
    ) as database:
        rows = database.execute(answers).fetchall()
    assert sorted(rows) == [
        ("1", "call", "l", "language", '"English"', "Pune"),
        ("1", "call", "l", "more", '{"a":1}', "Pune"),
        ("2", "call", "l", "0", '{"question":"language","answer":"English"}', None),
    ]
