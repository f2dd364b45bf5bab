"""Windows of a campaign's leads, and the first page of one."""

import email.utils
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import requests
from airbyte_cdk.sources.types import StreamSlice

from source_squadstack.components.cursor_times import STATE_FORMAT
from source_squadstack.components.log import warn_once
from source_squadstack.components.response_body import read_body
from source_squadstack.components.retrievers.window_sizer import DAY, SECOND
from squadstack_common.timestamps import EPOCH, format_time, microseconds, parse_times

MINUTE = 60 * SECOND


@dataclass
class Answer:
    """The first page of what the API has between two times."""

    window: StreamSlice
    start: int
    end: int
    response: requests.Response

    def __post_init__(self) -> None:
        page = read_body(self.response, "lead_page")
        self.rows = len(page.rows)
        self.count: int = page.parsed["count"]
        self.full = page.parsed.get("next") is not None
        self.whole = is_whole(self.response)
        times = [microseconds(moment) for moment in parse_times([row.get("processed_at") for row in page.rows])]
        self.times = [time for time in times if self.start <= time < self.end]
        self.rows_outside = len(times) - len(self.times)
        self.rows_before = sum([time < self.start for time in times])
        self.ignores_window = any(not self.start - MINUTE < time < self.end + MINUTE for time in times)


def is_whole(response: requests.Response) -> bool:
    """Tell whether a first page is everything: its `next` is null, and it has as many rows as it counts."""
    page = read_body(response, "lead_page")
    return page.parsed.get("next") is None and page.parsed["count"] == len(page.rows)


def server_until(response: requests.Response, read_until: int) -> int:
    """Return the end of what can be read now: a minute before the server's own time, which stamps the leads.

    If the server's clock is behind ours, leads would otherwise change within the windows of this sync.
    """
    try:
        server_time = email.utils.parsedate_to_datetime(response.headers.get("Date", ""))
    except (TypeError, ValueError):
        return read_until
    until = microseconds(server_time if server_time.tzinfo else server_time.replace(tzinfo=UTC)) - MINUTE
    if until < read_until - DAY:
        warn_once(
            "SquadStack's answers carry a date that is more than a day in the past; this machine's clock is taken "
            "instead. If that one is wrong, set it: leads may be missed."
        )
        return read_until
    if until < read_until - MINUTE:
        warn_once(
            f"SquadStack's clock is {round((read_until - until) / MINUTE)} minutes behind this machine's, so leads are "
            f"read until {format_time(EPOCH + timedelta(microseconds=until))}; later ones belong to the next sync."
        )
    return until


def bounds_of(window: StreamSlice) -> tuple[int, int]:
    """Return a window's start and its exclusive end; the CDK names its last microsecond."""
    first, last = (datetime.fromisoformat(window.cursor_slice[name]) for name in ("start_time", "end_time"))
    return microseconds(first), microseconds(last) + 1


def part_of(window: StreamSlice, start: int, end: int) -> StreamSlice:
    """Return a slice of a window's campaign for another time."""
    first, last = (EPOCH + timedelta(microseconds=moment) for moment in (start, end - 1))
    return StreamSlice(
        partition=window.partition,
        cursor_slice={"start_time": first.strftime(STATE_FORMAT), "end_time": last.strftime(STATE_FORMAT)},
        extra_fields=window.extra_fields,
    )


def describe_slice(stream_slice: StreamSlice) -> str:
    """Return the name of a slice for a message: its campaign and window."""
    campaign, window = stream_slice.partition.get("campaign_id"), stream_slice.cursor_slice
    return f"campaign {campaign}" + (f", {window['start_time']} to {window['end_time']}" if window else "")
