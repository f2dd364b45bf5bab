"""API v1: rows carry the names of v4, and their dynamic keys become events, each once and with a stable key."""

import copy

import pytest

from source_squadstack.components.outreach_events import outreach_events
from source_squadstack.components.records import normalize_leads

ATTEMPT = {
    "reference_id": "ref-1",
    "outcome_id": 7,
    "outcome_name": "Connected",
    "call_duration": 31,
    "called_at": 1531409739413,
    "report_keys_order": ["interested"],
    "status": "done",
    "additional_notes": "",
    "interested": "yes",
}
ROW = {
    "lead_id": 10,
    "phone_number": "919899550412",
    "contact_number": 919899550412,
    "created_at": 1531409730000,
    "processed_at": 1531409800000,
    "campaign_id": "0PT711",
    "campaign_name": "Welcome",
    "outcome_name": "Interested",
    "outcome_id": 3,
    "call_attempt_keys": ["call_attempt_Welcome_1", "call_attempt_Welcome_2"],
    "last_call_attempt_keys": ["last_call_attempt_Welcome"],
    "call_attempt_Welcome_1": [{**ATTEMPT, "reference_id": "ref-0", "called_at": 1531409700000}],
    "call_attempt_Welcome_2": [ATTEMPT],
    "last_call_attempt_Welcome": [ATTEMPT],
    "sms_hello": {"status": "sent", "cost": "PENDING OR NOT AVAILABLE", "body": "Hi", "sent_at": 1531409740000},
    "ivr_menu": {
        "status": "answered",
        "cost": 0.5,
        "text_to_speak": "…",
        "dtmf_response": "1",
        "sent_at": 1531409741000,
    },
    "gmail_offer": {"cost": 0, "subject": "Offer", "to": "x@example.com", "sent_at": 1531409742000},
    "city": "Pune",
}


def normalized():
    row = copy.deepcopy(ROW)
    normalize_leads([row], "0PT711", "v1")
    return row


def test_a_v1_row_keeps_its_keys_and_carries_the_names_of_v4():
    row = normalized()
    assert {
        name: row[name] for name in ROW if name not in {"lead_id", "created_at", "processed_at", "contact_number"}
    } == {
        name: value
        for name, value in ROW.items()
        if name not in {"lead_id", "created_at", "processed_at", "contact_number"}
    }
    added = {
        "lead_id",
        "created_at",
        "processed_at",
        "contact_number",
        "lead_outcome",
        "latest_called_at",
        "lead_responses",
    }
    assert {name: row[name] for name in added} == {
        "lead_id": "10",
        "created_at": "2018-07-12T15:35:30Z",
        "processed_at": "2018-07-12T15:36:40Z",
        "contact_number": "919899550412",
        "lead_outcome": "Interested",
        "latest_called_at": "2018-07-12T15:35:39.413Z",
        "lead_responses": {"interested": "yes"},
    }


def test_each_event_comes_once_with_what_the_vendor_says_of_it():
    events = {event["event_id"]: event for event in outreach_events(normalized())}
    assert len(events) == 5
    assert events["ref-1"] == {
        "campaign_id": "0PT711",
        "lead_id": "10",
        "event_id": "ref-1",
        "event_type": "call",
        "block": "Welcome_2",
        "occurred_at": "2018-07-12T15:35:39.413Z",
        "outcome_id": 7,
        "outcome_name": "Connected",
        "status": "done",
        "cost": None,
        "answers": {"interested": "yes"},
        "details": ATTEMPT,
        "processed_at": "2018-07-12T15:36:40Z",
    }
    assert sorted(
        (event["event_type"], event["block"], event["cost"])
        for event in events.values()
        if event["event_type"] != "call"
    ) == [
        ("email", "offer", 0),
        ("ivr", "menu", 0.5),
        ("sms", "hello", "PENDING OR NOT AVAILABLE"),
    ]


def test_an_event_has_the_same_key_in_every_sync():
    assert [event["event_id"] for event in outreach_events(normalized())] == [
        event["event_id"] for event in outreach_events(normalized())
    ]


def test_a_lead_that_nobody_reached_out_to_has_no_events():
    row = {"lead_id": 1, "campaign_id": "0PT711", "call_attempt_keys": [], "last_call_attempt_keys": []}
    normalize_leads([row], "0PT711", "v1")
    assert list(outreach_events(row)) == []


# SquadStack v1, "Response formats": each message as it stands once it is sent, and what of it comes later.
SMS = {"body": "Hello", "sent_at": 1531409740000}
IVR = {"text_to_speak": "Press 1", "multi_text_to_speak": {"1": "Thanks"}, "sent_at": 1531409741000}
EMAIL = {"google_email": "a@b.c", "subject": "Offer", "to": "x@y.z", "from": "a@b.c", "sent_at": 1531409742000}
CALL = {"called_at": 1531409739413, "report_keys_order": []}
PENDING = {"status": "PENDING OR NOT AVAILABLE", "cost": "PENDING OR NOT AVAILABLE"}
DONE = {"status": "delivered", "cost": 0.25}


def events_of(**keys):
    row = {"lead_id": 1, "campaign_id": "0PT711", **keys}
    normalize_leads([row], "0PT711", "v1")
    return list(outreach_events(row))


def ids_of(**keys):
    return [event["event_id"] for event in events_of(**keys)]


@pytest.mark.parametrize(
    ("key", "event", "later"),
    [
        ("sms_hello", SMS, {}),
        ("ivr_menu", IVR, {"dtmf_response": "1", "duration": 12}),
        ("gmail_offer", EMAIL, {}),
        ("call_attempt_Welcome_1", CALL, {"outcome_id": 7, "call_duration": 31, "interested": "yes"}),
    ],
    ids=["sms", "ivr", "email", "call without a reference"],
)
def test_an_event_keeps_its_id_when_its_cost_status_and_outcome_come_later(key, event, later):
    first = ids_of(**{key: {**event, **PENDING}})
    assert ids_of(**{key: {**event, **DONE, **later}}) == first
    assert ids_of(**{key: event}) == first
    assert ids_of(**{key: [{**event, **DONE}]}) == first


def test_an_event_keeps_its_id_however_its_time_is_spelled():
    spellings = [1531409740000, "1531409740000", "2018-07-12T15:35:40Z", "2018-07-12T15:35:40.000+00:00"]
    assert len({ids_of(sms_hello={**SMS, "sent_at": at})[0] for at in spellings}) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"sms_hello": {**SMS, "sent_at": 1531409740001}},
        {"sms_hello": {**SMS, "body": "Hello again"}},
        {"sms_other": SMS},
        {"ivr_hello": SMS},
    ],
    ids=["another time", "another text", "another block", "another kind"],
)
def test_events_that_differ_have_different_ids(other):
    assert ids_of(sms_hello=SMS) != ids_of(**other)


def test_two_events_that_nothing_tells_apart_are_two_and_keep_their_ids():
    first, second = ids_of(sms_hello=[{"body": "Hello"}, {"body": "Hello"}])
    assert second == f"{first}-2"
    assert ids_of(sms_hello=[{"body": "Hello", **DONE}, {"body": "Hello", **PENDING}]) == [first, second]
    assert ids_of(sms_hello={"body": "Hello"}) == [first]


def test_a_call_that_is_listed_under_two_keys_is_one_event():
    assert ids_of(call_attempt_a_1=ATTEMPT, call_attempt_a_2=ATTEMPT) == ["ref-1", "ref-1"]
