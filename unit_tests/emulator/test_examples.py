"""Requests and their answers as data: the vendors' examples, and what is answered to what no document has.

The keys of an example in `examples/`:

* `name`: the part of the document, and which of its cases.
* `scenario`: what the emulator is to be, by the fields of `Scenario`.
* `leads`: leads that are there, by the fields of `Lead`.
* `given`: leads by operation of CRM v2, carried out before.
* `request`: the method and the path with its query.
* `headers`: what differs from those of a client with a good token; null leaves one out.
* `body`, or `raw` where it is not to be written as JSON: the body.
* `status`: the status of the answer.
* `answer`, `text`, `location`, `failed`: its JSON, every character, its Location header, how many leads failed.
* `violation`, `violations`: what is recorded; nothing where neither is there.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from squadstack_emulator import Campaign, Fault, FaultKind, Lead, Portal, PortalCampaign
from squadstack_emulator.contact_center.seeds import activity_row, queue_row, seeded_lead
from squadstack_emulator.json_text import dumps, loads
from squadstack_emulator.scenario import EventKind
from squadstack_emulator.squadstack.rows_v1 import lead_row
from squadstack_emulator.squadstack.seeds import seeded_leads
from squadstack_emulator.squadstack.webhook_events import events_of

EXAMPLES = [
    pytest.param(example, id=f"{path.stem}: {example['name']}")
    for path in sorted(Path(__file__).with_name("examples").glob("*.yaml"))
    for example in yaml.safe_load(path.read_text(encoding="utf-8"))
]
ROWS = yaml.safe_load(Path(__file__).with_name("documented_rows.yaml").read_text(encoding="utf-8"))
READ_AS: dict[str, Callable[[Any], Any]] = {
    "campaigns": lambda each: tuple(Campaign(**campaign) for campaign in each),
    "disabled_endpoints": frozenset,
    "faults": lambda each: tuple(Fault(FaultKind(kind)) for kind in each),
    "portal": lambda each: Portal(**each),
    "portal_unknown_cdrs": frozenset,
}
JOHN = {"phone_number": "9999999999", "contact_name": "John Doe"}
LEAD = {**JOHN, "phone_number": "+919999999999", "custom": {}, "state": "active"}
CREATED = datetime(2018, 12, 3, tzinfo=UTC)
OPERATIONS: dict[str, tuple[str, dict[str, str]]] = {
    "create": ("lead-created", JOHN),
    "convert": ("lead-converted", {"detail": "sold"}),
    "disable": ("lead-disabled", {}),
    "delete": ("lead-deleted", {}),
}


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_request_is_answered_as_its_example_says(call: Callable[..., Any], example: dict[str, Any]) -> None:
    scenario = example.get("scenario", {})
    caller = call(**{name: READ_AS[name](value) if name in READ_AS else value for name, value in scenario.items()})
    for lead in example.get("leads", []):
        caller.pipeline.store["0PT711"].put(Lead(**{**LEAD, "created_at": CREATED, **lead}))
    for operation, lead_ids in example.get("given", {}).items():
        endpoint, fields = OPERATIONS[operation]
        for lead_id in lead_ids:
            assert caller.post(endpoint, {"lead_id": lead_id, **fields}).status == 200
    method, _, url = example["request"].partition(" ")
    path, _, query = url.partition("?")
    answer = caller.send(
        method, path, body=body_of(example), parameters=query, headers=headers_of(caller, path, example)
    )
    assert answer.status == example["status"]
    assert answer.body.decode() == example.get("text", answer.body.decode())
    assert answer.content == example.get("answer", answer.content)
    assert answer.headers.get("location") == example.get("location")
    if "failed" in example:
        assert answer.content["metadata"]["failed"] == example["failed"]
    recorded = example.get("violations", [example["violation"]] if "violation" in example else [])
    assert caller.request_log.violations == [f"{method} {path}: {each}" for each in recorded]


def body_of(example: dict[str, Any]) -> bytes:
    raw = example.get("raw", dumps(example["body"]) if "body" in example else b"")
    return raw.encode() if isinstance(raw, str) else raw


def headers_of(caller: Any, path: str, example: dict[str, Any]) -> dict[str, str]:
    headers = {"host": "127.0.0.1:8899", "content-type": "application/json"}
    headers["authorization"] = f"Bearer {caller.scenario.token}"
    if path.startswith(("/api/v2/", "/callcenter/")) and path != "/api/v2/login":
        if login := caller.log_in().content:
            headers["authorization"] = f"Bearer {login['access_token']}"
        headers["x-account-id"] = caller.scenario.portal.account_id
    headers |= example.get("headers", {})
    return {name: value for name, value in headers.items() if value is not None}


def events(kind: EventKind) -> list[Any]:
    leads = list(seeded_leads(Campaign(responses=50), 1))
    found = [event for lead in leads for event in events_of(lead, Campaign(), (kind,), seed=1, style="iso")]
    return [loads(event.body) for event in found]


def messages(prefix: str) -> list[Any]:
    rows = [lead_row(lead, Campaign(), 1) for lead in seeded_leads(Campaign(responses=100), 1)]
    return [value for row in rows for key, value in row.items() if key.startswith(prefix)]


def activities() -> list[Any]:
    campaign = PortalCampaign(activities=60, leads=10)
    return [activity_row(campaign, 1, number, 0) for number in range(60)]


MADE: dict[str, Callable[[], list[Any]]] = {
    "lead of the contact center": lambda: [seeded_lead(PortalCampaign(), 1, number).row() for number in range(10)],
    "queue": lambda: [queue_row(1, number) for number in range(40)],
    "activity": activities,
    **{f"event {kind}": partial(events, kind) for kind in get_args(EventKind)},
    **{f"v1 {prefix}": partial(messages, prefix) for prefix in ("sms_", "ivr_", "gmail_")},
}


def test_every_documented_row_is_compared() -> None:
    assert MADE.keys() == ROWS.keys()


@pytest.mark.parametrize("name", ROWS)
def test_rows_have_the_keys_and_types_of_the_documents_row_in_its_order(name: str) -> None:
    made = MADE[name]()
    assert made
    for row in made:
        assert_like(row, ROWS[name])


def assert_like(value: Any, example: Any) -> None:
    if isinstance(example, dict) and example:
        # Some activities lack a uuid: decided here, for clients must cope with it.
        assert [*value, *({"uuid"} & example.keys() - value.keys())] == list(example)
        for key in value:
            assert_like(value[key], example[key])
    elif isinstance(example, list):
        for each in value:
            assert_like(each, example[0])
    else:
        assert example is None or type(value) is type(example)
