"""The retriever of the contact center's leads, which are paged by keys."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.types import StreamSlice
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_squadstack.components.errors import DEAD_KEY, RefusedError
from source_squadstack.components.log import LOGGER
from source_squadstack.components.pagination import IdlePages, next_start_key
from source_squadstack.components.response_body import read_body
from source_squadstack.components.retrievers.paged import PagewiseRetriever, Select

MAX_STARTS = 3
GONE = frozenset({404, 410})


@dataclass
class KeyedRetriever(PagewiseRetriever):
    """Reads a campaign's pages by their keys, and tells what only this campaign is to be blamed for.

    A key that comes twice is an error, and so are too many `IdlePages`: the sync would never end. If the server no
    longer knows its own key, the pages before it are read again, because they may have changed; `MAX_STARTS` limits
    how often. A campaign that was deleted after the report named it has no leads.
    """

    _lock: threading.Lock = field(init=False, repr=False, default_factory=threading.Lock)
    _one_was_read: bool = field(init=False, repr=False, default=False)

    def read_slice(self, select: Select, stream_slice: StreamSlice) -> Iterable[Any]:
        """Yield what `select` makes of each page of a slice."""
        campaign = stream_slice.partition.get("campaign_id")
        for _ in range(MAX_STARTS):
            keys: set[str] = set()
            try:
                yield from self._read_from_the_first(select, stream_slice, keys)
            except RefusedError as refused:
                if refused.status_code not in DEAD_KEY:
                    raise
                if keys:
                    LOGGER.info(
                        "Stream %s: the contact center does not know its own key to a page of campaign %s any more; "
                        "reading the campaign again.",
                        self.name,
                        campaign,
                    )
                    continue
                if not self._is_gone(stream_slice, refused):
                    raise
                LOGGER.warning(
                    "Stream %s: campaign %s is gone since the contact center named it (HTTP %d): it has no leads.",
                    self.name,
                    campaign,
                    refused.status_code,
                )
            return
        raise AirbyteTracedException(
            message="The contact center does not know its own `next_start_key` any more, in each of "
            f"{MAX_STARTS} passes over the leads of campaign {campaign}: they cannot be read to their end. Sync again "
            "later; if it happens again, ask its support about the endpoint.",
            failure_type=FailureType.transient_error,
        )

    def _read_from_the_first(self, select: Select, stream_slice: StreamSlice, keys: set[str]) -> Iterable[Any]:
        """Read a campaign's pages from the first one on; `keys` takes those that were given."""
        campaign = stream_slice.partition.get("campaign_id")
        idle = IdlePages()
        for response in self.pages(stream_slice):
            self._one_was_read = True
            key = next_start_key(response, "campaign_leads")
            if key in keys:
                raise AirbyteTracedException(
                    message="The contact center gives the same `next_start_key` twice for the leads of campaign "
                    f"{campaign}: they cannot be read to their end. Sync again later; "
                    "if it happens again, ask its support about the endpoint.",
                    failure_type=FailureType.transient_error,
                )
            if key is not None:
                keys.add(key)
                idle.note(read_body(response, "campaign_leads").rows, f"the leads of campaign {campaign}")
            yield from select(response, stream_slice)

    def _is_gone(self, stream_slice: StreamSlice, refused: RefusedError) -> bool:
        """Tell whether the campaign is missing, and not the whole endpoint.

        It is if the server no longer names it, or knows others but not this one. The documented response for what does
        not exist is a 400, which may mean anything else: after a 400 only the server's list of campaigns counts.
        """
        with self._lock:
            if self._one_was_read and refused.status_code in GONE:
                return True
            named = list(self.stream_slicer.stream_slices())
            if all(other.partition != stream_slice.partition for other in named):
                return True
            return refused.status_code in GONE and any(map(self._answers, named))

    def _answers(self, campaign: StreamSlice) -> bool:
        try:
            self.fetch_first(campaign)
        except RefusedError:
            return False
        return True
