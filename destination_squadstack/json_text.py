"""JSON in and out without losing a digit.

orjson is several times faster than the standard library, but turns integers beyond 64 bits into floats. Such numbers do
occur: ids of other systems. A text that could hold one takes the exact parser.
"""

import json
import math
from typing import Any

import orjson

# 2**63 has 19 digits: with fewer in a row nothing can be lost. (A regular expression takes longer than the parser.)
_DIGITS_TO_NINES = bytes(0x39 if byte in b"0123456789" else byte for byte in range(256))
_LONG_NUMBER = b"9" * 19


def load(text: bytes) -> Any:
    """Parse JSON.

    Raises:
        ValueError: It is not JSON. The message never holds the text.
    """
    return _load_exactly(text) if has_long_number(text) else load_short(text)


def load_short(text: bytes) -> Any:
    """Parse JSON that is known to have no long number.

    Raises:
        ValueError: It is not JSON. The message never holds the text.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        # orjson refuses half of a surrogate pair, which JSON allows and JavaScript sources produce.
        if b"\\u" not in text:
            raise ValueError("not JSON") from None
    return _load_exactly(text)


def _load_exactly(text: bytes) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None


def has_long_number(text: bytes) -> bool:
    """Tell whether a text could hold an integer that orjson would round."""
    return _LONG_NUMBER in text.translate(_DIGITS_TO_NINES)


def dump(value: Any) -> bytes:
    """Return compact JSON."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def _refuse(_: str) -> float:
    raise ValueError("not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("not a number that JSON readers agree on")
    return number
