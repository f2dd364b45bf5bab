"""JSON in and out without losing a digit.

orjson is several times faster than the standard library, but turns integers beyond 64 bits into floats. Such numbers do
occur: ids of other systems. A text that could hold one takes the exact parser.

Writers do not agree on what JSON is. What a reader makes of NaN, of a number that no program can hold, and of half of a
surrogate pair, which is what is left of an emoji that was cut in two, is its choice: see `load`.

Fractions with more digits than a float holds survive in neither parser. What has to leave as it came (a state, the data
of a rejected record) is therefore cut out of the text that it came in, and not written anew.
"""

import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import orjson

# 2**63 has 19 digits: with fewer in a row nothing can be lost. (A regular expression takes longer than the parser.)
_DIGITS_TO_NINES = bytes(0x39 if byte in b"0123456789" else byte for byte in range(256))
_LONG_NUMBER = b"9" * 19
# Python neither reads nor writes an integer of more: their number alone would decide how long it takes.
_MAX_DIGITS = 4_300


class NotReadable(ValueError):  # noqa: N818 - it is the text that is at fault
    """A text that cannot be parsed. The message says why, without the text, such as "is not JSON"."""


class TooDeep(NotReadable):
    """JSON that is nested more deeply than it can be read."""


class TooLarge:
    """A number beyond what programs can hold, such as 1e400: JSON allows it, and no other reader would take it."""


def load(
    text: bytes,
    *,
    constant: Callable[[str], Any] | None = None,
    beyond: Callable[[str], Any] | None = None,
    surrogates: Callable[[Any], Any] | None = None,
) -> Any:
    """Parse JSON, integers of any size exactly.

    Args:
        text: What to parse.
        constant: What to make of NaN, Infinity and -Infinity, which are not JSON: refused without it.
        beyond: What to make of a number beyond the range of a float, or of thousands of digits: else a `TooLarge`.
        surrogates: What to make of a value that may hold half of a surrogate pair: else it is left as it is.

    Raises:
        NotReadable: It is not JSON, or (`TooDeep`) nested too deeply.
    """
    if not has_long_number(text):
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            pass  # orjson refuses what JSON allows: half of a surrogate pair, which JavaScript writes, and 1e400
    return _load_exactly(text, constant or _refuse, beyond or _too_large, surrogates)


def _load_exactly(
    text: bytes,
    constant: Callable[[str], Any],
    beyond: Callable[[str], Any],
    surrogates: Callable[[Any], Any] | None,
) -> Any:
    def whole(digits: str) -> Any:
        return int(digits) if len(digits.lstrip("-")) <= _MAX_DIGITS else beyond(digits)

    def finite(digits: str) -> Any:
        number = float(digits)
        return number if math.isfinite(number) else beyond(digits)

    try:
        value = json.loads(text, parse_constant=constant, parse_float=finite, parse_int=whole)
        return surrogates(value) if surrogates else value
    except RecursionError:
        raise TooDeep("is nested more deeply than this connector can read") from None
    except ValueError:
        raise NotReadable("is not JSON") from None


def has_long_number(text: bytes) -> bool:
    """Tell whether a text could hold an integer that orjson would round."""
    return _LONG_NUMBER in text.translate(_DIGITS_TO_NINES)


def is_unicode(text: bytes) -> bool:
    """Tell whether a text is UTF-8 throughout: a parser that passes over parts of it does not look at these."""
    try:
        return text.isascii() or bool(text.decode())
    except UnicodeDecodeError:
        return False


def dump(value: Any) -> bytes:
    """Return compact JSON."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def without_lone_surrogates(value: Any) -> Any:
    """Return a parsed value with the replacement character for what is no character in any of its texts."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [without_lone_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {without_lone_surrogates(key): without_lone_surrogates(item) for key, item in value.items()}
    return value


def _refuse(_: str) -> float:
    raise ValueError("not JSON")


def _too_large(_: str) -> TooLarge:
    return TooLarge()


# --- parts of a text that has been parsed before, and so is JSON

# Braces and brackets with all that is between them, some levels deep, in one match: in Python, step by step, it would
# take longer than parsing. The quantifiers are possessive, so that no text makes it try twice.
_FLAT = rb'[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+"'
_NESTED = rb"(?:" + _FLAT + rb")*+"
for _ in range(5):
    _NESTED = rb"(?:" + _FLAT + rb"|[{\[]" + _NESTED + rb"[}\]])*+"
_SKIP = re.compile(_NESTED, re.DOTALL)
_NAME = re.compile(rb'[\s,]*+("(?:[^"\\]++|\\.)*+")\s*+:\s*+', re.DOTALL)
_SCALAR = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[^\s,}\]]++', re.DOTALL)


class Member(NamedTuple):
    """A member of an object: its name, and where in the text its value begins and ends."""

    name: str
    start: int
    end: int


def member(text: bytes, *path: str) -> Member:
    """Find a value by the names that lead to it from the outermost object.

    Of several members with one name it is the last, as it is for parsers.

    Raises:
        KeyError: There is none.
    """
    found = Member("", 0, len(text))
    for name in path:
        within = [each for each in _members(text, found.start) if each.name == name]
        if not within:
            raise KeyError(name)
        found = within[-1]
    return found


def with_member(text: bytes, path: tuple[str, ...], name: str, value: bytes) -> bytes:
    """Return a text in which the object at the path has this member, and in which nothing else has changed."""
    holder = member(text, *path)
    # Its name may be spelled with escapes. Else there is no need to look through the object a second time.
    if name.encode() in text or b"\\u" in text:
        same = [each for each in _members(text, holder.start) if each.name == name]
        if same:
            return text[: same[-1].start] + value + text[same[-1].end :]
    before = text[: holder.end - 1].rstrip()
    comma = b"" if before.endswith(b"{") else b","
    return before + comma + dump(name) + b":" + value + text[holder.end - 1 :]


def _members(text: bytes, start: int) -> Iterator[Member]:
    at = text.index(b"{", start) + 1
    while (name := _NAME.match(text, at)) is not None:
        at = _end(text, name.end())
        yield Member(json.loads(name[1]), name.end(), at)


def _end(text: bytes, at: int) -> int:
    """Return where the value ends that begins here."""
    if text[at] not in b"{[":
        return _must(_SCALAR.match(text, at)).end()
    depth = 1
    while depth:
        at = _must(_SKIP.match(text, at + 1)).end()
        depth += 1 if text[at] in b"{[" else -1
    return at + 1


def _must(match: "re.Match[bytes] | None") -> "re.Match[bytes]":
    if match is None:
        raise ValueError("no value where one has to be")
    return match
