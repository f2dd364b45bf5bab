"""What leaves for each spelling of a phone number. The spellings are in `phone_numbers.txt`, for people to read."""

import json
from pathlib import Path
from typing import NamedTuple

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from destination_squadstack.record_rules.phone_numbers import is_not_indian, normalize, ten_digits
from squadstack_common.phone_numbers import conceivable_numbers, is_valid_indian, plain_digits, read_number
from squadstack_emulator.squadstack.entries import Wrong, first_error

TABLE = Path(__file__).with_name("phone_numbers.txt")


class Spelling(NamedTuple):
    given: object
    normalized: str
    strict: str


def spellings():
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            given, end = json.JSONDecoder().raw_decode(line)
            normalized, strict = line[end:].split()[:2]
            yield Spelling(given, normalized, strict)


SPELLINGS = list(spellings())


def test_the_table_has_at_least_300_different_spellings():
    assert len({json.dumps(each.given) for each in SPELLINGS}) >= 300


@pytest.mark.parametrize("spelling", SPELLINGS, ids=[json.dumps(each.given)[:60] for each in SPELLINGS])
def test_a_valid_indian_number_leaves_as_its_ten_digits_and_any_other_as_it_came(spelling):
    left = normalize(spelling.given)
    assert left == (spelling.given if spelling.normalized == "same" else spelling.normalized)
    assert type(left) is (type(spelling.given) if spelling.normalized == "same" else str)


@pytest.mark.parametrize("spelling", SPELLINGS, ids=[json.dumps(each.given)[:60] for each in SPELLINGS])
def test_strict_refuses_what_is_no_valid_indian_number(spelling):
    assert is_not_indian(spelling.given) is (spelling.strict == "reject")
    if spelling.strict.isdigit():
        assert ten_digits(spelling.given) == spelling.strict


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**9, max_value=10**13)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.text("0123456789 +-()./,;xX#*~९٣\uff19\u200e\u00a0eE"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)


@given(JSON_VALUES)
def test_whatever_comes_leaves_as_ten_digits_or_as_it_is_and_nothing_raises(value):
    left = normalize(value)
    is_not_indian(value)
    digits = ten_digits(value)
    assert left == (value if digits is None else digits)
    if digits is not None:
        assert len(digits) == 10
        assert digits.isascii()
        assert digits.isdigit()


@given(JSON_VALUES)
def test_a_number_that_has_been_cleaned_stays_what_it_is(value):
    once = normalize(value)
    assert normalize(once) == once


# Around the spellings that are read without the library: their prefixes, and what may stand between digits.
_GAP = st.text(" -()", max_size=2)


@st.composite
def almost_plain(draw):
    prefix = draw(st.sampled_from(["", "+91", "91", "0", "0091", "+0", "00", "+"]))
    digits = prefix + draw(st.text("0123456789", min_size=9, max_size=11))
    return "".join(draw(_GAP) + char for char in digits) + draw(_GAP)


@given(almost_plain() | st.text("0123456789 -()+", max_size=18) | st.text("0123456789", min_size=10, max_size=13))
def test_plain_digits_are_read_as_the_library_reads_them(text):
    digits = plain_digits(text)
    if digits is not None:
        number = read_number(text)
        assert number == (91, digits, is_valid_indian(digits))


@given(st.integers(10**9, 10**10 - 1))
def test_any_ten_digits_are_valid_if_the_library_says_so(number):
    parsed = phonenumbers.PhoneNumber(country_code=91, national_number=number)
    assert is_valid_indian(str(number)) is phonenumbers.is_valid_number_for_region(parsed, "IN")


@pytest.mark.parametrize("leading", range(1000, 10_000, 250))
def test_ten_digits_of_every_range_are_valid_if_the_library_says_so(leading):
    for start in range(leading, leading + 250, 7):
        for rest in (0, 234_567, 799_999, 912_345):
            digits = f"{start}{rest:06}"
            parsed = phonenumbers.PhoneNumber(country_code=91, national_number=int(digits))
            assert is_valid_indian(digits) is phonenumbers.is_valid_number_for_region(parsed, "IN"), start


@given(st.text("0123456789 +-()./,;xX#~eEANU९٣\uff19", max_size=30))
def test_no_number_is_read_whose_digits_the_text_does_not_hold_side_by_side(text):
    digits = ten_digits(text)
    if digits is not None:
        kept = "".join(str(int(char)) if char.isdecimal() else "x" if char.isalpha() else "" for char in text)
        assert digits in kept


def test_all_that_a_text_could_be_taken_for_is_found():
    found = set(conceivable_numbers("9876543 Anu / 9123456780"))
    assert (91, "9123456780") in found
    assert (91, "9876543268") in set(conceivable_numbers("9876543 Anu"))
    assert (91, "9876543219") in set(conceivable_numbers("9.87654321E9"))
    assert (1, "6502530000") in set(conceivable_numbers("+1 650 253 0000"))
    assert list(conceivable_numbers("nobody")) == []


@pytest.mark.parametrize("number", sorted({each.normalized for each in SPELLINGS} - {"same"}))
def test_nothing_that_leaves_as_a_valid_number_is_refused_by_the_emulator(number):
    lead = {"lead_id": "L1", "phone_number": number, "contact_name": "Asha"}
    assert first_error(lead, list(lead), custom_values=True, empty_is=Wrong.BLANK, violation=pytest.fail) is None
