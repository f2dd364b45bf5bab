"""The memory as a whole in a storage: parts of a compressed SQLite file, and a manifest that names them.

The manifest is written last and replaced as a whole, so a memory is the old or the new one, and never half of each. No
part is ever held in memory with another.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson

from destination_squadstack.sent_leads.journal import Damaged

FORMAT = "squadstack sent leads"
VERSION = 1
PART_BYTES = 8 * 1024 * 1024
_READ_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a snapshot."""

    name: str
    bytes: int
    digest: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """Which files make up a snapshot, which run wrote it, and whether there is a list of the journals beside it."""

    run_id: str
    parts: tuple[Part, ...]
    lists_journals: bool = False

    def text(self) -> bytes:
        """Return the content of the file."""
        content = {"format": FORMAT, "version": VERSION, **asdict(self)}
        return orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n"


def read_manifest(text: bytes) -> Manifest:
    """Return the manifest that a file holds.

    Raises:
        Damaged: It holds none of this version.
    """
    try:
        content: dict[str, Any] = orjson.loads(text)
        if content["format"] == FORMAT and content["version"] != VERSION:
            raise Damaged("it was written by another version")
        if content["format"] != FORMAT:
            raise Damaged("its manifest is in no known form")
        parts = tuple(Part(**part) for part in content["parts"])
        return Manifest(content["run_id"], parts, lists_journals=content.get("lists_journals", False))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Damaged("its manifest is not whole") from None


def write_parts(
    file: Path, prefix: str, put: Callable[[str, bytes], None], *, part_bytes: int = PART_BYTES
) -> list[Part]:
    """Compress a file and hand it out in parts."""
    parts: list[Part] = []

    def take(content: bytes) -> None:
        name = f"{prefix}{len(parts):04d}"
        put(name, content)
        parts.append(Part(name, len(content), _digest(content)))

    compressor = zlib.compressobj(1)
    waiting = bytearray()
    with file.open("rb") as opened:
        while piece := opened.read(_READ_BYTES):
            waiting += compressor.compress(piece)
            while len(waiting) >= part_bytes:
                take(bytes(waiting[:part_bytes]))
                del waiting[:part_bytes]
    waiting += compressor.flush()
    for start in range(0, len(waiting), part_bytes):
        take(bytes(waiting[start : start + part_bytes]))
    return parts


def read_parts(manifest: Manifest, read: Callable[[str], bytes], file: Path) -> None:
    """Put the parts of a snapshot together in a file.

    Raises:
        Damaged: A part is missing or not whole.
    """
    decompressor = zlib.decompressobj()
    with file.open("wb") as opened:
        for content in _whole(manifest, read):
            try:
                while content:
                    opened.write(decompressor.decompress(content, _READ_BYTES))
                    content = decompressor.unconsumed_tail  # noqa: PLW2901 - what is left of it
            except zlib.error:
                raise Damaged("its parts are in no known form") from None
        opened.write(decompressor.flush())
    if not decompressor.eof:
        raise Damaged("its last part is missing")


def _whole(manifest: Manifest, read: Callable[[str], bytes]) -> Iterator[bytes]:
    for part in manifest.parts:
        try:
            content = read(part.name)
        except FileNotFoundError:
            raise Damaged("one of its parts is missing") from None
        if len(content) != part.bytes or _digest(content) != part.digest:
            raise Damaged("one of its parts is not whole")
        yield content


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()
