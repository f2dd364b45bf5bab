"""States while webhook events are read: one behind every so many events, and none of other streams."""

from airbyte_cdk.models import AirbyteMessage, AirbyteRecordMessage, Type

from source_squadstack.checkpoints import EVENTS_A_STATE, with_checkpoints


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
