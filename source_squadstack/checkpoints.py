"""States while webhook events are read: the CDK emits the state of a stream without windows only at its end."""

from collections.abc import Iterable, Iterator
from typing import Any

from airbyte_cdk.models import (
    AirbyteMessage,
    AirbyteStateBlob,
    AirbyteStateMessage,
    AirbyteStateType,
    AirbyteStreamState,
    StreamDescriptor,
    Type,
)

from source_squadstack.cdk_fast_path.page import Page

STREAM = "webhook_events"
EVENTS_A_STATE = 10_000


def with_checkpoints(messages: Iterable[Any]) -> Iterator[Any]:
    """Pass messages and pages on, with a state behind every `EVENTS_A_STATE` webhook events.

    The stream is one partition, read in the order of `sequence`: whatever came before an event lies before its state.
    """
    events = 0
    for message in messages:
        yield message
        page = message if isinstance(message, Page) else page_of_one(message)
        if page is not None and page.stream == STREAM:
            before, events = events, events + page.records
            if before // EVENTS_A_STATE < events // EVENTS_A_STATE:
                yield state_of(page.last["sequence"])


def page_of_one(message: AirbyteMessage) -> Page | None:
    """Return a record as a page of its own; `None` of any other message."""
    record = message.record if message.type == Type.RECORD else None
    return Page(record.stream, 1, b"", record.data) if record else None


def state_of(sequence: int) -> AirbyteMessage:
    """Return the state that goes on behind an event, as the CDK writes it."""
    stream = AirbyteStreamState(
        stream_descriptor=StreamDescriptor(name=STREAM), stream_state=AirbyteStateBlob(sequence=sequence)
    )
    return AirbyteMessage(type=Type.STATE, state=AirbyteStateMessage(type=AirbyteStateType.STREAM, stream=stream))
