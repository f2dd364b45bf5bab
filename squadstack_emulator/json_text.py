"""JSON in and out: fast, and exact for integers of any size."""

import json
from typing import NamedTuple, NoReturn

import orjson

from squadstack_common.lossless_json import load


class InvalidJson(NamedTuple):
    """A body that is no JSON, and how the vendor's framework says so."""

    text: str


def loads(text: bytes) -> object:
    """Parse JSON.

    Raises:
        ValueError: The text is not JSON, or holds what could not be written again.
    """
    value: object = load(text, beyond=_refuse, surrogates=_without_surrogates)
    return value


def _refuse(_: str) -> NoReturn:
    raise ValueError("a number beyond the range of a float")


def _without_surrogates(value: object) -> object:
    """Refuse half of a surrogate pair, as orjson does: it is no text. A `UnicodeError` is a `ValueError`."""
    json.dumps(value, ensure_ascii=False).encode()
    return value


def dumps(value: object) -> bytes:
    """Write JSON as the vendor's framework does: compact, UTF-8, not escaped."""
    try:
        return orjson.dumps(value)
    except TypeError:  # an integer beyond 64 bits
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
