"""Paging by the body's own word: a `next` link or a key, never the length of a page."""

from collections.abc import Mapping
from dataclasses import InitVar, dataclass
from typing import Any

import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.interpolation import InterpolatedString
from airbyte_cdk.sources.declarative.requesters.paginators.strategies.pagination_strategy import PaginationStrategy
from airbyte_cdk.sources.types import Config, Record, StreamSlice
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_squadstack.components.response_body import Row, read_body
from source_squadstack.components.stable_hash import stable_hash


@dataclass
class NextPageNumber(PaginationStrategy):
    """A page number that counts on while the body has a `next`.

    The CDK's `PageIncrement` stops at a short page, which a server that caps `page_size` makes of every page. The link
    itself is never requested: it may be `http://`, and the token would travel in clear.
    """

    config: Config
    page_size: int | str
    parameters: InitVar[Mapping[str, Any]]

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self._page_size = int(InterpolatedString.create(str(self.page_size), parameters=parameters).eval(self.config))

    @property
    def initial_token(self) -> int:
        """Return the first page's number."""
        return 1

    def next_page_token(  # the CDK's signature
        self,
        response: requests.Response,
        last_page_size: int,  # noqa: ARG002
        last_record: Record | None,  # noqa: ARG002
        last_page_token_value: Any | None,
        page_size_override: int | None = None,  # noqa: ARG002
        stream_slice: StreamSlice | None = None,  # noqa: ARG002
    ) -> int | None:
        """Return the next page's number, `None` where the body has no `next`.

        Raises:
            AirbyteTracedException: a `next` on more pages than there are rows: paging would never end.
        """
        page = read_body(response, "lead_page").parsed
        last = int(last_page_token_value or 1)
        if page.get("next") is None:
            return None
        if last > page["count"] + 1:
            raise AirbyteTracedException(
                message=f"SquadStack answers page {last} of {page['count']} leads with yet another `next` page. "
                "Nothing can be read to its end like this; ask SquadStack's support about the endpoint.",
                failure_type=FailureType.transient_error,
            )
        return last + 1

    def get_page_size(self) -> int:
        """Return the page size asked for; the server may cap it."""
        return self._page_size


def next_start_key(response: requests.Response, shape: str) -> str | None:
    """Return the key of the next page, `next_start_key` of the body or else of the headers; `None` without one."""
    parsed = read_body(response, shape).parsed
    key = parsed.get("next_start_key") if isinstance(parsed, dict) else response.headers.get("next_start_key")
    return str(key) if key not in (None, "") else None


@dataclass
class NextStartKey(PaginationStrategy):
    """The key of the next page, opaque, until there is none: absent, null or empty on the last page."""

    config: Config
    page_size: int | str
    shape: str
    parameters: InitVar[Mapping[str, Any]]

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self._page_size = int(InterpolatedString.create(str(self.page_size), parameters=parameters).eval(self.config))

    @property
    def initial_token(self) -> None:
        """Return nothing: the first page is asked for without a key."""
        return

    def next_page_token(  # the CDK's signature
        self,
        response: requests.Response,
        last_page_size: int,  # noqa: ARG002
        last_record: Record | None,  # noqa: ARG002
        last_page_token_value: Any | None,  # noqa: ARG002
        page_size_override: int | None = None,  # noqa: ARG002
        stream_slice: StreamSlice | None = None,  # noqa: ARG002
    ) -> str | None:
        """Return the next page's key."""
        return next_start_key(response, self.shape)

    def get_page_size(self) -> int:
        """Return the page size asked for; the server may cap it."""
        return self._page_size


MAX_IDLE_PAGES = 100


class IdlePages:
    """A count of pages in a row that bring nothing new: a server that gives a fresh key with each is read for ever.

    Nothing new is a page without rows, or one that begins and ends with the rows of an earlier page and is as long: a
    server may go round in circles of several pages.
    """

    def __init__(self) -> None:
        self._count = 0
        self._seen = {""}

    def note(self, rows: list[Row], what: str) -> None:
        """Count a page that has a key to the next one; raises when there were too many that brought nothing new."""
        content = stable_hash(len(rows), rows[0], rows[-1]) if rows else ""
        self._count = self._count + 1 if content in self._seen else 0
        self._seen.add(content)
        if self._count >= MAX_IDLE_PAGES:
            raise AirbyteTracedException(
                message=f"The contact center gives the key of yet another page of {what} with each of "
                f"{MAX_IDLE_PAGES} pages that brought nothing new: they cannot be read to their end. Sync again later; "
                "if it happens again, ask its support about the endpoint.",
                failure_type=FailureType.transient_error,
            )
