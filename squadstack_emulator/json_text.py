"""JSON in and out: fast, and exact for integers of any size."""

import json
import re

import orjson

_LONG_INTEGER = re.compile(rb"\d{19}")


def loads(text: bytes) -> object:
    """Parse JSON.

    Raises:
        ValueError: The text is not JSON.
    """
    # orjson turns integers beyond 64 bits into floats: the echo of such a value would not be the value that was sent.
    if not _LONG_INTEGER.search(text):
        return orjson.loads(text)
    value: object = json.loads(text)
    # Half of a surrogate pair is no text: orjson refuses it, and it could not be written again. UnicodeError is a
    # ValueError.
    json.dumps(value, ensure_ascii=False).encode()
    return value


def dumps(value: object) -> bytes:
    """Write JSON as the vendor's framework does: compact, UTF-8, not escaped."""
    try:
        return orjson.dumps(value)
    except TypeError:  # an integer beyond 64 bits
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
