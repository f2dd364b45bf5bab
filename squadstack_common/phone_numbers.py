"""Phone numbers as people and programs spell them, read by the library `phonenumbers`.

The library is made to find a number wherever there may be one. It drops what stands between digits and turns letters
into digits, so it reads `9.87654321E9`, a number out of a spreadsheet, as 9876543219, and `9876543 Anu` as 9876543268.
Each of them is somebody else's number. So a reading is taken only where the text says it by itself:

* its digits stand in the text one after another, with no letter between them;
* it is the only number: an extension as long as a number is a second one, and where the text begins with a whole number
  of its own, as in `9123456780/11`, what comes of reading on is not it.

The two spellings that almost all records have, ten digits and ten digits behind a prefix, need no more than a look; a
test holds them to what the library says of them.

The library is imported when the first number needs it: the stock runner of the source's manifest may lack it.
"""

import unicodedata
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from importlib import import_module
from re import IGNORECASE, Pattern
from re import compile as compile_pattern
from types import ModuleType
from typing import Any, Final, NamedTuple, TypeAlias
from unicodedata import decimal

REGION: Final = "IN"
INDIA: Final = 91
# Every number of a subscriber has so many digits; toll-free and service numbers may have more or fewer.
DIGITS: Final = 10
# What stands between the digits of most numbers, and says nothing.
_SEPARATORS = str.maketrans("", "", " -()")
# What a spreadsheet makes of a number: `9.87654321E9`.
_EXPONENTIAL = compile_pattern(r"\d{1,20}(?:\.\d{1,20})?E\+?\d{1,2}", IGNORECASE)
_PLUSES = frozenset("+\N{FULLWIDTH PLUS SIGN}")
_PREFIXES = ("", "+91", "91", "0", "0091")
# Whom a call goes to: `"Desk 2" <sip:+919876543210@host;transport=tls>`, `tel:9876543210;phone-context=+91`.
_CALL_ADDRESS = compile_pattern(
    r"(?:[^<>]*<)?\s*(?:(?:sips?|tel|callto):)?([^@;<>]*)(?:;[a-z-]+(?:=[^;<>@]*)?)*(?:@[^<>]*)?(?:>.*)?", IGNORECASE
)


# The library's own class: not imported, because the library may be missing.
PhoneNumber: TypeAlias = Any


class Number(NamedTuple):
    """A phone number that was read, and whether the library knows it for a valid one."""

    country_code: int
    # Without the prefix of the country or of a trunk call.
    digits: str
    valid: bool


def e164(value: Any) -> str | None:
    """Return a number in E.164, such as +919876543210; None where the value does not say one by itself.

    A number that nobody can have is spelled too: it is told from others all the same.
    """
    text = spelled(value)
    if text is None:
        return None
    digits = plain_digits(text)
    if digits is None:
        text = dialled(_whole(text))
        digits = plain_digits(text)
    if digits is not None:
        return f"+{INDIA}{digits}"
    number = read_number(text)
    return None if number is None else f"+{number.country_code}{number.digits}"


def dialled(text: str) -> str:
    """Return what is dialled of the address of a call; any other text as it is."""
    address = _CALL_ADDRESS.fullmatch(text)
    return text if address is None else address[1]


def _whole(text: str) -> str:
    """Return a number without the fraction that spreadsheets and programs write behind it: `9876543210.0`."""
    if text.__class__ is not str:  # a number as JSON spelled it, such as 9.87654321E9
        number = float(text)
        return str(int(number)) if number.is_integer() else text
    whole, point, fraction = text.rpartition(".")
    is_whole = point and fraction and not fraction.strip("0") and sum(map(str.isdecimal, whole)) >= DIGITS
    return whole if is_whole else text


def spelled(value: Any) -> str | None:
    """Return the text that spells a number, None for a value that cannot be a number."""
    match value:
        case str():
            return value
        case bool():
            return None
        case int():
            return str(value)
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return None


