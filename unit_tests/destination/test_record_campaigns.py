"""Campaigns that records name themselves: `ref_id_from` and `campaign_id_from`."""

import json
import re

import pytest

from destination_squadstack.api.outcomes import ApiResponse
from destination_squadstack.campaigns import MAX_IDS_OF_RECORDS
from destination_squadstack.check import problem as find_problem
from destination_squadstack.config import parse_config
from destination_squadstack.errors import ConfigError
from destination_squadstack.routing import campaign_operations, plan
from destination_squadstack.spec import load_spec

NO_INTEGRATION = ApiResponse(404, {"error_msg": "No active integration found"})
GONE = {"_ab_cdc_deleted_at": "2026-01-01T00:00:00Z"}


def a_config(**more):
    entry = {"stream": "leads", "operation": "upsert", "ref_id_from": "campaign.ref", **more}
    return {"squadstack": {"token": "t"}, "streams": [entry]}


@pytest.fixture
def b(bench):
    """Return an engine whose records name their campaigns."""
    return lambda **more: bench(a_config(**more))


def to(kit, lead_id, ref, **more):
    return kit.record(lead_id, campaign={"ref": ref}, **more)


def sent(b):
    """Return what leaves now: path and lead ids of each call."""
    calls = b.calls()
    ids = [(call.lane.path, [json.loads(body)["lead_id"] for body in call.bodies]) for call in calls]
    return calls, sorted(ids)


def path(ref, endpoint="lead-upserted"):
    return f"/voice/crm-integration-v2/{ref}/{endpoint}"


def test_each_record_goes_to_the_campaign_that_it_names(kit, b):
    engine = b()
    engine.feed(to(kit, "L1", "one"), to(kit, "L2", " two "), to(kit, "L3", "one"), to(kit, "L4", 7))
    engine.end()
    _, what = sent(engine)
    assert what == [(path("7"), ["L4"]), (path("one"), ["L1", "L3"]), (path("two"), ["L2"])]


@pytest.mark.parametrize("blank", [None, "", "  "], ids=["null", "empty", "spaces"])
def test_a_record_that_names_none_goes_to_the_campaign_of_the_config(kit, b, blank):
    engine = b(ref_id="own")
    engine.feed(to(kit, "L1", blank), to(kit, "L2", "own"), kit.record("L3"))
    engine.end()
    _, what = sent(engine)
    assert what == [(path("own"), ["L1", "L2", "L3"])]


@pytest.mark.parametrize(
    ("ref", "reason"),
    [
        (None, "ref_id: the record names none"),
        ("a/../b", "ref_id: may hold letters, digits, - and _ only"),
        ("a\n", None),
        ("x" * 256, "ref_id: may hold letters, digits, - and _ only"),
        (1.5, "ref_id: must be text or an integer"),
        (True, "ref_id: must be text or an integer"),
        (["one"], "ref_id: must be text or an integer"),
    ],
    ids=["null", "a path", "a line break around it", "too long", "a fraction", "a boolean", "a list"],
)
def test_a_record_without_an_id_of_a_campaign_is_rejected_before_it_costs_a_call(kit, b, ref, reason):
    engine = b()
    engine.feed(to(kit, "L1", ref))
    engine.end()
    assert (len(engine.calls()), engine.rejected_records.reasons) == ((0, [reason]) if reason else (1, []))


def test_an_unknown_campaign_rejects_its_own_records_alone(kit, b):
    engine = b()
    engine.feed(*[to(kit, f"L{index}", "gone" if index % 2 else "one") for index in range(4)], kit.state(1))
    engine.end()
    for call in engine.calls():
        engine.answer(call, NO_INTEGRATION if "gone" in call.lane.path else kit.rows(call))
    (state,) = engine.states()
    assert state["destinationStats"] == {"recordCount": 2, "rejectedRecordCount": 2}
    assert engine.rejected_records.reasons == ["ref_id: no active integration"] * 2
    assert engine.rejected_records.lead_ids == ["L1", "L3"]


