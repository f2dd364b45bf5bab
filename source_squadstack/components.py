"""What the manifest names and YAML cannot say: one class a reason, each reason a way records were lost or leaked.

The stock runner compiles this file from text, so it imports nothing of its own package and does not postpone
annotations (the runner's dataclasses would not resolve them).

Facts about the API come from the vendor's page "Get Leads" (v4, https://app.squadrun.co/api/v4/leads/responses/).
"""

import email.utils
import json
import logging
import re
import threading
import time
from array import array
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import InitVar, dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.extractors.record_extractor import RecordExtractor
from airbyte_cdk.sources.declarative.extractors.record_filter import RecordFilter
from airbyte_cdk.sources.declarative.interpolation import InterpolatedString
from airbyte_cdk.sources.declarative.migrations.state_migration import StateMigration
from airbyte_cdk.sources.declarative.requesters.error_handlers import DefaultErrorHandler
from airbyte_cdk.sources.declarative.requesters.http_requester import HttpRequester
from airbyte_cdk.sources.declarative.requesters.paginators.strategies.pagination_strategy import PaginationStrategy
from airbyte_cdk.sources.declarative.requesters.request_options import InterpolatedRequestOptionsProvider
from airbyte_cdk.sources.declarative.retrievers.simple_retriever import SimpleRetriever
from airbyte_cdk.sources.streams.call_rate import APIBudget, CallRateLimitHit
from airbyte_cdk.sources.streams.http.error_handlers import BackoffStrategy, ErrorResolution, ResponseAction
from airbyte_cdk.sources.types import Config, Record, StreamSlice
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

LOGGER = logging.getLogger("airbyte")

# At debug level the CDK logs every response's body: phone numbers and names.
logging.getLogger("airbyte.HttpRequester").setLevel(logging.INFO)


def describe_unparsed_cursor(record: logging.LogRecord) -> bool:
    """Take the value out of the CDK's warning about a cursor it cannot parse: it may be anything."""
    if isinstance(record.msg, str) and record.msg.startswith("Skipping cursor update"):
        record.msg, record.args = "A row's cursor field is not a time: the row is emitted, the cursor stays.", ()
    return True


LOGGER.addFilter(describe_unparsed_cursor)


# --- reading a page -------------------------------------------------------------------------------------------------

HUGE_INTEGER = re.compile(rb"[0-9]{19}")


class UnreadablePageError(ValueError):
    """A body that is not the documented page; the text says how it differs, without any of it."""


class WindowChangedError(Exception):
    """The set of leads changed while it was paged: the window must be read again."""


def parse_json(content: bytes) -> Any:
    """Parse JSON; integers beyond 64 bits stay exact (orjson alone would make floats of them)."""
    try:
        return json.loads(content) if HUGE_INTEGER.search(content) else orjson.loads(content)
    except ValueError:
        kind = "empty" if not content.strip() else "not JSON"
        raise UnreadablePageError(f"the body is {kind}") from None


def read_page(response: requests.Response) -> dict[str, Any]:
    """Return the page `{count, next, previous, results}` of a response, parsed once however often it is asked for.

    Raises:
        UnreadablePageError: the body is not that page. The CDK's decoder would take it for an empty one and end the
            stream early, with a state that skips what was not read.
    """
    page: dict[str, Any] | None = getattr(response, "lead_page", None)
    if page is None:
        page = checked_page(parse_json(response.content))
        vars(response)["lead_page"] = page  # the response is the one object that all of a page's readers share
    return page


def checked_page(body: Any) -> dict[str, Any]:
    """Hold a parsed body to the documented shape of a page."""
    if not isinstance(body, dict):
        raise UnreadablePageError(f"the body is a JSON {type(body).__name__}, not an object")
    rows = body.get("results")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UnreadablePageError("`results` is not a list of objects")
    if type(body.get("count")) is not int:
        raise UnreadablePageError("`count` is not an integer")
    if not isinstance(body.get("next"), str | None):
        raise UnreadablePageError("`next` is neither a link nor null")
    return body


