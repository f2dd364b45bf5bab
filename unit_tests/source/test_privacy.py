"""No number and no name that is hashed or dropped in anything that the source prints, in any stream."""

import hashlib
import hmac
import itertools
import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from source_squadstack.components.contact_center_auth import contact_center_session
from source_squadstack.components.host_health import health_of
from source_squadstack.config import problems
from source_squadstack.manifest import load_manifest
from source_squadstack.run import specification
from source_squadstack.source import SourceSquadstack
from squadstack_common.config_sections import filled_in
from squadstack_common.privacy_settings import CURSORS, RECORD_KEYS
from test_support import canary
from test_support.canary_records import records
from test_support.in_process_source import Answer, read

AT = canary.SECONDS + 86_400
SALT = "of ours alone"
CONFIG = {
    "squadstack": {
        "token": "a-token",
        "campaign_ids": ["C1"],
        "start_date": "2026-01-31T00:00:00Z",
        "api_version": "v1",
    },
    "contact_center": {
        "portal_url": "https://portal.example.com:9443",
        "username": "u",
        "password": "p",
        "domain": "d",
        "account_id": "acc",
        "start_date": "2026-01-31T00:00:00Z",
    },
    "webhooks": {"url": "https://hooks.example.com", "token": "pull-token"},
}
STREAMS = {
    **dict.fromkeys(("lead_responses", "outreach_events", "contact_center_activity", "webhook_events"), "incremental"),
    **dict.fromkeys(("leads", "contact_center_campaigns", "contact_center_leads"), "full_refresh"),
    **dict.fromkeys(("contact_center_queues", "contact_center_queue_agents"), "full_refresh"),
}


def event(payload):
    moments = {"occurred_at": canary.PROCESSED_AT, "received_at": canary.PROCESSED_AT}
    ids = {"sequence": 1, "event_id": "e" * 32, "event_type": "call", "campaign_id": "C1", "lead_id": "L1"}
    return {**ids, **moments, "payload": payload}


def server(lead, payload=canary.WEBHOOK, activities=(canary.ACTIVITY,)):
    bodies = {
        "/api/v1/leads/responses/C1/": {"count": 1, "next": None, "previous": None, "results": [lead]},
        "/api/v4/leads/responses/C1/": {"count": 1, "next": None, "previous": None, "results": [lead]},
        "/api/v2/login": {"user": {}, "access_token": "another-token", "refresh_token": "r"},
        "/api/v2/reports/campaigns/leads/status": {"cc1": {"name": "Sales", "status": "stopped", "total_leads": 1}},
        "/api/v2/config/campaigns/cc1/leads": {"data": [canary.PORTAL_LEAD]},
        "/api/v2/reports/campaigns/leads/history": {"data": list(activities)},
        "/callcenter/queues/status": [canary.QUEUE],
        "/events": {"data": [event(payload)], "next_cursor": 1, "has_more": False},
    }
    return lambda call: Answer(AT, bodies[call.path])


def sync(tmp_path, privacy, lead=None, streams=STREAMS, **served):
    version = CONFIG["squadstack"]["api_version"] if lead is None or "contact_number" in lead else "v4"
    config = {**CONFIG, "squadstack": {**CONFIG["squadstack"], "api_version": version}, "privacy": privacy}
    done = read(tmp_path, config=config, streams=streams, state=[], server=server(lead or canary.lead("v1"), **served))
    assert not done.failed, done.errors()
    return done


def rows(done, stream):
    return [
        message["record"]["data"]
        for message in done.messages
        if message["type"] == "RECORD" and message["record"]["stream"] == stream
    ]


def hashed(text):
    return hmac.new(SALT.encode(), text.encode(), hashlib.sha256).hexdigest()


ACTIONS = ("keep", "hash", "drop")


@pytest.mark.parametrize(("phone_numbers", "names"), [*itertools.product(ACTIONS, ACTIONS)])
def test_nothing_that_is_hashed_or_dropped_is_in_any_message(tmp_path, phone_numbers, names):
    done = sync(tmp_path, {"phone_numbers": phone_numbers, "names": names, "salt": SALT})
    by_stream = {stream: json.dumps(rows(done, stream), ensure_ascii=False) for stream in STREAMS}
    assert [stream for stream, text in by_stream.items() if text == "[]"] == []
    printed = json.dumps(done.messages, ensure_ascii=False)
    assert canary.holds_number(printed) is (phone_numbers == "keep")
    assert canary.holds_name(printed) is (names == "keep")