def plain_digits(text: str) -> str | None:
    """Return ten digits that stand alone or behind a prefix; None for any other spelling, which the library may know.

    Whatever the library makes of such a text, these are the number's digits.
    """
    if not text.isascii():
        return None
    bare = text.translate(_SEPARATORS)
    digits, prefix = bare[-DIGITS:], bare[:-DIGITS]
    if len(digits) != DIGITS or not digits.isdigit() or digits[0] == "0" or prefix not in _PREFIXES:
        return None
    # With a gap behind the tenth digit it may be a number and the beginning of another: 91234 56780-11.
    return None if prefix == "91" and not text[-3:].isdigit() else digits


def is_valid_indian(digits: str) -> bool:
    """Tell whether ten digits are a valid Indian number."""
    return _valid_indian().fullmatch(digits) is not None


@cache
def _valid_indian() -> Pattern[str]:
    """Join the library's own patterns: a number is valid if one of them matches, and asking each takes 20 µs."""
    metadata = library().PhoneMetadata.metadata_for_region(REGION)
    if metadata is None:
        raise LookupError("phonenumbers has no metadata of India")
    kinds = (
        metadata.mobile,
        metadata.fixed_line,
        metadata.toll_free,
        metadata.premium_rate,
        metadata.shared_cost,
        metadata.personal_number,
        metadata.voip,
        metadata.pager,
        metadata.uan,
        metadata.voicemail,
    )
    patterns = [kind.national_number_pattern for kind in kinds if kind is not None and kind.national_number_pattern]
    return compile_pattern("|".join(f"(?:{pattern})" for pattern in patterns))


def read_number(text: str) -> Number | None:
    """Read a number in any spelling, as somebody in India dials it; None where the text does not say one by itself."""
    number = _parsed(text)
    if number is None:
        return None
    digits = library().national_significant_number(number)
    if not _stands_in(digits, text) or _is_one_of_two(digits, number, text):
        return None
    return _number(number)


def conceivable_numbers(text: str) -> Iterator[tuple[int, str]]:
    """Find all numbers that anybody could take a text for, as country codes and digits, where it says none by itself.

    They are what the library reads, and every ten digits that follow one another, whatever is between them: in the
    text, with `⁹` and `⑨` taken for digits, and as the whole number that `9.87654321E9` stands for.
    """
    for spelling in dict.fromkeys((text, unicodedata.normalize("NFKC", text), _written_out(text))):
        if (number := _parsed(spelling)) is not None:
            yield number.country_code or 0, library().national_significant_number(number)
        digits = "".join(char for char in _digit_or_letter(spelling) if char != "x")
        for start in range(len(digits) - DIGITS + 1):
            yield INDIA, digits[start : start + DIGITS]


def _written_out(text: str) -> str:
    return f"{Decimal(text):.0f}" if _EXPONENTIAL.fullmatch(text) else text


@cache
def library() -> ModuleType:
    """Return the library.

    Raises:
        ImportError: it is not installed.
    """
    return import_module("phonenumbers")


def _parsed(text: str) -> PhoneNumber | None:
    phonenumbers = library()
    try:
        number: PhoneNumber = phonenumbers.parse(text, REGION)
    except phonenumbers.NumberParseException:
        return None
    return number


def _number(number: PhoneNumber) -> Number:
    phonenumbers = library()
    return Number(
        number.country_code or 0,
        phonenumbers.national_significant_number(number),
        phonenumbers.is_valid_number(number),
    )


def _stands_in(digits: str, text: str) -> bool:
    return digits in "".join(_digit_or_letter(text))


def _digit_or_letter(text: str) -> list[str]:
    """Return the digits of any script as ASCII, letters as x, and nothing else."""
    return [
        str(digit) if (digit := decimal(char, None)) is not None else "x"
        for char in text
        if char.isalpha() or char.isdecimal()
    ]


def _is_one_of_two(digits: str, number: PhoneNumber, text: str) -> bool:
    if len(number.extension or "") >= DIGITS:
        return True
    if not _PLUSES.isdisjoint(text):
        return False
    begun = ""
    for char in text:
        if char.isdecimal():
            begun += str(decimal(char))
        elif len(begun) == DIGITS and begun != digits and is_valid_indian(begun):
            return True
    return False
