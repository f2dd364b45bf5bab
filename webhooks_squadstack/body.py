"""The body of a webhook: JSON that is read without changing it.

The text is stored as it came, so that integers beyond 64 bits, numbers' spellings, repeated keys and escapes of
what a database or a library refuses (NUL, lone surrogates) come back as they were sent.
"""

import hashlib
import json
import re
from typing import Any, NamedTuple, NoReturn

# Readers further on stop at some depth (Python's json at about 1,000, orjson at 254 when it writes), and one event that
# they cannot read would stop the stream for good. What is deeper travels as a string.
MAX_DEPTH = 100
TEXT_KEY = "_json"
_STRINGS_AND_BRACKETS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)


class UnreadableError(ValueError):
    """A body that is not a JSON object; its text says why, without quoting the body."""


class Number(str):
    """A number as it was spelled: a float would lose digits, and Python makes no int of more than 4,300 of them."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Body(NamedTuple):
    """A body that was read.

    Attributes:
        document: The object; numbers are `Number`. Empty where it is nested too deeply to be read.
        payload: JSON text of what came.
        identity: Hash of the content: the same for bodies that differ in white space and in the order of keys alone.
    """

    document: dict[str, Any]
    payload: str
    identity: str


def read_body(raw: bytes) -> Body:
    """Read a body.

    Raises:
        UnreadableError: It is not UTF-8, not JSON, or not an object.
    """
    text = _decoded(raw)
    if _depth(text) > MAX_DEPTH:
        if not (start := text.lstrip(" \t\r\n")).startswith("{"):
            raise _no_object(is_list=start.startswith("["))
        return Body({}, json.dumps({TEXT_KEY: text}, ensure_ascii=False), _hash(text))
    repeats: list[str] = []
    try:
        document = json.loads(
            text,
            parse_int=Number,
            parse_float=Number,
            parse_constant=_no_constant,
            object_pairs_hook=lambda pairs: _members(pairs, repeats),
        )
    except json.JSONDecodeError as error:
        # Its own text is safe: it names the place and what was expected there, not what stands there.
        raise UnreadableError(f"The body is not JSON: {error.msg} at character {error.pos}") from None
    if not isinstance(document, dict):
        raise _no_object(is_list=isinstance(document, list))
    # Bodies that differ in a key's first, hidden value are two: where keys are repeated, the text itself is compared.
    return Body(document, text, _hash(text if repeats else repr(document)))


def _no_object(*, is_list: bool) -> UnreadableError:
    # One event a post: a list of which some are stored before and some cannot be has no one answer.
    wanted = "The body must be a JSON object"
    return UnreadableError(f"{wanted}, one event: no list of events" if is_list else wanted)


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableError(f"The body is not UTF-8, at byte {error.start}") from None


def _depth(text: str) -> int:
    """Return how deeply a text is nested; 0 if it cannot be deeper than what is read.

    Raises:
        UnreadableError: The brackets of a deep text are not paired.
    """
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return 0
    depth = deepest = 0
    for match in _STRINGS_AND_BRACKETS.finditer(text):
        sign = match[0]
        if sign in "{[":
            depth += 1
            deepest = max(deepest, depth)
        elif sign in "}]":
            depth -= 1
            if depth < 0:
                break
    if depth:
        raise UnreadableError("The body is not JSON: its brackets are not paired")
    return deepest


def _members(pairs: list[tuple[str, Any]], repeats: list[str]) -> dict[str, Any]:
    members = dict(sorted(pairs, key=lambda pair: pair[0]))
    if len(members) != len(pairs):
        repeats.append("")
    return members


def _no_constant(name: str) -> NoReturn:
    raise UnreadableError(f"The body is not JSON: {name} is no JSON value")


def _hash(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()[:32]
