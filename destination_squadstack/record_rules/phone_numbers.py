"""The phone number of a lead, as the config allows it to be sent."""

from enum import StrEnum
from typing import Any

from squadstack_common.phone_numbers import DIGITS, INDIA, is_valid_indian, plain_digits, read_number, spelled


class PhoneNumbers(StrEnum):
    """How a lead's phone number is sent (`cleaning.phone_numbers`)."""

    NORMALIZE = "normalize"
    STRICT = "strict"
    AS_IS = "as_is"


def ten_digits(value: Any) -> str | None:
    """Return the ten digits of a valid Indian number, else None.

    The value may be text or a number: warehouses make a column of numbers a column of fractions, 9876543210.0, as soon
    as one row has none.
    """
    text = spelled(value)
    if text is None:
        return None
    digits = plain_digits(text)
    if digits is not None:
        return digits if is_valid_indian(digits) else None
    number = read_number(text)
    if number is None or number.country_code != INDIA or not number.valid or len(number.digits) != DIGITS:
        return None
    return number.digits


def normalize(value: Any) -> Any:
    """Return a number as its ten digits if it is a valid Indian one, else the value as it is."""
    # Valid or not, ten digits leave as they are. With a 0 before it, a number has fewer than ten.
    if value.__class__ is str and len(value) == DIGITS and value.isascii() and value.isdigit() and value[0] != "0":
        return value
    digits = ten_digits(value)
    return value if digits is None else digits


def is_not_indian(value: Any) -> bool:
    """Tell whether a value that the schema lets pass, text or a whole number, is no valid Indian number.

    Blank text is for the schema to refuse: it says what is missing.
    """
    if value.__class__ is str:
        return bool(value.strip()) and ten_digits(value) is None
    return value.__class__ is int and ten_digits(value) is None
