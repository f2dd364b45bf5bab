"""LeadSquared's manifest against a server written from its API's documentation: every lead, page by page, by change."""

import json
from pathlib import Path

import pytest
from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
from airbyte_cdk.test.entrypoint_wrapper import read
from airbyte_cdk.test.state_builder import StateBuilder
from airbyte_cdk.utils.yaml_loader import safe_load_yaml

from test_support.catalogs import configured
from test_support.in_process_source import Answer, answered_by

MANIFEST = safe_load_yaml(
    (Path(__file__).parents[2] / "examples/leadsquared/manifest.yaml").read_text(encoding="utf-8")
)
# A key that looks like a number must not become one.
CONFIG = {
    "host": "https://api-in21.leadsquared.com",
    "access_key": "u$r12e4",
    "secret_key": "12e4",
    "start_date": "2026-11-01",
}
BODY = MANIFEST["streams"][0]["retriever"]["requester"]["request_body"]["value"]
COLUMNS = BODY["Columns"]["Include_CSV"].split(",")


class LeadSquared:
    """`Leads.Get`: a flat list of the leads that match, with the columns that were asked for."""

    def __init__(self, count):
        self.asked = []
        self.leads = [
            {
                **dict.fromkeys(COLUMNS, "0"),
                "ProspectID": f"id-{number}",
                "ProspectAutoId": str(number),
                "Phone": "+91-9000000006",
                "ModifiedOn": f"2026-11-{10 + number % 10} 08:15:0{number % 10}.000",
            }
            for number in range(count)
        ]

    def __call__(self, call):
        keys = (call.headers.get("x-lsq-accesskey"), call.headers.get("x-lsq-secretkey"))
        if (call.method, call.path) != ("POST", "/v2/LeadManagement.svc/Leads.Get") or call.parameters:
            return Answer(0, {"Status": "Error"}, 404)
        if keys != (CONFIG["access_key"], CONFIG["secret_key"]):
            return Answer(0, {"Status": "Error"}, 401)
        body = json.loads(call.body)
        self.asked.append(body)
        since, paging = body["Parameter"]["LookupValue"], body["Paging"]
        matching = [lead for lead in self.leads if lead["ModifiedOn"] >= since]
        matching.sort(key=lambda lead: int(lead["ProspectAutoId"]))
        start = (paging["PageIndex"] - 1) * paging["PageSize"]
        columns = body["Columns"]["Include_CSV"].split(",")
        page = matching[start : start + paging["PageSize"]]
        return Answer(0, [{column: lead.get(column) for column in columns} for lead in page])


@pytest.fixture
def synced():
    """Return what reads the leads of a server as an incremental sync, from the cursor of an earlier one."""

    def synced(server, cursor=None):
        catalog = ConfiguredAirbyteCatalogSerializer.load(configured("leads", incremental=["leads"]))
        state = StateBuilder().with_stream_state("leads", {"ModifiedOn": cursor}).build() if cursor else []
        # The budget would have the test wait.
        manifest = {name: part for name, part in MANIFEST.items() if name != "api_budget"}
        source = ConcurrentDeclarativeSource(catalog, CONFIG, state, source_config=manifest)
        with answered_by(server):
            return read(source, CONFIG, catalog, state)

    return synced


def test_every_lead_is_read_once_over_all_pages(synced):
    server = LeadSquared(1_203)
    output = synced(server)
    assert [record.record.data for record in output.records] == server.leads
    assert [body["Paging"] for body in server.asked] == [{"PageIndex": n, "PageSize": 500} for n in (1, 2, 3)]
    assert not output.errors


def test_the_next_sync_asks_from_the_newest_change_and_a_little_before(synced):
    server = LeadSquared(30)
    cursor = synced(server).most_recent_state.stream_state.ModifiedOn
    server.asked.clear()
    output = synced(server, cursor)
    assert server.asked[0]["Parameter"] == {
        "LookupName": "ModifiedOn",
        "LookupValue": "2026-11-19 08:05:09",
        "SqlOperator": ">=",
    }
    assert {record.record.data["ModifiedOn"] for record in output.records} == {"2026-11-19 08:15:09.000"}


def test_the_schema_has_the_columns_that_are_asked_for():
    assert list(MANIFEST["streams"][0]["schema_loader"]["schema"]["properties"]) == COLUMNS
