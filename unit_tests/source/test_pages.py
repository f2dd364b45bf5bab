"""A page: what counts as one, and when a window's pages are enough."""

from types import SimpleNamespace

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from hypothesis import given
from hypothesis import strategies as st

from source_squadstack.components import (
    BodyExtractor,
    NextPageNumber,
    UnreadableBodyError,
    WindowPasses,
    read_body,
    say_once,
)


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
        (b"[" * 100_000, "not JSON"),
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
    return {"count": count, "next": None, "results": [{"lead_id": lead, "processed_at": "t"} for lead in lead_ids]}


def passes(*page_lists):
    window = WindowPasses()
    for pages in page_lists:
        window.start_pass()
        for one in pages:
            window.see(one)
    return window


def test_a_pass_with_the_same_count_on_its_first_and_last_page_is_complete():
    assert passes([page(3, "a", "b"), page(3, "c")]).complete()


def test_an_empty_window_is_complete():
    assert passes([page(0)]).complete()


def test_a_count_that_shrank_while_paging_means_that_a_lead_may_be_missing():
    assert not passes([page(3, "a", "b"), page(2)]).complete()


def test_several_passes_are_complete_together_when_they_saw_as_many_as_the_first_page_counted():
    assert passes([page(3, "a", "b"), page(2)], [page(2, "a", "c"), page(1)]).complete()


def test_a_row_sent_twice_in_place_of_another_is_noticed_though_the_count_stays():
    assert not passes([page(3, "a", "b"), page(3, "b")]).complete()


@given(st.permutations(range(20)), st.integers(1, 7))
def test_the_order_of_rows_makes_no_difference(order, size):
    pages = [page(20, *order[start : start + size]) for start in range(0, 20, size)]
    assert passes(pages).complete()
    assert not passes(pages[:-1]).complete()


def test_a_row_that_the_server_has_twice_is_taken_as_it_is_after_a_second_pass():
    pages = [page(3, "a", "b"), page(3, "b")]
    assert not passes(pages).repeated()
    assert passes(pages, pages).repeated()
    assert not passes(pages, pages).complete()


def test_pages_that_overlap_by_chance_are_no_repetition():
    assert not passes([page(4, "a", "b"), page(4, "b", "c")], [page(4, "a", "c"), page(4, "c", "b")]).repeated()


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
    say_once.cache_clear()
    body = b'{"count": 1, "next": null, "results": [{"contact_name": "Canary", "score": NaN}]}'
    extractors = [BodyExtractor(shape="lead_page", parameters={"name": name}) for name in ("leads", "leads", "others")]
    for extractor in extractors:
        assert list(extractor.extract_records(response(body))) == [{"contact_name": "Canary", "score": None}]
    assert [record.getMessage() for record in caplog.records] == [
        f"Stream {name}: an answer holds NaN or Infinity, which are no values in JSON: taken as null."
        for name in ("leads", "others")
    ]