@pytest.mark.parametrize("number", canary.SPELLINGS, ids=str)
@pytest.mark.parametrize("version", ["v4", "v1"])
def test_a_number_has_the_same_hash_in_every_stream_however_it_is_spelled(tmp_path, number, version):
    privacy = {"phone_numbers": "hash", "names": "hash", "salt": SALT}
    streams = {"leads": "full_refresh", "webhook_events": "incremental", "contact_center_leads": "full_refresh"}
    done = sync(tmp_path, privacy, canary.lead(version, number), streams)
    assert rows(done, "leads")[0]["phone_number"] == hashed(canary.E164)
    assert rows(done, "leads")[0]["contact_name"] == hashed(canary.NAME)
    assert rows(done, "leads")[0]["lead_responses"]["alternate_number"] == hashed(canary.E164)
    assert rows(done, "contact_center_leads")[0]["number"] == hashed(canary.E164)
    assert rows(done, "webhook_events")[0]["payload"]["phone_number"] == hashed(canary.E164)
    assert not canary.holds_number(json.dumps(done.messages, ensure_ascii=False))


V1_LEAD, V4_LEAD = canary.lead("v1"), canary.lead("v4")
# What goes wrong once at each address before it answers: the body repeats what must not be known.
FAULTS = {
    "none": lambda body: None,
    "HTTP 500": lambda body: Answer(AT, body, 500),
    "HTTP 429": lambda body: Answer(AT, body, 429, {"Retry-After": "1"}),
    "cut off": lambda body: Answer(AT, json.dumps(body).encode()[:-9]),
    "refused": lambda body: Answer(AT, {"detail": json.dumps(body)}, 400),
}


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lead=st.sampled_from((V4_LEAD, V1_LEAD)).flatmap(records),
    payload=records(canary.WEBHOOK),
    activity=records(canary.ACTIVITY),
    actions=st.tuples(*(st.sampled_from(("hash", "drop")),) * 2),
    fault=st.sampled_from(sorted(FAULTS)),
)
def test_whatever_rows_and_faults_come_neither_is_in_a_message_or_a_log(
    tmp_path, caplog, monkeypatch, lead, payload, activity, actions, fault
):
    monkeypatch.setattr(time, "sleep", lambda _: None)
    healthy, met = server(lead, payload, [activity]), set()

    def faulty(call):
        answer = healthy(call)
        first = call.path not in met
        met.add(call.path)
        return (first and FAULTS[fault](answer.body)) or answer

    version = "v1" if "contact_number" in lead else "v4"
    privacy = {"phone_numbers": actions[0], "names": actions[1], "salt": SALT}
    config = {**CONFIG, "squadstack": {**CONFIG["squadstack"], "api_version": version}, "privacy": privacy}
    streams = {name: mode for name, mode in STREAMS.items() if version == "v1" or name != "outreach_events"}
    health_of.cache_clear()
    contact_center_session.cache_clear()
    done = read(tmp_path, config=config, streams=streams, state=[], server=faulty)
    printed = json.dumps(done.messages, ensure_ascii=False) + caplog.text + "".join(done.warnings)
    assert done.failed is (fault == "refused")
    assert not canary.holds_number(printed)
    assert not canary.holds_name(printed)
    if fault != "refused":
        assert {name for name in streams if rows(done, name)} == set(streams)


def test_campaigns_queues_and_tags_keep_their_names(tmp_path):
    done = sync(tmp_path, {"names": "drop"})
    assert rows(done, "contact_center_campaigns")[0]["name"] == "Sales"
    (queue,) = rows(done, "contact_center_queues")
    assert (queue["name"], queue["agents"][0]["tags"][0]["name"]) == ("Support", "Batch 1")
    assert rows(done, "contact_center_queue_agents")[0]["tags"] == canary.QUEUE["agents"][0]["tags"]


def test_an_events_id_is_made_of_what_may_be_known(tmp_path):
    other = json.loads(json.dumps(canary.lead("v1")).replace("Zubeida", "Someone"))
    streams = {"outreach_events": "incremental"}
    ids = [
        {
            row["event_type"]: row["event_id"]
            for row in rows(sync(tmp_path, {"names": "drop"}, lead, streams), "outreach_events")
        }
        for lead in (canary.lead("v1"), other)
    ]
    assert ids[0]["sms"] == ids[1]["sms"]
    assert ids[0]["call"] == "r1"


@pytest.mark.parametrize("privacy", [{"phone_numbers": "drop"}, {"names": "hash", "salt": SALT}])
def test_activities_of_one_second_stay_apart_and_their_ids_cannot_be_tried_out(tmp_path, privacy):
    activities = [canary.ACTIVITY, {**canary.ACTIVITY, "lead_number": "+919876501235"}]
    streams = {"contact_center_activity": "incremental"}
    plain, kept_back = (
        [row["activity_id"] for row in rows(sync(tmp_path, each, None, streams, activities=activities), *streams)]
        for each in ({}, privacy)
    )
    assert len(set(kept_back)) == 2
    assert set(plain).isdisjoint(kept_back)
    again = sync(tmp_path, privacy, None, streams, activities=activities[::-1])
    assert {row["activity_id"] for row in rows(again, *streams)} == set(kept_back)


def test_named_fields_are_dropped_at_any_depth_and_those_that_the_source_makes_too(tmp_path):
    done = sync(tmp_path, {"fields": ["Email", "answers", "lead_outcome", "latest_recording_url"]})
    printed = json.dumps([message["record"] for message in done.messages if message["type"] == "RECORD"])
    assert "zq@example.com" not in printed
    assert all("answers" not in row for row in rows(done, "outreach_events"))
    assert "lead_outcome" not in rows(done, "leads")[0]


