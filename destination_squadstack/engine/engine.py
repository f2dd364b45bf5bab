"""The engine: records in, calls out, responses in, states out, without threads, time, input or output of its own.

This module only wires. What it hands things to:

* `batcher`: records become batches, the order of each lead is kept
* `scheduler`: which call goes out when; `rate_limiter`: the allowance, and pauses after a 429
* `response_handler`: what follows from a response; `retry`: when a call without an outcome is sent again
* `settlement`: written and rejected records; `state_release`: states that may leave, by the ledger of `checkpoint`
* `circuit_breaker`: stops a sync whose config cannot be right; `lead_facts`, `seen_leads`: what this run knows of leads

One thread owns it, so nothing in it is locked, and a test drives it through any order of events with a clock that it
makes up. Every record ends in exactly one way: written, rejected, or unresolved when the sync fails.
"""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from destination_squadstack.api.outcomes import Response
from destination_squadstack.campaigns import CampaignOperation
from destination_squadstack.engine.batcher import RECORD_OVERHEAD, Batcher, Record
from destination_squadstack.engine.calls import SQUADSTACK, ApiCall, Call, api_of
from destination_squadstack.engine.checkpoint import Ledger
from destination_squadstack.engine.rate_limiter import RateLimiter
from destination_squadstack.engine.rejection import RejectedRecords
from destination_squadstack.engine.response_handler import ResponseHandler
from destination_squadstack.engine.scheduler import Scheduler
from destination_squadstack.engine.seen_leads import SeenLeads
from destination_squadstack.engine.settlement import Settlement
from destination_squadstack.engine.tracking import Deliveries, Origin, OwnRecord, SentLeadsTracker, Source, Verdict
from destination_squadstack.errors import MalformedInput, SyncError
from destination_squadstack.input_messages import Message, stream_status
from destination_squadstack.mapping import Deleted, Filtered, InvalidRecord, Lead, RecordMapper
from destination_squadstack.operations import CONTACT_CENTER
from destination_squadstack.progress import Progress
from destination_squadstack.routing import Route
from squadstack_common.lossless_json import dump

