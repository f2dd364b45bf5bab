"""The retriever of the contact center's activity, which comes in several shapes."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.types import Record, StreamSlice
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_squadstack.components.errors import DEAD_KEY, RefusedError
from source_squadstack.components.pagination import IdlePages, next_start_key
from source_squadstack.components.response_body import Row, read_body, rows_for
from source_squadstack.components.retrievers.paged import PagedRetriever
from source_squadstack.components.stable_hash import stable_hash
from squadstack_common.timestamps import format_time, parse_time

# The margins of a request around its window, in seconds. The server may filter by another time of an activity than its
# `timestamp`: by the end of a call that began in the window, or by the beginning of one that ended in it. With less
# margin a long call would be missed; with more, a window of 30 days would exceed the 31 days that Kazoo allows.
ASKED_BEFORE = 4 * 3600
ASKED_AFTER = 12 * 3600

# Fewer rows than any server would cap a page at.
FEW_ROWS = 10
MAX_ROWS = 1000  # of `contact_center.page_size`


@dataclass
class ActivityRetriever(PagedRetriever):
    """Reads a window of activity in every shape that the endpoint is known to answer in.

    If a response has a key, in its body or a header, pages are read until there is none. A bare array does not say
    whether it is complete. It is, if it is shorter than a page of this sync (a server caps all pages at one size);
    otherwise its range is halved and each half read the same way, down to one second, which is complete with fewer rows
    than `FEW_ROWS`. The range is halved as well if the server ignores `startKey`, which shows when it returns the same
    key again, or if it no longer knows its own key. The CDK's own splitting stops after ten halvings: too few for 30
    days. A server that does not filter by time returns the same rows for each half; most lie outside, which is an error
    at once.

    A range is one of the time that the server filters by, whichever that is: the window and a margin around it. The
    range is halved, so a half needs no margin; rows are kept that belong to the window by `timestamp`.

    A page is held back until it is certain to be used, so that no row comes twice.
    """

    _longest: int = field(init=False, repr=False, default=0)
    _cap: int = field(init=False, repr=False, default=0)

    def read_records(
        self, records_schema: Mapping[str, Any], stream_slice: StreamSlice | None = None
    ) -> Iterable[Record]:
        """Yield a window's records."""
        assert stream_slice is not None  # noqa: S101  # by the manifest's cursor
        start, end = seconds_of(stream_slice)
        # The server may refuse an interval that ends in the future.
        span = Span(start - ASKED_BEFORE, min(end + ASKED_AFTER, max(end, int(time.time()))))
        before: set[str] = set()
        for page in self._read(stream_slice, span, self._ask(stream_slice, span)):
            rows = page.rows
            if page.of_a_part:
                # The parts of a range overlap at their ends, as bounds may be exclusive: a row there comes twice.
                hashes = [stable_hash(row) for row in rows]
                rows = [row for row, known in zip(rows, hashes, strict=True) if known not in before]
                before = set(hashes)
            yield from self.record_selector.filter_and_transform(  # type: ignore[attr-defined]  # the manifest's is the CDK's
                rows, stream_state={}, records_schema=records_schema, stream_slice=stream_slice
            )

    def _ask(self, window: StreamSlice, span: "Span", key: str | None = None, margin: int = 1) -> requests.Response:
        asked = with_seconds(window, span.first - margin, span.last + margin)
        return self.fetch(asked, key)

    def _read(
        self, window: StreamSlice, span: "Span", response: requests.Response, *, of_a_part: bool = False
    ) -> Iterable["ActivityPage"]:
        """Yield the rows of a range in the order of its parts; its first page is given."""
        key = next_start_key(response, "activity")
        seen: set[str] = set()
        idle = IdlePages()
        while key is not None:
            seen.add(key)
            idle.note(self._rows(response), "activity")
            following = self._ask_if_taken(window, span, key)
            next_key = key if following is None else next_start_key(following, "activity")
            if following is None or next_key in seen:
                yield from self._read_halves(window, span, response)
                return
            yield ActivityPage(self._rows(response), of_a_part)
            response, key = following, next_key
        if seen or self._is_whole(response):
            yield ActivityPage(self._rows(response), of_a_part)
        else:
            yield from self._read_halves(window, span, response)

    def _ask_if_taken(
        self, window: StreamSlice, span: "Span", key: str | None = None, margin: int = 1
    ) -> requests.Response | None:
        """Ask like `_ask`; return `None` if the server refuses the request, as for a key that it no longer knows."""
        try:
            return self._ask(window, span, key, margin)
        except RefusedError as refused:
            if refused.status_code in DEAD_KEY:
                return None
            raise

    def _is_whole(self, response: requests.Response) -> bool:
        """Tell whether a response is everything in its range."""
        if next_start_key(response, "activity") is not None:
            return False
        if not isinstance(read_body(response, "activity").parsed, list):
            return True
        rows = len(self._rows(response))
        longest, self._longest = self._longest, max(self._longest, rows)
        return rows == 0 or rows < longest

    def _read_halves(self, window: StreamSlice, span: "Span", response: requests.Response) -> Iterable["ActivityPage"]:
        if span.first == span.last:
            yield from self._read_second(window, span, response)
            return
        rows = self._rows(response)
        if mostly_outside(rows, span):
            raise self._not_filtered(span)
        halves = span.halves()
        responses = [self._ask(window, half) for half in halves]
        known = {stable_hash(row) for row in rows}
        if any(stable_hash(row) not in known for half in responses for row in self._rows(half)):
            self._cap = len(rows)  # the whole range gave fewer rows than its halves: its page was full
        for half, first_page in zip(halves, responses, strict=True):
            yield from self._read(window, half, first_page, of_a_part=True)

    def _read_second(
        self, window: StreamSlice, second: "Span", response: requests.Response
    ) -> Iterable["ActivityPage"]:
        """Read a range of one second, whose page may be full of the two seconds beside it, which it includes.

        Narrower ranges may exclude those. First the second with either neighbour: one of the two ranges has it unless
        both bounds are exclusive. Then each of the three alone, which are empty unless both bounds are inclusive. They
        are the whole second if each of them is complete and they bring together what the wider range brought.
        """
        rows = self._rows(response)
        has_key = next_start_key(response, "activity") is not None
        if not has_key and len(rows) < min(FEW_ROWS, self._asked()) and len(rows) != self._cap:
            yield ActivityPage(rows, of_a_part=True)
            return
        at = second.first
        known = {stable_hash(row) for row in rows}
        for spans in ((Span(at - 1, at), Span(at, at + 1)), (Span(at - 1, at - 1), second, Span(at + 1, at + 1))):
            asked = [self._ask_if_taken(window, span, margin=0) for span in spans]
            answers = [answer for answer in asked if answer is not None]
            found = {stable_hash(row): row for answer in answers for row in self._rows(answer)}
            if known <= found.keys() and len(answers) == len(spans) and all(map(self._is_whole, answers)):
                yield ActivityPage(list(found.values()), of_a_part=True)
                return
        raise self._too_full(at, len(rows))

    def _rows(self, response: requests.Response) -> list[Row]:
        return rows_for(self.name, response, "activity")

    def _asked(self) -> int:
        return self.page_size

    def _too_full(self, second: int, rows: int) -> AirbyteTracedException:
        moment = format_time(datetime.fromtimestamp(second, UTC))
        fix = "A larger `contact_center.page_size` does not help. Ask its support how many a page holds"
        if self._asked() <= rows and self._asked() < MAX_ROWS:
            fix = "Make `contact_center.page_size` larger, or ask its support how many a page holds"
        return AirbyteTracedException(
            message=f"The contact center gives {rows} activities around the second {moment} and no way to read on: no "
            "longer page in this sync shows that these are all, so some may be missing. "
            f"{fix} and how the endpoint's `startKey` is used.",
            failure_type=FailureType.config_error,
        )

    @staticmethod
    def _not_filtered(span: "Span") -> AirbyteTracedException:
        first, last = (format_time(datetime.fromtimestamp(second, UTC)) for second in (span.first, span.last))
        return AirbyteTracedException(
            message=f"The contact center was asked for the activity from {first} to {last}, and most of what it gives "
            "lies outside: it does not apply `startDate` and `endDate`, and gives no way to read on, so some would be "
            "missing. Ask its support about the endpoint.",
            failure_type=FailureType.config_error,
        )


