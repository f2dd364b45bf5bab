"""`write`: threads, signals, stdin and stdout around the engine.

One thread reads and parses, some make calls, and the main thread owns the engine and writes. They meet in one queue.
The reader may be a few pieces of input ahead and no more, so a slow API slows the source down instead of filling
memory.
"""

import contextlib
import math
import os
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from queue import Empty, SimpleQueue
from types import FrameType
from typing import IO, cast

from destination_squadstack.api.client import ApiClient
from destination_squadstack.config import Config
from destination_squadstack.engine.batcher import Batcher
from destination_squadstack.engine.engine import Engine, EngineSettings
from destination_squadstack.engine.rate_limiter import RateLimiter
from destination_squadstack.engine.seen_leads import SeenLeads
from destination_squadstack.engine.tracking import Origin, OwnRecord
from destination_squadstack.errors import OutputClosed, SyncError, unexpected
from destination_squadstack.progress import Progress
from destination_squadstack.protocol import Emitter
from destination_squadstack.record_rules.suppression import SuppressionList
from destination_squadstack.routing import Route, record_mapper
from destination_squadstack.sync_storage import SyncStorage
from destination_squadstack.sync_threads import (
    CallBroke,
    CallReturned,
    CallWorkers,
    EndOfInput,
    InputPiece,
    InputReader,
    ReaderEvent,
    WorkerEvent,
)
from squadstack_common.clock import Clock

# How many messages are fed between two looks at whether there is room for more.
_MESSAGES_AT_ONCE = 64
SHUTDOWN_SECONDS = 20.0
FAILED = 1
_TERMINATED = 128
_UNLIMITED = 10**9
_SEEN_LEADS_IN_MEMORY = 1_000_000


@dataclass(frozen=True, slots=True)
class _Signal:
    number: int


_Event = ReaderEvent | WorkerEvent | _Signal


