"""The leads of a write and the rules of their fields (bulk page; lengths are those of the vendor's public pages).

Documented: `lead_id`, `phone_number` and `contact_name` are strings and mandatory, custom values are strings or
integers, `detail` is a string or JSON; "Invalid value provided.", "This field may not be blank." for empty and NULL
values, "This field is required.". Only the first field that is wrong is named, as in every example.

Undocumented, decided here: a mandatory field that is a whole number counts as its digits, as the vendor's framework
takes it, and is entered as a violation; any other type is an invalid value and a violation. A value that is too long is
"Invalid value provided.". Custom values may also be true, false (an example of the v4 page has one) and null;
fractions, arrays and objects are invalid values.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from squadstack_emulator.request_log import LeadKey

MAX_LEADS = 100
MAX_LEAD_ID = 255
MAX_CONTACT_NAME = 48
MAX_PHONE_NUMBER = 12
# Mobile numbers begin with 6 to 9, landlines with an area code from 11 on.
_INDIAN_NUMBER = re.compile(r"(?:\+91|91|0)?[1-9][0-9]{9}")

Entry = Mapping[str, object]


class Wrong(StrEnum):
    """What the documents say about a field; the values are their texts."""

    REQUIRED = "This field is required."
    BLANK = "This field may not be blank."
    INVALID = "Invalid value provided."


class FieldError(NamedTuple):
    """A field that is refused."""

    field: str
    wrong: Wrong


_RULES: Mapping[str, Callable[[str], bool]] = {
    "lead_id": lambda text: len(text) <= MAX_LEAD_ID,
    "phone_number": lambda text: len(text) <= MAX_PHONE_NUMBER and _INDIAN_NUMBER.fullmatch(text) is not None,
    "contact_name": lambda text: len(text) <= MAX_CONTACT_NAME,
}
KNOWN_FIELDS = frozenset(_RULES)


def leads_in(body: object) -> list[object]:
    """Return the leads of a body, be it one or a list."""
    if isinstance(body, list):
        return body
    return [body] if isinstance(body, dict) else []


def lead_keys(target: str, body: object) -> Iterable[LeadKey]:
    """Return what identifies the leads of a body."""
    for entry in leads_in(body):
        # An empty one identifies nothing: whoever asks what a lead without an id would be answered may ask at any time.
        if isinstance(entry, dict) and isinstance(entry.get("lead_id"), (str, int)) and entry["lead_id"] != "":
            yield LeadKey(target, text_of(entry["lead_id"]))


def first_error(
    entry: Entry, required: Sequence[str], *, custom_values: bool, empty_is: Wrong, violation: Callable[[str], None]
) -> FieldError | None:
    """Return the first field of a lead that breaks a rule, None for a good one.

    Args:
        entry: The lead as it was sent.
        required: Names of the mandatory fields, in the order they are looked at.
        custom_values: Whether keys that are not known are custom values, to be checked as such.
        empty_is: What an empty mandatory field is called: convert, disable and delete say it is required.
        violation: Where a field of an undocumented type is entered, as a sentence.
    """
    for name in (*required, *(name for name in entry if name not in required)):
        wrong = None
        if name not in entry:
            wrong = Wrong.REQUIRED
        elif name in required or name in _RULES:
            wrong = _wrong_with(name, entry[name], empty_is, violation)
        elif custom_values and not (entry[name] is None or isinstance(entry[name], (str, int))):
            wrong = Wrong.INVALID
        if wrong is not None:
            return FieldError(name, wrong)
    return None


def text_of(value: object) -> str:
    """Return a mandatory field as text: whole numbers count as their digits."""
    return value if isinstance(value, str) else str(value)


def e164(phone_number: object) -> str:
    """Return a valid Indian number as the responses show it: "+91" and ten digits."""
    return "+91" + text_of(phone_number)[-10:]


def _wrong_with(name: str, value: object, empty_is: Wrong, violation: Callable[[str], None]) -> Wrong | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return empty_is
    if name not in _RULES:  # `detail`: a string or any JSON
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        violation(f"{name} is neither a string nor a number")
        return Wrong.INVALID
    if isinstance(value, int):
        violation(f"{name} is a number, not a string")
    return None if _RULES[name](text_of(value)) else Wrong.INVALID
