"""No digit is lost, and what JSON does not have is read as its reader has chosen."""

import json

import pytest

from squadstack_common.lossless_json import (
    NotReadable,
    TooLarge,
    dump,
    load,
    without_lone_surrogates,
)

LONG = "1180591620717411303424"


@pytest.mark.parametrize("number", [LONG, f"-{LONG}", "18446744073709551616", "9" * 4_300, f"-{'9' * 4_300}"])
def test_integers_of_any_size_are_read_and_written_exactly(number):
    value = load(f'{{"number": {number}}}'.encode())
    assert value == {"number": int(number)}
    assert json.loads(dump(value)) == value


@pytest.mark.parametrize("number", ["1e400", "-1e400", "9" * 4_301, f"{'1' * 6_000}.5"])
def test_a_number_that_no_program_can_hold_is_too_large_or_what_its_reader_makes_of_it(number):
    text = f"[{number}]".encode()
    assert isinstance(load(text)[0], TooLarge)
    assert load(text, beyond=lambda digits: digits) == [number]


@pytest.mark.parametrize("long", ["", f"{LONG}, "], ids=["short", "long"])
@pytest.mark.parametrize("name", ["NaN", "Infinity", "-Infinity"])
def test_a_constant_that_is_no_json_is_refused_or_what_its_reader_makes_of_it(name, long):
    text = f"[{long}{name}]".encode()
    with pytest.raises(NotReadable, match="is not JSON"):
        load(text)
    assert load(text, constant=lambda found: found)[-1] == name


@pytest.mark.parametrize("long", ["", f"{LONG}, "], ids=["short", "long"])
def test_half_of_a_surrogate_pair_stays_or_becomes_the_replacement_character(long):
    text = rf'[{long}{{"a\ud800": ["\udc00 \ud83d\ude00"]}}]'.encode()
    assert load(text)[-1] == {"a\ud800": ["\udc00 😀"]}
    assert load(text, surrogates=without_lone_surrogates)[-1] == {"a�": ["� 😀"]}


@pytest.mark.parametrize("text", [b"", b" ", b"<html>", b"[1", b'{"a": }', b"\xff", f'"{LONG}'.encode()])
def test_a_text_that_is_no_json_is_refused_without_being_quoted(text):
    with pytest.raises(NotReadable, match=r"^is not JSON$"):
        load(text)


@pytest.mark.parametrize("options", [{}, {"surrogates": without_lone_surrogates}], ids=["plain", "surrogates"])
def test_json_that_is_nested_too_deeply_is_refused(options):
    with pytest.raises(NotReadable, match="nested more deeply"):
        load(b"[" * 100_000 + LONG.encode() + b"]" * 100_000, **options)
