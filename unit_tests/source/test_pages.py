"""A page: what counts as one, and when a window's pages are enough."""

import json
from types import SimpleNamespace

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from hypothesis import given
from hypothesis import strategies as st

from source_squadstack.components.errors import UnreadableBodyError
from source_squadstack.components.log import warn_once
from source_squadstack.components.pagination import NextPageNumber
from source_squadstack.components.response_body import BodyExtractor, read_body
from source_squadstack.components.retrievers.passes import Passes


def response(content: bytes):
    return SimpleNamespace(content=content)


@pytest.mark.parametrize(
    ("content", "how"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"<html>maintenance</html>", "not JSON"),
        (b'{"count": 1, "next": null, "resul', "not JSON"),
        (b"[]", "list"),
        (b"null", "NoneType"),
        (b"{}", "results"),
        (b'{"count": 0, "next": null, "results": null}', "results"),
        (b'{"count": 1, "next": null, "results": ["x"]}', "results"),
        (b'{"next": null, "results": []}', "count"),
        (b'{"count": true, "next": null, "results": []}', "count"),
        (b'{"count": 0, "next": 2, "results": []}', "next"),
        (b'{"detail": "Ms. Canary is out"}', "results"),
        (b"[" * 100_000, "nested more deeply"),
    ],
)
def test_a_body_that_is_not_the_page_is_never_taken_for_an_empty_one(content, how):
    with pytest.raises(UnreadableBodyError, match=how) as caught:
        read_body(response(content), "lead_page")
    assert "Canary" not in str(caught.value)


def test_integers_beyond_64_bits_stay_exact():
    page = read_body(
        response(b'{"count": 1, "next": null, "results": [{"account": 1180591620717411303424}]}'), "lead_page"
    )
    assert page.rows == [{"account": 1180591620717411303424}]


def test_a_page_is_parsed_once():
    answer = response(b'{"count": 0, "next": null, "results": []}')
    assert read_body(answer, "lead_page") is read_body(answer, "lead_page")


def next_number(page: bytes, last: int | None):
    strategy = NextPageNumber(config={}, page_size=100, parameters={})
    return strategy.next_page_token(response(page), 0, None, last)


def test_the_page_number_counts_on_while_there_is_a_next_even_behind_an_empty_page():
    assert next_number(b'{"count": 250, "next": "http://elsewhere/?page=9", "results": []}', 2) == 3


def test_paging_ends_where_there_is_no_next_even_behind_a_full_page():
    assert next_number(b'{"count": 1, "next": null, "results": [{}]}', 1) is None


def test_a_next_without_end_is_an_error():
    with pytest.raises(AirbyteTracedException, match="yet another"):
        next_number(b'{"count": 3, "next": "http://elsewhere/", "results": [{}]}', 5)


def page(count, *lead_ids):
    rows = [{"lead_id": lead, "processed_at": "t"} for lead in lead_ids]
    return SimpleNamespace(content=json.dumps({"count": count, "next": None, "results": rows}).encode())


def passes(*page_lists, bounded=True):
    found = Passes(("lead_id", "processed_at"), bounded)
    for pages in page_lists:
        found.start()
        for one in pages:
            found.see(one)
    return found


WHOLE = [page(3, "a", "b"), page(3, "c")]


def again(*pages):
    return [response(one.content) for one in pages]


def test_two_passes_that_bring_the_same_rows_as_many_as_counted_prove_a_window():
    assert passes(again(*WHOLE), again(*WHOLE)).proven()


def test_one_pass_proves_nothing_because_a_lead_may_have_left_and_another_have_come():
    assert not passes(again(*WHOLE)).proven()


def test_a_count_that_changed_between_two_pages_proves_nothing():
    assert not passes(again(*WHOLE), [page(4, "a", "b"), page(3, "c")]).proven()


def test_a_second_pass_that_brings_another_row_proves_nothing():
    assert not passes(again(*WHOLE), [page(3, "a", "b"), page(3, "d")]).proven()


def test_a_pass_that_lacks_a_row_of_the_one_before_proves_nothing_in_a_window():
    assert not passes([page(3, "a", "b"), page(3, "c", "d")], again(*WHOLE)).proven()


def test_a_row_that_is_repeated_in_place_of_another_in_each_pass_proves_nothing():
    repeated = [page(3, "a", "b"), page(3, "b")]
    assert not passes(again(*repeated), again(*repeated), again(*repeated)).proven()


def test_without_a_window_a_row_that_has_gone_meanwhile_is_no_sign_of_a_loss():
    assert passes([page(4, "a", "b"), page(4, "c", "d")], again(*WHOLE), bounded=False).proven()


def test_without_a_window_a_row_that_no_earlier_pass_brought_proves_nothing():
    assert not passes(again(*WHOLE), [page(3, "a", "b"), page(3, "d")], bounded=False).proven()


def test_a_later_pass_passes_on_only_what_has_changed():
    found = passes([page(3, "a", "b", "c")])
    found.start()
    later = page(3, "a", "b", "d")
    found.see(later)
    assert read_body(later, "lead_page").rows == [{"lead_id": "d", "processed_at": "t"}]


@given(st.permutations(range(20)), st.integers(1, 7))
def test_two_passes_prove_a_window_whatever_the_order_of_its_rows(order, size):
    pages = [page(20, *order[start : start + size]) for start in range(0, 20, size)]
    assert passes(again(*pages), again(*pages)).proven()
    assert not passes(again(*pages[:-1]), again(*pages[:-1])).proven()


def test_half_of_an_emoji_does_not_cost_the_page():
    found = read_body(response(b'{"count": 1, "next": null, "results": [{"note": "ok \\ud83d cut"}]}'), "lead_page")
    assert found.rows == [{"note": "ok \ufffd cut"}]


def test_a_whole_emoji_beside_half_of_one_survives():
    body = b'{"count": 1, "next": null, "results": [{"note": "\\ud83d\\ude00 \\ud83d"}]}'
    assert read_body(response(body), "lead_page").rows == [{"note": "\U0001f600 \ufffd"}]


def test_nan_and_infinity_become_null_and_the_other_rows_come():
    first = b'{"lead_id": "a", "score": NaN, "more": {"x": [-Infinity, 1e400, 1.5]}}'
    second = b'{"lead_id": "b", "account": 1180591620717411303424, "high": Infinity}'
    body = b'{"count": 2, "next": null, "results": [%b, %b]}' % (first, second)
    assert read_body(response(body), "lead_page").rows == [
        {"lead_id": "a", "score": None, "more": {"x": [None, "1e400", 1.5]}},
        {"lead_id": "b", "account": 1180591620717411303424, "high": None},
    ]


def test_nan_is_told_of_once_a_stream_and_never_with_its_row(caplog):
    warn_once.cache_clear()
    body = b'{"count": 1, "next": null, "results": [{"contact_name": "Canary", "score": NaN}]}'
    extractors = [BodyExtractor(shape="lead_page", parameters={"name": name}) for name in ("leads", "leads", "others")]
    for extractor in extractors:
        assert list(extractor.extract_records(response(body))) == [{"contact_name": "Canary", "score": None}]
    assert [record.getMessage() for record in caplog.records] == [
        f"Stream {name}: an answer holds NaN or Infinity, which are no values in JSON: taken as null."
        for name in ("leads", "others")
    ]
