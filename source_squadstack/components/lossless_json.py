"""JSON as the servers write it: no digit is lost, and one odd value does not cost a page."""

import json
import math
from collections.abc import Callable
from typing import Any

import orjson

from source_squadstack.components.errors import UnreadableBodyError

# A run of 19 digits is found ten times as fast with all digits made the same as by a regular expression.
TO_ZEROS = bytes.maketrans(b"123456789", b"000000000")
HUGE_INTEGER = b"0" * 19
MOST_DIGITS = 4_300


def ignore(_: str) -> None:
    """Take no note."""


def parse_json(content: bytes, note_constant: Callable[[str], None] = ignore) -> Any:
    """Parse JSON, all that the servers' own writers produce.

    Integers beyond 64 bits stay exact, where orjson alone would make floats of them; half of a surrogate pair, which is
    what is left of an emoji that was cut in two, becomes the replacement character, where orjson would refuse the page.
    A number that is none here, of thousands of digits or beyond every float, stays as its text, and NaN and Infinity,
    which Python's own writer makes of floats without a value, become null, each told to `note_constant`: one row that
    can never be read would keep all behind it from being read.
    """
    try:
        if HUGE_INTEGER not in content.translate(TO_ZEROS):
            return orjson.loads(content)
    except ValueError:
        if not content.strip():
            raise UnreadableBodyError("the body is empty") from None
    try:
        parsed = json.loads(
            content, parse_constant=note_constant, parse_int=readable_integer, parse_float=readable_float
        )
    except (ValueError, RecursionError):
        raise UnreadableBodyError("the body is not JSON") from None
    return without_lone_surrogates(parsed)


def readable_integer(text: str) -> int | str:
    """Return an integer, its text where Python makes none of so many digits."""
    return int(text) if len(text) <= MOST_DIGITS else text


def readable_float(text: str) -> float | str:
    """Return a float, its text where it is beyond all of them: written, infinity would become null."""
    number = float(text)
    return number if math.isfinite(number) else text


def without_lone_surrogates(value: Any) -> Any:
    """Replace what is no character in any text of a parsed JSON value."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [without_lone_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {without_lone_surrogates(key): without_lone_surrogates(item) for key, item in value.items()}
    return value
