"""The reason for a refused lead: the API's text, made readable and free of lead data.

Its texts come as JSON inside a string, as a Python dict in single quotes, as {"detail": …} or as plain text, and often
quote the lead. Known texts become fixed sentences. Of an unknown text only words of the vocabulary below, names of
documented fields and of the record's own are kept; all else, which may be a name, a number or an id, becomes "…".
"""

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from destination_squadstack.operations import Cause, documented_fields
from squadstack_common.retry_after import wait_in_words

_NESTED = 5
_LONGEST = 300
NOTHING_SAID = "no reason given"
UNREPEATED = "… (words that may be a lead's are not repeated)"

_KNOWN: tuple[tuple[re.Pattern[str], Cause, str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), cause, sentence)
    for pattern, cause, sentence in (
        (r"another request for the same lead", Cause.BUSY, "Another request for the same lead is being processed."),
        (
            r"duplicate lead id|internal id already exists|with the given lead id\b.*\balready present",
            Cause.DUPLICATE_LEAD,
            "A lead with this lead_id is already present in the campaign.",
        ),
        (
            r"with the same .*already present",
            Cause.DUPLICATE_FIELD,
            "A lead with the same value in the campaign's unique field is already present.",
        ),
        (r"unjudged leads cannot", Cause.STILL_ACTIVE, "The lead is still active, it cannot be re-activated."),
        (
            r"does not exist .* or lead has already been processed",
            Cause.UNKNOWN_LEAD,
            "The lead does not exist in the campaign or has already been processed.",
        ),
        (r"marked as converted", Cause.CONVERTED, "The lead has already been marked as converted."),
        (r"has been deleted", Cause.DELETED, "The lead has been deleted."),
        (r"doesn'?t exist|does not exist", Cause.UNKNOWN_LEAD, "The lead does not exist in the campaign."),
        (r"no active integration", Cause.NO_INTEGRATION, "No active integration found."),
        (r"not enabled", Cause.NOT_ENABLED, "This endpoint is not enabled in the integration."),
    )
)
_REQUIRED_FIELD = re.compile(r"""^["']?(\w+)["']? is a required field""", re.IGNORECASE)
# A field's name is one piece, underscores and all, or it would never be found among the names.
_PIECES = re.compile(r"[^\W\d_]+'[a-z]+|\w+|[\s.,:;()/-]+|.", re.ASCII | re.DOTALL)
_OF_A_FIELD = re.compile(r"this field|invalid value provided", re.IGNORECASE)
_GAPS = re.compile(r"…(?:[\s…./:-]*…)+")

_VOCABULARY = frozenset(
    """
    a about access action active add address after again all allow allowed already an and any api are array as at auth
    authentication authorization bad badly be been before being between blank body boolean both business but by call
    calls campaign campaigns can cannot change character characters choice code conflict contact content convert
    converted country create created credentials currently custom daily data datastore date datetime day delete
    deleted denied detail dictionary digit digits disable disabled do does doesn't don't duplicate e each email empty
    enable enabled endpoint ensure equal error exceed exceeded exceeds exist existing exists expected expired failed
    false fault faulty few field fields for forbidden format found from future given greater has have hour id
    identifier ids in inactive incorrect information input instead integer integration internal invalid is isn't issue
    issues it item items its json key keys last later lead leads least length less limit list long longer malformed
    mandatory many may message minute minutes missing mobile month more most must name no non not null number numbers
    object of off on one only or other out parse password past payload perform permission phone please present
    previous process processed processing provided quota rate re reached read reason received record records reference
    refused request requests required resource retry same second seconds send sent server service short should some
    special state status still string support system technical text than that the their then there they this throttled
    time timestamp to token too true try type unable unauthorized unexpected unique unknown unreachable unsupported
    update updated upsert url use used user using valid value values wait was were when while will with within without
    wrong year yet you your zero
    """.split()  # noqa: SIM905 - four hundred quotes would not read better
)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a lead was refused: a cause for the program and a text for people."""

    cause: Cause
    text: str


def read_reason(error: Any, field_names: Collection[str] = ()) -> Reason:
    """Read an error of the API.

    Args:
        error: The error as it came: an `error_msg`, a `data` object, a whole body.
        field_names: Names of the record's fields; only these and the documented ones are repeated from what was said.
    """
    # The documented fields are no lead's data: a reason may name one even if the record lacks it.
    field_names = documented_fields().union(field_names)
    statements = list(_statements(error, "", 0))
    for _, text in statements:
        for pattern, cause, sentence in _KNOWN:
            if pattern.search(text):
                return Reason(cause, sentence)
    words = dict.fromkeys(_clean(field, text, field_names) for field, text in statements)
    readable = [text for text in words if any(map(str.isalpha, text))]
    return Reason(Cause.OTHER, "; ".join(readable)[:_LONGEST] or (UNREPEATED if words else NOTHING_SAID))


def seconds_said(error: Any) -> float | None:
    """Return how many seconds an error asks to wait, as in "try after 60 seconds"; None if it names none."""
    waits = (wait_in_words(text) for _, text in _statements(error, "", 0))
    return next((wait for wait in waits if wait is not None), None)


def _statements(error: Any, field: str, depth: int) -> Iterator[tuple[str, str]]:
    """Yield (field, text) from whatever structure the API put its text in."""
    if depth > _NESTED:
        return
    if isinstance(error, Mapping):
        for key, value in error.items():
            if key == "error_type":
                continue
            yield from _statements(value, field if _is_wrapping(key, value) else str(key), depth + 1)
    elif isinstance(error, list):
        for value in error:
            yield from _statements(value, field, depth + 1)
    elif isinstance(error, str):
        unpacked = _unpack(error)
        if unpacked is None:
            yield field, error
        else:
            yield from _statements(unpacked, field, depth + 1)


def _is_wrapping(key: object, value: object) -> bool:
    """Return whether a key belongs to the API's structure. `detail` does, and is a field of a conversion as well."""
    if key == "detail" and _OF_A_FIELD.match(str(value[0] if isinstance(value, list) and value else value)):
        return False
    return key in {"error_msg", "error", "message", "detail", "non_field_errors"}


def _unpack(text: str) -> Any:
    """Return the object that a text spells, as JSON or as Python, or None."""
    text = text.strip()
    if not text.startswith(("{", "[", '"{')):
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None


def _clean(field: str, text: str, names: Collection[str]) -> str:
    if match := _REQUIRED_FIELD.match(text):
        field, text = match[1], "This field is required."
    words = "".join(_keep(piece, names) for piece in _PIECES.findall(text[: 2 * _LONGEST]))
    words = _GAPS.sub("…", words).strip()
    if not field:
        return words or NOTHING_SAID
    return f"{field if field in names else '…'}: {words or NOTHING_SAID}"


def _keep(piece: str, names: Collection[str]) -> str:
    # The contact center's codes are words in one piece: bad_identifier, faulty_request.
    if (
        all(word in _VOCABULARY for word in piece.lower().split("_"))
        or piece in names
        or not piece.strip(" .,:;()/-\n\t\r")
    ):
        return piece
    return "…" if piece.isalnum() or piece[0].isalpha() else ""
