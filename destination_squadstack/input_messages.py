"""Airbyte messages on stdin: the RECORDs, STATEs and statuses of streams in it.

`spec`, which prints and reads nothing, must not pay for what this imports.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from destination_squadstack.errors import MalformedInput
from squadstack_common.lossless_json import NotReadable, is_unicode, load

_READ_BYTES = 1 << 16


class StreamRecord(msgspec.Struct):
    """The record of a RECORD message."""

    stream: str
    data: dict[str, Any]
    namespace: Any = None


class Message(NamedTuple):
    """A RECORD, of which `content` is the record, or a STATE or a TRACE of a stream's status.

    `line` is the text it came as.
    """

    number: int
    content: StreamRecord | dict[str, Any]
    line: bytes


class _Envelope(msgspec.Struct):
    """What is looked at first in a line: the rest of it is passed over without being built."""

    type: str
    record: StreamRecord | None = None


_envelope = msgspec.json.Decoder(_Envelope).decode


# A third of the time of calling the class, and there are millions of them.
_new = tuple.__new__


def read_messages(read: Callable[[int], bytes]) -> Iterator[list[Message]]:
    """Yield the RECORDs, STATEs and statuses of streams of a byte stream, a list for each piece that was read.

    Everything else is passed over: blank lines, types that this connector does not know, traces.

    Raises:
        MalformedInput: After everything before the line has been yielded.
    """
    number, rest = 0, b""
    unfinished: list[bytes] = []
    while piece := read(_READ_BYTES):
        if b"\n" not in piece:
            unfinished.append(piece)
            continue
        text, _, rest = (b"".join(unfinished) + piece).rpartition(b"\n")
        unfinished = [rest]
        lines = text.split(b"\n")
        yield from _parse_all(lines, number, quick=is_unicode(text))
        number += len(lines)
    yield from _parse_all([b"".join(unfinished)], number, quick=False)


def _parse_all(lines: Iterable[bytes], number: int, *, quick: bool) -> Iterator[list[Message]]:
    """Parse lines; `quick`: RECORDs in one step, which would not see a byte that is no text in a part passed over."""
    messages: list[Message] = []
    content: StreamRecord | dict[str, Any] | None
    try:
        for line in lines:
            number += 1
            try:
                envelope = _envelope(line) if quick else None
                content = envelope.record if envelope is not None and envelope.type == "RECORD" else None
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                content = None  # a blank line, another message, or one of which the exact parser says what is wrong
            if content is not None or (content := _parse(line, number)) is not None:
                messages.append(_new(Message, (number, content, line)))
    except MalformedInput:
        yield messages
        raise
    yield messages


def _parse(line: bytes, number: int) -> StreamRecord | dict[str, Any] | None:
    if not line or line.isspace():
        return None
    try:
        content = load(line)
    except NotReadable as error:
        raise MalformedInput(f"Line {number} of the input {error}.") from None
    if not isinstance(content, dict):
        raise MalformedInput(f"Line {number} of the input is JSON, but not an Airbyte message.")
    kind = content.get("type")
    if kind == "RECORD":
        record = content.get("record")
        if (
            not isinstance(record, dict)
            or not isinstance(record.get("data"), dict)
            or not isinstance(record.get("stream"), str)
        ):
            raise MalformedInput(f"Line {number} of the input is a RECORD without a stream or without data.")
        return StreamRecord(record["stream"], record["data"], record.get("namespace"))
    if kind == "STATE":
        if not isinstance(content.get("state"), dict):
            raise MalformedInput(f"Line {number} of the input is a STATE without a state.")
        return content
    if kind == "TRACE" and stream_status(content) is not None:
        return content
    return None


def stream_status(content: Mapping[str, Any]) -> tuple[str | None, str, str] | None:
    """Return the namespace, name and status of a stream that a TRACE is about; None for any other message."""
    try:
        said = content["trace"]["stream_status"]
        of = said["stream_descriptor"]
        name, namespace, status = of["name"], of.get("namespace") or None, said["status"]
    except (KeyError, TypeError, AttributeError):
        return None
    known = isinstance(name, str) and isinstance(namespace, str | None) and isinstance(status, str)
    return (namespace, name, status) if known else None