def test_a_row_that_names_an_unknown_campaign_is_rejected_with_the_same_reason(kit, b):
    engine = b()
    engine.feed(to(kit, "L1", "gone"), to(kit, "L2", "one"))
    engine.end()
    for call in engine.calls():
        bad = [(404, "No active integration found")] if "gone" in call.lane.path else []
        engine.answer(call, kit.rows(call, *bad))
    assert engine.rejected_records.reasons == ["ref_id: no active integration"]


def test_a_sync_in_which_no_campaign_is_known_stops_at_200_records_of_whatever_campaigns(kit, b):
    engine = b()
    engine.feed(*[to(kit, f"L{index}", f"gone-{index % 7}") for index in range(300)], kit.state(1))
    engine.end()
    with pytest.raises(ConfigError, match=re.escape("ref_id: no active integration")) as caught:
        while calls := engine.calls():
            for call in calls:
                engine.answer(call, NO_INTEGRATION)
    assert "streams[0].ref_id_from names no active integration of SquadStack." in str(caught.value)
    assert "none of these records has been acknowledged" in str(caught.value)
    assert engine.marks() == []


def test_few_records_of_unknown_campaigns_alone_are_a_config_error_too(kit, b):
    engine = b()
    engine.feed(to(kit, "L1", "gone"), to(kit, "L2", "gone-too"), kit.state(1))
    engine.end()
    for call in engine.calls():
        engine.answer(call, NO_INTEGRATION)
    with pytest.raises(ConfigError, match="All 2 records for lead-upserted were refused"):
        engine.states()


def test_a_refused_token_still_ends_the_sync(kit, b):
    engine = b()
    engine.feed(to(kit, "L1", "one"))
    engine.end()
    with pytest.raises(ConfigError, match=r"squadstack\.token"):
        engine.answer(engine.call(), ApiResponse(401, {"detail": "Invalid token."}))


def test_the_records_of_a_lead_keep_their_order_across_campaigns(kit, b):
    engine = b()
    engine.feed(to(kit, "L1", "one", n=1), to(kit, "L1", "two", n=2), to(kit, "L1", "one", n=3))
    engine.end()
    order = []
    while calls := engine.calls():
        (call,) = calls
        order.append((call.lane.path, [json.loads(body)["n"] for body in call.bodies]))
        engine.answer(call, kit.rows(call))
    assert order == [(path("one"), [1]), (path("two"), [2]), (path("one"), [3])]


def test_a_stream_with_a_campaign_of_its_own_keeps_the_order_with_one_whose_records_name_theirs(kit, bench):
    streams = [
        {"stream": "fixed", "operation": "create", "ref_id": "one"},
        {"stream": "named", "operation": "upsert", "ref_id_from": "ref"},
    ]
    engine = bench({"squadstack": {"token": "t"}, "streams": streams}, kit.catalog("fixed", "named"))
    engine.feed(kit.record("L1", "fixed"), kit.record("L1", "named", ref="one"))
    engine.end()
    (first,) = engine.calls()
    assert first.lane.operation.name == "create"
    engine.answer(first, kit.rows(first))
    assert engine.call().lane.operation.name == "upsert"


def test_streams_whose_campaigns_the_config_names_are_not_ordered_between_campaigns(kit, bench):
    streams = [{"stream": name, "operation": "upsert", "ref_id": name} for name in ("one", "two")]
    engine = bench({"squadstack": {"token": "t"}, "streams": streams}, kit.catalog("one", "two"))
    engine.feed(kit.record("L1", "one"), kit.record("L1", "two"))
    engine.end()
    assert len(engine.calls()) == 2


def test_a_deleted_row_is_disabled_in_the_campaign_that_it_names(kit, b):
    engine = b(on_deleted="disable")
    engine.feed(to(kit, "L1", "one"), to(kit, "L2", "two", **GONE))
    engine.end()
    _, what = sent(engine)
    assert what == [(path("one"), ["L1"]), (path("two", "lead-disabled"), ["L2"])]


