"""Files of rejected records: JSON lines in gzip, one member after another.

Rows are kept in the order of their outcomes, which is not the order in which they were read. So each member notes in
its header, in gzip's own field for such things, in which lines of the input its rows stood. Who unpacks a file does not
see it; who packs it anew loses it.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Protocol

_MAGIC = b"\x1f\x8b\x08"
_HAS_EXTRA = 4
_FIXED_HEADER = 10
_SUBFIELD = b"SQ"
_LONGEST_EXTRA = 0xFFFF
_PIECE = 1 << 16
# What one step of unpacking may bring: a piece of zeros would unpack to a thousand times its size.
_UNPACKED = 1 << 20


class Readable(Protocol):
    """A file that is read from its beginning to its end."""

    def read(self, size: int, /) -> bytes:
        """Return bytes, about so many; none at the end."""


def pack(rows: Sequence[bytes], numbers: Sequence[int]) -> bytes:
    """Return a member that holds rows, each ending in a line break, and notes the input lines they stood in."""
    text = b"".join(rows)
    note = zlib.compress(struct.pack(f"<{len(numbers)}Q", *numbers))
    extra = _SUBFIELD + struct.pack("<H", len(note)) + note if len(note) + 4 <= _LONGEST_EXTRA else b""
    header = _MAGIC + bytes([_HAS_EXTRA]) + bytes(4) + b"\x00\xff" + struct.pack("<H", len(extra)) + extra
    deflate = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    check = struct.pack("<II", zlib.crc32(text), len(text) & 0xFFFFFFFF)
    return header + deflate.compress(text) + deflate.flush() + check


def unpack(file: Readable) -> Iterator[tuple[int | None, bytes]]:
    """Yield the rows of a file, each with the line of the input that it stood in, if that is known.

    Raises:
        EOFError: The file ends within a member.
        zlib.error: It is no gzip file, or damaged.
    """
    packed, unfinished = file.read(_PIECE), b""
    # Zeros at the end are padding.
    while packed.strip(b"\0"):
        packed = _at_least(packed, _FIXED_HEADER + 2, file)
        extra = int.from_bytes(packed[_FIXED_HEADER : _FIXED_HEADER + 2], "little")
        if packed.startswith(_MAGIC) and packed[3] & _HAS_EXTRA:
            packed = _at_least(packed, _FIXED_HEADER + 2 + extra, file)
            numbers = _numbers(packed[_FIXED_HEADER + 2 : _FIXED_HEADER + 2 + extra])
        else:
            numbers = iter(())
        inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
        while not inflate.eof:
            text = inflate.decompress(packed, _UNPACKED)
            packed = inflate.unconsumed_tail
            *lines, unfinished = (unfinished + text).split(b"\n")
            for line in lines:
                yield next(numbers, None), line
            if not packed and not inflate.eof:
                packed = _at_least(b"", 1, file)
        packed = inflate.unused_data or file.read(_PIECE)
    if unfinished:
        yield None, unfinished


def _at_least(packed: bytes, size: int, file: Readable) -> bytes:
    while len(packed) < size:
        if not (more := file.read(_PIECE)):
            raise EOFError
        packed += more
    return packed


def _numbers(extra: bytes) -> Iterator[int]:
    """Find our subfield among those of a header."""
    while len(extra) >= 4:  # noqa: PLR2004 - two bytes of a name, two of a length
        size = int.from_bytes(extra[2:4], "little")
        if extra.startswith(_SUBFIELD):
            note = zlib.decompress(extra[4 : 4 + size])
            return iter(struct.unpack(f"<{len(note) // 8}Q", note))
        extra = extra[4 + size :]
    return iter(())