def mostly_outside(rows: list[Row], span: "Span") -> bool:
    """Tell whether most rows lie so far outside a range that the server cannot have filtered by any of their times.

    Not all of them, because some may lie inside by chance; not any, because one row's clock may be wrong.
    """
    times = [moment.timestamp() for row in rows if (moment := parse_time(row.get("timestamp"))) is not None]
    within = sum(span.first - ASKED_AFTER - 1 <= at <= span.last + ASKED_BEFORE + 1 for at in times)
    return 2 * within < len(times)


@dataclass(frozen=True)
class Span:
    """A range of seconds, its first and its last."""

    first: int
    last: int

    def halves(self) -> "tuple[Span, Span]":
        """Return its two halves."""
        middle = (self.first + self.last) // 2
        return Span(self.first, middle), Span(middle + 1, self.last)


@dataclass(frozen=True)
class ActivityPage:
    """Rows of an answer, and whether its range is a part of one that was asked for before."""

    rows: list[Row]
    of_a_part: bool


def seconds_of(window: StreamSlice) -> tuple[int, int]:
    """Return a window's first and last second."""
    return int(window.cursor_slice["start_time"]), int(window.cursor_slice["end_time"])


def with_seconds(window: StreamSlice, start: int, end: int) -> StreamSlice:
    """Return the slice of a part of a window."""
    return StreamSlice(
        partition=window.partition,
        cursor_slice={"start_time": str(start), "end_time": str(end)},
        extra_fields=window.extra_fields,
    )
