"""A run's journal: what it is about to send, and what became of it, in members that each prove themselves whole.

A member is a head (its marker, the length and the checksum of what follows) and compressed JSON.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

FORMAT = "squadstack sent leads: journal"
VERSION = 1
_MARKER = b"SQSJ"
_HEAD = struct.Struct("<4sI16s")
_DIGEST = 16


class Damaged(Exception):  # noqa: N818 - it is what became of a file
    """A file of the memory cannot be believed; the message says why, for a log line."""


@dataclass(frozen=True, slots=True)
class Member:
    """What a run wrote at one time.

    `number` counts its members. `salt` tells whose hashes they are. `knows` says until when it knew of other runs, in
    their own time. `ended`: the run writes no more.
    """

    run_id: str
    number: int
    salt: str
    knows: Mapping[str, int]
    scopes: Sequence[Sequence[Any]]
    events: Sequence[Sequence[Any]]
    ended: bool


def pack(member: Member) -> bytes:
    """Return a member as bytes."""
    content = {"format": FORMAT, "version": VERSION, **{name: getattr(member, name) for name in Member.__slots__}}
    packed = zlib.compress(orjson.dumps(content), 1)
    return _HEAD.pack(_MARKER, len(packed), blake2b(packed, digest_size=_DIGEST).digest()) + packed


def unpack(content: bytes) -> Iterator[Member]:
    """Yield the members of a file.

    Raises:
        Damaged: After the members before what cannot be read.
    """
    at = 0
    if not content:
        raise Damaged("a file of its journal is empty")
    while at < len(content):
        head = content[at : at + _HEAD.size]
        if len(head) < _HEAD.size:
            raise Damaged("a file of its journal is cut off")
        marker, length, digest = _HEAD.unpack(head)
        packed = content[at + _HEAD.size : at + _HEAD.size + length]
        if marker != _MARKER or len(packed) < length or blake2b(packed, digest_size=_DIGEST).digest() != digest:
            raise Damaged("a file of its journal is not whole")
        yield _member(packed)
        at += _HEAD.size + length


def _member(packed: bytes) -> Member:
    try:
        content = orjson.loads(zlib.decompress(packed))
        if content["format"] != FORMAT or content["version"] != VERSION:
            raise Damaged("its journal was written by another version")
        return Member(**{name: content[name] for name in Member.__slots__})
    except (zlib.error, ValueError, KeyError, TypeError):
        raise Damaged("its journal is in no known form") from None
