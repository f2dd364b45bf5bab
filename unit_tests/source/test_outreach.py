"""API v1: rows carry the names of v4, and their dynamic keys become events, each once and with a stable key."""

import copy

from source_squadstack.components import normalize_lead, outreach_events

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
    normalize_lead(row, "0PT711", "v1")
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
    normalize_lead(row, "0PT711", "v1")
    assert list(outreach_events(row)) == []
