"""The body of a response: parsed once, and checked against the shape of its endpoint."""

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import InitVar, dataclass
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from airbyte_cdk.sources.declarative.extractors.record_extractor import RecordExtractor

from source_squadstack.cdk_fast_path.kept_body import keep_body, kept_body
from source_squadstack.components.errors import UnreadableBodyError
from source_squadstack.components.log import warn_once
from squadstack_common.lossless_json import NotReadable, load, without_lone_surrogates

Row = dict[str, Any]


def ignore(_: str) -> None:
    """Ignore a constant."""


def parse_json(content: bytes, note_constant: Callable[[str], None] = ignore) -> Any:
    """Parse JSON and everything else that the servers' JSON writers produce.

    A number beyond the range of a float stays text. NaN and Infinity, which Python writes, become null and are passed
    to `note_constant`. Half of a surrogate pair becomes the replacement character. Refusing any of these would keep
    every row behind it from ever being read.

    Raises:
        UnreadableBodyError: it is not JSON.
    """
    try:
        return load(content, constant=note_constant, beyond=str, surrogates=without_lone_surrogates)
    except NotReadable as error:
        raise UnreadableBodyError(f"the body {error}" if content.strip() else "the body is empty") from None


def objects(value: Any, name: str) -> list[Row]:
    """Return a value that must be a list of objects."""
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise UnreadableBodyError(f"{name} is not a list of objects")
    return value


def mapping(value: Any, name: str) -> Row:
    """Return a value that must be an object."""
    if not isinstance(value, dict):
        raise UnreadableBodyError(f"{name} is not an object but a JSON {type(value).__name__}")
    return value


def lead_page_rows(body: Any) -> list[Row]:
    """Return the rows of `{count, next, previous, results}` (SquadStack "Get Leads", v4 and v1)."""
    page = mapping(body, "the body")
    rows = objects(page.get("results"), "`results`")
    if type(page.get("count")) is not int:
        raise UnreadableBodyError("`count` is not an integer")
    if not isinstance(page.get("next"), str | None):
        raise UnreadableBodyError("`next` is neither a link nor null")
    return rows


def contact_center_list(value: Any, name: str) -> list[Row]:
    """Return a list of the contact center, which is written in Go and writes an empty list as `null`."""
    return [] if value is None else objects(value, name)


def contact_center_page(body: Any, name: str) -> list[Row]:
    """Return the rows of a page that has them under `name`, beside the key of the next page.

    `null` beside such a key is not an empty list but a broken page: rows would be skipped.
    """
    page = mapping(body, "the body")
    key = page.get("next_start_key")
    if isinstance(key, bool) or not isinstance(key, str | int | float | None):
        raise UnreadableBodyError("`next_start_key` is neither text nor a number")
    if name not in page or (page[name] is None and key not in (None, "")):
        raise UnreadableBodyError(f"`{name}` is missing")
    return contact_center_list(page[name], f"`{name}`")


def status_report_rows(body: Any) -> list[Row]:
    """Return one row per campaign from an object keyed by campaign id ("Get Campaigns status")."""
    report = {} if body is None else mapping(body, "the body")
    return [{**mapping(row, "a campaign"), "id": key} for key, row in report.items()]


def campaign_lead_rows(body: Any) -> list[Row]:
    """Return the rows of `{data, next_start_key}` (contact center "Leads status by Campaign")."""
    return contact_center_page(body, "data")


def queue_rows(body: Any) -> list[Row]:
    """Return the rows of a bare array (contact center "Queues Status")."""
    return contact_center_list(body, "the body")


def queue_agent_rows(body: Any) -> list[Row]:
    """Return one row per agent of a queue, with the queue's id, from the same array."""
    return [
        {**agent, "queue_id": queue.get("id")}
        for queue in queue_rows(body)
        for agent in contact_center_list(queue.get("agents"), "`agents`")
    ]


