"""Sorting what does not fit into memory."""

from hypothesis import given
from hypothesis import strategies as st

from destination_squadstack.rejected_records.external_sort import ExternalSort

KEYS = st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 9), st.floats(0, 9))


@given(st.lists(KEYS), st.sampled_from([1, 500, 10**6]), st.sampled_from([1, 2, 64]))
def test_lines_come_back_in_order_and_equal_ones_as_they_were_added(keys, chunk_bytes, max_files):
    sort = ExternalSort(chunk_bytes=chunk_bytes, max_files=max_files)
    entries = [(key, b"%d" % number) for number, key in enumerate(keys)]
    for key, line in entries:
        sort.add(key, line)
    expected = sorted(entries, key=lambda entry: entry[0])
    assert list(sort) == expected
    assert list(sort) == expected
    sort.close()