class _Terminated(Exception):  # noqa: N818 - an order, not an error
    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Sync:
    """One run of `write`."""

    def __init__(
        self,
        config: Config,
        routes: list[Route],
        *,
        api: ApiClient,
        read: Callable[[int], bytes],
        emitter: Emitter,
        clock: Clock,
        run_id: str,
        suppression: SuppressionList | None = None,
        is_replay: bool = False,
    ) -> None:
        self.run_id = run_id
        self._config = config
        self._emitter = emitter
        self._clock = clock
        self._progress = Progress(emitter.log, now=clock.monotonic(), acknowledges=not config.dry_run)
        self._limiter = _limiter(config)
        # No limit of the contact center is documented, and what goes there is none of SquadStack's allowance.
        self._contact_center_limiter = RateLimiter(_UNLIMITED)
        self._storage = SyncStorage(
            config,
            routes,
            run_id=run_id,
            clock=clock,
            log=emitter.log,
            suppression=suppression,
            is_replay=is_replay,
        )
        # Records that the source has not sent: before its own, what earlier syncs rejected; after them, who left.
        self._own: Iterator[OwnRecord] | None = self._storage.retried()
        self._engine = Engine(
            routes,
            [record_mapper(config, route, self._progress.changed, suppression) for route in routes],
            settings=EngineSettings(
                workers=config.workers,
                ignore_duplicates=config.on_duplicate == "ignore",
                max_rejected_percent=config.max_rejected_percent,
                tolerate_rejections=is_replay,
                read_timeout=api.read_timeout,
            ),
            batcher=Batcher(linger=config.linger_seconds, largest=config.squadstack.records_per_minute),
            limiter=self._limiter,
            contact_center_limiter=self._contact_center_limiter,
            rejected_records=self._storage.rejected_records,
            sent_leads=self._storage.sent_leads,
            deliveries=self._storage.deliveries,
            seen_leads=SeenLeads(_seen_leads_file()),
            progress=self._progress,
        )
        self._events: SimpleQueue[_Event] = SimpleQueue()
        self._reader = InputReader(read, self._events.put)
        self._workers = CallWorkers(api, self._events.put, count=self._engine.max_calls_under_way)
        self._pieces: deque[ReaderEvent] = deque()
        self._piece = iter(InputPiece([]).messages)
        self._more_to_feed = False
        self._watchdogs: list[threading.Timer] = []

    @property
    def rejected(self) -> int:
        """How many records have been rejected."""
        return self._progress.rejected_total

    @property
    def knows_later(self) -> Callable[[Route, str, int], bool] | None:
        """What tells whether a lead was sent or withheld after a time; None without a memory of what was sent."""
        sent_leads = self._storage.sent_leads
        return None if sent_leads is None else sent_leads.knows_later

    def on_signal(self, number: int, _: FrameType | None = None) -> None:
        """Request an orderly end; safe to call from a signal handler."""
        self._events.put(_Signal(number))
        # A reader of our stdout that has stopped reading must not keep us here for ever.
        watchdog = threading.Timer(SHUTDOWN_SECONDS + 5, _exit_now, [_TERMINATED + number])
        watchdog.daemon = True
        watchdog.start()
        self._watchdogs.append(watchdog)

    def run(self) -> int:
        """Write everything; return the exit code."""
        self._reader.start()
        self._workers.start()
        try:
            return self._run()
        except OutputClosed:
            # Nothing more can be acknowledged, so nothing more is sent.
            self._wind_down(quiet=True)
            return FAILED
        finally:
            self._finish()

    def _run(self) -> int:
        try:
            self._flow()
        except _Terminated as order:
            self._emitter.log("WARN", f"Signal {order.number}: finishing the calls under way, then stopping.")
            self._wind_down()
            self._storage.end(well=False)
            self._log_the_end()
            return _TERMINATED + order.number
        except SyncError as error:
            return self._fail(error)
        except OutputClosed:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, ready states leave and the user gets a trace without data in it
            return self._fail(unexpected(error))
        self._log_the_end()
        self._log_what_a_dry_run_found()
        return 0

    def _fail(self, error: SyncError) -> int:
        self._wind_down()
        self._storage.end(well=False)
        self._log_the_end()
        self._emitter.trace(error)
        return FAILED

    # --- the loop

    def _flow(self) -> None:
        self._until_finished()
        if self._engine.waiting_states and not self._config.dry_run:
            raise SyncError("The input has ended and all records have an outcome, but a state is left over.")
        problems: list[SyncError] = []
        self._own = self._storage.leaving(problems)
        self._until_finished()
        self._storage.end(well=True)
        if problems:
            raise type(problems[0])(" ".join(map(str, problems)))

    def _until_finished(self) -> None:
        """Go on until every record that there is has an outcome."""
        while self._own is not None or not self._engine.finished:
            self._take_input()
            self._make_calls()
            self._pass_on_states()
            now = self._clock.monotonic()
            self._progress.tick(
                now,
                waiting=self._engine.waiting,
                used=self._limiter.used(now),
                allowance=self._config.squadstack.calls_per_minute,
                input_ended=self._engine.input_ended,
            )
            if self._own is not None or not self._engine.finished:
                self._handle_events(wait=self._time_to_wait(now))
        self._pass_on_states()
        # What no state covers, as in a replay or from a source that sends none, is to be kept all the same.
        self._storage.commit()

    def _take_input(self) -> None:
        """Feed the input that has been read. A piece that does not fit is continued later, before the next one."""
        engine, now = self._engine, self._clock.monotonic()
        while not engine.saturated:
            if self._own is not None:
                if (own := next(self._own, None)) is not None:
                    engine.feed_own(own, now)
                else:
                    self._own = None
                    engine.end_own()
            elif messages := list(islice(self._piece, _MESSAGES_AT_ONCE)):
                for message in messages:
                    engine.feed(message, now)
            elif self._pieces:
                self._begin(self._pieces.popleft())
            else:
                self._more_to_feed = False
                return
        self._more_to_feed = True

    def _begin(self, piece: ReaderEvent) -> None:
        if isinstance(piece, InputPiece):
            self._reader.piece_taken()
            self._piece = iter(piece.messages)
        elif piece.error is not None:
            raise piece.error
        else:
            self._engine.end_input()

    def _make_calls(self) -> None:
        for call in self._engine.take_calls(self._clock.monotonic()):
            self._workers.make(call)

    def _pass_on_states(self) -> None:
        while states := self._engine.take_states(self._clock.monotonic()):
            if not self._config.dry_run:
                self._emitter.emit_lines(*states)

    def _time_to_wait(self, now: float) -> float:
        if self._more_to_feed and not self._engine.saturated:
            return 0.0
        return max(0.0, min(self._progress.next_at, self._engine.wake_at(now) or math.inf) - now)

    def _handle_events(self, *, wait: float) -> None:
        """Wait for an event, then handle all that have happened."""
        try:
            event = self._events.get(timeout=wait) if wait else self._events.get_nowait()
            while True:
                self._handle(event)
                event = self._events.get_nowait()
        except Empty:
            return

    def _handle(self, event: _Event) -> None:
        match event:
            case InputPiece() | EndOfInput():
                self._pieces.append(event)
            case CallReturned(call, response):
                self._engine.handle_response(call, response, self._clock.monotonic())
            case CallBroke(call, error):
                self._engine.abandon(call)
                raise error
            case _Signal(number):
                raise _Terminated(number)

    # --- the end

    def _wind_down(self, *, quiet: bool = False) -> None:
        """Make no more calls, wait for those under way, pass on the states that are covered then."""
        engine, clock = self._engine, self._clock
        deadline = clock.monotonic() + SHUTDOWN_SECONDS
        while engine.under_way and (left := deadline - clock.monotonic()) > 0:
            try:
                event = self._events.get(timeout=left)
            except Empty:
                break
            if isinstance(event, CallBroke):
                engine.abandon(event.call)
            elif isinstance(event, CallReturned):
                # The first error is the one that counts; what this answer says is lost with it and is sent again by the
                # next sync.
                with contextlib.suppress(SyncError):
                    engine.handle_response(event.call, event.response, clock.monotonic())
        if not quiet:
            with contextlib.suppress(SyncError):
                # No state that is ready waits for a later commit any more.
                self._storage.deliveries.commit()
                self._pass_on_states()

    def _finish(self) -> None:
        for watchdog in self._watchdogs:
            watchdog.cancel()
        self._workers.stop()
        self._engine.close()
        self._storage.close()

    def _log_the_end(self) -> None:
        now, allowance = self._clock.monotonic(), self._config.squadstack.calls_per_minute
        self._progress.end(now, waiting=self._engine.waiting, used=self._limiter.used(now), allowance=allowance)

    def _log_what_a_dry_run_found(self) -> None:
        if not self._config.dry_run:
            return
        calls, allowance = self._engine.calls_on_allowance, self._config.squadstack.calls_per_minute
        self._emitter.log(
            "INFO",
            f"Dry run: nothing was sent and no state was acknowledged. {self._progress.written} records would be sent "
            f"in {self._progress.calls} calls; {allowance} calls a minute make that about "
            f"{max(0, calls - allowance) / allowance:.1f} minutes longer than the calls themselves take."
            f"{self._what_else_a_dry_run_found()}",
        )

    def _what_else_a_dry_run_found(self) -> str:
        progress = self._progress
        found = [
            (progress.filtered.total(), "records do not pass the filter"),
            (progress.unchanged, "are unchanged"),
            (progress.own[Origin.RETRIED], "rejected by earlier syncs would be sent once more"),
            (progress.own[Origin.GONE], "leads that have left would be disabled"),
        ]
        said = ", ".join(f"{count} {what}" for count, what in found if count)
        return f" {said}." if said else ""


def _seen_leads_file() -> IO[bytes]:
    """Return a file that is in memory up to a million leads, and then on disk without a name."""
    return cast("IO[bytes]", tempfile.SpooledTemporaryFile(max_size=_SEEN_LEADS_IN_MEMORY * 8))


def _limiter(config: Config) -> RateLimiter:
    if config.dry_run:
        return RateLimiter(_UNLIMITED)
    return RateLimiter(config.squadstack.calls_per_minute, config.squadstack.records_per_minute)


def _exit_now(code: int) -> None:
    os._exit(code)
