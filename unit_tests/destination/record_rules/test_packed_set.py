"""A set of numbers at eight bytes each."""

from hypothesis import given
from hypothesis import strategies as st

from destination_squadstack.record_rules.packed_set import PackedSet

NUMBERS = st.integers(0, 2**64 - 1) | st.integers(0, 5_000)


@given(st.lists(NUMBERS), st.lists(NUMBERS))
def test_a_packed_set_holds_what_was_added_and_nothing_else(added, others):
    packed = PackedSet()
    for number in added:
        packed.add(number)
    packed.seal()
    known = set(added)
    assert len(packed) == len(known)
    assert all((number in packed) is (number in known) for number in added + others)
