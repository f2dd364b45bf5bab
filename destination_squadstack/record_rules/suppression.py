"""The suppression list: numbers that must not be called, and which records it holds back.

A line of the list is a phone number, in any spelling that `phone_numbers` reads, or the SHA-256 hash of ten digits.
Numbers and hashes are kept apart. A number is kept with its country, so that foreign ones are kept too. Of a hash the
first eight bytes are kept. A number that is on the list always matches. One that is not matches by chance once in
10**12 times where the list has ten million hashes, which keeps a call back and lets none through.

A list that cannot be read whole is no list: a single line that says nothing may be somebody who withdrew consent in
words that a program does not know.
"""

from binascii import unhexlify
from collections.abc import Iterable
from enum import StrEnum
from hashlib import sha256
from typing import Any

from destination_squadstack.record_rules.packed_set import PackedSet
from squadstack_common.phone_numbers import DIGITS, INDIA, conceivable_numbers, plain_digits, read_number, spelled

_HEX_LENGTH = 64
_KEPT_BYTES = 8
# A file without line breaks would be read until memory is full.
_LONGEST_LINE = 1_000
_INDIAN = INDIA * 10**DIGITS
_ZERO = ord("0")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class OnMatch(StrEnum):
    """What to do about a record whose number is on the list."""

    REJECT = "reject"
    DISABLE = "disable"


class UnreadableLine(ValueError):  # noqa: N818 - it is the line that is at fault
    """A line of a suppression list that is neither a number nor a hash."""

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line}")
        self.line = line


class SuppressionList:
    """The numbers of a suppression list."""

    def __init__(self, numbers: PackedSet, hashes: PackedSet) -> None:
        self._numbers = numbers
        self._hashes = hashes
        self._has_hashes = len(hashes) > 0

    def __len__(self) -> int:
        return len(self._numbers) + len(self._hashes)

    def forbids(self, value: Any) -> bool:
        """Tell whether the number that a field holds is on the list.

        Where the field does not say one number by itself, it is enough that one that it could be taken for is on it.
        """
        text = spelled(value)
        if text is None:
            return False
        digits = plain_digits(text)
        if digits is not None:
            return self._has(INDIA, digits)
        number = read_number(text)
        if number is not None and number.valid:
            return self._has(number.country_code, number.digits)
        return any(self._has(country, digits) for country, digits in conceivable_numbers(text))

    def _has(self, country_code: int, digits: str) -> bool:
        if int(f"{country_code}{digits}") in self._numbers:
            return True
        return self._has_hashes and country_code == INDIA and _kept(sha256(digits.encode()).digest()) in self._hashes


def read_list(pieces: Iterable[bytes]) -> SuppressionList:
    """Read a suppression list from the bytes of its file, in pieces of any length.

    Raises:
        UnreadableLine: A line is neither a number nor a hash.
    """
    numbers, hashes = PackedSet(), PackedSet()
    add = numbers.add
    read, begun = 0, b""
    for piece in pieces:
        if read == 0 and not begun:
            piece = piece.removeprefix(_BYTE_ORDER_MARK)  # noqa: PLW2901 - the file without its mark
        *lines, begun = (begun + piece).split(b"\n")
        for line in lines:
            read += 1
            line = line.strip()  # noqa: PLW2901 - what is left is the line
            # Most lines look like this; the library would give the same result.
            if len(line) == DIGITS and line.isdigit() and line[0] != _ZERO:
                add(_INDIAN + int(line))
            elif line:
                _take(line, read, numbers, hashes)
        if len(begun) > _LONGEST_LINE:
            raise UnreadableLine(read + 1)
    if begun := begun.strip():
        _take(begun, read + 1, numbers, hashes)
    numbers.seal()
    hashes.seal()
    return SuppressionList(numbers, hashes)


def _take(line: bytes, at: int, numbers: PackedSet, hashes: PackedSet) -> None:
    try:
        if len(line) == _HEX_LENGTH:
            hashes.add(_kept(unhexlify(line)))
            return
        number = _number(line.decode().strip())
    except ValueError:  # what is not hexadecimal, or not UTF-8
        number = None
    if number is None:
        raise UnreadableLine(at)
    numbers.add(number)


def _kept(digest: bytes) -> int:
    return int.from_bytes(digest[:_KEPT_BYTES])


def _number(text: str) -> int | None:
    """Return country code and digits as one number, None for a text that is no number of a person.

    Ten Indian digits are taken for one whether the library knows their range or not: a new range is not in it yet.
    """
    digits = plain_digits(text)
    if digits is not None:
        return _INDIAN + int(digits)
    number = read_number(text)
    if number is None:
        return None
    if number.valid or (number.country_code == INDIA and len(number.digits) == DIGITS):
        return int(f"{number.country_code}{number.digits}")
    return None
