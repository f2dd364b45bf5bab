"""What the manifest names and YAML cannot say: one class a reason, each reason a way records were lost or leaked.

The stock runner compiles this file from text, so it imports nothing of its own package and does not postpone
annotations (the runner's dataclasses would not resolve them).

Facts about the API come from the vendor's page "Get Leads" (v4, https://app.squadrun.co/api/v4/leads/responses/).
"""

import ast
import email.utils
import functools
import hashlib
import json
import logging
import math
import re
import ssl
import threading
import time
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import InitVar, dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.auth.declarative_authenticator import DeclarativeAuthenticator
from airbyte_cdk.sources.declarative.extractors.record_extractor import RecordExtractor
from airbyte_cdk.sources.declarative.extractors.record_filter import RecordFilter
from airbyte_cdk.sources.declarative.interpolation import InterpolatedString, jinja
from airbyte_cdk.sources.declarative.migrations.state_migration import StateMigration
from airbyte_cdk.sources.declarative.requesters.error_handlers import DefaultErrorHandler
from airbyte_cdk.sources.declarative.requesters.http_requester import HttpRequester
from airbyte_cdk.sources.declarative.requesters.paginators.strategies.pagination_strategy import PaginationStrategy
from airbyte_cdk.sources.declarative.requesters.request_options import InterpolatedRequestOptionsProvider
from airbyte_cdk.sources.declarative.requesters.requester import HttpMethod
from airbyte_cdk.sources.declarative.retrievers.simple_retriever import SimpleRetriever
from airbyte_cdk.sources.declarative.transformations import RecordTransformation
from airbyte_cdk.sources.streams.call_rate import APIBudget, CallRateLimitHit
from airbyte_cdk.sources.streams.http.error_handlers import BackoffStrategy, ErrorResolution, ResponseAction
from airbyte_cdk.sources.types import Config, Record, StreamSlice
from airbyte_cdk.utils.airbyte_secrets_utils import add_to_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from urllib3.exceptions import NewConnectionError

LOGGER = logging.getLogger("airbyte")


class OneAtATime:
    """`ast.literal_eval`, one thread at a time.

    The CDK evaluates a template's text for every request. In Python 3.11 two threads that parse at once may end in a
    `SystemError`, "AST constructor recursion depth mismatch", and the sync with it.
    """

    _lock = threading.Lock()

    @classmethod
    def literal_eval(cls, text: str) -> Any:
        """Evaluate a literal."""
        with cls._lock:
            return ast.literal_eval(text)


vars(jinja)["ast"] = OneAtATime

# At debug level the CDK logs every response's body: phone numbers and names.
logging.getLogger("airbyte.HttpRequester").setLevel(logging.INFO)


def describe_unparsed_cursor(record: logging.LogRecord) -> bool:
    """Take the value out of the CDK's warning about a cursor it cannot parse: it may be anything."""
    if isinstance(record.msg, str) and record.msg.startswith("Skipping cursor update"):
        record.msg, record.args = "A row's cursor field is not a time: the row is emitted, the cursor stays.", ()
    return True


LOGGER.addFilter(describe_unparsed_cursor)


# --- reading a body --------------------------------------------------------------------------------------------------

# A run of 19 digits is found ten times as fast with all digits made the same as by a regular expression.
TO_ZEROS = bytes.maketrans(b"123456789", b"000000000")
HUGE_INTEGER = b"0" * 19
MOST_DIGITS = 4_300

Row = dict[str, Any]


class RefusedError(AirbyteTracedException):
    """A refusal, as the error table tells it; it remembers the status for who knows what it means of one request."""

    status_code = 0


class UnreadableBodyError(ValueError):
    """A body that is not the documented one; the text says how it differs, without any of it."""


class WindowChangedError(Exception):
    """The set of leads changed while it was paged: the window must be read again."""


def ignore(_: str) -> None:
    """Take no note."""


def parse_json(content: bytes, note_constant: Callable[[str], None] = ignore) -> Any:
    """Parse JSON, all that the servers' own writers produce.

    Integers beyond 64 bits stay exact, where orjson alone would make floats of them; half of a surrogate pair, which is
    what is left of an emoji that was cut in two, becomes the replacement character, where orjson would refuse the page.
    A number that is none here, of thousands of digits or beyond every float, stays as its text, and NaN and Infinity,
    which Python's own writer makes of floats without a value, become null, each told to `note_constant`: one row that
    can never be read would keep all behind it from being read.
    """
    try:
        if HUGE_INTEGER not in content.translate(TO_ZEROS):
            return orjson.loads(content)
    except ValueError:
        if not content.strip():
            raise UnreadableBodyError("the body is empty") from None
    try:
        parsed = json.loads(
            content, parse_constant=note_constant, parse_int=readable_integer, parse_float=readable_float
        )
    except (ValueError, RecursionError):
        raise UnreadableBodyError("the body is not JSON") from None
    return without_lone_surrogates(parsed)


def readable_integer(text: str) -> int | str:
    """Return an integer, its text where Python makes none of so many digits."""
    return int(text) if len(text) <= MOST_DIGITS else text


def readable_float(text: str) -> float | str:
    """Return a float, its text where it is beyond all of them: written, infinity would become null."""
    number = float(text)
    return number if math.isfinite(number) else text


def without_lone_surrogates(value: Any) -> Any:
    """Replace what is no character in any text of a parsed JSON value."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [without_lone_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {without_lone_surrogates(key): without_lone_surrogates(item) for key, item in value.items()}
    return value


def objects(value: Any, name: str) -> list[Row]:
    """Return a list of objects, which a value must be."""
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise UnreadableBodyError(f"{name} is not a list of objects")
    return value


def mapping(value: Any, name: str) -> Row:
    """Return an object, which a value must be."""
    if not isinstance(value, dict):
        raise UnreadableBodyError(f"{name} is not an object but a JSON {type(value).__name__}")
    return value


def lead_page(body: Any) -> list[Row]:
    """Return the rows of `{count, next, previous, results}` (SquadStack "Get Leads", v4 and v1)."""
    page = mapping(body, "the body")
    rows = objects(page.get("results"), "`results`")
    if type(page.get("count")) is not int:
        raise UnreadableBodyError("`count` is not an integer")
    if not isinstance(page.get("next"), str | None):
        raise UnreadableBodyError("`next` is neither a link nor null")
    return rows


def portal_list(value: Any, name: str) -> list[Row]:
    """Return a list of the contact center's; it is written in Go, which spells an empty one `null`."""
    return [] if value is None else objects(value, name)


def portal_page(body: Any, name: str) -> list[Row]:
    """Return the rows of a page in an envelope, which has them under `name`.

    `null` beside a key to go on with is no empty list: there would be nothing to go on from.
    """
    page = mapping(body, "the body")
    key = page.get("next_start_key")
    if isinstance(key, bool) or not isinstance(key, str | int | float | None):
        raise UnreadableBodyError("`next_start_key` is neither text nor a number")
    if name not in page or (page[name] is None and key not in (None, "")):
        raise UnreadableBodyError(f"`{name}` is missing")
    return portal_list(page[name], f"`{name}`")


def status_report(body: Any) -> list[Row]:
    """Return one row a campaign of an object keyed by campaign, the key as `id` ("Get Campaigns status")."""
    report = {} if body is None else mapping(body, "the body")
    return [{**mapping(row, "a campaign"), "id": key} for key, row in report.items()]


def campaign_leads(body: Any) -> list[Row]:
    """Return the rows of `{data, next_start_key}` (contact center "Leads status by Campaign")."""
    return portal_page(body, "data")


def queues(body: Any) -> list[Row]:
    """Return the rows of a bare array (contact center "Queues Status")."""
    return portal_list(body, "the body")


def queue_agents(body: Any) -> list[Row]:
    """Return one row an agent of a queue, with the queue's id, of the same array."""
    return [
        {**agent, "queue_id": queue.get("id")}
        for queue in queues(body)
        for agent in portal_list(queue.get("agents"), "`agents`")
    ]


def activity(body: Any) -> list[Row]:
    """Return the rows of a bare array (documented) or of `data` or `cdrs` in an envelope (seen in public clients)."""
    if not isinstance(body, dict):
        return portal_list(body, "the body")
    return portal_page(body, "cdrs" if "data" not in body and "cdrs" in body else "data")


def webhook_events(body: Any) -> list[Row]:
    """Return the rows of `{data, next_cursor}` (docs/webhooks.md), which must come in the order of `sequence`.

    The state is the greatest sequence read: a row that came behind a greater one would be skipped for ever.
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
    "lead_page": lead_page,
    "status_report": status_report,
    "campaign_leads": campaign_leads,
    "queues": queues,
    "queue_agents": queue_agents,
    "activity": activity,
    "webhook_events": webhook_events,
}


@dataclass(frozen=True)
class Body:
    """A response's body: as parsed, its rows, and whether NaN or Infinity in it became null."""

    parsed: Any
    rows: list[Row]
    had_constants: bool = False


def read_body(response: requests.Response, shape: str) -> Body:
    """Return a response's body in the shape of its endpoint, parsed once however often it is asked for.

    Raises:
        UnreadableBodyError: the body does not have that shape. The CDK's decoder would take it for an empty page and
            end the stream early, with a state that skips what was not read.
    """
    body: Body | None = getattr(response, "read_body", None)
    if body is None:
        constants: list[str] = []
        parsed = parse_json(response.content, constants.append)
        body = Body(parsed, SHAPES[shape](parsed), had_constants=bool(constants))
        vars(response)["read_body"] = body  # the response is the one object that all of a page's readers share
    return body


def requested_page(response: requests.Response) -> int:
    """Return the page number a response was asked for."""
    pages = parse_qs(urlsplit(response.request.url or "").query).get("page", ["1"])
    return int(pages[0])


@dataclass
class BodyExtractor(RecordExtractor):
    """The rows of a body. The native extractors yield nothing for an unreadable one, and drop the key of a row."""

    shape: str
    parameters: InitVar[Mapping[str, Any]]

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self._stream = parameters.get("name", "")

    def extract_records(self, response: requests.Response) -> Iterable[MutableMapping[str, Any]]:
        """Yield the body's rows."""
        yield from rows_for(self._stream, response, self.shape)


def rows_for(stream: str, response: requests.Response, shape: str) -> list[Row]:
    """Return a body's rows to a stream, whose user is told once of what was changed in them."""
    body = read_body(response, shape)
    if body.had_constants:
        say_once(f"Stream {stream}: an answer holds NaN or Infinity, which are no values in JSON: taken as null.")
    return body.rows


# --- rows -----------------------------------------------------------------------------------------------------------

EPOCH_DIGITS = re.compile(r"[0-9]{9,13}")
ISO_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:")
GO_TIME = re.compile(r"(\S+ \S+) ([+-][0-9]{4}) [A-Z]+")  # 2022-10-19 23:31:58 +0000 UTC
MILLISECONDS_FROM = 100_000_000_000  # as seconds the year 5138, as milliseconds March 1973


