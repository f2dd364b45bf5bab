"""The page of recipes: each config makes the lead that is shown, and each query finds the outcome that is shown."""

import json
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from destination_squadstack.config import parse_config
from destination_squadstack.routing import plan, record_mapper
from test_support.crm_rows import CRMS
from test_support.markdown import blocks, section

PAGE = (Path(__file__).parents[2] / "docs/destinations/recipes.md").read_text(encoding="utf-8")
(OUTCOME,) = map(json.loads, blocks(PAGE[: PAGE.index("\n## ")], "json"))

# The columns that a warehouse makes of them.
TYPES = {
    str: "VARCHAR",
    int: "BIGINT",
    float: "DOUBLE",
    bool: "BOOLEAN",
    dict: "JSON",
    list: "JSON",
    type(None): "VARCHAR",
}


def made_lead(config, record):
    """Return the lead that a config makes of a record of its only stream."""
    (entry,) = config["streams"]
    parsed = parse_config(config)
    stream = {"name": entry["stream"], "namespace": entry.get("namespace")}
    (route,) = plan(parsed, {"streams": [{"stream": stream, "destination_sync_mode": "append_dedup"}]})
    lead = record_mapper(parsed, route, Counter()).shape(record)
    assert (lead.alone, lead.stop) == (False, None)
    return lead.lead_id, json.loads(lead.body)


@pytest.mark.parametrize("crm", CRMS)
def test_the_config_to_paste_makes_the_lead_that_is_shown(crm):
    config, record, lead, _ = map(json.loads, blocks(section(PAGE, f"## {crm}"), "json"))
    assert made_lead(config, record) == (lead["lead_id"], lead)


@pytest.mark.parametrize("crm", CRMS)
def test_the_query_puts_the_outcome_beside_the_row_of_the_crm(crm, tmp_path):
    text = section(PAGE, f"## {crm}")
    config, record, lead, wanted = map(json.loads, blocks(text, "json"))
    (query,) = blocks(text, "sql")
    stream = config["streams"][0]["stream"]
    others = [{**OUTCOME, "lead_id": lead["lead_id"], "campaign_id": "another"}, {**OUTCOME, "lead_id": "another"}]
    tables = {
        f'{crm.lower()}."{stream}"': [record],
        "squadstack.lead_responses": [{**OUTCOME, "lead_id": lead["lead_id"]}, *others],
    }
    with duckdb.connect() as database:
        for name, content in tables.items():
            schema = name.partition(".")[0]
            file = tmp_path / f"{schema}.json"
            file.write_text(json.dumps(content), encoding="utf-8")
            columns = {field: TYPES[type(value)] for field, value in content[0].items()}
            database.execute(f"CREATE SCHEMA {schema}")
            database.execute(f"CREATE TABLE {name} AS SELECT * FROM read_json('{file}', columns = {columns})")
        found = database.execute(query).fetchall()
        names = [column[0] for column in database.description]
    assert [dict(zip(names, row, strict=True)) for row in found] == [wanted]


def test_the_record_of_the_postgres_example_makes_its_lead():
    entry, record, lead = map(json.loads, blocks(section(PAGE, "## Postgres"), "json"))
    assert made_lead({"squadstack": {"token": "token-of-the-docs"}, "streams": [entry]}, record) == (
        lead["lead_id"],
        lead,
    )


def test_the_view_of_the_postgres_example_makes_its_record():
    text = section(PAGE, "## Postgres")
    (view,) = blocks(text, "sql")
    record = json.loads(blocks(text, "json")[1])
    with duckdb.connect() as database:
        database.execute(
            "CREATE TABLE customers AS SELECT 42 AS id, '+91 90000-00004' AS phone, 'Dev' AS first_name, "
            "'Patel' AS last_name, 'Pune' AS city, TIMESTAMP '2026-11-20 08:15:00' AS updated_at, true AS consent"
        )
        database.execute("INSERT INTO customers SELECT * REPLACE (43 AS id, '12' AS phone) FROM customers")
        database.execute("CREATE SCHEMA squadstack")
        database.execute(view)
        made = database.execute("SELECT * FROM squadstack.leads_to_call").fetchall()
        names = [column[0] for column in database.description]
    (row,) = made
    given = dict(zip(names, row, strict=True))
    given["updated_at"] = given["updated_at"].strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert given == {name: value for name, value in record.items() if not name.startswith("_airbyte_")}
