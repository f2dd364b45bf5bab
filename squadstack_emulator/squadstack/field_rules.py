"""Field rules of the CRM v2 endpoints (bulk page and the README's table of limits).

Documented: `lead_id`, `phone_number` and `contact_name` are strings and mandatory, custom values are strings or
integers, `detail` is a string or JSON; "Invalid value provided.", "This field may not be blank." for empty and NULL
values, "This field is required.". Only the first field that is wrong is named, as in every example.

Undocumented, decided here: a mandatory field that is a whole number counts as its digits, as the vendor's framework
takes it, and is entered as a violation; any other type is an invalid value and a violation. A value that is too long is
"Invalid value provided.". Custom values may also be true, false (an example of the v4 page has one) and null;
fractions, arrays and objects are invalid values.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

MAX_LEAD_ID = 255
MAX_CONTACT_NAME = 48
_PLAIN = (str, int)
_INDIAN_NUMBER = re.compile(r"(?:\+91|91|0)?([6-9][0-9]{9})")


class Wrong(StrEnum):
    """What the documents say about a field; the values are their texts."""

    REQUIRED = "This field is required."
    BLANK = "This field may not be blank."
    INVALID = "Invalid value provided."


class FieldError(NamedTuple):
    """A field that is refused."""

    field: str
    wrong: Wrong


def first_error(
    entry: Mapping[str, object],
    required: Sequence[str],
    *,
    custom_values: bool,
    empty_is: Wrong,
    violation: Callable[[str], None],
) -> FieldError | None:
    """The first field of a lead that breaks a rule, None for a good one.

    Args:
        entry: The lead as it was sent.
        required: Names of the mandatory fields, in the order they are looked at.
        custom_values: Whether keys that are not known are custom values, to be checked as such.
        empty_is: What an empty mandatory field is called: convert, disable and delete say it is required.
        violation: Where a field of an undocumented type is entered, as a sentence.
    """
    for name in required:
        if wrong := _wrong_with_required(name, entry, empty_is, violation):
            return FieldError(name, wrong)
    for name, value in entry.items():
        if name in required:
            continue
        if name in _RULES:
            if wrong := _wrong_with(name, value, empty_is, violation):
                return FieldError(name, wrong)
        elif custom_values and not (value is None or isinstance(value, _PLAIN)):
            return FieldError(name, Wrong.INVALID)
    return None


def text_of(value: object) -> str:
    """A mandatory field as text: whole numbers count as their digits."""
    return value if isinstance(value, str) else str(value)


def e164(phone_number: object) -> str:
    """A valid Indian number as the responses show it: "+91" and ten digits."""
    return "+91" + text_of(phone_number)[-10:]


def _wrong_with_required(
    name: str, entry: Mapping[str, object], empty_is: Wrong, violation: Callable[[str], None]
) -> Wrong | None:
    if name not in entry:
        return Wrong.REQUIRED
    return _wrong_with(name, entry[name], empty_is, violation)


def _wrong_with(name: str, value: object, empty_is: Wrong, violation: Callable[[str], None]) -> Wrong | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return empty_is
    if name not in _RULES:  # `detail`: a string or any JSON
        return None
    if isinstance(value, bool) or not isinstance(value, _PLAIN):
        violation(f"{name} is neither a string nor a number")
        return Wrong.INVALID
    if isinstance(value, int):
        violation(f"{name} is a number, not a string")
    return None if _RULES[name](text_of(value)) else Wrong.INVALID


def _is_lead_id(text: str) -> bool:
    return len(text) <= MAX_LEAD_ID


def _is_contact_name(text: str) -> bool:
    return len(text) <= MAX_CONTACT_NAME


def _is_phone_number(text: str) -> bool:
    return _INDIAN_NUMBER.fullmatch(text) is not None


_RULES: Mapping[str, Callable[[str], bool]] = {
    "lead_id": _is_lead_id,
    "phone_number": _is_phone_number,
    "contact_name": _is_contact_name,
}
