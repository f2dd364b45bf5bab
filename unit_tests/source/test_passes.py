"""Repeated passes over the pages of a set: when they prove that nothing is missing."""

import json
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from source_squadstack.components.response_body import read_body
from source_squadstack.components.retrievers.passes import Passes


def page(count, *lead_ids):
    rows = [{"lead_id": lead, "processed_at": "t"} for lead in lead_ids]
    return SimpleNamespace(content=json.dumps({"count": count, "next": None, "results": rows}).encode())


def passes(*page_lists, bounded=True):
    found = Passes(("lead_id", "processed_at"), bounded)
    for pages in page_lists:
        found.start()
        for one in pages:
            found.note_page(one)
    return found


WHOLE = [page(3, "a", "b"), page(3, "c")]


def again(*pages):
    return [SimpleNamespace(content=one.content) for one in pages]


def test_two_passes_that_bring_the_same_rows_as_many_as_counted_prove_a_window():
    assert passes(again(*WHOLE), again(*WHOLE)).is_complete()


def test_one_pass_proves_nothing_because_a_lead_may_have_left_and_another_have_come():
    assert not passes(again(*WHOLE)).is_complete()


def test_a_count_that_changed_between_two_pages_proves_nothing():
    assert not passes(again(*WHOLE), [page(4, "a", "b"), page(3, "c")]).is_complete()


def test_a_second_pass_that_brings_another_row_proves_nothing():
    assert not passes(again(*WHOLE), [page(3, "a", "b"), page(3, "d")]).is_complete()


def test_a_pass_that_lacks_a_row_of_the_one_before_proves_nothing_in_a_window():
    assert not passes([page(3, "a", "b"), page(3, "c", "d")], again(*WHOLE)).is_complete()


def test_a_row_that_is_repeated_in_place_of_another_in_each_pass_proves_nothing():
    repeated = [page(3, "a", "b"), page(3, "b")]
    assert not passes(again(*repeated), again(*repeated), again(*repeated)).is_complete()


def test_without_a_window_a_row_that_has_gone_meanwhile_is_no_sign_of_a_loss():
    assert passes([page(4, "a", "b"), page(4, "c", "d")], again(*WHOLE), bounded=False).is_complete()


def test_without_a_window_a_row_that_no_earlier_pass_brought_proves_nothing():
    assert not passes(again(*WHOLE), [page(3, "a", "b"), page(3, "d")], bounded=False).is_complete()


def test_a_later_pass_passes_on_only_what_has_changed():
    found = passes([page(3, "a", "b", "c")])
    found.start()
    later = page(3, "a", "b", "d")
    found.note_page(later)
    assert read_body(later, "lead_page").rows == [{"lead_id": "d", "processed_at": "t"}]


@given(st.permutations(range(20)), st.integers(1, 7))
def test_two_passes_prove_a_window_whatever_the_order_of_its_rows(order, size):
    pages = [page(20, *order[start : start + size]) for start in range(0, 20, size)]
    assert passes(again(*pages), again(*pages)).is_complete()
    assert not passes(again(*pages[:-1]), again(*pages[:-1])).is_complete()
