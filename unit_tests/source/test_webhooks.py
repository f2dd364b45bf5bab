"""Webhook events: pages that cannot be trusted are refused, and a long read leaves states on its way."""

import pytest
from airbyte_cdk.models import AirbyteMessage, AirbyteRecordMessage, Type

from source_squadstack.checkpoints import EVENTS_A_STATE, with_checkpoints
from source_squadstack.components.errors import UnreadableBodyError
from source_squadstack.components.response_body import parse_json, webhook_event_rows


def page(*sequences, **keys):
    rows = [{"sequence": sequence} for sequence in sequences]
    return {"data": rows, "next_cursor": max(sequences, default=0), **keys}


@pytest.mark.parametrize(
    "body",
    [
        page(),
        page(1, 2, 3),
        page(4, 9, next_cursor=20),
        page(4, 9, next_cursor=None),
        page(next_cursor=None),
        page(2**62, has_more=True),
    ],
)
def test_a_page_in_the_order_of_its_sequences_is_read(body):
    assert webhook_event_rows(body) == body["data"]


@pytest.mark.parametrize(
    ("body", "difference"),
    [
        ([], "the body is not an object but a JSON list"),
        ({"error": "canary"}, "`data` is not a list of objects"),
        (page(data=None), "`data` is not a list of objects"),
        (page(data=["canary"]), "`data` is not a list of objects"),
        ({"data": [{}], "next_cursor": 1}, "a `sequence` is not an integer"),
        ({"data": [{"sequence": "1"}], "next_cursor": 1}, "a `sequence` is not an integer"),
        ({"data": [{"sequence": True}], "next_cursor": 1}, "a `sequence` is not an integer"),
        (page(1, next_cursor="2"), "`next_cursor` is neither an integer nor null"),
        (page(1, next_cursor=True), "`next_cursor` is neither an integer nor null"),
        (page(2, 1, next_cursor=2), "`data` and `next_cursor` are not in the order of `sequence`"),
        (page(1, 1), "`data` and `next_cursor` are not in the order of `sequence`"),
        (page(1, 2, next_cursor=1), "`data` and `next_cursor` are not in the order of `sequence`"),
    ],
)
def test_a_page_that_could_lose_an_event_or_go_round_for_ever_is_refused(body, difference):
    with pytest.raises(UnreadableBodyError) as caught:
        webhook_event_rows(body)
    assert str(caught.value) == difference


def record(stream, sequence):
    data = {"sequence": sequence}
    return AirbyteMessage(type=Type.RECORD, record=AirbyteRecordMessage(stream=stream, data=data, emitted_at=0))


def test_a_state_stands_behind_every_ten_thousandth_event_and_says_where_to_go_on():
    given = [record("webhook_events", 3 * number) for number in range(1, 2 * EVENTS_A_STATE + 2)]
    passed = list(with_checkpoints(given))
    states = [(place, message.state.stream) for place, message in enumerate(passed) if message.type == Type.STATE]
    assert [(place, stream.stream_state.sequence) for place, stream in states] == [
        (EVENTS_A_STATE, 3 * EVENTS_A_STATE),
        (2 * EVENTS_A_STATE + 1, 6 * EVENTS_A_STATE),
    ]
    assert {stream.stream_descriptor.name for _, stream in states} == {"webhook_events"}
    assert [message for message in passed if message.type == Type.RECORD] == given


def test_other_streams_get_no_states_for_their_own_come_from_the_cdk():
    given = [record("lead_responses", number) for number in range(EVENTS_A_STATE + 1)]
    assert list(with_checkpoints(given)) == given


def test_a_number_that_is_none_here_stays_as_its_text_instead_of_ending_the_stream():
    assert parse_json(b'{"digits": %b, "large": -1e400}' % (b"9" * 4_301)) == {"digits": "9" * 4_301, "large": "-1e400"}


@pytest.mark.parametrize(
    ("body", "difference"), [(b" ", "the body is empty"), (b"<html>", "the body is not JSON"), (b"[nan]", "not JSON")]
)
def test_a_body_that_is_no_json_is_refused(body, difference):
    with pytest.raises(UnreadableBodyError, match=difference):
        parse_json(body)
