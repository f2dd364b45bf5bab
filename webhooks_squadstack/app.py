"""The web application: its paths, and their responses."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from webhooks_squadstack import openapi, page
from webhooks_squadstack.body import UnreadableError
from webhooks_squadstack.consumers import Consumer
from webhooks_squadstack.database import ERRORS
from webhooks_squadstack.events import read_event, spelled
from webhooks_squadstack.health import Health
from webhooks_squadstack.metrics import CONTENT_TYPE, REFUSALS, Metrics
from webhooks_squadstack.retention import Retention
from webhooks_squadstack.settings import Settings
from webhooks_squadstack.store import BeyondEndError, DeletedError, Store, Stored, StoreError, Summary
from webhooks_squadstack.writer import Outcome, Writer

_BODY_SECONDS = 30.0
# Reading a large body takes long enough to keep every other sender waiting.
_LARGE_BYTES = 64 * 1024
# A sender whose body is refused before its end gets a reset connection instead of the answer, if the rest is not read.
_MAX_DISCARDED_BYTES = 64 * 1024 * 1024
# Not by this alone: curl says so of JSON as well, unless it is told what it sends.
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_BEYOND_END = (
    "after, or Confirmed-Sequence, lies beyond the newest event: the cursor is of another database, or of one that was"
    " restored since"
)
_DELETED = "Events that follow after were deleted, because another reader had confirmed them"
_NO_FORM = "The body is a form, and must be a JSON object: have the webhook post JSON"
_CONSUMER = re.compile(openapi.CONSUMER_PATTERN)
_DIGITS = re.compile(r"[0-9]{1,19}")
_T = TypeVar("_T")


def system_clock() -> int:
    """Return the machine's time in microseconds since 1970."""
    return time.time_ns() // 1_000


class RefusedError(Exception):
    """A webhook that is not stored.

    Attributes:
        reason: One of `REFUSALS`.
        body_ended: Whether the body was read to its end; if not, the connection cannot be used again.
    """

    def __init__(self, reason: str, sentence: str, *, body_ended: bool = True) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.body_ended = body_ended


class ParameterError(ValueError):
    """An invalid query parameter; its text says which, and what it must be."""


@dataclass(frozen=True)
class Asked:
    """The query of a consumer; see the OpenAPI document."""

    after: int | None
    limit: int
    confirmed: int
    consumer: str