def activity_rows(body: Any) -> list[Row]:
    """Return the rows of a bare array (documented) or of `data` or `cdrs` in an envelope (seen in public clients)."""
    if not isinstance(body, dict):
        return contact_center_list(body, "the body")
    return contact_center_page(body, "cdrs" if "data" not in body and "cdrs" in body else "data")


def webhook_event_rows(body: Any) -> list[Row]:
    """Return the rows of `{data, next_cursor}` (docs/webhooks.md), which must come in the order of `sequence`.

    The state is the greatest `sequence` read: a row that came after a greater one would be skipped for ever.
    """
    page = mapping(body, "the body")
    rows = objects(page.get("data"), "`data`")
    sequences = [sequence for row in rows if type(sequence := row.get("sequence")) is int]
    if len(sequences) < len(rows):
        raise UnreadableBodyError("a `sequence` is not an integer")
    cursor = page.get("next_cursor")
    if not isinstance(cursor, int | None) or isinstance(cursor, bool):
        raise UnreadableBodyError("`next_cursor` is neither an integer nor null")
    if any(later <= earlier for earlier, later in pairwise(sequences)) or (
        sequences and cursor is not None and cursor < sequences[-1]
    ):
        raise UnreadableBodyError("`data` and `next_cursor` are not in the order of `sequence`")
    return rows


SHAPES: Mapping[str, Callable[[Any], list[Row]]] = {
    "lead_page": lead_page_rows,
    "status_report": status_report_rows,
    "campaign_leads": campaign_lead_rows,
    "queues": queue_rows,
    "queue_agents": queue_agent_rows,
    "activity": activity_rows,
    "webhook_events": webhook_event_rows,
}


@dataclass(frozen=True)
class Body:
    """A response's body: as parsed, its rows, and whether NaN or Infinity in it became null."""

    parsed: Any
    rows: list[Row]
    had_constants: bool = False


def read_body(response: requests.Response, shape: str) -> Body:
    """Return the body of a response in the shape of its endpoint; it is parsed once only.

    Raises:
        UnreadableBodyError: the body does not have that shape. The CDK's decoder would take it for an empty page and
            end the stream early, with a state that skips the rest.
    """
    body: Body | None = kept_body(response)
    if body is None:
        constants: list[str] = []
        parsed = parse_json(response.content, constants.append)
        body = Body(parsed, SHAPES[shape](parsed), had_constants=bool(constants))
        if shape == "webhook_events":
            require_progress(response, body.rows)
        keep_body(response, body)
    return body


def require_progress(response: requests.Response, events: list[Row]) -> None:
    """Raise where a page of events begins before the place that was asked for.

    A cache between source and receiver that does not look at `after` gives one page again and again, for ever.
    """
    after = requested(response, "after")
    if after.isdecimal() and events and events[0]["sequence"] <= int(after):
        raise UnreadableBodyError("`data` begins before the `after` that was asked for, as out of a cache")


def requested(response: requests.Response, name: str) -> str:
    """Return a parameter of the request, empty if it has none."""
    return parse_qs(urlsplit(response.request.url or "").query).get(name, [""])[0]


def requested_page(response: requests.Response) -> int:
    """Return the page number that was requested."""
    return int(requested(response, "page") or 1)


@dataclass
class BodyExtractor(RecordExtractor):
    """Extracts the rows of a body.

    The CDK's extractors yield nothing for an unreadable body, and lose the keys of an object of rows.
    """

    shape: str
    parameters: InitVar[Mapping[str, Any]]

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self._stream = parameters.get("name", "")

    def extract_records(self, response: requests.Response) -> Iterable[MutableMapping[str, Any]]:
        """Yield the body's rows."""
        yield from rows_for(self._stream, response, self.shape)


def rows_for(stream: str, response: requests.Response, shape: str) -> list[Row]:
    """Return the rows of a body for a stream; the log says once that values were changed."""
    body = read_body(response, shape)
    if body.had_constants:
        warn_once(f"Stream {stream}: an answer holds NaN or Infinity, which are no values in JSON: taken as null.")
    return body.rows
