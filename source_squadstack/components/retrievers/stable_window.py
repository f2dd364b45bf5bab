"""The retriever of SquadStack's leads."""

import threading
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.types import StreamSlice
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_squadstack.components.errors import WindowChangedError
from source_squadstack.components.log import LOGGER, warn_once
from source_squadstack.components.requester import REQUEST_PARAMETERS, ApiRequester
from source_squadstack.components.response_body import read_body
from source_squadstack.components.retrievers.lead_windows import (
    Answer,
    bounds_of,
    describe_slice,
    is_whole,
    part_of,
    server_until,
)
from source_squadstack.components.retrievers.paged import PagewiseRetriever, Select
from source_squadstack.components.retrievers.passes import Passes
from source_squadstack.components.retrievers.window_sizer import SECOND, WindowSizer, first_true
from source_squadstack.components.retrievers.windows_ahead import WindowsAhead
from squadstack_common.timestamps import EPOCH, microseconds, parse_time

PAGES_A_SEGMENT = 80  # about a minute's calls, cuts included: what a killed sync may have to read again
MAX_PASSES = 10
SIDE_BY_SIDE = 2  # passes whose pages may be asked for at once
MAX_REPEATED_CALLS = 100
# One thread makes 1,200 calls a minute of so many seconds each; threads beside it would only cost CPU time.
SLOW_ANSWER = 0.05
WAIT_FOR_FIRST = 60  # seconds


@dataclass
class CampaignProgress:
    """The progress of a campaign, which its windows share: what is read or being read, and what failed."""

    lock: threading.Condition = field(default_factory=threading.Condition)
    announced: bool = False
    first: StreamSlice | None = None  # announced, but not begun
    failed: AirbyteTracedException | None = None
    until: int | None = None
    claimed: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class Segment:
    """A part of a campaign that is read at once: one window, or several, of which the first reads for the others."""

    sizer: WindowSizer
    answer: Answer


