"""What looks like chance and is the same at every run (`hash` is not)."""

import hashlib
import zlib


def pseudo_random(*parts: object) -> int:
    """Return a 32-bit number that follows from these parts."""
    return zlib.crc32(repr(parts).encode()) * 2_654_435_761 % 2**32


def hexadecimal(*parts: object, digits: int = 32) -> str:
    """Return an id of so many hexadecimal digits (at most 64) that follows from these parts."""
    return hashlib.blake2b(repr(parts).encode(), digest_size=32).hexdigest()[:digits]
