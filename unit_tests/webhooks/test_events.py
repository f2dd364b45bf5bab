"""Events are typed by the documented fields, and told apart by their content."""

import json

import pytest

from test_support.receiver_in_process import CALL, LEAD_PROCESSED, NOW
from webhooks_squadstack.events import Event, read_event

JUDGEMENT = {name: value for name, value in LEAD_PROCESSED.items() if name != "lead_responses"} | {
    "additional_notes": "additional_notes"
}
SMS = {"lead_id": "7", "status": "sent", "cost": 0.2, "body": "Hello", "sent_at": 1531409739413}
EMAIL = {"lead_id": "7", "google_email": "a@example.com", "subject": "Hello", "sent_at": 1531409739}
IVR = {"lead_id": "7", "text_to_speak": "Hello", "dtmf_response": "1", "sent_at": "1531409739413"}


def read(content: object) -> Event:
    return read_event(content if isinstance(content, bytes) else json.dumps(content).encode(), received_at=NOW)


def test_the_documented_webhook_of_a_processed_lead_is_read_whole():
    event = read(LEAD_PROCESSED)

    assert event == Event(
        event_id=event.event_id,
        event_type="lead_processed",
        campaign_id="0PT711",
        lead_id="test_lead_id",
        occurred_at=1543847874_000000,
        received_at=NOW,
        payload=json.dumps(LEAD_PROCESSED),
    )


@pytest.mark.parametrize(
    ("content", "event_type", "occurred_at"),
    [
        (JUDGEMENT, "lead_processed", 1543847874_000000),
        (CALL, "call", 1543847798_000000),
        (SMS, "sms", 1531409739_413000),
        (EMAIL, "email", 1531409739_000000),
        (IVR, "ivr", 1531409739_413000),
        ({"event_type": "Whatsapp message", "sent_at": "2018-12-03T14:36:38"}, "whatsapp", 1543847798_000000),
        ({"event_type": "Judgement", "call_outcome": "x"}, "lead_processed", None),
        ({"event_type": "SMS", "status": "sent"}, "sms", None),
        ({"event_type": "Judgement", "called_at": "2018-12-03T14:36:38Z"}, "lead_processed", 1543847798_000000),
        (CALL | {"lead_responses": {"still_interested": "No"}}, "call", 1543847798_000000),
        (CALL | {"lead_responses": [{"question": "Still interested?", "answer": "No"}]}, "call", 1543847798_000000),
        (CALL | {"processed_at": None, "lead_outcome": "", "lead_responses": {}}, "call", 1543847798_000000),
        ({"call_outcome": "x", "lead_responses": []}, "call", None),
        ({"call_outcome": "x", "called_at": "later", "sent_at": 1543847798}, "call", 1543847798_000000),
        (SMS | {"lead_responses": {"a": "b"}}, "sms", 1531409739_413000),
        ({"lead_responses": {"a": "b"}}, "lead_processed", None),
        ({"lead_responses": [], "created_at": "2018-12-03T14:36:01Z"}, "lead_processed", None),
        (LEAD_PROCESSED | {"called_at": "2018-12-03T14:36:38Z"}, "lead_processed", 1543847874_000000),
        (
            {"lead_outcome": "x", "processed_at": None, "latest_called_at": "2018-12-03T14:36:38+00:00"},
            "lead_processed",
            1543847798_000000,
        ),
        ({"called_at": None}, "call", None),
        ({"event_type": "something new", "called_at": "2018-12-03T14:36:38Z"}, "call", 1543847798_000000),
        ({"event_type": 7}, "unknown", None),
        ({"body": "no moment, so no SMS"}, "unknown", None),
        ({"anything": "else", "sent_at": "2018-12-03T14:36:38Z"}, "unknown", 1543847798_000000),
        ({}, "unknown", None),
    ],
)
def test_an_event_is_told_by_its_name_or_by_what_only_it_has(content, event_type, occurred_at):
    event = read(content)

    assert (event.event_type, event.occurred_at) == (event_type, occurred_at)


@pytest.mark.parametrize(
    ("spelled", "moment"),
    [
        ('"2018-12-03T14:37:54+00:00"', 1543847874_000000),
        ('"2018-12-03T20:07:54+05:30"', 1543847874_000000),
        ('"2018-12-03T14:37:54Z"', 1543847874_000000),
        ('"2018-12-03T14:37:54"', 1543847874_000000),
        ('"2018-12-03 14:37:54.125"', 1543847874_125000),
        ("1543847874", 1543847874_000000),
        ("1543847874.5", 1543847874_500000),
        ("1543847874125", 1543847874_125000),
        ('"1543847874125"', 1543847874_125000),
        ('"not a time"', None),
        ("null", None),
        ("true", None),
        ("[1543847874]", None),
        ("-1", None),
        ("1e999999999999", None),
        ("9" * 5000, None),
        ('"0001-01-01T00:00:00+23:59"', None),
        ('"9999-12-31T23:59:59-23:59"', None),
    ],
)
def test_every_spelling_of_a_moment_is_read_and_what_is_none_is_left_to_the_payload(spelled, moment):
    assert read(b'{"processed_at": %s}' % spelled.encode()).occurred_at == moment


@pytest.mark.parametrize(
    ("spelled", "lead_id"),
    [
        ('"lead-7"', "lead-7"),
        ("7", "7"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        (r'"a\u0000b"', "a�b"),
        (r'"a\ud800b"', "a�b"),
        (r'"\ud83d\ude00"', "😀"),
        ("null", None),
        ("true", None),
        ('{"id": 7}', None),
    ],
)
def test_ids_leave_as_text_that_any_database_can_hold(spelled, lead_id):
    event = read(b'{"lead_id": %s, "campaign_id": %s}' % (spelled.encode(), spelled.encode()))

    assert (event.lead_id, event.campaign_id) == (lead_id, lead_id)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'{"a": 1, "b": [2]}', b'{ "b":[2],"a":1 }\n'),
        (b'{"a": "\xe2\x82\xac"}', rb'{"a": "\u20ac"}'),
        (b'\xef\xbb\xbf{"a": 1}', b'{"a": 1}'),
        (b'{"a": {"x": 1, "y": 2}}', b'{"a": {"y": 2, "x": 1}}'),
    ],
)
def test_bodies_that_say_the_same_are_one_event(one, other):
    assert read(one).event_id == read(other).event_id


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'{"a": 1}', b'{"a": "1"}'),
        (b'{"a": 1}', b'{"a": 2}'),
        (b'{"a": 1}', b'{"a": true}'),
        (b'{"a": null}', b"{}"),
        (b'{"a": [1, 2]}', b'{"a": [2, 1]}'),
        (b'{"a": 9007199254740992}', b'{"a": 9007199254740993}'),
        (b'{"a": 0.10000000000000000}', b'{"a": 0.10000000000000001}'),
        (b'{"a": 1, "a": 2}', b'{"a": 2}'),
        (b'{"a": 1, "a": 2}', b'{"a": 3, "a": 2}'),
        (b'{"a": "None"}', b'{"a": null}'),
        (b'{"a": "[1]"}', b'{"a": [1]}'),
        (rb'{"a": "\ud800"}', rb'{"a": "\\ud800"}'),
    ],
)
def test_bodies_that_differ_in_anything_are_two_events(one, other):
    assert read(one).event_id != read(other).event_id