# How much may be read ahead of the API's responses.
MAX_RECORDS = 10_000
MAX_BYTES = 64 * 1024 * 1024
MAX_STATES = 10_000


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What the engine needs of the config and of the client."""

    # How many calls may be under way to each of the two APIs.
    workers: int
    ignore_duplicates: bool = False
    max_rejected_percent: int | None = None
    # Whether many rejections say nothing about the config, as in a replay: its records were rejected before.
    tolerate_rejections: bool = False
    # How long the API may still be at work on a call whose response did not come, however many leads it holds.
    read_timeout: float = 300.0


class Engine:
    """The façade that the loop of a sync drives; see the module."""

    def __init__(
        self,
        routes: Sequence[Route],
        mappers: Sequence[RecordMapper],
        *,
        settings: EngineSettings,
        batcher: Batcher,
        limiter: RateLimiter,
        contact_center_limiter: RateLimiter | None = None,
        rejected_records: RejectedRecords,
        seen_leads: SeenLeads,
        progress: Progress,
        sent_leads: SentLeadsTracker | None = None,
        deliveries: Deliveries | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._routes = {
            (namespace, route.stream): (route, mapper)
            for route, mapper in zip(routes, mappers, strict=True)
            for namespace in _spellings(route)
        }
        self._settings = settings
        self._sent_leads = sent_leads
        self._batcher = batcher
        self._progress = progress
        self._ledger = Ledger()
        self._scheduler = Scheduler(
            batcher,
            {SQUADSTACK: limiter, CONTACT_CENTER: contact_center_limiter or limiter},
            workers=settings.workers,
        )
        self._settlement = Settlement(
            routes,
            ledger=self._ledger,
            batcher=batcher,
            rejected_records=rejected_records,
            seen_leads=seen_leads,
            progress=progress,
            ignore_duplicates=settings.ignore_duplicates,
            max_rejected_percent=settings.max_rejected_percent,
            tolerate_rejections=settings.tolerate_rejections,
            sent_leads=sent_leads,
            deliveries=deliveries,
        )
        self._responses = ResponseHandler(
            scheduler=self._scheduler,
            settlement=self._settlement,
            progress=progress,
            read_timeout=settings.read_timeout,
            jitter=jitter,
        )
        self._input_ended = False

    # --- state of the flow

    @property
    def under_way(self) -> int:
        """How many calls have been handed out and not returned."""
        return self._scheduler.under_way

    @property
    def max_calls_under_way(self) -> int:
        """How many calls may be under way at once: so many to each API that is used."""
        apis = {api_of(route.lane) for route, _ in self._routes.values()}
        return self._settings.workers * max(1, len(apis))

    @property
    def calls_on_allowance(self) -> int:
        """How many calls have been handed out that count against SquadStack's allowance."""
        return self._scheduler.queue(SQUADSTACK).sent

    @property
    def waiting(self) -> int:
        """How many records have no outcome yet."""
        return self._ledger.unresolved

    @property
    def waiting_states(self) -> int:
        """How many states have not left yet."""
        return self._ledger.waiting_states

    @property
    def input_ended(self) -> bool:
        """Whether all input has been read."""
        return self._input_ended

    @property
    def saturated(self) -> bool:
        """Whether no more input should be fed."""
        ledger = self._ledger
        return ledger.unresolved >= MAX_RECORDS or ledger.held_bytes >= MAX_BYTES or ledger.waiting_states >= MAX_STATES

    @property
    def finished(self) -> bool:
        """Whether all input has been read and every record has an outcome."""
        return self._input_ended and not self._ledger.unresolved

    # --- input

    def feed(self, message: Message, now: float) -> None:
        """Take a RECORD, a STATE or the status of a stream."""
        number, record, line = message
        if isinstance(record, dict):
            self._take_other(record, line)
            return
        try:
            route, mapper = self._routes[record.namespace, record.stream]
        except (KeyError, TypeError):
            raise MalformedInput(
                f"Line {number} of the input is a RECORD of a stream that the catalog does not have."
            ) from None
        self._progress.read += 1
        self._take(route, mapper, Source(number, line, record.data), now)

    def _take_other(self, content: Mapping[str, Any], line: bytes) -> None:
        """Take a STATE or the status of a stream."""
        if content["type"] == "STATE":
            self._ledger.add_state(content["state"], line)
        elif self._sent_leads is not None and (status := stream_status(content)) is not None:
            self._sent_leads.stream_status(*status)

    def feed_own(self, own: OwnRecord, now: float) -> None:
        """Take a record that the source has not sent."""
        if own.origin is Origin.GONE:
            if (lane := own.route.gone) is not None:
                lead = Lead(str(own.data["lead_id"]), dump(own.data), alone=False, stop=None)
                self._send(own.route, lane, lead, Source(0, own.line, own.data, own), now)
            return
        route, mapper = self._routes[own.route.key]
        self._take(route, mapper, Source(0, own.line, own.data, own), now)

    def _take(self, route: Route, mapper: RecordMapper, source: Source, now: float) -> None:
        """Send a record, or say what else becomes of it."""
        try:
            lead = mapper.shape(source.data)
            lane = route.lane_of(source.data, lead)
        except Deleted:
            self._progress.deleted_at_source += 1
            self._settlement.not_for_sending(route, source, mapper, Verdict.DELETED_AT_SOURCE)
            return
        except Filtered:
            self._progress.filtered[route.stream] += 1
            self._settlement.not_for_sending(route, source, mapper, Verdict.FILTERED)
            return
        except InvalidRecord as invalid:
            self._settlement.invalid_record(route, source, invalid, now)
            return
        if lead.alone:
            self._progress.sent_alone(route.stream)
        self._send(route, lane, lead, source, now)

    def _send(self, route: Route, lane: CampaignOperation, lead: Lead, source: Source, now: float) -> None:
        """Put a record into a batch, unless SquadStack has it."""
        lead_id, body, alone, stop = lead
        line, own = source.line, source.own
        if self._sent_leads is not None:
            unchanged = self._sent_leads.decide(route, lane, lead_id, body, own=own is not None)
            if unchanged is not None:
                self._settlement.unchanged(route, lane, lead_id, source, unchanged)
                return
        if stop is not None:
            self._progress.stopped[stop, lane.operation.name] += 1
        size = len(line) + len(body) + RECORD_OVERHEAD
        segment = self._ledger.add_record(size) if own is None else self._ledger.add_own_record(size)
        self._batcher.add(Record(route, lane, lead_id, body, source.number, line, segment, size, alone, stop, own), now)

    def end_input(self) -> None:
        """Note that no more messages will come."""
        self._input_ended = True
        self._batcher.seal_all()

    def end_own(self) -> None:
        """Note that no more records come that the source has not sent."""
        self._batcher.seal_all()

    # --- calls

    def take_calls(self, now: float) -> list[ApiCall]:
        """Return the calls that are to be made now."""
        self._batcher.seal_due(now)
        self._scheduler.collect()
        if self.saturated and self._scheduler.is_idle:
            # No more can be read, and no call is under way that would free memory.
            if self._batcher.seal_oldest():
                self._scheduler.collect()
            else:
                self._settlement.breaker.release()
        calls = self._scheduler.take(now)
        if self._sent_leads is not None and calls:
            self._remember(calls)
        for call in calls:
            self._responses.note_sent(call, now)
        return calls

    def _remember(self, calls: Sequence[ApiCall]) -> None:
        """Have what is about to be sent remembered before it is."""
        if self._sent_leads is None:
            return
        records = (record for call in calls if isinstance(call, Call) for record in call.records)
        try:
            self._sent_leads.before_sending((record.route, record.lane, record.lead_id) for record in records)
        except SyncError:
            # None of these calls is sent, so nothing may wait for their responses.
            for call in calls:
                self.abandon(call)
            raise

    def wake_at(self, now: float) -> float | None:
        """Return the time at which there is something to do even if nothing happens."""
        breaker = self._settlement.breaker
        moments = [self._batcher.next_deadline(), breaker.held_until() if breaker.holds(now) else None]
        moments += [self._scheduler.wake_at(now), self._settlement.states.wait_for_log_until()]
        return min((moment for moment in moments if moment not in (None, math.inf, -math.inf)), default=None)

    def handle_response(self, call: ApiCall, response: Response, now: float) -> None:
        """Take the response to a call.

        Raises:
            SyncError: The sync cannot go on.
        """
        self.abandon(call)
        self._responses.handle(call, response, now)

    def abandon(self, call: ApiCall) -> None:
        """Record that a call is no longer under way; its records stay without an outcome."""
        self._scheduler.queue_of(call).returned(call)

    # --- output

    def take_states(self, now: float) -> list[bytes]:
        """Return the states that may leave now, as messages; none if there are no more.

        What was rejected before them is safe.

        Raises:
            ConfigError: More records were rejected than the config allows.
        """
        return self._settlement.states.take(now, finished=self.finished)

    def close(self) -> None:
        """Delete the engine's temporary files."""
        self._settlement.close()


def _spellings(route: Route) -> tuple[str | None, ...]:
    """Return how the records of a stream may spell its namespace: none at all and an empty one are the same."""
    return (route.namespace,) if route.namespace else (None, "")
