"""States while webhook events are read: the CDK gives the state of a stream without windows at its end alone."""

from collections.abc import Iterable, Iterator

from airbyte_cdk.models import (
    AirbyteMessage,
    AirbyteStateBlob,
    AirbyteStateMessage,
    AirbyteStateType,
    AirbyteStreamState,
    StreamDescriptor,
    Type,
)

STREAM = "webhook_events"
EVENTS_A_STATE = 10_000


def with_checkpoints(messages: Iterable[AirbyteMessage]) -> Iterator[AirbyteMessage]:
    """Pass messages on, with a state behind every `EVENTS_A_STATE` webhook events.

    The stream is one partition, read in the order of `sequence`: whatever came before an event lies before its state.
    """
    events = 0
    for message in messages:
        yield message
        if message.type == Type.RECORD and message.record and message.record.stream == STREAM:
            events += 1
            if events % EVENTS_A_STATE == 0:
                yield state_of(message.record.data["sequence"])


def state_of(sequence: int) -> AirbyteMessage:
    """Return the state that goes on behind an event, as the CDK writes it."""
    stream = AirbyteStreamState(
        stream_descriptor=StreamDescriptor(name=STREAM), stream_state=AirbyteStateBlob(sequence=sequence)
    )
    return AirbyteMessage(type=Type.STATE, state=AirbyteStateMessage(type=AirbyteStateType.STREAM, stream=stream))
