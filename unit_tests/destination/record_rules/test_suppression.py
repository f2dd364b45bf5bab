"""Which numbers are on the suppression list, and which lists can be read."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destination_squadstack.record_rules.suppression import UnreadableLine, read_list

NUMBER = "9876543210"


def listed(*lines):
    return read_list(["\n".join(lines).encode()])


def sha(number):
    return hashlib.sha256(number.encode()).hexdigest()


LINES = [
    NUMBER,
    f"  {NUMBER} ",
    f"+91{NUMBER}",
    "+91 98765-43210",
    "91 98765 43210",
    "098765 43210",
    "0091 98765 43210",
    "(+91) 98765 43210",
    "९८७६५ ४३२१०",
    "\uff19876543210",
    "9876543210 ext 7",
    "tel:+91-98765-43210",
    sha(NUMBER),
    sha(NUMBER).upper(),
]


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("value", [NUMBER, int(NUMBER), 9876543210.0, "+91 98765 43210", "098765-43210", "९८७६५४३२१०"])
def test_a_number_on_the_list_is_found_in_any_spelling_of_either(line, value):
    assert listed("9000000001", line).forbids(value)


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize(
    "value",
    ["9876543211", "+91 98765 43211", 9876543211, "", None, True, [NUMBER], {"a": NUMBER}, 9876543210.5, "none"],
)
def test_a_number_that_is_not_on_the_list_is_not_found(line, value):
    assert not listed(line).forbids(value)


@pytest.mark.parametrize(
    "value",
    [
        "9123456780 / 9876543210",
        "9876543210 / 9123456780",
        "9876543210;9123456780",
        "98765 43210 / 11",
        "9876543210 (home)",
        "9876543210.0",
        "0919876543210",
        "98765\t43210",
        "+91 +91 98765 43210",
        "9876543210 Asha Rao",
        "98765 or 43210",
        "987654321 0000",
        "9.87654321E9",
        "9.87654321e+9",
        "⑨⑧⑦⑥⑤④③②①⓪",
        "⁹⁸⁷⁶⁵⁴³²¹⁰",
    ],
)
@pytest.mark.parametrize("line", [NUMBER, sha(NUMBER)])
def test_a_text_that_says_no_number_by_itself_is_kept_back_if_it_could_be_taken_for_one_on_the_list(line, value):
    assert listed(line).forbids(value)


def test_a_text_that_the_library_reads_as_a_listed_number_is_suppressed():
    assert listed("9876543219").forbids("9.87654321E9")
    assert listed("9876543268").forbids("9876543 Anu")
    assert listed("2345678011").forbids("9123456780/11")
    assert listed("9123456780").forbids("9123456780/11")


def test_a_number_that_stands_for_itself_is_not_kept_back_for_what_is_within_it():
    assert not listed("1987654321").forbids("+91 98765 43210")
    assert not listed("9198765432").forbids("919876543210")


def test_foreign_and_toll_free_numbers_are_kept_with_their_country():
    known = listed("+1 650 253 0000", "1800 425 3800", "+971 50 123 4567")
    assert all(map(known.forbids, ["+16502530000", "001 650 253 0000", "+91 1800 425 3800", "00971501234567"]))
    assert not any(map(known.forbids, ["6502530000", "+1 650 253 0001", "+91 6502530000"]))


def test_ten_digits_of_a_range_that_the_library_does_not_know_are_a_number():
    assert listed("5555555555").forbids("+91 55555 55555")


def test_numbers_and_hashes_are_told_apart():
    known = listed(NUMBER, sha("9123456780"))
    assert len(known) == 2
    assert known.forbids("9123456780")
    # What is a hash of no ten digits is no number either.
    assert not listed("9" * 64).forbids("9" * 64)


@pytest.mark.parametrize(
    "line",
    [
        "phone_number",
        "# numbers of November",
        "987654321",
        "98765432101",
        "9876543210,Asha",
        "9876543210 / 9123456780",
        "9876543210;9123456780",
        "9.87654321E9",
        "9876543 Anu",
        "9876543210.0",
        "+98 76543210",
        "12345678",
        "100",
        "nobody",
        sha(NUMBER)[:-1],
        sha(NUMBER) + "0",
        sha(NUMBER)[:-1] + "g",
        "0x" + sha(NUMBER)[2:],
        "_" * 64,
        hashlib.md5(NUMBER.encode()).hexdigest(),
        "\ud83d",
        "\ufffe",
    ],
)
@pytest.mark.parametrize("before", [0, 1, 2_000])
def test_a_line_that_is_neither_is_named_by_its_number(line, before):
    text = f"{NUMBER}\n" * before + line
    for ending in ("", "\n", "\r\n", f"\n{NUMBER}\n"):
        with pytest.raises(UnreadableLine) as raised:
            read_list([(text + ending).encode(errors="surrogatepass")])
        assert raised.value.line == before + 1
        assert NUMBER not in str(raised.value)


def test_bytes_that_are_no_text_are_named_by_their_line():
    with pytest.raises(UnreadableLine) as raised:
        read_list([b"9876543210\n\xff\xfe9\x008\x00\n"])
    assert raised.value.line == 2


def test_a_file_without_line_breaks_is_not_read_to_its_end():
    def endless():
        yield b"9876543210\n"
        while True:
            yield b"9" * 100

    with pytest.raises(UnreadableLine) as raised:
        read_list(endless())
    assert raised.value.line == 2


@pytest.mark.parametrize("text", ["", "\n", " \n\r\n\t\n", "\ufeff"])
def test_a_list_of_nothing_has_no_numbers(text):
    assert len(read_list([text.encode()])) == 0


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\n\n", " \n"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_line_endings_blank_lines_and_a_byte_order_mark_say_nothing(start, ending):
    known = read_list([(start + ending.join([NUMBER, "+91 91234 56780", sha("9000000001")]) + ending).encode()])
    assert len(known) == 3
    assert all(map(known.forbids, [NUMBER, "9123456780", "9000000001"]))


@given(st.lists(st.integers(1, 60), max_size=20))
def test_a_suppression_file_is_read_whatever_pieces_it_comes_in(sizes):
    lines = [NUMBER, "+91 91234 56780", sha("9000000001"), "", "०९८७६५ ४३२१२"]
    text = ("\ufeff" + "\r\n".join(lines)).encode()
    pieces = []
    for size in sizes:
        pieces.append(text[:size])
        text = text[size:]
    known = read_list([*pieces, text])
    assert len(known) == 4
    assert all(map(known.forbids, [NUMBER, "9123456780", "9000000001", "9876543212"]))


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.text("0123456789 +-()./,;xX~eE९३٣\uff19"),
    st.lists(st.text(), max_size=2),
    st.dictionaries(st.text(), st.text(), max_size=2),
)


@given(VALUES)
def test_any_value_can_be_looked_up_in_a_suppression_list(value):
    assert listed(NUMBER, sha("9123456780")).forbids(value) in (True, False)


@given(st.integers(6 * 10**9, 10**10 - 1), st.sampled_from(["", "0", "+91", "91", "0091"]), st.data())
def test_a_listed_number_is_found_whatever_stands_between_its_digits(number, prefix, data):
    gap = st.text(" -().,/\u00a0\u200e\t#xe", max_size=2)
    value = "".join(char + data.draw(gap) for char in prefix + str(number))
    assert listed(str(number)).forbids(value)
    assert listed(sha(str(number))).forbids(value)
