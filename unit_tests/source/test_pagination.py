"""Paging ends on the body's own word."""

from types import SimpleNamespace

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_squadstack.components.pagination import NextPageNumber


def next_number(page: bytes, last: int | None):
    strategy = NextPageNumber(config={}, page_size=100, parameters={})
    return strategy.next_page_token(SimpleNamespace(content=page), 0, None, last)


def test_the_page_number_counts_on_while_there_is_a_next_even_behind_an_empty_page():
    assert next_number(b'{"count": 250, "next": "http://elsewhere/?page=9", "results": []}', 2) == 3


def test_paging_ends_where_there_is_no_next_even_behind_a_full_page():
    assert next_number(b'{"count": 1, "next": null, "results": [{}]}', 1) is None


def test_a_next_without_end_is_an_error():
    with pytest.raises(AirbyteTracedException, match="yet another"):
        next_number(b'{"count": 3, "next": "http://elsewhere/", "results": [{}]}', 5)
