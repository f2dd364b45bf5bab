"""Leads that are disabled or deleted in place of what their stream does: deleted rows, suppressed numbers."""

import json

import pytest

from destination_squadstack.config import parse_config
from destination_squadstack.errors import ConfigError
from destination_squadstack.operations import OPERATIONS
from destination_squadstack.record_rules.suppression import read_list
from destination_squadstack.routing import campaign_operations, plan

GONE = {"_ab_cdc_deleted_at": "2026-01-01T00:00:00Z"}
SUPPRESSED = "9876500000"
MISSING = (404, "Lead with ID 'x' does not exist in the campaign or lead has already been processed")


def default(**more):
    return {"operation": "upsert", "ref_id": "ref-1", **more}


@pytest.fixture
def b(kit, bench):
    """Return an engine with a suppression list of one number."""

    def build(*, on_match="reject", tolerate_rejections=False, on_deleted="disable", **config):
        settings = {
            "default": default(on_deleted=on_deleted),
            "suppression": {"path": "list.txt", "on_match": on_match},
            **config,
        }
        return bench(
            kit.config(**settings),
            suppression=read_list([SUPPRESSED.encode()]),
            tolerate_rejections=tolerate_rejections,
        )

    return build


def sent(b):
    """Return what leaves now: operation and leads of each call."""
    calls = b.calls()
    return calls, [(call.lane.operation.name, [json.loads(body) for body in call.bodies]) for call in calls]


def test_the_lead_of_a_deleted_row_is_disabled_by_its_id_alone(kit, b):
    engine = b()
    engine.feed(kit.record("L1", city="Pune", **GONE), kit.state(1))
    engine.end()
    (call,), what = sent(engine)
    assert what == [("disable", [{"lead_id": "L1"}])]
    assert call.lane.path == "/voice/crm-integration-v2/ref-1/lead-disabled"
    engine.answer(call, kit.rows(call))
    (state,) = engine.states()
    assert state["destinationStats"] == {"recordCount": 1, "rejectedRecordCount": 0}


def test_the_lead_of_a_deleted_row_is_purged_where_the_config_allows_it(kit, b):
    engine = b(on_deleted="delete", allow_delete=True)
    engine.feed(kit.record("L1", **GONE))
    engine.end()
    _, what = sent(engine)
    assert what == [("delete", [{"lead_id": "L1"}])]


def test_a_deleted_row_has_the_field_map_of_its_stream(kit, b):
    entry = {"stream": "leads", "field_map": [{"to": "lead_id", "from": "properties.id"}]}
    engine = b(streams=[entry])
    engine.feed(kit.record("ignored", properties={"id": "L7"}, **GONE))
    engine.end()
    _, what = sent(engine)
    assert what == [("disable", [{"lead_id": "L7"}])]


def test_the_records_of_a_lead_keep_their_order_around_its_deleted_row(kit, b):
    engine = b()
    engine.feed(kit.record("L1", n=1), kit.record("L1", n=2, **GONE), kit.record("L1", n=3))
    engine.end()
    order = []
    while calls := engine.calls():
        (call,) = calls
        order.append((call.lane.operation.name, [json.loads(body).get("n") for body in call.bodies]))
        engine.answer(call, kit.rows(call))
    assert order == [("upsert", [1]), ("disable", [None]), ("upsert", [3])]


def test_a_suppressed_lead_is_disabled_where_the_config_says_so(kit, b):
    engine = b(on_match="disable")
    engine.feed(kit.record("L1", phone_number="+91 98765 00000"), kit.record("L2"))
    engine.end()
    _, what = sent(engine)
    assert sorted((name, [lead["lead_id"] for lead in leads]) for name, leads in what) == [
        ("disable", ["L1"]),
        ("upsert", ["L2"]),
    ]
    assert not engine.rejected_records.rejections


@pytest.mark.parametrize("operation", ["create", "upsert", "update"])
@pytest.mark.parametrize("api", ["crm_v2", "v4", "v1"])
def test_a_suppressed_lead_is_disabled_through_the_api_of_its_stream(kit, b, api, operation):
    if (api, operation) not in OPERATIONS:
        return
    ids = {"ref_id": "r", "campaign_id": "c"}
    engine = b(on_match="disable", default={"operation": operation, "api": api, **ids})
    engine.feed(kit.record("1", phone_number=SUPPRESSED, state_code="MH"))
    engine.end()
    (call,), what = sent(engine)
    assert [(name, [str(lead["lead_id"]) for lead in leads]) for name, leads in what] == [("disable", ["1"])]
    assert call.lane.operation.api == api


def test_an_update_without_a_number_passes_the_suppression_list(kit, b):
    engine = b(on_match="disable", default=default(operation="update"))
    engine.feed(kit.record("L1", phone_number=None))
    engine.end()
    _, what = sent(engine)
    assert what == [("update", [{"lead_id": "L1", "contact_name": "Asha"}])]


def test_a_lead_that_the_campaign_lacks_need_not_be_stopped(kit, b):
    engine = b()
    engine.feed(*[kit.record(f"L{index}", **GONE) for index in range(300)], kit.state(1))
    engine.end()
    while calls := engine.calls():
        for call in calls:
            engine.answer(call, kit.rows(call, *[MISSING] * len(call.records)))
    (state,) = engine.states()
    assert state["destinationStats"] == {"recordCount": 300, "rejectedRecordCount": 0}
    assert engine.progress.not_there == 300
    assert not engine.rejected_records.rejections


