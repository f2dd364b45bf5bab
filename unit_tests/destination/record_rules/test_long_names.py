"""Where a long name is cut."""

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from destination_squadstack.record_rules.long_names import MAX_CHARACTERS, cut_name

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"


@pytest.mark.parametrize("name", ["", "Asha", "x" * 48, "क्षि" * 12, None, 5, True, ["x" * 100]])
def test_a_name_that_fits_and_what_is_no_name_stay(name):
    assert cut_name(name) == name


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("x" * 49, "x" * 48),
        ("x" * 5_000, "x" * 48),
        ("x" * 47 + " yz", "x" * 47),
        ("x" * 47 + "e\u0301", "x" * 47),
        ("x" * 46 + "e\u0301y", "x" * 46 + "e\u0301"),
        ("x" * 46 + "क्षि" + "x", "x" * 46),
        ("x" * 47 + "\U0001f1ee\U0001f1f3", "x" * 47),
        ("x" * 45 + FAMILY, "x" * 45),
        ("x" * 41 + FAMILY + "y", "x" * 41 + FAMILY),
        ("a\r\n" * 20, ("a\r\n" * 16).rstrip()),
    ],
)
def test_a_long_name_is_cut_between_two_graphemes(name, left):
    assert cut_name(name) == left


@pytest.mark.parametrize("name", ["e" + "\u0301" * 60, " " * 60])
def test_a_name_of_which_nothing_would_be_left_stays(name):
    assert cut_name(name) == name


@given(st.text(st.characters() | st.sampled_from("\u0301\u200d\u094d\U0001f468\U0001f1ee "), max_size=120))
def test_a_cut_name_is_short_enough_keeps_whole_graphemes_and_is_not_cut_again(name):
    left = cut_name(name)
    assert cut_name(left) == left
    assert name.startswith(left)
    if left != name:
        assert 0 < len(left) <= MAX_CHARACTERS
        ends = {match.end() for match in regex.finditer(r"\X", name)}
        whole = next(end for end in sorted(ends, reverse=True) if end <= MAX_CHARACTERS)
        assert left == name[:whole].rstrip()