def parse_time(value: Any) -> datetime | None:
    """Read a time in any spelling of the vendors' pages; `None` for what is no time.

    ISO 8601 with or without offset (none means UTC) and fraction, `2022-10-19 23:31:58 +0000 UTC`, epoch seconds and
    epoch milliseconds, as numbers or as digits.
    """
    try:
        if isinstance(value, str) and EPOCH_DIGITS.fullmatch(value):
            value = int(value)
        if isinstance(value, str):
            return parse_written_time(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            return datetime.fromtimestamp(value / 1000 if value >= MILLISECONDS_FROM else value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def parse_written_time(value: str) -> datetime | None:
    """Read a time spelled with date and hours."""
    if not ISO_TIME.match(value):
        return None
    if go_time := GO_TIME.fullmatch(value):
        value = go_time[1] + go_time[2]
    moment = datetime.fromisoformat(value)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def format_time(moment: datetime) -> str:
    """Spell a UTC time in RFC 3339 with no, three or six digits of fraction: as many as it needs."""
    text = moment.isoformat(timespec="milliseconds" if moment.microsecond % 1000 == 0 else "microseconds")
    return (text[:19] if moment.microsecond == 0 else text.removesuffix("+00:00")) + "Z"


# What `format_time` would only repeat: no need to parse it. Days after the 28th depend on the month and are parsed.
PLAIN_TIME = re.compile(
    r"([12][0-9]{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(?:\.[0-9]{3}(?:[0-9]{3})?(?<!000))?)(?:Z|\+00:00)"
)


def written_time(value: Any) -> str | None:
    """Spell a time in RFC 3339 UTC, whatever spelling it came in; `None` for what is no time."""
    if value is None:
        return None
    if type(value) is str and (plain := PLAIN_TIME.fullmatch(value)):
        return plain[1] + "Z"
    moment = parse_time(value)
    return None if moment is None else format_time(moment)


def in_order(written: str) -> str:
    """Return what stands in the order of times: written ones do not, because ".5Z" sorts before "Z"."""
    return written[:-1]


def normalize(row: MutableMapping[str, Any], times: Iterable[str], texts: Iterable[str]) -> str | None:
    """Give a row its types, in place: times in RFC 3339 UTC, ids and phone numbers as text.

    What cannot be read, and all else, stays as it came. Returns the last of the times, `None` where it is no time.
    """
    for name in texts:
        value = row.get(name)
        if type(value) is int or type(value) is float:
            row[name] = str(value)
    written = None
    for name in times:
        written = written_time(row.get(name))
        if written is not None:
            row[name] = written
    return written


@dataclass
class TypedRow(RecordTransformation):
    """Gives a row its types, and its campaign where the row does not name it."""

    parameters: InitVar[Mapping[str, Any]]
    times: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def transform(
        self,
        record: dict[str, Any],
        config: Config | None = None,  # noqa: ARG002  # the CDK's signature
        stream_state: Mapping[str, Any] | None = None,  # noqa: ARG002  # the CDK's signature
        stream_slice: StreamSlice | None = None,
    ) -> None:
        """Change a record in place."""
        normalize(record, self.times, self.texts)
        campaign = stream_slice.partition.get("campaign_id") if stream_slice else None
        if campaign is not None and record.get("campaign_id") is None:
            record["campaign_id"] = campaign


LEAD_TIMES = ("created_at", "latest_called_at", "processed_at")
LEAD_TEXTS = ("campaign_id", "lead_id", "phone_number", "contact_number")


def normalize_lead(row: MutableMapping[str, Any], campaign_id: str, api_version: str = "v4") -> str | None:
    """Give a lead its types and a complete key, in place; a v1 row also gets the names of v4.

    Returns `processed_at`, `None` where it is no time.
    """
    if row.get("campaign_id") is None:
        row["campaign_id"] = campaign_id
    if api_version == "v1":
        add_v4_names(row)
    return normalize(row, LEAD_TIMES, LEAD_TEXTS)


@dataclass
class LeadFilter(RecordFilter):
    """Normalises leads; of a window's it keeps those that lie within it.

    The requests ask one unit wider on both sides, because no page says whether the API's bounds are inclusive; the cut
    here gives the same rows either way. A row whose `processed_at` is no time cannot be cut and is kept.
    """

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        super().__post_init__(parameters)
        self._api_version = str(self.config.get("squadstack", {}).get("api_version", "v4"))

    def filter_records(
        self,
        records: Iterable[Mapping[str, Any]],
        stream_state: Mapping[str, Any],  # noqa: ARG002  # the CDK's signature
        stream_slice: StreamSlice | None = None,
        next_page_token: Mapping[str, Any] | None = None,  # noqa: ARG002  # the CDK's signature
    ) -> Iterable[Mapping[str, Any]]:
        """Yield the normalised rows that belong to the slice; the last microsecond of a window is still its own."""
        assert stream_slice is not None  # noqa: S101  # every partition of these streams is a campaign, or its window
        campaign_id = stream_slice.partition["campaign_id"]
        start, end = (written_time(stream_slice.cursor_slice.get(name)) for name in ("start_time", "end_time"))
        first, last = (start and in_order(start), end and in_order(end))
        for row in records:
            written = normalize_lead(row, campaign_id, self._api_version)  # type: ignore[arg-type]  # the extractor's dicts
            if not isinstance(row.get("lead_id"), str):
                say_once(
                    f"Campaign {campaign_id} has leads without a `lead_id`: they are read as they come; a warehouse "
                    "that deduplicates by the key keeps one of them. Ask SquadStack's support about them."
                )
            if written is None or first is None or last is None or first <= in_order(written) <= last:
                yield row


# SquadStack v1, "Response formats": what reached out to a lead stands under dynamic keys.
EVENT_PREFIXES = {"call_attempt_": "call", "sms_": "sms", "ivr_": "ivr", "gmail_": "email"}
ATTEMPT_FIELDS = frozenset(
    {"reference_id", "outcome_id", "outcome_name", "call_duration", "called_at", "report_keys_order", "status"}
    | {"additional_notes", "cost"}
)


def call_attempts(row: Mapping[str, Any]) -> Iterable[tuple[str, Row]]:
    """Yield (key, attempt) of a v1 row: the keys that `call_attempt_keys` lists, and any other with the prefix."""
    listed = row.get("call_attempt_keys")
    keys = [key for key in listed if isinstance(key, str)] if isinstance(listed, list) else []
    for key in dict.fromkeys(
        [*keys, *(key for key in row if key.startswith("call_attempt_") and key != "call_attempt_keys")]
    ):
        found = row.get(key)
        for attempt in found if isinstance(found, list) else [found]:
            if isinstance(attempt, dict):
                yield key, attempt


def add_v4_names(row: MutableMapping[str, Any]) -> None:
    """Give a v1 row the names that v4 has for the same facts, so that models downstream need not care."""
    row.setdefault("lead_outcome", row.get("outcome_name"))
    called = [attempt for _, attempt in call_attempts(row) if parse_time(attempt.get("called_at"))]
    latest = max(called, key=lambda attempt: parse_time(attempt["called_at"]) or EPOCH, default={})
    row.setdefault("latest_called_at", latest.get("called_at"))
    row.setdefault("lead_responses", answers(latest) if latest else None)
    row.setdefault("latest_recording_url", None)
    row.setdefault("processed_at", None)


EPOCH = datetime.fromtimestamp(0, UTC)


def answers(attempt: Mapping[str, Any]) -> Row:
    """Return the answers of a call attempt: all that is not one of its documented fields."""
    return {key: value for key, value in attempt.items() if key not in ATTEMPT_FIELDS}


# What an SMS, IVR or e-mail says and to whom, which stands when it is sent. Status, cost, what was pressed and how long
# it took come later, and would make another event of it.
SAID_WHEN_SENT = ("body", "text_to_speak", "multi_text_to_speak", "google_email", "from", "to", "subject")


def outreach_events(row: Mapping[str, Any]) -> Iterable[Row]:
    """Yield one event for each call attempt, SMS, IVR and e-mail of a normalised v1 row."""
    same: Counter[str] = Counter()
    for key, attempt in call_attempts(row):
        reference = attempt.get("reference_id")
        yield outreach_event(row, key, "call", attempt, attempt.get("called_at"), reference, same)
    for key, found in row.items():
        event_type = next((kind for prefix, kind in EVENT_PREFIXES.items() if key.startswith(prefix)), "call")
        for message in (found if isinstance(found, list) else [found]) if event_type != "call" else ():
            if isinstance(message, dict):
                yield outreach_event(row, key, event_type, message, message.get("sent_at"), None, same)


def outreach_event(
    row: Mapping[str, Any], key: str, event_type: str, event: Row, at: Any, reference: Any, same: "Counter[str]"
) -> Row:
    """Return one event; its id is the vendor's reference, else a hash of what never changes about it.

    That is the key it stands under, its time, and what was sent to whom. `same` counts the hashes of the row: two
    events that nothing tells apart are told apart by their order, in which the newest is last.
    """
    block = key.removeprefix(next(prefix for prefix, kind in EVENT_PREFIXES.items() if kind == event_type))
    occurred_at = written_time(at) or at
    if reference in (None, ""):
        sent = [] if event_type == "call" else [event.get(name) for name in SAID_WHEN_SENT]
        identity = stable_hash(key, occurred_at, *sent)
        same[identity] += 1
        reference = identity if same[identity] == 1 else f"{identity}-{same[identity]}"
    return {
        "campaign_id": row["campaign_id"],
        "lead_id": row.get("lead_id"),
        "event_id": str(reference),
        "event_type": event_type,
        "block": block,
        "occurred_at": occurred_at,
        "outcome_id": event.get("outcome_id"),
        "outcome_name": event.get("outcome_name"),
        "status": event.get("status"),
        "cost": event.get("cost"),
        "answers": answers(event) if event_type == "call" else {},
        "details": event,
        "processed_at": row.get("processed_at"),
    }


def stable_hash(*parts: Any) -> str:
    """Return 32 hex digits that are the same for the same parts in every sync."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@dataclass
class OutreachEventFilter(LeadFilter):
    """The events of a window's v1 leads, instead of the leads."""

    def filter_records(
        self,
        records: Iterable[Mapping[str, Any]],
        stream_state: Mapping[str, Any],
        stream_slice: StreamSlice | None = None,
        next_page_token: Mapping[str, Any] | None = None,
    ) -> Iterable[Mapping[str, Any]]:
        """Yield the events of the rows that belong to the slice."""
        for row in super().filter_records(records, stream_state, stream_slice, next_page_token):
            yield from outreach_events(row)


@dataclass
class ActivityFilter(RecordFilter):
    """Gives activities their types and their key, and keeps those of the window, whole seconds, both ends its own."""

    def filter_records(
        self,
        records: Iterable[Mapping[str, Any]],
        stream_state: Mapping[str, Any],  # noqa: ARG002  # the CDK's signature
        stream_slice: StreamSlice | None = None,
        next_page_token: Mapping[str, Any] | None = None,  # noqa: ARG002  # the CDK's signature
    ) -> Iterable[Mapping[str, Any]]:
        """Yield the rows that belong to the slice; one whose `timestamp` is no time cannot be cut and is kept."""
        assert stream_slice is not None  # noqa: S101  # every partition of the stream is a window
        start, end = (int(stream_slice.cursor_slice[name]) for name in ("start_time", "end_time"))
        for row in records:
            seconds = normalize_activity(row)  # type: ignore[arg-type]  # the extractor's own dicts
            if seconds is None or start <= seconds <= end:
                yield row


def normalize_activity(row: MutableMapping[str, Any]) -> int | None:
    """Give an activity its types and key, in place; return its `timestamp`, `None` where it is no time."""
    moment = parse_time(row.get("timestamp"))
    seconds = None if moment is None else int(moment.timestamp())
    if seconds is not None:
        row["timestamp"] = seconds
    elif isinstance(row.get("timestamp"), dict | list):
        row["timestamp"] = json.dumps(row["timestamp"])  # the CDK's cursor ends the stream over a value that is no text
    row["activity_id"] = activity_id(row)
    normalize(row, ("datetime",), ("lead_number", "agent_extension"))
    return seconds


def activity_id(row: Mapping[str, Any]) -> str:
    """Return the first `lead_history[].uuid` with the timestamp, else a hash of what tells an activity apart.

    Stable from sync to sync: nothing of it depends on where the row stood in an answer.
    """
    history = row.get("lead_history")
    for event in history if isinstance(history, list) else ():
        if isinstance(event, dict) and event.get("uuid"):
            return f"{event['uuid']}:{row.get('timestamp')}"
    named = ("timestamp", "campaign_name", "lead_number", "agent_name", "agent_extension")
    return stable_hash(*(row.get(name) for name in named))


# --- paging ---------------------------------------------------------------------------------------------------------


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


def page_size_of(paginator: Any) -> int:
    """Return the page size asked for: its strategy tells; that a paginator does is newer than the Builder's CDK."""
    paginator = getattr(paginator, "_decorated", paginator)  # what limits the pages of a test read stands before it
    return int(paginator.pagination_strategy.get_page_size())


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


MOST_IDLE_PAGES = 100


class IdlePages:
    """A count of pages in a row that bring nothing: a server that gives a fresh key with each is read for ever.

    Nothing is a page without rows, or one that begins and ends with the rows of the page before.
    """

    def __init__(self) -> None:
        self._count = 0
        self._last = ""

    def note(self, rows: list[Row], what: str) -> None:
        """Count a page that has a key to the next one; raises when there were too many that brought nothing."""
        content = stable_hash(len(rows), rows[0], rows[-1]) if rows else ""
        self._count = self._count + 1 if content in {"", self._last} else 0
        self._last = content
        if self._count >= MOST_IDLE_PAGES:
            raise AirbyteTracedException(
                message=f"The contact center gives the key of yet another page of {what} with each of "
                f"{MOST_IDLE_PAGES} pages that brought nothing: they cannot be read to their end. Sync again later; if "
                "it happens again, ask the portal's support about the endpoint.",
                failure_type=FailureType.transient_error,
            )


MOST_STARTS = 3
GONE = frozenset({404, 410})


@dataclass
class KeyedRetriever(SimpleRetriever):
    """Reads a campaign's pages by their keys, and tells what only this campaign is to be blamed for.

    A key that comes twice is refused, and so are `IdlePages`: the sync would never end, and no row be new. A key that
    the portal does not know any more costs the pages before it: they are read again, `MOST_STARTS` times at most,
    because what has changed since may lie among them. A campaign that was deleted after the report named it has no
    leads.
    """

    _lock: threading.Lock = field(init=False, repr=False, default_factory=threading.Lock)
    _one_was_read: bool = field(init=False, repr=False, default=False)

    def _read_pages(
        self,
        records_generator_fn: Callable[[requests.Response | None], Iterable[Record]],
        stream_slice: StreamSlice,
    ) -> Iterable[Record]:
        yield from self.read_slice(lambda response, _: records_generator_fn(response), stream_slice)

    def read_slice(
        self, select: Callable[[requests.Response, StreamSlice], Iterable[Any]], stream_slice: StreamSlice
    ) -> Iterable[Any]:
        """Yield what `select` makes of each page of a slice."""
        campaign = stream_slice.partition.get("campaign_id")
        for _ in range(MOST_STARTS):
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
            f"{MOST_STARTS} passes over the leads of campaign {campaign}: they cannot be read to their end. Sync again "
            "later; if it happens again, ask the portal's support about the endpoint.",
            failure_type=FailureType.transient_error,
        )

    def _read_from_the_first(
        self,
        select: Callable[[requests.Response, StreamSlice], Iterable[Any]],
        stream_slice: StreamSlice,
        keys: set[str],
    ) -> Iterable[Any]:
        """Read a campaign's pages from the first one on; `keys` takes those that were given."""
        campaign = stream_slice.partition.get("campaign_id")
        idle = IdlePages()

        def watched(response: requests.Response | None) -> Iterable[Any]:
            assert response is not None  # noqa: S101  # no error filter of the manifest ignores a response
            self._one_was_read = True
            key = next_start_key(response, "campaign_leads")
            if key in keys:
                raise AirbyteTracedException(
                    message="The contact center gives the same `next_start_key` twice for the leads of campaign "
                    f"{campaign}: they cannot be read to their end. Sync again later; "
                    "if it happens again, ask the portal's support about the endpoint.",
                    failure_type=FailureType.transient_error,
                )
            if key is not None:
                keys.add(key)
                idle.note(read_body(response, "campaign_leads").rows, f"the leads of campaign {campaign}")
            return select(response, stream_slice)

        yield from super()._read_pages(watched, stream_slice)

    def _is_gone(self, stream_slice: StreamSlice, refused: RefusedError) -> bool:
        """Tell whether it is the campaign that is missing, not the whole address.

        It is, where the portal names it no more, or knows others but not this one. The documented answer for what does
        not exist is a 400, which may mean anything else as well; that the portal names it no more has to be seen then.
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
            return self._fetch_next_page(campaign) is not None
        except RefusedError:
            return False


# How much wider than its window activity is asked for, in seconds: a portal may filter by another time of an activity
# than its `timestamp`. The longest call lies within: by the end of a call that began in the window, or by the beginning
# of one that ended in it. With a window of 30 days both stay below the 31 days that Kazoo answers at most.
ASKED_BEFORE = 4 * 3600
ASKED_AFTER = 12 * 3600
DEAD_KEY = frozenset({400, 404, 410, 422})
# Fewer rows than any portal would cap a page at.
FEW_ROWS = 10
MOST_ROWS = 1000  # of `contact_center.page_size`


@dataclass
class ActivityRetriever(SimpleRetriever):
    """Reads a window of activity in every shape that the endpoint is known to answer in.

    With a key, in an envelope or a header, pages are read until there is none. A bare array says nothing of whether it
    is all: it is trusted when it is shorter than a page already seen (a server caps pages at one size), else its range
    is halved and each half read likewise, down to a second, which is trusted with fewer rows than `FEW_ROWS`. So is the
    range of a server that ignores `startKey`, which shows by its giving the same key again, or that does not know its
    own key any more. The CDK's own splitting ends after ten halvings, which 30 days outlast. A server that does not
    filter by time gives the same rows for each half; most of them lie outside of it, which is an error at once.

    A range is one of the time that the portal filters by, whichever that is: the window and a margin around it. What is
    halved is the range, so a half needs no margin; what is kept is what belongs to the window by `timestamp`.

    A page is held back until it is known to count, so that no row comes twice.
    """

    _longest: int = field(init=False, repr=False, default=0)
    _cap: int = field(init=False, repr=False, default=0)

    def _read_pages(
        self,
        records_generator_fn: Callable[[requests.Response | None], Iterable[Record]],  # noqa: ARG002  # its slice is fixed
        stream_slice: StreamSlice,
    ) -> Iterable[Record]:
        start, end = seconds_of(stream_slice)
        # Not into the future, of which nobody knows what the portal makes.
        span = Span(start - ASKED_BEFORE, min(end + ASKED_AFTER, max(end, int(time.time()))))
        before: set[str] = set()
        for page in self._read(stream_slice, span, self._ask(stream_slice, span)):
            rows = page.rows
            if page.of_a_part:
                # The parts of a range overlap at their ends: nobody says whether a portal's bounds are inclusive.
                hashes = [stable_hash(row) for row in rows]
                rows = [row for row, known in zip(rows, hashes, strict=True) if known not in before]
                before = set(hashes)
            yield from self.record_selector.filter_and_transform(  # type: ignore[attr-defined]  # the manifest's is the CDK's
                rows, stream_state={}, records_schema={}, stream_slice=stream_slice
            )

    def _ask(self, window: StreamSlice, span: "Span", key: str | None = None, margin: int = 1) -> requests.Response:
        asked = with_seconds(window, span.first - margin, span.last + margin)
        response = self._fetch_next_page(asked, {"next_page_token": key} if key else None)
        assert response is not None  # noqa: S101  # no error filter of the manifest ignores a response
        return response

    def _read(
        self, window: StreamSlice, span: "Span", response: requests.Response, *, of_a_part: bool = False
    ) -> Iterable["ActivityPage"]:
        """Yield the rows of a range, whose first page was asked for, in the order of the range's parts."""
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
        """Ask as `_ask`; `None` where the portal takes no such request, as of a key that it does not know any more."""
        try:
            return self._ask(window, span, key, margin)
        except RefusedError as refused:
            if refused.status_code in DEAD_KEY:
                return None
            raise

    def _is_whole(self, response: requests.Response) -> bool:
        """Tell whether an answer is all there is in its range."""
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
        """Read a range of one second, whose page may be full of the seconds beside it, which were asked for as well.

        Narrower ranges may do without these: the second with either of the two, one of which has it unless both bounds
        are exclusive; then each of the three alone, which is nothing unless both are inclusive. They are taken for the
        whole if each of them is whole by itself and they bring together what the wider one brought.
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
        return page_size_of(self._paginator)

    def _too_full(self, second: int, rows: int) -> AirbyteTracedException:
        moment = format_time(datetime.fromtimestamp(second, UTC))
        advice = "A larger `contact_center.page_size` does not help. Ask the portal's support how many a page holds"
        if self._asked() <= rows and self._asked() < MOST_ROWS:
            advice = "Make `contact_center.page_size` larger, or ask the portal's support how many a page holds"
        return AirbyteTracedException(
            message=f"The contact center gives {rows} activities around the second {moment} and no way to read on: no "
            "longer page in this sync shows that these are all, so some may be missing. "
            f"{advice} and how the endpoint's `startKey` is used.",
            failure_type=FailureType.config_error,
        )

    @staticmethod
    def _not_filtered(span: "Span") -> AirbyteTracedException:
        first, last = (format_time(datetime.fromtimestamp(second, UTC)) for second in (span.first, span.last))
        return AirbyteTracedException(
            message=f"The contact center was asked for the activity from {first} to {last}, and most of what it gives "
            "lies outside: it does not apply `startDate` and `endDate`, and gives no way to read on, so some would be "
            "missing. Ask the portal's support about the endpoint.",
            failure_type=FailureType.config_error,
        )


def mostly_outside(rows: list[Row], span: "Span") -> bool:
    """Tell whether most rows lie so far outside of a range that the portal cannot have filtered by any of their times.

    Not all, because some of them may belong there by chance; not any, because one row's clock may be wrong.
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


SECOND = 1_000_000  # times are whole microseconds since 1970
DAY = 86_400 * SECOND


class WindowSizer:
    """Chooses how much of a range of time to ask for next, so that one page answers it and is nearly full.

    Pure arithmetic over what answers told: how many rows an interval has, and the times of those that a page of it
    showed. Rows that were counted and not shown are guessed: like the shown ones where these came in no order, else
    evenly spread, but never at a slower pace than the rows that were read last. A wrong guess costs a call. Whether an
    answer is whole is never decided here.

    Where guesses fail and rows come in the order of time, a look at a later page tells exactly where the window before
    its first row ends, and the one after that: with a look for every two windows, any spread takes half more calls than
    it has pages.
    """

    # Tuned on the simulation in unit_tests/source/test_window_sizer.py, which holds the number of calls.
    MARGIN = 1.3  # standard deviations
    PRIOR = 5.0  # rows that the even spread counts for while nothing was read
    MEMORY = 0.8
    SURPRISE = 2.0  # standard deviations after which the pace of before is forgotten
    NEARLY_ALL = 4  # the shown rows are trusted for where the others are, if they are a quarter of them
    FULL_ENOUGH = 0.6  # a page with fewer of its rows was guessed wrong
    MOST_LOOKS = 32

    def __init__(self, start: int, end: int, page_rows: int, finest_unit: int = SECOND) -> None:
        self.start = start
        self.end = end
        self.unit = SECOND  # of the cuts
        self._finest_unit = finest_unit
        self._page_rows = page_rows  # as asked for, until a full page tells what the server gives
        self._full_page = 0
        self._counted: list[tuple[int, int]] = []  # (end, rows from the start to there)
        self._shown: list[int] = []  # their times, in order
        self._order = 0  # in which a page shows them: 1 by time, -1 in the reverse, 0 in no order
        self._edge = 0  # rows just before the start, which the wider bounds bring along
        self._longest: int | None = None  # the last end that was too far
        self._expected: tuple[float, float] | None = None
        self._pace = (0.0, 0.0)  # rows and the time they took
        self._paced_to = start
        self._surprised = True
        self._thin = False  # the last window had far fewer rows than expected
        self._unevenness = 1.0  # squared error of the guesses over what evenly random times would give
        self._failures = 0.0  # share of the latest guesses that were wrong
        self._windows_to_look = 0  # how many more windows are not guessed but looked for
        self._patience = 2  # how many they are after the next failure
        self._page_began: int | None = None  # where a window is to end, so that the next pages looked at begin one

    @property
    def shortest_end(self) -> int:
        """Return the end of the shortest window, at the next whole unit."""
        return min((self.start // self.unit + 1) * self.unit, self.end)

    def next_end(self) -> int:
        """Return where the next window is to end."""
        end, unit = self.end, self.unit
        if self._longest is not None or (self._counted and self._too_many(end)):
            longest = self.end if self._longest is None else min(self._longest, self.end)
            too_far = first_true(lambda at: self._too_many(at * unit), self.start // unit + 1, longest // unit + 1)
            end = min(max(too_far - 1, self.start // unit + 1) * unit, longest)
            # What is counted needs no margin, and less than a row more is not worth a guess.
            known = max((at for at, _ in self._counted if at <= longest and not self._too_many(at)), default=end)
            if known > end or self.rows_before(end)[0] - self.rows_before(known)[0] < 1:
                end = known
            left, fits = self.rows_before(self.end)[0], self.rows_before(end)[0]
            pieces = math.ceil(left / max(fits, 1.0) - 1e-9)
            if 1 < pieces <= 4 and known != end:  # noqa: PLR2004  # 150 rows as 75 and 75, not as 95 and 55
                even = first_true(
                    lambda at: self.rows_before(at * unit)[0] >= left / pieces, self.start // unit + 1, end // unit
                )
                end = even * unit
        if self._page_began is not None and self.start < self._page_began < end:
            end = self._page_began
        end = max(end, self.shortest_end)
        self._expected = self.rows_before(end) if self._counted else None
        return end

    @property
    def counted_to(self) -> int:
        """Return the end of all that is counted."""
        return self._counted[-1][0]

    def page_to_look_at(self) -> int | None:
        """Return the page of all that is left whose first row begins the window after the next; `None` to guess."""
        left = self._counted[-1][1] if self._counted else 0
        if not self._windows_to_look or not self._order or left <= 2 * self._page_rows:
            return None
        if self.rows_before(self.next_end())[1] < 1:
            return None  # nothing is to be guessed
        return 2 if self._order > 0 else -(-(left + self._edge - self._page_rows) // self._page_rows)

    def note_look(self, page: int, times: list[int]) -> None:
        """Take note of the times that a page of all that is left showed."""
        left, page_rows = self._counted[-1][1], self._page_rows
        before = (page - 1) * page_rows - self._edge if self._order > 0 else left - page * page_rows
        if not times or before < 0:
            self._windows_to_look = 0
            return
        begin = self._place(sorted(times), before)
        self._longest = None
        self._page_began = begin if self._order < 0 and before >= page_rows / 4 else None

    def _place(self, times: list[int], before: int) -> int:
        """Note that just these rows follow on a number of others; return where the first of them begins a window."""
        # Away from the rows, which a neighbour's wider bounds would bring along. At whole seconds the next page may
        # have other rows of the last one, if this page has several.
        away, complete = 2 * self._finest_unit, self.unit < SECOND or times[-2:-1] != times[-1:]
        begin = max((times[0] - away) // self.unit * self.unit, self.start + 1)
        end = min(((times[-1] + away) // self.unit + complete) * self.unit, self.end)
        known = [(begin, before), (end, before + bisect_left(times, end))]
        others = [at for at in self._counted if at[0] > end or (at[0] < begin and at[1] < before)]
        self._counted = sorted({*others, *(known if before else known[1:])})
        self._shown = sorted([*(at for at in self._shown if not times[0] <= at <= times[-1]), *times])
        return begin

    def note_whole(self, end: int, times: list[int], rows: int | None = None) -> None:
        """Go on behind a window that was read; its last rows will come again with the next one's wider bounds."""
        times, rows = sorted(times), len(times) if rows is None else rows
        self._windows_to_look = max(self._windows_to_look - 1, 0)
        if end < self.end:
            self._note_guess(wrong=rows < self.FULL_ENOUGH * self._page_rows)
        self._compare(rows, end, times)
        self._thin = self._expected is not None and rows < self._expected[0] / 4
        self._counted = [(at, max(count - rows, 0)) for at, count in self._counted if at > end]
        self._shown = self._shown[bisect_left(self._shown, end) :]
        self._learn_unit(times)
        self._edge = len(times) - bisect_left(times, end - self._finest_unit)
        self.start, self._longest = end, None
        if self._page_began is not None and self._page_began <= end:
            self._page_began = None

    def note_overflow(self, end: int, count: int, times: list[int], page_rows: int) -> None:
        """Take note of a window with more rows than a page: `times` are those shown, in the order they came in."""
        if page_rows:
            self._full_page = self._page_rows = max(self._full_page, page_rows)
        self._learn_unit(times)
        self._note_guess(wrong=True)
        # A window of a whole history is no measure of the pace.
        self._compare(count, end if count <= 2 * page_rows else self._paced_to, [])
        self._thin = False
        self._order = 1 if times == (ordered := sorted(times)) else -1 if times == ordered[::-1] else 0
        self._shown = [*ordered, *self._shown[bisect_left(self._shown, end) :]]
        self._counted = [(end, count), *(known for known in self._counted if known[0] > end)]
        if times and self._order:
            self._place(ordered, 0 if self._order > 0 else max(count - len(times), 0))
        self._longest = max(end - 1, self.start + 1)

    def _note_guess(self, wrong: bool) -> None:
        """Stop guessing for a while where guesses fail, longer each time that they still do."""
        if self._expected is None or self._expected[1] < 1:
            return  # nothing was guessed
        self._failures = self._failures / 2 + wrong / 2
        if not wrong:
            self._patience = max(self._patience // 2, 2)
        elif self._failures > 0.5:  # noqa: PLR2004  # two of the last three
            self._windows_to_look = self._patience
            self._patience = min(2 * self._patience, self.MOST_LOOKS)

    def rows_before(self, end: int) -> tuple[float, float]:
        """Return how many rows are expected from the start to `end`, and the variance of that."""
        low, below, first = self.start, 0, 0
        for high, count in self._counted:
            last = bisect_left(self._shown, high, first)
            rows = max(count, below)
            if end < high:
                shown = bisect_left(self._shown, end, first, last) - first
                unseen = max(rows - below - (last - first), 0)
                more, variance = self._unseen_before(end, (low, high), unseen, self._shown[first:last])
                return below + shown + more, variance
            low, below, first = high, rows, last
        return float(below), 0.0

    def _unseen_before(self, end: int, bounds: tuple[int, int], unseen: int, shown: list[int]) -> tuple[float, float]:
        """Guess how many of an interval's unseen rows lie before `end`, and the variance of that."""
        low, high = bounds
        rows, spent = self._pace
        if not unseen or end <= low:
            return 0.0, 0.0
        prior = self.PRIOR if rows < 2 * self.PRIOR else 0.0
        if shown:
            guess, known = self._as_shown(end, bounds, unseen, shown, (rows + prior, spent, prior))
        else:
            average = unseen / (high - low)
            pace = (rows + prior) / (spent + prior / average)
            guess, known = (pace if self._thin else max(pace, average)) * (end - low), rows + prior
        guess = min(guess, float(unseen))
        variance = guess * (min(self._unevenness, 1.0) + guess / max(known, 1.0))
        return guess, variance * (1 - guess / unseen)  # all of them are known to lie in the interval

    def _as_shown(
        self, end: int, bounds: tuple[int, int], unseen: int, shown: list[int], pace: tuple[float, float, float]
    ) -> tuple[float, float]:
        """Guess by rows shown in no order, each of which stands for several, and by the pace of those read last."""
        low, high = bounds
        rows, spent, prior = pace
        each = (unseen + len(shown)) / len(shown)
        before = bisect_left(shown, end)
        spent += prior * (high - low) / (unseen + len(shown))
        guess = (rows + before) / (spent + (end - low) / each) * (end - low) * (1 - 1 / each)
        as_shown = unseen * (self.PRIOR * (end - low) / (high - low) + before) / (self.PRIOR + len(shown))
        foreseen = rows / spent * (end - low) / each if spent else math.inf
        if as_shown > guess and (each < self.NEARLY_ALL or before > foreseen + 2 * math.sqrt(foreseen) + 2):
            return as_shown, self.PRIOR + before
        return guess, rows + before

    def _too_many(self, end: int) -> bool:
        rows, variance = self.rows_before(end)
        beyond = bisect_right(self._shown, end + self._finest_unit) - bisect_left(self._shown, end)
        unforeseen = variance >= 1 and self._page_rows >= 20  # noqa: PLR2004  # one may be
        return rows + self.MARGIN * math.sqrt(variance) > max(self._page_rows - self._edge - beyond - unforeseen, 1)

    def _compare(self, rows: int, end: int, times: list[int]) -> None:
        """Learn from what came in the place of what was expected: how even the times are, and their pace."""
        self._surprised = True  # by what was not guessed, too
        if self._expected is not None and self._expected[1] >= 1:
            expected, variance = self._expected
            error = (rows - expected) ** 2
            self._surprised = error > self.SURPRISE**2 * max(variance, expected)
            self._unevenness = 0.5 * self._unevenness + 0.5 * min(error / max(expected, 1.0), 1000.0)
        if end <= self._paced_to:
            return
        begin = max(self._paced_to, self.start)
        recent = rows if begin == self.start else len(times) - bisect_left(times, begin)
        spent, self._paced_to = end - begin, end
        before = self._pace
        if self._surprised:
            before = (0.0, 0.0)
            if len(times) >= 4:  # noqa: PLR2004  # the pace at its end, where the next window begins
                recent, spent = len(times) // 2, max(end - times[-(len(times) // 2) - 1], 1)
        self._pace = (self.MEMORY * before[0] + recent, self.MEMORY * before[1] + spent)

    def _learn_unit(self, times: list[int]) -> None:
        """Cut within seconds only where the rows tell more than seconds.

        A server that filters by fractions and does not show them would have a row on one side of a cut within its
        second, and we on the other: neither window would keep it.
        """
        if any(time % SECOND for time in times):
            self.unit = self._finest_unit


def first_true(test: Callable[[int], bool], low: int, high: int) -> int:
    """Return the first number from `low` on that passes a test which all behind it pass; `high` if none before does."""
    while low < high:
        middle = (low + high) // 2
        if test(middle):
            high = middle
        else:
            low = middle + 1
    return low


class Passes:
    """Tells when repeated passes over the pages of a set have brought all of it.

    A set that moves while it is paged loses rows between two pages: one leaves, all behind it move up a place, and the
    count may stay what it was. So may a database that breaks ties in another way for each page. A pass proves
    something only if all its pages gave one count and it brought as many distinct rows, and the pass before brought no
    others. Of a set without an upper bound, which may grow meanwhile, the earlier passes may have brought more.

    What is kept of a row are two 64-bit hashes: its key, and its content, by which a later pass passes on only what has
    changed.
    """

    def __init__(self, key_fields: tuple[str, ...], bounded: bool = True) -> None:
        self._key_fields = key_fields
        self._bounded = bounded
        self._keys: list[array[int]] = []
        self._contents: array[int] = array("q")
        self._passed_on: array[int] = array("q")
        self._counts: set[int] = set()

    def start(self) -> None:
        """Begin with the first page."""
        self._keys = [*(self._keys[-1:] if self._bounded else self._keys), array("q")]
        self._passed_on = array("q", sorted([*self._passed_on, *self._contents]))
        self._contents = array("q")
        self._counts = set()

    def see(self, response: requests.Response) -> None:
        """Take note of a page, before its rows are changed, and drop the rows that an earlier pass brought the same."""
        page = read_body(response, "lead_page")
        self._counts.add(page.parsed["count"])
        names = self._key_fields
        self._keys[-1].extend([hash(tuple([str(row.get(name)) for name in names])) for row in page.rows])
        contents = [hash(repr(row)) for row in page.rows]
        self._contents.extend(contents)
        if self._passed_on:
            changed = [
                row for row, content in zip(page.rows, contents, strict=True) if not self._was_passed_on(content)
            ]
            vars(response)["read_body"] = Body(page.parsed, changed)

    def _was_passed_on(self, content: int) -> bool:
        place = bisect_left(self._passed_on, content)
        return place < len(self._passed_on) and self._passed_on[place] == content

    def proven(self) -> bool:
        """Tell whether nothing can be missing."""
        *earlier, last = self._keys
        rows = distinct([last])
        if not earlier or self._counts != {rows}:
            return False
        before = distinct(earlier)
        return distinct(self._keys) == before and (before == rows or not self._bounded)


SHARES = 16


def distinct(passes: "list[array[int]]") -> int:
    """Count the distinct keys; of many a share at a time, because a set takes ten times an array's memory."""
    if sum(map(len, passes)) < 10_000:  # noqa: PLR2004  # a set of 1 MB
        return len(set().union(*passes))
    shares = [array("q") for _ in range(SHARES)]
    for keys in passes:
        for key in keys:
            shares[key % SHARES].append(key)
    return sum(len(set(share)) for share in shares)


PAGES_A_SEGMENT = 80  # with what steering costs a minute's calls: what a sync that is killed may have to read again
MOST_PASSES = 10
MOST_REPEATED_CALLS = 100
MINUTE = 60 * SECOND


@dataclass
class CampaignProgress:
    """What the windows of a campaign know of each other: what of it is read or being read, and what went wrong."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    failed: AirbyteTracedException | None = None
    until: int | None = None
    claimed: list[tuple[int, int]] = field(default_factory=list)


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
        moments = [parse_time(row.get("processed_at")) for row in page.rows]
        times = [microseconds(moment) for moment in moments if moment]
        self.times = [time for time in times if self.start <= time < self.end]
        self.beside = len(times) - len(self.times)
        self.far_beside = any(not self.start - MINUTE < time < self.end + MINUTE for time in times)


@dataclass
class Segment:
    """A part of a campaign that is read in one go: a window, or several of which the others have nothing left to do."""

    sizer: WindowSizer
    answer: Answer


@dataclass
class StableWindowRetriever(SimpleRetriever):
    """Reads leads so that none can slip from one page to another: in windows that a single page answers.

    One answer is one moment. Leads that are processed anew leave their place while pages are read, late ones come, and
    no count tells: so a window is cut by time until its first page says that there is no other (`WindowSizer`). Only
    what cannot be cut is paged, a second (or millisecond) fuller than a page and the leads without any window, and read
    again until that proves that nothing is missing (`Passes`).

    The CDK's windows keep a sync's progress. The first of a campaign asks for all that is left of it and reads that as
    one segment; of what takes more than `PAGES_A_SEGMENT` it reads as many windows as take fewer, and the next one
    begins another. The state cannot move before a segment is read: it ends at an open window, the segment's first.

    `bounded` says whether slices have an upper bound, so that what changes meanwhile belongs to the next sync.
    """

    bounded: bool = True
    _campaigns: dict[str, CampaignProgress] = field(init=False, repr=False, default_factory=dict)

    def _read_pages(
        self,
        records_generator_fn: Callable[[requests.Response | None], Iterable[Record]],  # noqa: ARG002  # its slice is fixed
        stream_slice: StreamSlice,
    ) -> Iterable[Record]:
        def select(response: requests.Response, piece: StreamSlice) -> Iterable[Record]:
            for record in self.record_selector.select_records(
                response=response, stream_state={}, records_schema={}, stream_slice=piece
            ):
                # Of the slice, whatever piece of it was read: else the Builder's CDK sees no record of the slice, and
                # keeps its state where it was.
                yield Record(data=record.data, stream_name=record.stream_name, associated_slice=stream_slice)

        yield from self.read_slice(select, stream_slice)

    def read_slice(
        self, select: Callable[[requests.Response, StreamSlice], Iterable[Any]], stream_slice: StreamSlice
    ) -> Iterable[Any]:
        """Yield what `select` makes of each page that is read for a slice; it is told the piece to cut the rows to."""
        campaign = self._campaigns.setdefault(str(stream_slice.partition.get("campaign_id")), CampaignProgress())
        try:
            if not self.bounded:
                yield from self._read_unbounded(select, stream_slice)
                return
            with campaign.lock:
                if campaign.failed:
                    # The state cannot pass the window that failed; reading later ones would only spend calls.
                    raise campaign.failed
                segment = self._claim(campaign, stream_slice)
            if segment is not None:
                yield from self._read_segment(select, segment)
        except AirbyteTracedException as error:
            campaign.failed = error
            raise

    def _read_unbounded(
        self, select: Callable[[requests.Response, StreamSlice], Iterable[Any]], stream_slice: StreamSlice
    ) -> Iterable[Any]:
        response = self._fetch(stream_slice, self._get_initial_next_page_token())
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
        sizer = WindowSizer(start, min(end, campaign.until), page_size_of(self._paginator), self._unit())
        while not answer.whole:
            self._note_overflow(sizer, answer)
            most = PAGES_A_SEGMENT * max(answer.rows, 1)
            if window_end >= sizer.end or answer.far_beside or sizer.rows_before(sizer.end)[0] <= most:
                break
            length = window_end - start
            windows = first_true(
                lambda number: sizer.rows_before(start + number * length)[0] > most,  # noqa: B023  # called here
                2,
                -(-(sizer.end - start) // length),
            )
            sizer.end = start + (windows - 1) * length
            if windows == 2:  # noqa: PLR2004  # one window, which is the least to claim
                break
            answer = self._ask(window, start, sizer.end)
        campaign.claimed.append((start, max(sizer.end, window_end)))
        return Segment(sizer, answer) if start < sizer.end else None

    def _read_segment(
        self, select: Callable[[requests.Response, StreamSlice], Iterable[Any]], segment: Segment
    ) -> Iterable[Any]:
        """Read a segment from its start to its end, each window beginning where the last whole answer ended."""
        sizer, answer = segment.sizer, segment.answer
        window, calls = answer.window, 0
        # Steering needs half as many calls as there are pages. Where it needs thrice as many, something fills every
        # window, as leads without a time would if the API gave them to each; it would go on down to each second.
        most_calls = 60 + 3 * (answer.count // max(answer.rows, 1))
        while True:
            if answer.whole:
                end = min(answer.end, sizer.end)
                yield from select(answer.response, part_of(window, sizer.start, end))
                sizer.note_whole(end, [time for time in answer.times if time < end])
            elif answer.end <= sizer.shortest_end:
                yield from self._read_in_passes(select, answer.window, answer.response)
                sizer.note_whole(answer.end, [], answer.count - answer.beside)
            elif answer.far_beside or calls > most_calls:
                self._name_the_filter(window)
                yield from self._read_in_passes(select, part_of(window, sizer.start, sizer.end))
                sizer.note_whole(sizer.end, [])
            elif calls:
                self._note_overflow(sizer, answer)
            if sizer.start >= sizer.end:
                return
            if page := sizer.page_to_look_at():
                sizer.note_look(page, self._look_at(page, part_of(window, sizer.start, sizer.counted_to)))
                calls += 1
            answer, calls = self._ask(window, sizer.start, sizer.next_end()), calls + 1

    def _note_overflow(self, sizer: WindowSizer, answer: Answer) -> None:
        page_rows = answer.rows if answer.full else 0
        sizer.note_overflow(answer.end, answer.count - answer.beside, answer.times, page_rows)

    def _ask(self, window: StreamSlice, start: int, end: int) -> Answer:
        piece = part_of(window, start, end)
        answer = Answer(piece, start, end, self._fetch(piece, self._get_initial_next_page_token()))
        if answer.far_beside:
            self._name_the_filter(window)
        return answer

    @staticmethod
    def _name_the_filter(window: StreamSlice) -> None:
        say_once(
            f"SquadStack sends leads of campaign {window.partition.get('campaign_id')} that were processed before or "
            "after the time asked for, as if it did not know the time filter. Test the connection to verify "
            "`squadstack.timestamp_unit`. The leads that were not asked for are left out."
        )

    def _look_at(self, page: int, piece: StreamSlice) -> list[int]:
        """Return the times that a later page shows: they steer, and no row of it is read."""
        try:
            response = self._fetch(piece, {"next_page_token": page})
        except WindowChangedError:
            return []
        return Answer(piece, *bounds_of(piece), response).times

    def _fetch(self, piece: StreamSlice, token: Mapping[str, Any] | None) -> requests.Response:
        response = self._fetch_next_page(piece, token)
        assert response is not None  # noqa: S101  # no error filter of the manifest ignores a response
        return response

    def _unit(self) -> int:
        return SECOND if self.config["squadstack"].get("timestamp_unit") == "seconds" else SECOND // 1000

    def _prove_unit(self, window: StreamSlice, start: int, end: int) -> None:
        """Ask in the other unit where the first read of a campaign finds nothing: in the wrong one it never would.

        A campaign with a state has shown leads, so a quiet one costs no call.
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
        answer = Answer(piece, start, end, self._fetch(piece, self._get_initial_next_page_token()))
        if answer.times:
            names = ("milliseconds", "seconds") if other == SECOND else ("seconds", "milliseconds")
            raise AirbyteTracedException(
                message=f"`squadstack.timestamp_unit` is {names[0]}, but campaign "
                f"{window.partition.get('campaign_id')} answers time filters in {names[1]}: with the wrong unit leads "
                f"would be missed. Set it to {names[1]}.",
                failure_type=FailureType.config_error,
            )

    def _pages(self, piece: StreamSlice, first: requests.Response | None) -> Iterable[requests.Response]:
        token = self._get_initial_next_page_token()
        response = first or self._fetch(piece, token)
        while True:
            yield response
            token = self._next_page_token(response, 0, None, token and token["next_page_token"])
            if token is None:
                return
            response = self._fetch(piece, token)

    def _read_in_passes(
        self,
        select: Callable[[requests.Response, StreamSlice], Iterable[Any]],
        piece: StreamSlice,
        first: requests.Response | None = None,
    ) -> Iterable[Any]:
        """Page what no single answer holds, until a pass proves that nothing is missing; `first` is a first page."""
        passes = Passes(("lead_id", "processed_at") if self.bounded else ("lead_id",), self.bounded)
        what = describe_slice(piece)
        repeated_calls = 0
        for number in range(1, MOST_PASSES + 1):
            passes.start()
            try:
                for response in self._pages(piece, first):
                    repeated_calls += number > 1
                    passes.see(response)
                    yield from select(response, piece)
                if passes.proven():
                    return
            except WindowChangedError:
                pass
            first = None
            if not self.bounded and repeated_calls >= MOST_REPEATED_CALLS:
                break
            LOGGER.info("Stream %s: the leads of %s are read again, pass %d.", self.name, what, number + 1)
        if self.bounded:
            raise AirbyteTracedException(
                message=f"The leads of {what} came differently in each of {MOST_PASSES} passes over their pages, so "
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


def is_whole(response: requests.Response) -> bool:
    """Tell whether a first page is all that there is: its `next` is null, and it has as many rows as it counts."""
    page = read_body(response, "lead_page")
    return page.parsed.get("next") is None and page.parsed["count"] == len(page.rows)


def server_until(response: requests.Response, read_until: int) -> int:
    """Return a minute before the server's own time: what it processes while it is read is stamped by that.

    Where the server's clock is behind ours, leads would else change within the windows of this sync.
    """
    try:
        told = email.utils.parsedate_to_datetime(response.headers.get("Date", ""))
    except (TypeError, ValueError):
        return read_until
    until = microseconds(told if told.tzinfo else told.replace(tzinfo=UTC)) - MINUTE
    if until < read_until - DAY:
        say_once(
            "SquadStack's answers carry a date that is more than a day in the past; this machine's clock is taken "
            "instead. If that one is wrong, set it: leads may be missed."
        )
        return read_until
    if until < read_until - MINUTE:
        say_once(
            f"SquadStack's clock is {round((read_until - until) / MINUTE)} minutes behind this machine's, so leads are "
            f"read until {format_time(EPOCH + timedelta(microseconds=until))}; later ones belong to the next sync."
        )
    return until


def microseconds(moment: datetime) -> int:
    """Return a time as microseconds since 1970."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def bounds_of(window: StreamSlice) -> tuple[int, int]:
    """Return a window's start and its end, which is no longer its own; the CDK names its last microsecond."""
    first, last = (datetime.fromisoformat(window.cursor_slice[name]) for name in ("start_time", "end_time"))
    return microseconds(first), microseconds(last) + 1


def part_of(window: StreamSlice, start: int, end: int) -> StreamSlice:
    """Return the slice of another time of a window's campaign."""
    first, last = (EPOCH + timedelta(microseconds=moment) for moment in (start, end - 1))
    return StreamSlice(
        partition=window.partition,
        cursor_slice={"start_time": first.strftime(STATE_FORMAT), "end_time": last.strftime(STATE_FORMAT)},
        extra_fields=window.extra_fields,
    )


def describe_slice(stream_slice: StreamSlice) -> str:
    """Name a slice in a message: the campaign and its window."""
    campaign, window = stream_slice.partition.get("campaign_id"), stream_slice.cursor_slice
    return f"campaign {campaign}" + (f", {window['start_time']} to {window['end_time']}" if window else "")


# --- requests -------------------------------------------------------------------------------------------------------


SECONDS_BETWEEN_NOTES = 60.0


class LoggedBudget(APIBudget):
    """The manifest's call budget, which says once a minute what it waits for: the CDK's waits without a word."""

    def __init__(self, budget: APIBudget, sleep: Callable[[float], None] = time.sleep) -> None:
        super().__init__(policies=[])
        self._budget = budget
        self._sleep = sleep
        self._lock = threading.Lock()
        self._said_at = float("-inf")

    def acquire_call(self, request: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: ARG002
        """Wait until the budget has a call left, and take it."""
        while True:
            try:
                return self._budget.acquire_call(request, block=False)
            except CallRateLimitHit as hit:
                wait = max(hit.time_to_wait.total_seconds(), 0.01)
                self._say(wait)
                self._sleep(wait)

    def _say(self, wait: float) -> None:
        with self._lock:
            now = time.monotonic()
            if now - self._said_at < SECONDS_BETWEEN_NOTES:
                return
            self._said_at = now
        LOGGER.info("All calls of this minute are used (`calls_per_minute`); the next may be made in %.0f s.", wait)


@dataclass
class ApiRequester(HttpRequester):
    """The CDK's requester that follows no redirect, lest the token go where nobody said, and says when it waits."""

    api_budget: APIBudget | None = None
    request_parameters: Mapping[str, str] | None = None
    request_headers: Mapping[str, str] | None = None

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        # The CDK's factory builds this from these keys for its own requester only.
        self.request_options_provider = InterpolatedRequestOptionsProvider(
            config=self.config,
            parameters=parameters,
            request_parameters=self.request_parameters,
            request_headers=self.request_headers,
        )
        if self.api_budget is not None:
            self.api_budget = LoggedBudget(self.api_budget)
        super().__post_init__(parameters)
        session = self._http_client._session  # noqa: SLF001  # the CDK has no setting for what follows
        session.max_redirects = 0
        vars(session)["merge_environment_settings"] = once_a_host(session.merge_environment_settings)
        self._evaluated: dict[tuple[str, int], tuple[StreamSlice, Any]] = {}
        templates = [self.url, *(self.request_parameters or {}).values(), *(self.request_headers or {}).values()]
        self._varies_by_page = any("next_page_token" in str(template) for template in templates)

    def send_request(self, *given: Any, **context: Any) -> requests.Response | None:
        """Send a request, once its error handler knows to which address, and has nothing against it.

        It waits until fewer than `num_workers` are under way: the pool has a thread more than one worker.
        """
        with requests_under_way(int(self.config.get("num_workers", 10))):
            if isinstance(self.error_handler, ApiErrorHandler):
                names = ("stream_state", "stream_slice", "next_page_token")
                self.error_handler.begin(self.get_url(**{name: context.get(name) for name in names}))
            try:
                return super().send_request(*given, **context)
            except OSError as error:
                if isinstance(error, requests.RequestException):
                    raise
                raise environment_error() from None  # requests looks for the file before it sends anything

    def get_url(self, **context: Any) -> str:
        """Return the address, evaluated once a slice."""
        return str(self._once_a_slice("url", super().get_url, context))

    def get_request_params(self, **context: Any) -> MutableMapping[str, Any]:
        """Return the manifest's parameters, evaluated once a slice, or those that the slice brings along."""
        stream_slice = context.get("stream_slice")
        if stream_slice is not None and REQUEST_PARAMETERS in stream_slice.extra_fields:
            return dict(stream_slice.extra_fields[REQUEST_PARAMETERS])
        return dict(self._once_a_slice("parameters", super().get_request_params, context))

    def get_request_headers(self, **context: Any) -> Mapping[str, Any]:
        """Return the manifest's headers, evaluated once a slice."""
        return dict(self._once_a_slice("headers", super().get_request_headers, context))

    def _once_a_slice(self, name: str, evaluate: Callable[..., Any], context: Mapping[str, Any]) -> Any:
        """Evaluate a template for the first page of a slice: for each page it took a third of a call's time."""
        stream_slice = context.get("stream_slice")
        if stream_slice is None or self._varies_by_page:
            return evaluate(**context)
        # By identity, because a slice's hash is that of its JSON; the slice is kept, so that no other gets its id.
        key = (name, id(stream_slice))
        found = self._evaluated.get(key)
        if found is None:
            if len(self._evaluated) >= MOST_EVALUATED:
                self._evaluated.clear()
            found = self._evaluated[key] = (stream_slice, evaluate(**context))
        return found[1]

    def _request_body_data(self, *context: Any, **more: Any) -> Mapping[str, Any] | str | None:
        return super()._request_body_data(*context, **more) if self._http_method != HttpMethod.GET else None

    def _request_body_json(self, *context: Any, **more: Any) -> Mapping[str, Any] | None:
        return super()._request_body_json(*context, **more) if self._http_method != HttpMethod.GET else None


@functools.cache
def requests_under_way(most: int) -> threading.Semaphore:
    """Return the process's one count of requests that may be under way: the CDK makes a requester for each stream."""
    return threading.Semaphore(most)


MOST_EVALUATED = 1_000
REQUEST_PARAMETERS = "request_parameters"


def once_a_host(merge: Callable[..., Any]) -> Callable[..., Any]:
    """Ask the environment for proxies and certificates once: requests looks through all its variables at each call."""
    found: dict[str, Any] = {}

    def merged(url: str, **given: Any) -> Any:
        host = urlsplit(url).netloc
        if host not in found:
            found[host] = merge(url=url, **given)
        return dict(found[host])

    return merged


ATTEMPTS = 6
ATTEMPTS_IN_CHECK = 3
ATTEMPTS_IN_AN_OUTAGE = 2
SECONDS_OF_REST = 60.0
LONGEST_WAIT = 60.0
SECONDS_IN_TEXT = re.compile(r"after (\d+) second")
TOO_MANY = 429
LONGEST_STATED_WAIT = 3600.0
REFUSED_CALLER = frozenset({401, 403})


class HostHealth:
    """What the process has seen of a host, which tells whether a failure is the host's or that of one address alone.

    An address whose request failed in all its attempts is not asked for `SECONDS_OF_REST` at a time and then gets a
    single attempt, until it answers: each of three hundred windows would fail for itself. Once two addresses did and
    nothing usable came from the host since, it is an outage: nobody waits for it again, until it answers somebody. A
    host that cannot even be connected to, or says nothing at all to two addresses, rests likewise: each of a thousand
    campaigns would wait for its own timeout. So does one that asks for a longer wait than a sync has.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failed: dict[str, tuple[float, str]] = {}
        self._failed_since_an_answer: set[str] = set()
        self._silent_since_an_answer: set[str] = set()
        self._rests_until: float | None = None
        self._reason = ""

    def reason_to_rest(self, address: str) -> str:
        """Return why an address is not to be asked; who gets nothing is the only one to try for a while."""
        with self._lock:
            now = self._clock()
            if self._rests_until is not None:
                if now < self._rests_until:
                    return self._reason
                self._rests_until = now + SECONDS_OF_REST
            elif address in self._failed:
                until, reason = self._failed[address]
                if now < until:
                    return reason
                self._failed[address] = now + SECONDS_OF_REST, reason
            return ""

    def attempts(self, address: str, usual: int) -> int:
        """Return how many attempts a request to an address has."""
        with self._lock:
            if address in self._failed or self._rests_until is not None:
                return 1
            return min(usual, ATTEMPTS_IN_AN_OUTAGE) if len(self._failed_since_an_answer) > 1 else usual

    def answered(self, address: str, *, usable: bool) -> None:
        """Note an answer; `usable` says that it is one that the address gives when all is well with it."""
        with self._lock:
            self._rests_until = None
            self._silent_since_an_answer.clear()
            if usable:
                self._failed_since_an_answer.clear()
                self._failed.pop(address, None)

    def rest(self, reason: str) -> None:
        """Let nobody ask the host for a while."""
        with self._lock:
            self._rests_until, self._reason = self._clock() + SECONDS_OF_REST, reason

    def failed(self, address: str, how: str, *, silent: bool, reached: bool) -> None:
        """Note a request that failed in all its attempts."""
        with self._lock:
            self._failed[address] = self._clock() + SECONDS_OF_REST, f"{how} to another request"
            self._failed_since_an_answer.add(address)
            if silent:
                self._silent_since_an_answer.add(address)
                if not reached or len(self._silent_since_an_answer) > 1:
                    self._rests_until = self._clock() + SECONDS_OF_REST
                    self._reason = "no answer to other requests"


@functools.cache
def health_of(host: str) -> HostHealth:  # noqa: ARG001  # the cache's key
    """Return what the process knows of a host: each stream has error handlers of its own."""
    return HostHealth()


@dataclass
class ApiErrorHandler(DefaultErrorHandler, BackoffStrategy):
    """The manifest's error table, with five things the CDK does otherwise.

    * A 200 whose body does not have the endpoint's shape is retried; the CDK reads it as an empty page.
    * A 404 behind page 1 means that the set shrank, not that the campaign is unknown.
    * A refusal raises at once with the table's sentence; the CDK first logs the whole response, lead data and all.
    * An address that refuses its caller is not asked again: the portal may lock out who asks once for each window.
    * A 429 is waited out however often it comes; other failures get `ATTEMPTS` attempts, fewer where `HostHealth` knows
      that waiting is in vain: an outage is waited out once, not once a window. The CDK counts both together.
    """

    shape: str = "lead_page"
    vendor: str = "SquadStack"
    address: str = "squadstack.base_url"
    # The CDK's own limits must never be reached: this class decides when it is enough.
    max_retries: int | str | None = 1_000_000_000  # type: ignore[assignment]  # the parent widens it likewise
    max_time: int = 1_000_000_000

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        super().__post_init__(parameters)
        self.backoff_strategies = [self]
        self._tries = Tries()
        self._checking = bool(self.config.get("__checking"))
        self._health = HostHealth()
        self._refused: dict[str, tuple[int, str]] = {}

    def begin(self, address: str) -> None:
        """Take note of where the request goes that this thread is about to send; raises where that would be in vain."""
        self._health = health_of(urlsplit(address).netloc)
        self._tries.address = address
        if address in self._refused:
            raise refusal(*self._refused[address], FailureType.config_error)
        if reason := self._health.reason_to_rest(address):
            raise self._kept_failing(reason)

    def interpret_response(self, response_or_exception: requests.Response | Exception | None) -> ErrorResolution:
        """Decide what an attempt's outcome means; raises for outcomes that end the request."""
        if isinstance(response_or_exception, requests.Response):
            return self._interpret_answer(response_or_exception)
        if isinstance(response_or_exception, requests.TooManyRedirects):
            raise AirbyteTracedException(
                message=f"{self.vendor} answers with a redirect, which is not followed because the token would travel "
                f"along. Check `{self.address}`.",
                failure_type=FailureType.config_error,
            )
        if reason := certificate_problem(response_or_exception):
            raise untrusted(self.address, reason)
        return self._retry(response_or_exception)

    def _interpret_answer(self, response: requests.Response) -> ErrorResolution:
        if response.status_code == requests.codes.not_found and requested_page(response) > 1:
            raise WindowChangedError
        if response.ok and self._unreadable(response):
            self._health.answered(self._tries.address, usable=False)
            return self._retry(response)
        resolution = super().interpret_response(response)
        usable = resolution.response_action in {ResponseAction.SUCCESS, ResponseAction.FAIL}
        self._health.answered(self._tries.address, usable=usable)
        if resolution.response_action == ResponseAction.FAIL:
            status, message = response.status_code, resolution.error_message or ""
            if status in REFUSED_CALLER:
                self._refused[self._tries.address] = status, message
            raise refusal(status, message, resolution.failure_type or FailureType.system_error)
        if resolution.response_action == ResponseAction.SUCCESS:
            return resolution
        if resolution.response_action == ResponseAction.RATE_LIMITED:
            return ErrorResolution(ResponseAction.RATE_LIMITED, FailureType.transient_error, resolution.error_message)
        return self._retry(response)

    def _retry(self, outcome: requests.Response | Exception | None) -> ErrorResolution:
        """Resolve to another attempt, in words of ours: without any the CDK puts the response's body into its error."""
        words = f"{self.vendor}: {self._describe(outcome)}."
        return ErrorResolution(ResponseAction.RETRY, FailureType.transient_error, words)

    def _unreadable(self, response: requests.Response) -> str:
        """Say how a body differs from the endpoint's shape; nothing where it does not."""
        try:
            read_body(response, self.shape)
        except UnreadableBodyError as error:
            return str(error)
        return ""

    def _describe(self, outcome: requests.Response | Exception | None) -> str:
        """Describe an attempt's failure without any of the response's text."""
        if not isinstance(outcome, requests.Response):
            return f"no answer ({type(outcome).__name__})"
        differs = self._unreadable(outcome) if outcome.ok else ""
        return f"HTTP {outcome.status_code}, but {differs}" if differs else f"HTTP {outcome.status_code}"

    def backoff_time(
        self,
        response_or_exception: requests.Response | requests.RequestException | None,
        attempt_count: int = 1,
    ) -> float:
        """Return the seconds to wait before the next attempt; raises when there is to be none."""
        if attempt_count <= 1:
            self._tries.start()
        outcome = response_or_exception
        if isinstance(outcome, requests.Response) and outcome.status_code == TOO_MANY:
            return self._wait_out_throttle(outcome)
        self._tries.note(outcome)
        usual = ATTEMPTS_IN_CHECK if self._checking else ATTEMPTS
        if self._tries.failed >= self._health.attempts(self._tries.address, usual):
            how = self._describe(outcome)
            self._health.failed(self._tries.address, how, silent=not self._tries.heard, reached=self._tries.reached)
            raise self._kept_failing(f"{how}, {self._tries.failed} attempt(s)")
        return sleep_for(2 ** (self._tries.failed - 1))

    def _kept_failing(self, how: str) -> AirbyteTracedException:
        return AirbyteTracedException(
            message=f"{self.vendor} kept failing: {how}. Check `{self.address}` and the network if it never worked; "
            "else sync again later: nothing is skipped, the next sync goes on from the last state.",
            failure_type=FailureType.transient_error,
        )

    def _wait_out_throttle(self, response: requests.Response) -> float:
        self._tries.throttled += 1
        if (stated_wait(response) or 0) > LONGEST_STATED_WAIT:
            self._health.rest("HTTP 429 to another request, with a wait of more than an hour")
        return sleep_for(throttle_wait(response, self._tries.throttled, self.vendor, checking=self._checking))


def refusal(status_code: int, message: str, failure_type: FailureType) -> RefusedError:
    """Return a new error of a refusal: one that is raised again grows by a traceback each time."""
    refused = RefusedError(message=message, internal_message=f"HTTP {status_code}", failure_type=failure_type)
    refused.status_code = status_code
    return refused


def certificate_problem(error: BaseException | None) -> str:
    """Return what OpenSSL has against a server's certificate, nothing where that is not what failed."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return str(error.verify_message)
        error = error.__cause__ or error.__context__
    return ""


def untrusted(address: str, reason: str) -> AirbyteTracedException:
    """Return the error that names a certificate which cannot be trusted, and the way to trust it."""
    return AirbyteTracedException(
        message=f"The certificate at `{address}` is not trusted ({reason}). If the server signs its own, as portals on "
        "port 9443 often do, put that certificate, or its authority's, in PEM format into the connector's container "
        "and name the file in the environment variable REQUESTS_CA_BUNDLE. The file takes the place of the usual "
        "authorities: add those that other addresses need. One that expired or names another host has to be renewed.",
        failure_type=FailureType.config_error,
    )


def environment_error() -> AirbyteTracedException:
    """Return the error that says that requests lacks a file which the environment names."""
    return AirbyteTracedException(
        message="The environment variable REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names no file that can be read. Correct "
        "it in the connector's container.",
        failure_type=FailureType.config_error,
    )


def throttle_wait(response: requests.Response, times: int, vendor: str, *, checking: bool) -> float:
    """Return the seconds to wait after a 429, which came so many times in a row.

    Raises:
        AirbyteTracedException: the answer asks to wait for more than an hour, which may be a slip and would hold the
            sync for days without a word; or `check` has waited already, and the user waits for it.
    """
    wait = stated_wait(response) or min(2**times, LONGEST_WAIT)
    if wait > LONGEST_STATED_WAIT:
        raise AirbyteTracedException(
            message=f"{vendor} answers HTTP 429 and asks to wait {wait:.0f} seconds, longer than the hour that a sync "
            "waits at most. Nothing is skipped: sync again when that time is over, the next sync goes on from the last "
            "state. If it is a mistake, tell the API's support.",
            failure_type=FailureType.transient_error,
        )
    if checking and times > 1:
        raise AirbyteTracedException(
            message=f"{vendor} still answers HTTP 429 after a minute's wait: its allowance of calls is used up, "
            "perhaps by a running sync. Test again when it is over, or let syncs make fewer calls.",
            failure_type=FailureType.transient_error,
        )
    return min(wait, LONGEST_WAIT) if checking else wait


class Tries(threading.local):
    """How the request that this thread is sending went until now: failures, 429s, and whether anybody was there.

    A thread sends one request at a time. The request itself cannot be the key: a body cut off in the middle raises an
    error that does not know its request.
    """

    address = ""
    failed = 0
    throttled = 0
    heard = False
    reached = False

    def start(self) -> None:
        """Count anew for a new request."""
        self.failed = self.throttled = 0
        self.heard = self.reached = False

    def note(self, outcome: "requests.Response | Exception | None") -> None:
        """Count a failed attempt."""
        self.failed += 1
        self.heard = self.heard or isinstance(outcome, requests.Response)
        self.reached = self.reached or self.heard or not never_connected(outcome)


def never_connected(outcome: "requests.Response | Exception | None") -> bool:
    """Tell whether no connection to the host came about."""
    if isinstance(outcome, requests.ConnectTimeout | requests.exceptions.ProxyError):
        return True
    cause = outcome.args[0] if isinstance(outcome, requests.ConnectionError) and outcome.args else None
    return isinstance(getattr(cause, "reason", None), NewConnectionError)


def sleep_for(seconds: float) -> float:
    """Return what to tell the CDK, which sleeps a second more than it is told and takes 0 for "you decide"."""
    return max(float(seconds) - 1, 0.01)


def stated_wait(response: requests.Response) -> float | None:
    """Return the seconds a 429 asks to wait: `Retry-After` (seconds or a date), else the number in its text.

    The text is documented ("Request was throttled. Please try after 60 seconds"), the header is not.
    """
    header = response.headers.get("Retry-After", "").strip()
    if header.isdecimal():
        return float(header)
    if header:
        try:
            return max((email.utils.parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds(), 1.0)
        except (TypeError, ValueError):
            pass
    in_text = SECONDS_IN_TEXT.search(response.text[:1000])
    return float(in_text[1]) if in_text else None


# --- the contact center's login -----------------------------------------------------------------------------------

TOKEN_LIFE = 3300.0  # seconds; not documented, public clients of the portal keep a token of 3600 s as long


class PortalSession:
    """One login for all streams and threads of the process, renewed before it dies ("Get access token")."""

    def __init__(
        self,
        url: str,
        credentials: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        *,
        checking: bool = False,
    ) -> None:
        self._url = url
        self._credentials = credentials
        self._checking = checking
        self._failure: AirbyteTracedException | None = None
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._token = ""
        self._outcome = threading.Condition()
        self._under_way: Counter[str] = Counter()  # calls by their token
        self._mine = threading.local()
        self._accepted: set[str] = set()
        self._since = float("-inf")
        self._in_vain = False

    def token(self) -> str:
        """Return a token that still has life in it."""
        with self._lock:
            if self._clock() - self._since >= TOKEN_LIFE:
                self._log_in()
            return self._token

    def begins(self, token: str) -> None:
        """Note that this thread is about to make a call with a token."""
        with self._outcome:
            self._over()
            self._mine.token = token
            self._under_way[token] += 1

    def _over(self) -> None:
        """Note that this thread's call, if it made one, has got all the answer that it gets."""
        if token := getattr(self._mine, "token", None):
            self._mine.token = None
            self._under_way[token] -= 1
            self._outcome.notify_all()

    def accepted(self, token: str) -> None:
        """Note that the portal took a token."""
        with self._outcome:
            self._over()
            self._accepted.add(token)
            self._in_vain = False
            self._outcome.notify_all()

    def gave_up(self) -> None:
        """Note that a call was refused with tokens of two logins, neither of which was ever taken."""
        self._in_vain = True

    def was_accepted(self, token: str) -> bool:
        """Tell whether the portal ever took a token: one that it did has died, one that it did not is no good.

        Another thread's call may have used the token up and not have its answer yet: that answer is waited for.
        """
        with self._outcome:
            self._over()
            self._outcome.wait_for(lambda: token in self._accepted or not self._under_way[token], timeout=sum(TIMEOUTS))
            return token in self._accepted

    def replace(self, refused: str) -> str:
        """Return another token than the refused one; whoever comes first logs in for all.

        Once a call gave up, a token that was never taken is returned itself: logging in does not help, and each window
        would do it again.
        """
        with self._lock:
            if self._token == refused and (refused in self._accepted or not self._in_vain):
                self._log_in()
            return self._token

    def _log_in(self) -> None:
        """Log in for all; what failed for good is not tried again.

        Each window would log in: the portal may lock the user of a wrong password out, and each would wait out an
        outage for itself.
        """
        if self._failure is not None:
            # A new one each time: an error that is raised again grows by a traceback, and each window prints it.
            raise AirbyteTracedException(message=self._failure.message, failure_type=self._failure.failure_type)
        try:
            self._log_in_in_time()
        except AirbyteTracedException as error:
            self._failure = error
            raise

    def _log_in_in_time(self) -> None:
        failed = throttled = 0
        while (outcome := self._attempt()) is not None:
            if isinstance(outcome, requests.Response):
                throttled += 1
                wait = throttle_wait(outcome, throttled, "The contact center", checking=self._checking)
                LOGGER.info("The contact center answers the login with HTTP 429; trying again in %.0f s.", wait)
            else:
                failed += 1
                if failed == ATTEMPTS:
                    raise self._outage(outcome)
                wait = 2.0 ** (failed - 1)
            self._sleep(wait)

    @staticmethod
    def _outage(outcome: str) -> AirbyteTracedException:
        return AirbyteTracedException(
            message=f"The login at the contact center kept failing: {outcome}, {ATTEMPTS} attempts. Check "
            "`contact_center.portal_url` and the network if it never worked; else sync again later.",
            failure_type=FailureType.transient_error,
        )

    def _attempt(self) -> requests.Response | str | None:
        """Log in once; return the answer that asks to wait, or what else failed, without any of the answer's text."""
        try:
            answer = requests.post(self._url, json=self._credentials, timeout=TIMEOUTS, allow_redirects=False)
        except requests.RequestException as error:
            if reason := certificate_problem(error):
                raise untrusted("contact_center.portal_url", reason) from None
            return f"no answer ({type(error).__name__})"
        except OSError:
            raise environment_error() from None
        if answer.status_code == TOO_MANY:
            return answer
        if 300 <= answer.status_code < 500 and answer.status_code not in TRANSIENT_STATUSES:  # noqa: PLR2004
            raise AirbyteTracedException(
                message=f"The contact center refuses the login (HTTP {answer.status_code}). Verify "
                "`contact_center.username`, `contact_center.password`, `contact_center.domain` and "
                "`contact_center.portal_url`.",
                failure_type=FailureType.config_error,
            )
        if not answer.ok:
            return f"HTTP {answer.status_code}"
        try:
            token = mapping(parse_json(answer.content), "the body").get("access_token")
        except UnreadableBodyError as error:
            return f"HTTP {answer.status_code}, but {error}"
        if not isinstance(token, str) or not token:
            return f"HTTP {answer.status_code}, but it has no `access_token`"
        add_to_secrets(token)
        self._token, self._since = token, self._clock()
        return None


TIMEOUTS = (15.0, 60.0)
MOST_REFUSALS = 2
TRANSIENT_STATUSES = frozenset({408, 425})


@functools.cache
def portal_session(url: str, username: str, password: str, domain: str, *, checking: bool) -> PortalSession:
    """Return the process's one session of a portal's user: the CDK makes an authenticator for every requester."""
    # The CDK masks a secret as it is written in the config; in a body it may be escaped.
    add_to_secrets(json.dumps(password)[1:-1])
    credentials = {"username": username, "password": password, "domain": domain}
    return PortalSession(f"{url}/api/v2/login", credentials, checking=checking)


@dataclass
class PortalAuthenticator(DeclarativeAuthenticator):
    """Sends the portal's token; where it is refused, logs in once for all threads and repeats the call at once.

    The CDK's own login does not log in again on a 401, and logs in once for every stream. Tokens that worked may die as
    often as they like. The second one that is refused to a call and was never taken before is the end: the 401 goes to
    the error table. Not the first: others may have used it up before this call came to it.
    """

    config: Config
    parameters: InitVar[Mapping[str, Any]]

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        section = self.config["contact_center"]
        self._session = portal_session(
            section["portal_url"].rstrip("/"),
            section["username"],
            section["password"],
            section["domain"],
            checking=bool(self.config.get("__checking")),
        )

    @property
    def auth_header(self) -> str:
        """Return the header's name."""
        return "Authorization"

    @property
    def token(self) -> str:
        """Return the header's value."""
        return f"Bearer {self._session.token()}"

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign a request; a repeated one is signed anew."""
        token = self._session.token()
        self._session.begins(token)
        request.headers[self.auth_header] = f"Bearer {token}"
        hooks = request.hooks.setdefault("response", [])
        if self._renew not in hooks:
            hooks.append(self._renew)
        return request

    def _renew(self, response: requests.Response, **send_options: Any) -> requests.Response:
        refusals = 0
        while True:
            token = response.request.headers["Authorization"].removeprefix("Bearer ")
            if response.status_code != requests.codes.unauthorized:
                self._session.accepted(token)
                return response
            refusals += not self._session.was_accepted(token)
            if refusals == MOST_REFUSALS:
                self._session.gave_up()
                return response
            another = self._session.replace(token)
            if another == token:
                return response
            again = response.request.copy()
            again.headers["Authorization"] = f"Bearer {another}"
            LOGGER.info("The contact center refused its token; repeating the call with another.")
            # To the end, so that its connection can be used again.
            response.content  # noqa: B018
            response.close()
            self._session.begins(another)
            # As requests' own digest login repeats a call.
            response = response.connection.send(again, **send_options)
            response.request = again


# --- state ----------------------------------------------------------------------------------------------------------


@dataclass
class PerCampaignState(StateMigration):
    """Keeps the campaigns' own cursors, those that can be read, and drops the global one.

    The CDK starts a campaign that has no cursor of its own at the global cursor, so the history of one that is added
    later would be skipped; without a global cursor it starts at `start_date`. Beyond 10,000 cursors the CDK goes over
    to the global one by itself: cursors of campaigns that are not configured any more are kept, the latest first, as
    long as there is room for all that are. A cursor that is no time would end the stream; without it the campaign is
    read from `start_date` again.
    """

    config: Config = field(default_factory=dict)

    def should_migrate(self, stream_state: Mapping[str, Any]) -> bool:
        """Tell whether the state holds something that it can do without."""
        return self.migrate(stream_state) != stream_state

    def migrate(self, stream_state: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the state with nothing but the campaigns' readable cursors, spelled as the CDK reads them."""
        if stream_state.get("use_global_cursor"):
            say_once(
                "The state holds one progress for all campaigns, as the CDK writes it for more than 10,000: a campaign "
                "that was added later is read from there on. Refresh the stream to read all from the start date."
            )
            return stream_state
        kept = {key: value for key, value in stream_state.items() if key not in {"state", "lookback_window"}}
        if "states" in kept:
            cursors = [(entry, cursor_time(entry.get("cursor"), "processed_at")) for entry in kept["states"] or []]
            for entry, moment in cursors:
                partition = entry.get("partition")
                warn_of_future(f"campaign {partition.get('campaign_id')}" if partition else "a campaign", moment)
            states = [
                {**entry, "cursor": {"processed_at": moment.strftime(STATE_FORMAT)}}
                for entry, moment in cursors
                if moment is not None
            ]
            kept["states"] = self._with_room_for_all(states)
        return kept

    def _with_room_for_all(self, states: list[Row]) -> list[Row]:
        configured = set(self.config.get("squadstack", {}).get("campaign_ids", ()))
        gone = [entry for entry in states if (entry.get("partition") or {}).get("campaign_id") not in configured]
        too_many = len(configured) + len(gone) - MOST_CURSORS
        if too_many <= 0:
            return states
        gone.sort(key=lambda entry: str(entry["cursor"]["processed_at"]))
        dropped = set(map(id, gone[:too_many]))
        return [entry for entry in states if id(entry) not in dropped]


MOST_CURSORS = 10_000  # of the CDK's ConcurrentPerPartitionCursor: SWITCH_TO_GLOBAL_LIMIT
STATE_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass
class ReadableState(StateMigration):
    """Drops a cursor that is no time, which would end the stream: it is read from `start_date` again."""

    def should_migrate(self, stream_state: Mapping[str, Any]) -> bool:
        """Tell whether the state is not yet as the CDK reads it."""
        return bool(stream_state) and self.migrate(stream_state) != stream_state

    def migrate(self, stream_state: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the state with its cursor in Unix seconds, as text; nothing where it is no time."""
        moment = cursor_time(stream_state, "timestamp")
        warn_of_future("the contact center's activity", moment)
        return {} if moment is None else {"timestamp": str(int(moment.timestamp()))}


def warn_of_future(what: str, cursor: datetime | None) -> None:
    """Warn of a cursor in the future: the sync would end with success and read nothing, and nobody know why."""
    if cursor is not None and cursor > datetime.now(UTC):
        say_once(
            f"The state of {what} lies in the future, so nothing of it is read until then. Reset the stream if no lead "
            "can be as new."
        )


@functools.cache
def say_once(warning: str) -> None:
    """Log a warning; the CDK builds its streams several times."""
    LOGGER.warning(warning)


def cursor_time(cursor: Any, name: str) -> datetime | None:
    """Return the time that a cursor stands at, `None` where it is none."""
    return parse_time(cursor.get(name)) if isinstance(cursor, Mapping) else None