@dataclass
class StableWindowRetriever(PagewiseRetriever):
    """Reads leads so that none can slip from one page to another: in windows that a single page answers.

    One response shows one moment. While several pages are read, leads are processed again and leave their place, and
    late ones arrive, which no count reveals. So a window is cut by time until its first page says that there is no
    second (`WindowSizer`). Only what cannot be cut is paged: a second (or millisecond) with more leads than a page, and
    all leads without a window. It is read repeatedly until nothing can be missing (`Passes`).

    The CDK's windows keep the progress of a sync. The first window of a campaign reads everything that is left of it as
    one segment. If that takes more than `PAGES_A_SEGMENT`, the segment is as many windows as take fewer, and the next
    window starts another. The state cannot move before a segment is read: it ends at the segment's first window.

    Where answers are slow, the next windows of a segment (`WindowsAhead`) and the pages of the first passes are asked
    for ahead of their turn, by other threads. Their answers are taken in order, one at a time.

    `bounded` says whether slices have an upper bound, so that what changes meanwhile belongs to the next sync.
    """

    bounded: bool = True
    _campaigns: dict[str, CampaignProgress] = field(init=False, repr=False, default_factory=dict)
    _delay: float = field(init=False, repr=False, default=0.0)  # seconds until an answer begins

    def read_slice(self, select: Select, stream_slice: StreamSlice) -> Iterable[Any]:
        """Yield what `select` makes of each page that is read for a slice; it is told the piece to cut the rows to."""
        campaign = self._progress(stream_slice)
        try:
            if not self.bounded:
                with self._api_requester.slots.reading():
                    yield from self._read_unbounded(select, stream_slice)
                return
            with campaign.lock:
                # A later window whose thread is faster would read its part alone, and the first the rest: two calls.
                campaign.lock.wait_for(lambda: campaign.first in (None, stream_slice), WAIT_FOR_FIRST)
                campaign.first = None
                campaign.lock.notify_all()
                if campaign.failed:
                    # The state cannot pass the window that failed: reading later ones would waste calls.
                    raise campaign.failed
                segment = self._claim(campaign, stream_slice)
            if segment is not None:
                with self._api_requester.slots.reading():
                    yield from self._read_segment(select, segment)
        except AirbyteTracedException as error:
            campaign.failed = error
            raise

    def announce(self, stream_slice: StreamSlice) -> bool:
        """Take note of a window before any thread may read it; return whether it is the first of its campaign.

        Later ones leave the first to begin.
        """
        campaign = self._progress(stream_slice)
        if self.bounded and campaign.announced:
            return False
        if self.bounded:
            campaign.announced, campaign.first = True, stream_slice
        return True

    def give_up(self, stream_slice: StreamSlice, error: AirbyteTracedException) -> None:
        """Leave the rest of a campaign to the next sync: the state cannot pass what failed."""
        campaign = self._progress(stream_slice)
        campaign.failed = error

    def _progress(self, stream_slice: StreamSlice) -> CampaignProgress:
        return self._campaigns.setdefault(str(stream_slice.partition.get("campaign_id")), CampaignProgress())

    def _read_unbounded(self, select: Select, stream_slice: StreamSlice) -> Iterable[Any]:
        response = self.fetch_first(stream_slice)
        if is_whole(response):
            yield from select(response, stream_slice)
        else:
            yield from self._read_in_passes(select, stream_slice, response)

    def _claim(self, campaign: CampaignProgress, window: StreamSlice) -> Segment | None:
        """Return what to read for a window: as much as is left of its campaign, or nothing if it is read already."""
        start, window_end = bounds_of(window)
        read_until = microseconds(datetime.fromisoformat(self.config["__read_until"])) + 1
        until = read_until if campaign.until is None else campaign.until
        if start >= until or any(first <= start < end for first, end in campaign.claimed):
            return None
        end = min([until, *(first for first, _ in campaign.claimed if first > start)])
        answer = self._ask(window, start, end)
        if campaign.until is None:
            campaign.until = min(read_until, server_until(answer.response, read_until))
            if not answer.count:
                self._prove_unit(window, start, end)
        sizer = WindowSizer(start, min(end, campaign.until), self.page_size, self._unit())
        while not answer.whole:
            self._note_overflow(sizer, answer)
            max_rows = PAGES_A_SEGMENT * max(answer.rows, 1)
            if window_end >= sizer.end or answer.ignores_window or sizer.rows_before(sizer.end)[0] <= max_rows:
                break
            length = window_end - start
            windows = first_true(
                lambda number: sizer.rows_before(start + number * length)[0] > max_rows,  # noqa: B023  # called here
                2,
                -(-(sizer.end - start) // length),
            )
            sizer.end = start + (windows - 1) * length
            if windows == 2:  # noqa: PLR2004  # one window, which is the least to claim
                break
            answer = self._ask(window, start, sizer.end)
        campaign.claimed.append((start, max(sizer.end, window_end)))
        return Segment(sizer, answer) if start < sizer.end else None

    def _read_segment(self, select: Select, segment: Segment) -> Iterable[Any]:
        """Read a segment from start to end; each window starts where the last complete response ended."""
        sizer, answer = segment.sizer, segment.answer
        window, calls = answer.window, 0
        ahead = WindowsAhead(sizer, partial(self._ask, window), self._api_requester.send_ahead, self._at_once)
        # Cutting needs half as many calls as there are pages. If it needs three times as many, something fills every
        # window, such as leads without a time that the API returns for each: cutting would go on down to each second.
        max_calls = 60 + 3 * (answer.count // max(answer.rows, 1))
        while True:
            if answer.ignores_window:
                self._name_the_filter(window)
            if answer.whole:
                end = min(answer.end, sizer.end)
                yield from select(answer.response, part_of(window, sizer.start, end))
                sizer.note_whole(end, [time for time in answer.times if time < end])
            elif answer.end <= sizer.shortest_end:
                yield from self._read_in_passes(select, answer.window, answer.response)
                sizer.note_whole(answer.end, [], answer.count - answer.rows_outside)
            elif answer.ignores_window or calls > max_calls:
                self._name_the_filter(window)
                ahead.forget()
                yield from self._read_in_passes(select, part_of(window, sizer.start, sizer.end))
                sizer.note_whole(sizer.end, [])
            elif calls:
                self._note_overflow(sizer, answer)
            if sizer.start >= sizer.end:
                return
            if not ahead.are_asked:
                calls += self._look(window, sizer)
            answer, calls = ahead.next(), calls + 1

    def _note_overflow(self, sizer: WindowSizer, answer: Answer) -> None:
        page_rows = answer.rows if answer.full else 0
        sizer.note_overflow(answer.end, answer.count - answer.rows_outside, answer.times, page_rows, answer.rows_before)

    def _ask(self, window: StreamSlice, start: int, end: int) -> Answer:
        piece = part_of(window, start, end)
        return Answer(piece, start, end, self.fetch_first(piece))

    @staticmethod
    def _name_the_filter(window: StreamSlice) -> None:
        warn_once(
            f"SquadStack sends leads of campaign {window.partition.get('campaign_id')} that were processed before or "
            "after the time asked for, as if it did not know the time filter. Test the connection to verify "
            "`squadstack.timestamp_unit`. The leads that were not asked for are left out."
        )

    def _look(self, window: StreamSlice, sizer: WindowSizer) -> int:
        """Show a sizer the times on pages that it wants to look at; return how many these are."""
        pages = sizer.pages_to_look_at(max(self._at_once() // 2, 1))
        if not pages:
            return 0
        piece = part_of(window, sizer.start, sizer.counted_to)
        sent = [(page, self._api_requester.send_ahead(partial(self._look_at, page, piece))) for page in pages[1:]]
        looks = [(pages[0], self._look_at(pages[0], piece))]
        looks += [(page, answer.result()) for page, answer in sent if answer]
        for page, times in reversed(looks):
            sizer.note_look(page, times)
        return len(looks)

    def _look_at(self, page: int, piece: StreamSlice) -> list[int]:
        """Return the times that a later page shows; its rows are not read."""
        try:
            response = self.fetch(piece, page)
        except WindowChangedError:
            return []
        return Answer(piece, *bounds_of(piece), response).times

    def _unit(self) -> int:
        return SECOND if self.config["squadstack"].get("timestamp_unit") == "seconds" else SECOND // 1000

    def _prove_unit(self, window: StreamSlice, start: int, end: int) -> None:
        """Ask in the other unit if the first read of a campaign finds nothing: with the wrong unit it never would.

        A campaign with a state has shown leads before, so it costs no call.
        """
        if start > microseconds(parse_time(self.config["squadstack"]["start_date"]) or EPOCH):
            return
        other = SECOND // 1000 if self._unit() == SECOND else SECOND
        asked = {"processed_after": start // other - 1, "processed_before": end // other + 1}
        piece = StreamSlice(
            partition=window.partition,
            cursor_slice=window.cursor_slice,
            extra_fields={**window.extra_fields, REQUEST_PARAMETERS: asked},
        )
        answer = Answer(piece, start, end, self.fetch_first(piece))
        if answer.times:
            names = ("milliseconds", "seconds") if other == SECOND else ("seconds", "milliseconds")
            raise AirbyteTracedException(
                message=f"`squadstack.timestamp_unit` is {names[0]}, but campaign "
                f"{window.partition.get('campaign_id')} answers time filters in {names[1]}: with the wrong unit leads "
                f"would be missed. Set it to {names[1]}.",
                failure_type=FailureType.config_error,
            )

    def _pages(self, piece: StreamSlice, first: requests.Response | None) -> Iterable[requests.Response]:
        """Yield the pages of a pass in their order; the first tells how many may be asked for at once."""
        response, number = self.fetch_first(piece) if first is None else first, 1
        page = read_body(response, "lead_page")
        last = -(-page.parsed["count"] // max(len(page.rows), 1))
        asked = deque[Future[requests.Response]]()
        while True:
            while number + len(asked) < last and len(asked) + 1 < self._at_once():
                answer = self._api_requester.send_ahead(partial(self.fetch, piece, number + len(asked) + 1))
                if answer is None:
                    break
                asked.append(answer)
            yield response
            if self._pages_by.next_page_token(response, 0, None, number) is None:
                return
            number += 1
            response = asked.popleft().result() if asked else self.fetch(piece, number)

    @property
    def _api_requester(self) -> ApiRequester:
        assert isinstance(self.requester, ApiRequester)  # noqa: S101  # by the manifest
        return self.requester

    def fetch(self, stream_slice: StreamSlice, token: Any) -> requests.Response:
        """Request a page, and note how long the API takes to answer."""
        response = super().fetch(stream_slice, token)
        # Up slowly, down at once: what else this process and its machine do makes quick answers slow, none quicker.
        took, before = response.elapsed.total_seconds(), self._delay
        self._delay = before + (took - before) / 8 if 0 < before < took else took
        return response

    def _at_once(self) -> int:
        """Return how many requests of a campaign may be under way: one, unless answers are slow."""
        return self._api_requester.slots.share if self._delay >= SLOW_ANSWER else 1

    def _read_in_passes(
        self,
        select: Select,
        piece: StreamSlice,
        first: requests.Response | None = None,
    ) -> Iterable[Any]:
        """Page through what no single response holds until nothing can be missing; `first` is its first page."""
        passes = Passes(("lead_id", "processed_at") if self.bounded else ("lead_id",), self.bounded)
        what = describe_slice(piece)
        repeated_calls = 0
        for number in range(1, MAX_PASSES + 1):
            passes.start()
            try:
                # Whatever moved in two passes is left to passes that are read a page at a time.
                for response in self._pages(piece, first) if number <= SIDE_BY_SIDE else self.pages(piece, first):
                    repeated_calls += number > 1
                    passes.note_page(response)
                    yield from select(response, piece)
                if passes.is_complete():
                    return
            except WindowChangedError:
                pass
            first = None
            if not self.bounded and repeated_calls >= MAX_REPEATED_CALLS:
                break
            LOGGER.info("Stream %s: the leads of %s are read again, pass %d.", self.name, what, number + 1)
        if self.bounded:
            raise AirbyteTracedException(
                message=f"The leads of {what} came differently in each of {MAX_PASSES} passes over their pages, so "
                "some may be missing. Sync again at a quieter time, or make the pages larger (`squadstack.page_size`): "
                "what fits into one page needs no passes.",
                failure_type=FailureType.transient_error,
            )
        LOGGER.warning(
            "Stream %s: the leads of %s changed in each of %d passes over them; some may be missing until the next "
            "sync.",
            self.name,
            what,
            number,
        )