def test_a_thousand_ids_have_room_and_records_of_further_ones_can_be_sent_later(kit, b):
    engine = b()
    engine.feed(*[to(kit, f"L{index}", f"c{index}") for index in range(MAX_IDS_OF_RECORDS + 1)])
    engine.feed(to(kit, "again", "c0"))
    engine.end()
    (rejection,) = engine.rejected_records.rejections
    assert rejection.lead_id == f"L{MAX_IDS_OF_RECORDS}"
    assert rejection.reason == "ref_id: a sync has room for 1,000 of them"
    assert rejection.retryable
    assert engine.engine.waiting == MAX_IDS_OF_RECORDS + 1


def test_an_unknown_campaign_of_v4_rejects_its_records(kit, bench):
    streams = [{"stream": "leads", "operation": "create", "api": "v4", "campaign_id_from": "campaign"}]
    engine = bench({"squadstack": {"token": "t"}, "streams": streams})
    engine.feed(kit.record("L1", campaign="one"), kit.record("L2", campaign="gone"))
    engine.end()
    for call in engine.calls():
        refused = ApiResponse(404, {"detail": "Campaign not found."})
        engine.answer(call, refused if "/gone/" in call.lane.path else ApiResponse(200, {}))
    assert engine.rejected_records.reasons == ["campaign_id: no such campaign"]


def test_an_entry_with_an_id_of_its_own_does_not_take_the_default_field(kit):
    config = parse_config(
        kit.config(
            default={"operation": "upsert", "ref_id_from": "ref"},
            streams=[{"stream": "fixed", "ref_id": "own"}, {"stream": "other"}],
        )
    )
    fixed, other = plan(config, kit.catalog("fixed", "other"))
    assert fixed.campaigns is None
    assert fixed.lane.path == path("own")
    assert other.campaigns is not None


def test_the_ids_of_records_and_of_the_config_have_one_pattern(kit, b):
    default = load_spec()["connectionSpecification"]["properties"]["default"]["properties"]
    assert default["ref_id"]["pattern"] == default["campaign_id"]["pattern"] == "^[A-Za-z0-9_-]+$"
    engine = b()
    allowed = [chr(code) for code in range(33, 127) if re.fullmatch(default["ref_id"]["pattern"], chr(code))]
    engine.feed(*[to(kit, f"L{code}", chr(code)) for code in range(33, 127)])
    assert engine.engine.waiting == len(allowed)


def test_check_asks_with_an_id_that_nobody_has_where_only_records_name_campaigns(kit):
    config = parse_config(a_config())
    (lane,) = campaign_operations(config)
    assert lane.path == path("airbyte-check")

    class Api:
        def __init__(self, answer):
            self.answer = answer

        def send(self, lane, bodies):
            return self.answer

    assert find_problem(config, Api(NO_INTEGRATION), kit.clock()) is None
    refused = find_problem(config, Api(ApiResponse(401, {"detail": "Invalid token."})), kit.clock())
    assert refused is not None
    assert refused.startswith("squadstack.token is not accepted")


def test_check_asks_with_the_config_campaign_where_there_is_one(kit):
    config = parse_config({**a_config(ref_id="own"), "default": {"operation": "upsert", "ref_id": "d"}})
    assert [lane.path for lane in campaign_operations(config)] == [path("d"), path("own")]


def test_without_an_id_and_without_a_field_the_config_is_refused(kit):
    with pytest.raises(ConfigError, match=r"streams\[0\]\.ref_id is missing: crm_v2 needs it\."):
        parse_config({"squadstack": {"token": "t"}, "streams": [{"stream": "s", "operation": "upsert"}]})


def test_leads_that_are_gone_have_no_record_to_name_their_campaign(kit):
    stored = {"storage_type": "Local", "bucket_path": "/nowhere"}
    config = parse_config({**a_config(when_gone="disable"), "object_storage_config": stored})
    catalog = kit.catalog("leads")
    catalog["streams"][0]["sync_mode"] = "full_refresh"
    with pytest.raises(
        ConfigError, match=r"^streams\[0\]\.when_gone is disable, but streams\[0\]\.ref_id_from has each"
    ):
        plan(config, catalog)