def test_unknown_words_about_leads_that_are_not_found_reject_them_and_do_not_stop_the_sync(kit, b):
    engine = b()
    engine.feed(*[kit.record(f"L{index}", **GONE) for index in range(300)], kit.state(1))
    engine.end()
    while calls := engine.calls():
        for call in calls:
            engine.answer(call, kit.rows(call, *[(404, "Nothing here.")] * len(call.records)))
    assert engine.marks() == [1]
    assert len(engine.rejected_records.rejections) == 300


def test_a_refused_stop_is_rejected_under_its_own_operation(kit, b):
    engine = b()
    engine.feed(kit.record("L1", **GONE), kit.record("L2"))
    engine.end()
    for call in engine.calls():
        engine.answer(call, kit.rows(call, (400, "no")))
    assert sorted((each.operation, each.route.lane.operation.name) for each in engine.rejected_records.rejections) == [
        ("disable", "upsert"),
        ("upsert", "upsert"),
    ]


def test_a_deleted_row_without_an_id_is_rejected_and_not_sent(kit, b):
    engine = b()
    engine.feed(kit.record(None, **GONE))
    engine.end()
    assert engine.calls() == []
    assert engine.rejected_records.reasons == ["lead_id: this field is required"]


def test_the_report_says_what_was_done_to_leads_that_may_not_be_called(kit, b):
    engine = b(on_match="disable")
    engine.feed(kit.record("L1", **GONE), kit.record("L2", phone_number=SUPPRESSED), kit.record("L3", **GONE))
    engine.end()
    engine.progress.end(0.0, waiting=0, used=0, allowance=100)
    told = [text for _, text in engine.logs]
    assert "Deleted at source 2, 2 of them sent to disable; suppressed 1, 1 of them sent to disable." in told


@pytest.mark.parametrize(
    ("operation", "on_deleted", "expected"),
    [
        ("create", "disable", "disable"),
        ("update", "delete", "delete"),
        ("convert", "disable", "disable"),
        ("disable", "disable", "disable"),
        ("disable", "delete", "delete"),
        ("delete", "disable", "delete"),
        ("delete", "skip", "delete"),
        ("disable", "skip", "disable"),
        ("convert", "skip", None),
    ],
)
def test_what_becomes_of_a_deleted_row(kit, b, operation, on_deleted, expected):
    engine = b(default=default(operation=operation, on_deleted=on_deleted), allow_delete=True)
    engine.feed(kit.record("L1", detail={}, **GONE))
    engine.end()
    _, what = sent(engine)
    assert what == ([] if expected is None else [(expected, [{"lead_id": "L1"}])])


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (
            {"default": default(on_deleted="delete")},
            "default.on_deleted is delete, which purges leads for ever: set allow_delete to true if that is meant.",
        ),
        (
            {
                "default": {"operation": "create", "api": "v1", "campaign_id": "c", "on_deleted": "delete"},
                "allow_delete": True,
            },
            "default.on_deleted is delete, which the api v1 does not have: choose skip or disable.",
        ),
        (
            {
                "contact_center": {
                    "portal_url": "https://portal.example:9443",
                    "username": "u",
                    "password": "p",
                    "domain": "d",
                    "account_id": "a",
                },
                "default": default(on_deleted="disable"),
                "streams": [{"stream": "s", "api": "contact_center", "operation": "add_lead", "campaign_id": "c"}],
                "suppression": {"path": "list.txt", "on_match": "disable"},
            },
            (
                "streams[0].on_deleted is disable, which the api contact_center does not have: choose skip. "
                "suppression.on_match is disable, but streams[0].operation is add_lead, and the contact center "
                "disables no leads: choose reject."
            ),
        ),
    ],
    ids=["delete not allowed", "v1 cannot delete", "the contact center cannot disable"],
)
def test_what_an_api_cannot_do_about_a_lead_is_said_at_the_start(kit, config, problem):
    with pytest.raises(ConfigError) as caught:
        parse_config(kit.config(**config))
    assert str(caught.value) == problem


def test_a_mapped_operation_of_an_api_without_it_is_refused_before_anything_is_sent(kit):
    config = parse_config(kit.config(default=default(on_deleted="delete", campaign_id="c"), allow_delete=True))
    row = OPERATIONS["v1", "create"]
    stream = {
        "stream": {
            "name": "leads",
            "json_schema": {"properties": {name: {} for name in row.schema["required"]}},
        },
        "destination_sync_mode": "append",
        "destination_object_name": row.object_name,
    }
    with pytest.raises(ConfigError, match=r"on_deleted is delete, which the api v1 does not have: choose another\."):
        plan(config, {"streams": [stream]})


def test_check_asks_for_the_operations_that_stop_leads_too(kit):
    config = parse_config(
        kit.config(
            default=default(on_deleted="delete"),
            suppression={"path": "list.txt", "on_match": "disable"},
            allow_delete=True,
        )
    )
    assert [lane.operation.name for lane in campaign_operations(config)] == ["upsert", "delete", "disable"]


def test_a_dry_run_counts_the_leads_that_would_be_disabled(kit, b):
    engine = b(dry_run=True)
    engine.feed(kit.record("L1", **GONE))
    engine.end()
    assert engine.progress.stopped.total() == 1