def test_the_leads_id_is_hashed_in_every_stream_alike(tmp_path):
    done = sync(tmp_path, {"fields": ["lead_id"], "fields_action": "hash", "salt": SALT}, canary.lead("v1"))
    for stream in ("leads", "lead_responses", "outreach_events"):
        assert {row["lead_id"] for row in rows(done, stream)} == {hashed("1")}
    (event,) = rows(done, "webhook_events")
    assert event["lead_id"] == event["payload"]["lead_id"] == hashed("L1")


def test_what_the_receiver_hashed_is_not_hashed_again(tmp_path):
    privacy = {"phone_numbers": "hash", "names": "drop", "salt": SALT}
    payload = {**canary.WEBHOOK, "phone_number": hashed(canary.E164)}
    done = sync(tmp_path, privacy, streams={"webhook_events": "incremental"}, payload=payload)
    assert rows(done, "webhook_events")[0]["payload"]["phone_number"] == hashed(canary.E164)


def test_without_privacy_every_row_is_the_one_that_it_was(tmp_path):
    kept, off = (sync(tmp_path, section) for section in ({"phone_numbers": "keep", "salt": "x"}, {}))
    for stream in STREAMS:
        stable = [[{**row, "read_at": ""} for row in rows(each, stream)] for each in (kept, off)]
        assert stable[0] == stable[1]
    assert rows(off, "leads")[0]["phone_number"] == canary.E164


# ── the config ─────────────────────────────────────────────────────────────────────────────────────────────────────

SPEC = specification()["connectionSpecification"]


def problems_of(privacy):
    return problems(filled_in({**CONFIG, "privacy": privacy}, SPEC), SPEC)


def test_a_hash_without_a_salt_names_the_field():
    (sentence,) = problems_of({"phone_numbers": "hash"})
    assert sentence.startswith("`privacy.salt` is missing: ")
    assert problems_of({"phone_numbers": "drop", "names": "drop", "fields": ["email"]}) == []


def test_a_key_names_the_field():
    (sentence,) = problems_of({"fields": ["email", "lead_id"]})
    assert sentence.startswith("`privacy.fields[1]` names `lead_id`, ")
    assert problems_of({"fields": ["lead_id"], "fields_action": "hash", "salt": "s"}) == []
    assert problems_of({"fields": ["lead_id"], "fields_action": "keep"}) == []


def test_what_the_form_leaves_behind_says_nothing():
    assert problems_of({"phone_numbers": "keep", "names": "keep", "fields": [], "fields_action": "drop"}) == []


def test_the_keys_and_cursors_of_every_stream_are_known():
    streams = load_manifest()["definitions"]["streams"].values()
    keys = {key for stream in streams for key in stream.get("primary_key", [])}
    cursors = {each["cursor_field"] for each in load_manifest()["definitions"]["cursors"].values()}
    assert keys <= set(RECORD_KEYS)
    assert cursors == set(CURSORS)


# ── discover ───────────────────────────────────────────────────────────────────────────────────────────────────────


def schemas(privacy):
    config = {**CONFIG, "privacy": privacy}
    catalog = SourceSquadstack(config=config).discover(None, config)
    return {stream.name: stream.json_schema["properties"] for stream in catalog.streams}


def test_discover_says_what_was_hashed_and_what_was_dropped():
    found = schemas({"phone_numbers": "hash", "names": "drop", "fields": ["created_at", "cost"], "salt": "s"})
    number, name = found["leads"]["phone_number"], found["leads"]["contact_name"]
    assert number["type"] == ["null", "string"]
    assert number["description"].endswith(
        " Hashed by `privacy`: HMAC-SHA256 over the salt of the number in E.164, 64 hex digits."
    )
    assert name["description"].endswith(" Dropped by `privacy`: always null.")
    assert found["webhook_events"]["payload"]["description"].endswith(
        " By `privacy`, in it phone numbers are hashed; names are dropped; fields of these names are dropped: "
        "created_at, cost."
    )
    assert found["contact_center_queues"]["name"] == schemas({})["contact_center_queues"]["name"]
    assert "Dropped" in found["contact_center_queue_agents"]["name"]["description"]


def test_discover_gives_a_hash_the_type_of_text():
    fields = ["created_at", "cost", "lead_responses", "lead_id"]
    found = schemas({"fields": fields, "fields_action": "hash", "salt": "s"})
    assert found["leads"]["created_at"]["type"] == ["null", "string"]
    assert not {"format", "airbyte_type"} & set(found["leads"]["created_at"])
    assert found["outreach_events"]["cost"]["type"] == ["null", "string"]
    assert found["leads"]["lead_responses"]["type"] == ["null", "object"]
    assert found["leads"]["lead_id"]["type"] == "string"


def test_discover_is_what_it_was_where_nothing_is_kept_back():
    assert schemas({}) == schemas({"phone_numbers": "keep"})