def requested_page(response: requests.Response) -> int:
    """Return the page number a response was asked for."""
    pages = parse_qs(urlsplit(response.request.url or "").query).get("page", ["1"])
    return int(pages[0])


@dataclass
class LeadPageExtractor(RecordExtractor):
    """The rows of a page. `DpathExtractor` would yield nothing for an unreadable body, and walks every row besides."""

    def extract_records(self, response: requests.Response) -> Iterable[MutableMapping[str, Any]]:
        """Yield the page's rows."""
        yield from read_page(response)["results"]


# --- rows -----------------------------------------------------------------------------------------------------------

TIME_FIELDS = ("created_at", "latest_called_at", "processed_at")
TEXT_FIELDS = ("lead_id", "phone_number")
EPOCH_DIGITS = re.compile(r"[0-9]{9,13}")
ISO_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:")
MILLISECONDS_FROM = 100_000_000_000  # as seconds the year 5138, as milliseconds March 1973


def parse_time(value: Any) -> datetime | None:
    """Read a time in any spelling of the vendor's pages; `None` for what is no time.

    ISO 8601 with or without offset (none means UTC) and fraction, epoch seconds and epoch milliseconds, as numbers or
    as digits.
    """
    try:
        if isinstance(value, str) and EPOCH_DIGITS.fullmatch(value):
            value = int(value)
        if isinstance(value, str):
            moment = datetime.fromisoformat(value) if ISO_TIME.match(value) else None
            return moment and (moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC))
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            return datetime.fromtimestamp(value / 1000 if value >= MILLISECONDS_FROM else value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def format_time(moment: datetime) -> str:
    """Spell a UTC time in RFC 3339 with no, three or six digits of fraction: as many as it needs."""
    text = moment.isoformat(timespec="milliseconds" if moment.microsecond % 1000 == 0 else "microseconds")
    return (text[:19] if moment.microsecond == 0 else text.removesuffix("+00:00")) + "Z"


def normalize_lead(row: MutableMapping[str, Any], campaign_id: str) -> datetime | None:
    """Give a row its types, in place: times in RFC 3339 UTC, ids and phone numbers as text, the key complete.

    All else passes through untouched. Returns `processed_at`, or `None` where it is no time.
    """
    if row.get("campaign_id") is None:
        row["campaign_id"] = campaign_id
    for name in TEXT_FIELDS:
        value = row.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            row[name] = str(value)
    moment = None
    for name in TIME_FIELDS:
        value = row.get(name)
        moment = None if value is None else parse_time(value)
        if moment is not None:
            row[name] = format_time(moment)
    return moment


@dataclass
class LeadWindowFilter(RecordFilter):
    """Normalises rows and keeps those of the half-open window.

    The requests ask one unit wider on both sides, because no page says whether the API's bounds are inclusive; the cut
    here gives the same rows either way. A row whose `processed_at` is no time cannot be cut and is kept.
    """

    def filter_records(
        self,
        records: Iterable[Mapping[str, Any]],
        stream_state: Mapping[str, Any],  # noqa: ARG002  # the CDK's signature
        stream_slice: StreamSlice | None = None,
        next_page_token: Mapping[str, Any] | None = None,  # noqa: ARG002  # the CDK's signature
    ) -> Iterable[Mapping[str, Any]]:
        """Yield the normalised rows whose `processed_at` lies within the slice, its last microsecond included."""
        assert stream_slice is not None  # noqa: S101  # every partition of the stream is a campaign's window
        campaign_id = stream_slice.partition["campaign_id"]
        start = datetime.fromisoformat(stream_slice.cursor_slice["start_time"])
        end = datetime.fromisoformat(stream_slice.cursor_slice["end_time"])
        for row in records:
            moment = normalize_lead(row, campaign_id)  # type: ignore[arg-type]  # the extractor's own dicts
            if moment is None or start <= moment <= end:
                yield row


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
        page = read_page(response)
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


class WindowPasses:
    """Counts one window's passes, to tell whether every lead of it was seen.

    Keys are 64-bit hashes of (lead_id, processed_at) in sixteen arrays: 8 bytes a row, and telling how many are
    distinct needs one array's set at a time.
    """

    def __init__(self) -> None:
        self._first_count: int | None = None
        self._all_keys = tuple(array("q") for _ in range(16))
        self.start_pass()

    def start_pass(self) -> None:
        """Begin to read the window from its first page."""
        self._counts: list[int] = []
        self._pass_keys = tuple(array("q") for _ in range(16))

    def see(self, page: Mapping[str, Any]) -> None:
        """Take note of a page before its rows are changed."""
        self._counts = [*self._counts[:1], page["count"]]
        if self._first_count is None:
            self._first_count = page["count"]
        for row in page["results"]:
            key = hash((str(row.get("lead_id")), str(row.get("processed_at"))))
            self._pass_keys[key & 15].append(key)
            self._all_keys[key & 15].append(key)

    def complete(self) -> bool:
        """Tell whether nothing can be missing.

        Either this pass saw as many distinct rows as its first and its last page both counted, or all passes together
        saw as many as the window's first page ever counted.
        """
        steady = self._counts[0] == self._counts[-1] and distinct(self._pass_keys) >= self._counts[-1]
        return steady or distinct(self._all_keys) >= (self._first_count or 0)


def distinct(arrays: "Iterable[array[int]]") -> int:
    """Count the distinct keys of arrays that share none."""
    return sum(len(set(keys)) for keys in arrays)


MAX_PASSES = 10


@dataclass
class SteadyRetriever(SimpleRetriever):
    """Reads a window again when its set of leads changed while it was paged.

    A lead that is processed anew leaves the window and every lead behind it moves up one place: the one that moves from
    the next page's first place to this page's last is never sent. The CDK does not notice.
    """

    _failed: dict[str, AirbyteTracedException] = field(init=False, repr=False, default_factory=dict)

    def _read_pages(
        self,
        records_generator_fn: Callable[[requests.Response | None], Iterable[Record]],
        stream_slice: StreamSlice,
    ) -> Iterable[Record]:
        campaign = str(stream_slice.partition.get("campaign_id"))
        if campaign in self._failed:
            # The state cannot pass the window that failed; reading later ones would only spend calls.
            raise self._failed[campaign]
        try:
            yield from self._read_until_steady(records_generator_fn, stream_slice)
        except AirbyteTracedException as error:
            self._failed[campaign] = error
            raise

    def _read_until_steady(
        self,
        records_generator_fn: Callable[[requests.Response | None], Iterable[Record]],
        stream_slice: StreamSlice,
    ) -> Iterable[Record]:
        passes = WindowPasses()

        def watched(response: requests.Response | None) -> Iterable[Record]:
            assert response is not None  # noqa: S101  # no error filter of the manifest ignores a response
            passes.see(read_page(response))
            return records_generator_fn(response)

        for number in range(1, MAX_PASSES + 1):
            if number > 1:
                LOGGER.info(
                    "Stream %s: the leads of %s changed while they were paged; reading them again (pass %d of %d).",
                    self.name,
                    describe_slice(stream_slice),
                    number,
                    MAX_PASSES,
                )
            passes.start_pass()
            try:
                yield from super()._read_pages(watched, stream_slice)
                if passes.complete():
                    return
            except WindowChangedError:
                continue
        raise AirbyteTracedException(
            message=f"The leads of {describe_slice(stream_slice)} changed in each of {MAX_PASSES} passes over them, "
            "so some may be missing. Sync again at a quieter time, or make the windows smaller (`window_days`) or the "
            "pages larger (`page_size`).",
            failure_type=FailureType.transient_error,
        )


def describe_slice(stream_slice: StreamSlice) -> str:
    """Name a slice in a message: the campaign and its window."""
    window = stream_slice.cursor_slice
    return (
        f"campaign {stream_slice.partition.get('campaign_id')}, {window.get('start_time')} to {window.get('end_time')}"
    )


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
class LeadsRequester(HttpRequester):
    """The CDK's requester that follows no redirect, lest the token go where nobody said, and says when it waits."""

    api_budget: APIBudget | None = None
    request_parameters: Mapping[str, str] | None = None

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        # The CDK's factory builds this from the key for its own requester only.
        self.request_options_provider = InterpolatedRequestOptionsProvider(
            config=self.config, parameters=parameters, request_parameters=self.request_parameters
        )
        if self.api_budget is not None:
            self.api_budget = LoggedBudget(self.api_budget)
        super().__post_init__(parameters)
        self._http_client._session.max_redirects = 0  # noqa: SLF001  # the CDK has no setting for it


ATTEMPTS = 6
ATTEMPTS_IN_CHECK = 3
LONGEST_WAIT = 60.0
SECONDS_IN_TEXT = re.compile(r"after (\d+) second")


@dataclass
class LeadsErrorHandler(DefaultErrorHandler, BackoffStrategy):
    """The manifest's error table, with four things the CDK does otherwise.

    * A 200 whose body is not the documented page is retried; the CDK reads it as an empty page.
    * A 404 behind page 1 means that the set shrank, not that the campaign is unknown.
    * A refusal raises at once with the table's sentence; the CDK first logs the whole response, lead data and all.
    * A 429 is waited out however often it comes; other failures get `ATTEMPTS` attempts, and once those were in vain
      for one request the requests behind it get a single one, until something succeeds: an outage is waited out once,
      not once a window. The CDK counts both together.
    """

    # The CDK's own limits must never be reached: this class decides when it is enough.
    max_retries: int | str | None = 1_000_000_000  # type: ignore[assignment]  # the parent widens it likewise
    max_time: int = 1_000_000_000

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        super().__post_init__(parameters)
        self.backoff_strategies = [self]
        self._tries = Tries()
        self._checking = bool(self.config.get("__checking"))
        self._outage = False

    def interpret_response(self, response_or_exception: requests.Response | Exception | None) -> ErrorResolution:
        """Decide what an attempt's outcome means; raises for outcomes that end the request."""
        if isinstance(response_or_exception, requests.Response):
            return self._interpret_answer(response_or_exception)
        if isinstance(response_or_exception, requests.TooManyRedirects):
            raise AirbyteTracedException(
                message="The host answers with a redirect, which is not followed because the token would travel along. "
                "Check `squadstack.base_url`.",
                failure_type=FailureType.config_error,
            )
        return retry(response_or_exception)

    def _interpret_answer(self, response: requests.Response) -> ErrorResolution:
        if response.status_code == requests.codes.not_found and requested_page(response) > 1:
            raise WindowChangedError
        if response.ok and not readable(response):
            return retry(response)
        resolution = super().interpret_response(response)
        if resolution.response_action == ResponseAction.FAIL:
            raise AirbyteTracedException(
                message=resolution.error_message,
                internal_message=f"HTTP {response.status_code}",
                failure_type=resolution.failure_type or FailureType.system_error,
            )
        if resolution.response_action == ResponseAction.SUCCESS:
            self._outage = False
            return resolution
        if resolution.response_action == ResponseAction.RATE_LIMITED:
            return ErrorResolution(ResponseAction.RATE_LIMITED, FailureType.transient_error, resolution.error_message)
        return retry(response)

    def backoff_time(
        self,
        response_or_exception: requests.Response | requests.RequestException | None,
        attempt_count: int = 1,
    ) -> float:
        """Return the seconds to wait before the next attempt; raises when there is to be none."""
        if attempt_count <= 1:
            self._tries.start()
        if isinstance(response_or_exception, requests.Response) and response_or_exception.status_code == 429:  # noqa: PLR2004
            return self._wait_out_throttle(response_or_exception)
        self._tries.failed += 1
        allowed = 1 if self._outage else ATTEMPTS_IN_CHECK if self._checking else ATTEMPTS
        if self._tries.failed >= allowed:
            self._outage = True
            raise AirbyteTracedException(
                message=f"SquadStack kept failing: {describe_failure(response_or_exception)}, "
                f"{self._tries.failed} attempt(s). Check `squadstack.base_url` and the network if it never worked; "
                "else sync again later: nothing is skipped, the next sync goes on from the last state.",
                failure_type=FailureType.transient_error,
            )
        return sleep_for(2 ** (self._tries.failed - 1))

    def _wait_out_throttle(self, response: requests.Response) -> float:
        self._tries.throttled += 1
        if self._checking and self._tries.throttled > 1:
            raise AirbyteTracedException(
                message="SquadStack still answers HTTP 429 after a minute's wait: the business's calls are used up, "
                "perhaps by a running sync. Test again when it is over, or lower its `squadstack.calls_per_minute`.",
                failure_type=FailureType.transient_error,
            )
        wait = stated_wait(response) or min(2**self._tries.throttled, LONGEST_WAIT)
        return sleep_for(min(wait, LONGEST_WAIT) if self._checking else wait)


class Tries(threading.local):
    """How often the request that this thread is sending has failed, and was throttled.

    A thread sends one request at a time. The request itself cannot be the key: a body cut off in the middle raises an
    error that does not know its request.
    """

    failed = 0
    throttled = 0

    def start(self) -> None:
        """Count anew for a new request."""
        self.failed = self.throttled = 0


def sleep_for(seconds: float) -> float:
    """Return what to tell the CDK, which sleeps a second more than it is told and takes 0 for "you decide"."""
    return max(float(seconds) - 1, 0.01)


def retry(outcome: requests.Response | Exception | None) -> ErrorResolution:
    """Resolve to another attempt. The words are ours: without any the CDK puts the response's body into its error."""
    return ErrorResolution(
        ResponseAction.RETRY, FailureType.transient_error, f"SquadStack: {describe_failure(outcome)}."
    )


def readable(response: requests.Response) -> bool:
    """Tell whether the body is the documented page."""
    try:
        return bool(read_page(response))
    except UnreadablePageError:
        return False


def describe_failure(outcome: requests.Response | Exception | None) -> str:
    """Describe an attempt's failure without any of the response's text."""
    if not isinstance(outcome, requests.Response):
        return f"no answer ({type(outcome).__name__})"
    if not outcome.ok:
        return f"HTTP {outcome.status_code}"
    try:
        read_page(outcome)
    except UnreadablePageError as error:
        return f"HTTP {outcome.status_code}, but {error}"
    return f"HTTP {outcome.status_code}"


def stated_wait(response: requests.Response) -> float | None:
    """Return the seconds a 429 asks to wait: `Retry-After` (seconds or a date), else the number in its text.

    The text is documented ("Request was throttled. Please try after 60 seconds"), the header is not.
    """
    header = response.headers.get("Retry-After", "").strip()
    if header.isdigit():
        return float(header)
    if header:
        try:
            return max((email.utils.parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds(), 1.0)
        except (TypeError, ValueError):
            pass
    in_text = SECONDS_IN_TEXT.search(response.text[:1000])
    return float(in_text[1]) if in_text else None


# --- state ----------------------------------------------------------------------------------------------------------


@dataclass
class PerCampaignState(StateMigration):
    """Keeps the campaigns' own cursors and drops the global one.

    The CDK starts a campaign that has no cursor of its own at the global cursor, so the history of one that is added
    later would be skipped; without a global cursor it starts at `start_date`. Beyond 10,000 campaigns the CDK keeps
    the global cursor only, and that one stays.
    """

    def should_migrate(self, stream_state: Mapping[str, Any]) -> bool:
        """Tell whether the state has a global cursor that it can do without."""
        return "state" in stream_state and not stream_state.get("use_global_cursor")

    def migrate(self, stream_state: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the state without the global cursor and its lookback."""
        return {key: value for key, value in stream_state.items() if key not in {"state", "lookback_window"}}
