"""What the retrievers share: requests of single pages, by public names of the CDK alone."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import requests
from airbyte_cdk.sources.declarative.requesters.paginators.paginator import Paginator
from airbyte_cdk.sources.declarative.retrievers.simple_retriever import SimpleRetriever
from airbyte_cdk.sources.types import Record, StreamSlice

Select: TypeAlias = Callable[[requests.Response, StreamSlice], Iterable[Any]]


@dataclass
class PagedRetriever(SimpleRetriever):
    """A retriever that decides by itself which pages to ask for, where the CDK's goes from page to page."""

    def pages(self, stream_slice: StreamSlice, first: requests.Response | None = None) -> Iterable[requests.Response]:
        """Yield a slice's pages until one names no other; `first` is the first, where it was asked for already."""
        token = self._pages_by.get_initial_token()
        response = self.fetch(stream_slice, token) if first is None else first
        while True:
            yield response
            following = self._pages_by.next_page_token(response, 0, None, token)
            if following is None:
                return
            token = following["next_page_token"]
            response = self.fetch(stream_slice, token)

    def fetch_first(self, stream_slice: StreamSlice) -> requests.Response:
        """Request a slice's first page."""
        return self.fetch(stream_slice, self._pages_by.get_initial_token())

    def fetch(self, stream_slice: StreamSlice, token: Any) -> requests.Response:
        """Request the page that a token stands for."""
        next_page_token = None if token is None else {"next_page_token": token}
        of_page = self._pages_by.get_request_params(stream_slice=stream_slice, next_page_token=next_page_token)
        of_slice = self.request_option_provider.get_request_params(
            stream_slice=stream_slice, next_page_token=next_page_token
        )
        response = self.requester.send_request(
            stream_state={},
            stream_slice=stream_slice,
            next_page_token=next_page_token,
            request_params={**of_page, **of_slice},
            log_formatter=self.log_formatter,
        )
        assert response is not None  # noqa: S101  # no error filter of the manifest ignores a response
        return response

    @property
    def page_size(self) -> int:
        """The page size asked for, which is all that a first page's request says; the server may cap it.

        That a paginator tells it by itself is newer than the Builder's CDK.
        """
        (size,) = self._pages_by.get_request_params().values()
        return int(size)

    @property
    def _pages_by(self) -> Paginator:
        assert self.paginator is not None  # noqa: S101  # by the manifest
        return self.paginator


@dataclass
class PagewiseRetriever(PagedRetriever):
    """A retriever that makes records of each page by itself; a slice's pages can be read whole, too."""

    def read_records(
        self, records_schema: Mapping[str, Any], stream_slice: StreamSlice | None = None
    ) -> Iterable[Record]:
        """Yield a slice's records."""
        whole = stream_slice or StreamSlice(partition={}, cursor_slice={})

        def select(response: requests.Response, piece: StreamSlice) -> Iterable[Record]:
            for record in self.record_selector.select_records(
                response=response, stream_state={}, records_schema=records_schema, stream_slice=piece
            ):
                # Of the slice, whatever piece of it was read: else the CDK's cursor sees no record of the slice, and
                # keeps the state where it was.
                yield Record(data=record.data, stream_name=record.stream_name, associated_slice=whole)

        yield from self.read_slice(select, whole)

    @abstractmethod
    def read_slice(self, select: Select, stream_slice: StreamSlice) -> Iterable[Any]:
        """Yield what `select` makes of each page that is read for a slice; it is told the piece to cut the rows to."""
