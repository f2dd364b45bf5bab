"""Pages by key, as the contact center's two paged reads have them (page Campaigns).

Undocumented, decided here: a page size that is not given is 50 (Kazoo's default); one that is no positive number is a
400, and so is a key that the portal never gave, or gave for another list.
"""

import re

from squadstack_emulator.contact_center.portal import LastKey
from squadstack_emulator.contact_center.store import Listing, RowT
from squadstack_emulator.pseudo_random import hexadecimal
from squadstack_emulator.request_context import RequestContext

DEFAULT_PAGE_SIZE = 50
_WHOLE_NUMBER = re.compile(r"[0-9]{1,18}")
_KEY = re.compile(r"[0-9a-f]{32}")
_DIGITS_OF_HASH = 24


class InvalidError(ValueError):
    """What was sent is a 400, "The information sent is invalid."."""


def whole_number(context: RequestContext, name: str) -> int:
    """Return the value of a parameter that must be there.

    Raises:
        InvalidError: It is not, or is no whole number.
    """
    text = context.query.get(name, "")
    if not _WHOLE_NUMBER.fullmatch(text):
        context.violation(f"{name} is not a whole number")
        raise InvalidError(name)
    return int(text)


def page_of(
    context: RequestContext, listing: Listing[RowT], scope: str, *, size: str, key: str | None, cap: int | None
) -> tuple[list[RowT], str | None]:
    """Return the rows of the page that is asked for, and the key of the next one, None if it is the last.

    Args:
        context: The request.
        listing: The rows of all pages.
        scope: The list for which a key is good.
        size: Name of the parameter for the number of rows.
        key: Name of the parameter for the page's key; None ignores it.
        cap: The portal silently gives no more rows than this.

    Raises:
        InvalidError: The size is no positive number, or the key is none that was given for this list.
    """
    rows = whole_number(context, size) if size in context.query else DEFAULT_PAGE_SIZE
    if rows < 1:
        context.violation(f"{size} is not a positive number")
        raise InvalidError(size)
    rows = min(rows, cap or rows)
    given = context.query.get(key) if key else None
    start = 0
    if given:
        serial = int(given[_DIGITS_OF_HASH:], 16) if _KEY.fullmatch(given) else -1
        if serial not in listing.positions or given != _key_of(scope, serial):
            context.violation(f"{key} is no key that was given")
            raise InvalidError(key)
        start = listing.positions[serial]
    following = start if context.scenario.portal_repeats_key else start + rows
    next_key = _key_of(scope, listing.rows[following].serial) if following < len(listing.rows) else None
    return listing.rows[start : start + rows], next_key


def _key_of(scope: str, serial: int) -> str:
    # The last digits find the row; the others tell a key that was given for this list from any other.
    return f"{hexadecimal('key', scope, serial, digits=_DIGITS_OF_HASH)}{serial:08x}"


def spelt_key(key: str | None, last: LastKey) -> dict[str, str | None]:
    """Return `next_start_key` as a body has it; whether and how the last page spells it is not documented."""
    if key is None and last == "absent":
        return {}
    return {"next_start_key": key if key is not None else None if last == "null" else ""}
