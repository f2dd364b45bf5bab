"""Parameters and pages by key, as the portal's two paged reads have them.

Undocumented, decided here: a page size that is not given is 50 (Kazoo's default); one that is no positive number is a
400, and so is a key that the portal never gave, or gave for another list.
"""

import re

from squadstack_emulator.contact_center.listing import Listing, RowT
from squadstack_emulator.contact_center.portal import LastKey
from squadstack_emulator.contact_center.seeds import hexadecimal
from squadstack_emulator.request_context import RequestContext

DEFAULT_PAGE_SIZE = 50
_WHOLE_NUMBER = re.compile(r"[0-9]{1,18}")
_KEY = re.compile(r"[0-9a-f]{32}")
_DIGITS_OF_HASH = 24


class InvalidError(ValueError):
    """What was sent is a 400, "The information sent is invalid."."""


def note_unknown_parameters(context: RequestContext, known: frozenset[str]) -> None:
    """Enter every parameter that the page lacks; the portal itself ignores it."""
    for name in context.request.query.keys() - known:
        context.violation(f"there is no query parameter {name!r}")
    for name in context.request.repeated:
        context.violation(f"the query parameter {name!r} was given more than once")


def whole_number(context: RequestContext, name: str) -> int:
    """The value of a parameter that must be there.

    Raises:
        InvalidError: It is not, or is no whole number.
    """
    text = context.request.query.get(name, "")
    if not _WHOLE_NUMBER.fullmatch(text):
        context.violation(f"{name} is not a whole number")
        raise InvalidError(name)
    return int(text)


def page_size(context: RequestContext, name: str, cap: int | None) -> int:
    """How many rows a page has: what was asked for, or what the portal silently makes of it.

    Raises:
        InvalidError: What was asked for is no positive number.
    """
    size = whole_number(context, name) if name in context.request.query else DEFAULT_PAGE_SIZE
    if size < 1:
        context.violation(f"{name} is not a positive number")
        raise InvalidError(name)
    return size if cap is None else min(size, cap)


def start_of(context: RequestContext, name: str, listing: Listing[RowT], scope: str) -> int:
    """Where in the list the page begins that the call asks for.

    Raises:
        InvalidError: The key is none that the portal gave for this list.
    """
    key = context.request.query.get(name)
    if not key:
        return 0
    serial = int(key[_DIGITS_OF_HASH:], 16) if _KEY.fullmatch(key) else -1
    if serial in listing.places and key == _key_of(scope, serial):
        return listing.places[serial]
    context.violation(f"{name} is no key that was given")
    raise InvalidError(name)


def next_key(context: RequestContext, listing: Listing[RowT], start: int, size: int, scope: str) -> str | None:
    """The key of the page after the one that begins at `start`, None if that is the last."""
    following = start if context.scenario.portal_repeats_key else start + size
    return _key_of(scope, listing.rows[following].serial) if following < len(listing.rows) else None


def _key_of(scope: str, serial: int) -> str:
    # The last digits find the row; the others tell a key that was given for this list from any other.
    return f"{hexadecimal('key', scope, serial, digits=_DIGITS_OF_HASH)}{serial:08x}"


def spelt_key(key: str | None, last: LastKey) -> dict[str, str | None]:
    """`next_start_key` as a body has it; whether and how the last page spells it is not documented."""
    if key is not None:
        return {"next_start_key": key}
    if last == "absent":
        return {}
    return {"next_start_key": None if last == "null" else ""}
