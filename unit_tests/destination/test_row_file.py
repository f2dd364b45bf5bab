"""Files of rejected records: readable by any gzip, and told apart by the lines that their rows stood in."""

import gzip
import io
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destination_squadstack.rejected_records.row_file import pack, unpack


def rows(content):
    return list(unpack(io.BytesIO(content)))


members = st.lists(
    st.lists(st.tuples(st.integers(0, 2**63), st.binary(max_size=50).map(lambda b: b.replace(b"\n", b""))))
)


@given(members)
def test_rows_are_unpacked_with_their_numbers_and_any_gzip_reads_the_file(members):
    content = b"".join(pack([line + b"\n" for _, line in each], [number for number, _ in each]) for each in members)
    assert rows(content) == [row for each in members for row in each]
    assert gzip.decompress(content) == b"".join(line + b"\n" for each in members for _, line in each)


def test_files_of_other_programs_are_read_without_numbers():
    named = io.BytesIO()
    with gzip.GzipFile("name.jsonl", "wb", fileobj=named, mtime=0) as file:
        file.write(b"a\nb\nc")
    content = named.getvalue() + gzip.compress(b"d\n", mtime=0) + pack([b"e\n"], [7]) + bytes(100)
    assert rows(content) == [(None, b"a"), (None, b"b"), (None, b"cd"), (7, b"e")]


def test_large_members_are_read_in_pieces():
    lines = [bytes([97 + number % 26]) * 1_000 for number in range(5_000)]
    content = pack([line + b"\n" for line in lines], list(range(5_000)))
    assert rows(content) == list(enumerate(lines))


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_file_of_rejected_rows_that_is_cut_off_is_an_error(cut):
    content = pack([b"a\n"] * 9, list(range(9)))
    assert cut < len(content)
    with pytest.raises((EOFError, zlib.error)):
        rows(content[:-cut])


def test_a_damaged_file_of_rejected_rows_is_an_error():
    content = bytearray(pack([b"abc\n"], [1]))
    content[-8] ^= 1
    with pytest.raises(zlib.error):
        rows(bytes(content))