class Receiver:
    """The service on one store. `app` is what a server runs."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        *,
        version: str,
        clock: Callable[[], int] = system_clock,
        body_seconds: float = _BODY_SECONDS,
        max_discarded: int = _MAX_DISCARDED_BYTES,
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._body_seconds = body_seconds
        self._max_discarded = max_discarded
        self._document = orjson.dumps(openapi.document(version))
        self._metrics = Metrics()
        self.health = Health()
        self._writer = Writer(store.append, committed=self._committed, failed=self.health.failed)
        self._stopping = False
        self.app = Starlette(
            routes=[
                Route("/events/{endpoint_key}", self._receive, methods=["POST"]),
                # A redirect to the address without the slash would lose the body at most senders.
                Route("/events/{endpoint_key}/", self._receive, methods=["POST"]),
                Route("/events", self._pull),
                Route("/healthz", self._healthz),
                Route("/readyz", self._readyz),
                Route("/metrics", self._show_metrics),
                Route("/openapi.json", self._openapi),
                Route("/", self._page),
            ],
            exception_handlers={HTTPException: _http_error},
            lifespan=self._lifespan,
        )
        self.app.router.redirect_slashes = False

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        days = self._settings.retention_days
        retention = Retention(self._store, self._writer, days=days, clock=self._clock) if days else None
        task = asyncio.create_task(retention.run()) if retention else None
        try:
            yield
        finally:
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await self.close()

    async def close(self) -> None:
        """Wait for what was passed to the store, and close it."""
        await self._writer.close()
        self._store.close()

    def stop(self) -> None:
        """Report on `/readyz` that the service ends, so that no proxy sends more."""
        self._stopping = True

    # ── what senders call ──────────────────────────────────────────────────────────────────────────────────────────

    async def _receive(self, request: Request) -> Response:
        self._metrics.received.inc()
        try:
            return await self._store_webhook(request)
        except RefusedError as refusal:
            self._metrics.refused(refusal.reason)
            headers = None if refusal.body_ended else {"Connection": "close"}
            return _error(REFUSALS[refusal.reason], str(refusal), headers)

    async def _store_webhook(self, request: Request) -> Response:
        if request.path_params["endpoint_key"] not in self._settings.endpoint_keys:
            ended = await self._discard(request)
            raise RefusedError("wrong_key", "The key at the end of the address is not known here", body_ended=ended)
        raw = await self._read_body(request)
        received_at = self._clock()
        try:
            if len(raw) > _LARGE_BYTES:
                event = await asyncio.to_thread(
                    read_event, raw, received_at=received_at, privacy=self._settings.privacy
                )
            else:
                event = read_event(raw, received_at=received_at, privacy=self._settings.privacy)
        except UnreadableError as error:
            is_form = request.headers.get("content-type", "").lower().startswith(_FORMS)
            raise RefusedError("unreadable", _NO_FORM if is_form else str(error)) from None
        outcome = await self._writer.write(event)
        if outcome is Outcome.REFUSED:
            raise RefusedError("too_many_waiting", "Too much waits to be stored; send it again later")
        if outcome is Outcome.UNKNOWN:
            raise RefusedError("store_down", "The store does not answer; send it again later")
        repeated = outcome is Outcome.REPEATED
        if repeated:
            self._metrics.repeated.inc()
        return _json({"event_id": event.event_id, "repeated": repeated}, status=201)

    async def _read_body(self, request: Request) -> bytes:
        declared = request.headers.get("content-length", "")
        too_large = declared.isdecimal() and int(declared) > openapi.MAX_BYTES
        body, chunks = bytearray(), aiter(request.stream())
        try:
            async with asyncio.timeout(self._body_seconds):
                while not too_large and (chunk := await anext(chunks, None)) is not None:
                    body += chunk
                    too_large = len(body) > openapi.MAX_BYTES
        except ClientDisconnect:
            raise RefusedError("cut_off", "The body was cut off") from None
        except TimeoutError:
            sentence = f"The body did not come within {self._body_seconds:g} seconds"
            raise RefusedError("slow_body", sentence, body_ended=False) from None
        if too_large:
            body.clear()
            ended = await self._discard(request)
            sentence = f"The body is larger than {openapi.MAX_BYTES} bytes"
            raise RefusedError("too_large", sentence, body_ended=ended)
        return bytes(body)

    async def _discard(self, request: Request) -> bool:
        """Read the rest of a refused body, up to a bound; return whether it came to its end."""
        if "100-continue" in request.headers.get("expect", "").lower():
            return False  # the sender waits for leave to send its body
        left = self._max_discarded
        with suppress(ClientDisconnect, TimeoutError):
            async with asyncio.timeout(self._body_seconds):
                async for chunk in request.stream():
                    left -= len(chunk)
                    if left < 0:
                        return False
                return True
        return False

    def _committed(self, events: Any, seconds: float) -> None:
        self.health.answered()
        self._metrics.stored(events, seconds)

    # ── what consumers call ─────────────────────────────────────────────────────────────────────────────────────────

    async def _pull(self, request: Request) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or token.strip() not in self._settings.pull_token:
            return _error(401, "A bearer token is needed: that of WEBHOOKS_PULL_TOKEN", {"WWW-Authenticate": "Bearer"})
        try:
            asked = _asked(request)
        except ParameterError as error:
            return _error(400, str(error))
        return await self._events(asked)

    async def _events(self, asked: Asked) -> Response:
        try:
            found = await self._ask(
                lambda: self._store.read(after=asked.after, limit=asked.limit, confirmed=asked.confirmed)
            )
            consumer = Consumer(asked.consumer, found.next_cursor, asked.confirmed, pulled_at=self._clock())
            await self._writer.run(lambda: self._store.pulled(consumer))
        except BeyondEndError:
            return _error(409, _BEYOND_END)
        except DeletedError:
            return _error(410, _DELETED)
        except (*ERRORS, StoreError) as error:
            self.health.failed(error)
            return _error(503, "The store does not answer; ask again later")
        self._metrics.pulled(len(found.events))
        data = [_row(event) for event in found.events]
        return _json({"data": data, "next_cursor": found.next_cursor, "has_more": found.has_more})

    # ── what operators call ────────────────────────────────────────────────────────────────────────────────────────

    async def _healthz(self, _request: Request) -> Response:
        return _json({"status": "ok"})

    async def _readyz(self, _request: Request) -> Response:
        if self._stopping:
            return _error(503, "It is being stopped")
        try:
            await self._ask(self._store.last_sequence)
        except (*ERRORS, StoreError) as error:
            self.health.failed(error)
            return _error(503, "The store does not answer")
        return _json({"status": "ok"})

    async def _show_metrics(self, _request: Request) -> Response:
        text = self._metrics.text(await self._summary(), waiting=self._writer.waiting)
        return Response(text, headers={"Content-Type": CONTENT_TYPE})

    async def _openapi(self, _request: Request) -> Response:
        return Response(self._document, media_type="application/json")

    async def _page(self, _request: Request) -> Response:
        summary = await self._summary()
        return HTMLResponse(
            page.render(summary, now=self._clock()), status_code=200 if summary else 503, headers=page.HEADERS
        )

    async def _summary(self) -> Summary | None:
        try:
            return await self._ask(lambda: self._store.summary(now=self._clock()))
        except (*ERRORS, StoreError) as error:
            self.health.failed(error)
            return None

    async def _ask(self, question: Callable[[], _T]) -> _T:
        answer = await asyncio.to_thread(question)
        self.health.answered()
        return answer


def _asked(request: Request) -> Asked:
    query = request.query_params
    consumer = query.get("puller", openapi.DEFAULT_CONSUMER)
    if not _CONSUMER.fullmatch(consumer):
        raise ParameterError("puller must be a name: up to 64 letters, digits and . _ -")
    after, confirmed = query.get("after"), request.headers.get(openapi.CONFIRMED)
    return Asked(
        after=_number("after", after, 0, openapi.LARGEST_SEQUENCE) if after else None,
        limit=_number("limit", query.get("limit", str(openapi.DEFAULT_LIMIT)), 1, openapi.MAX_LIMIT),
        confirmed=_number(openapi.CONFIRMED, confirmed, 0, openapi.LARGEST_SEQUENCE) if confirmed else 0,
        consumer=consumer,
    )


def _number(name: str, text: str, minimum: int, maximum: int) -> int:
    number = int(text) if _DIGITS.fullmatch(text) else -1
    if not minimum <= number <= maximum:
        raise ParameterError(f"{name} must be a whole number from {minimum} to {maximum}")
    return number


def _row(stored: Stored) -> dict[str, Any]:
    event = stored.event
    return {
        "sequence": stored.sequence,
        "event_id": event.event_id,
        "event_type": event.event_type,
        "campaign_id": event.campaign_id,
        "lead_id": event.lead_id,
        "occurred_at": spelled(event.occurred_at),
        "received_at": spelled(event.received_at),
        # As it came: parsed and written anew, it would lose what a parser does not keep.
        "payload": orjson.Fragment(event.payload),
    }


def _json(content: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status_code=status, headers=headers, media_type="application/json")


def _error(status: int, sentence: str, headers: dict[str, str] | None = None) -> Response:
    return _json({"error": sentence}, status=status, headers=headers)


async def _http_error(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return _error(error.status_code, error.detail, dict(error.headers or {}))
