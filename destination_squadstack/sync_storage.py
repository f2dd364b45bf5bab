"""Everything that a sync keeps in the store of the config: rejected records, the delivery log, and what was sent."""

import contextlib
from collections.abc import Callable, Iterator, Sequence

from destination_squadstack.config import Config
from destination_squadstack.delivery_log import DeliveryLog
from destination_squadstack.engine.tracking import OwnRecord
from destination_squadstack.errors import ConfigError, SyncError, TransientError
from destination_squadstack.operations import CONTACT_CENTER, CRM_V2, V1, V4
from destination_squadstack.record_rules.suppression import SuppressionList
from destination_squadstack.rejected_records.later_records import find_left_out
from destination_squadstack.rejected_records.part_files import StorageWriter
from destination_squadstack.rejected_records.retryable import RetryableRows
from destination_squadstack.rejected_records.storage import RejectedRecordStorage, is_final, open_storage
from destination_squadstack.rejected_records.writer import RejectedRecordWriter
from destination_squadstack.routing import Route
from destination_squadstack.sent_leads.journal_list import FOLDER
from destination_squadstack.sent_leads.memory_files import MANIFEST, MemoryFiles, has_memory
from destination_squadstack.sent_leads.tracker import LeadTracker
from squadstack_common.clock import Clock

Log = Callable[[str, str], None]


class SyncStorage:
    """What one sync keeps, and what it finds of earlier ones."""

    def __init__(
        self,
        config: Config,
        routes: Sequence[Route],
        *,
        run_id: str,
        clock: Clock,
        log: Log,
        suppression: SuppressionList | None = None,
        is_replay: bool = False,
    ) -> None:
        self._config = config
        self._suppression = suppression
        self._routes = routes
        self._run_id = run_id
        self._clock = clock
        self._log = log
        self._is_replay = is_replay
        self._storage = open_storage(config.store, run_id)
        written = None if config.dry_run else self._storage
        self.rejected_records = RejectedRecordWriter(written, run_id=run_id, clock=clock)
        what = "the delivery log" if config.delivery_log else "which leads are not to be called"
        self.deliveries = DeliveryLog(
            self._writer(written, what),
            run_id=run_id,
            clock=clock,
            keeps_all=config.delivery_log,
            is_replay=is_replay,
        )
        try:
            self.sent_leads = self._open_sent_leads()
        except BaseException:
            self.rejected_records.close()
            raise
        self._retryable = self._open_retryable()

    def _writer(self, storage: RejectedRecordStorage | None, what: str) -> StorageWriter | None:
        return None if storage is None else StorageWriter(storage, self._clock, what=what)

    def _open_sent_leads(self) -> LeadTracker | None:
        config, writer = self._config, self._writer(self._storage, "the memory of what was sent")
        if writer is None or not (config.needs_memory or has_memory(writer.storage)):
            return None
        try:
            files = MemoryFiles(
                writer,
                run_id=self._run_id,
                clock=self._clock,
                log=self._log,
                resend_after_days=config.resend_after_days,
                read_only=config.dry_run,
            )
        except OSError as error:
            raise _unreadable(writer.storage, error) from None
        portal = config.contact_center.portal_url if config.contact_center else ""
        return LeadTracker(
            files,
            self._routes,
            hosts={**dict.fromkeys((CRM_V2, V4, V1), config.squadstack.base_url), CONTACT_CENTER: portal},
            clock=self._clock,
            log=self._log,
            max_gone_percent=config.max_gone_percent,
            decides=not self._is_replay,
        )

    def _open_retryable(self) -> RetryableRows | None:
        writer = self._writer(self._storage, "the marks of retried records")
        if not self._config.retry_rejected or self._is_replay or writer is None or self.sent_leads is None:
            return None
        return RetryableRows(
            writer,
            self._routes,
            run_id=self._run_id,
            clock=self._clock,
            log=self._log,
            knows_later=self.sent_leads.knows_later,
            # What the memory knows is asked with the time of each row.
            find_left_out=lambda rows: find_left_out(self._config, self._routes, rows, self._suppression),
            read_only=self._config.dry_run,
        )

    def retried(self) -> Iterator[OwnRecord]:
        """Yield what earlier syncs rejected and may work now.

        Raises:
            SyncError: The storage cannot be read.
        """
        if self._retryable is not None and self._storage is not None:
            try:
                yield from self._retryable.rows()
            except OSError as error:
                raise _unreadable(self._storage, error) from None

    def leaving(self, problems: list[SyncError]) -> Iterator[OwnRecord]:
        """Yield what is to be done about leads that have left their streams."""
        if self.sent_leads is not None and not self._is_replay:
            yield from self.sent_leads.leaving(problems)

    def commit(self) -> None:
        """Make everything safe that has been taken so far.

        Raises:
            SyncError: It cannot be stored.
        """
        self.rejected_records.commit()
        self.deliveries.commit()

    def end(self, *, well: bool) -> None:
        """Keep what this sync has learned of leads; what cannot be kept costs calls, and no record."""
        if not well:
            with contextlib.suppress(SyncError):  # the first error is the one that counts
                self.commit()
        try:
            if self._retryable is not None:
                self._retryable.mark()
            if self.sent_leads is not None:
                (self.sent_leads.store if well else self.sent_leads.commit)()
        except SyncError as error:
            self._log("WARN", f"{error} The next sync sends again what could not be stored.")

    def close(self) -> None:
        """Let go of the storage."""
        if self.sent_leads is not None:
            self.sent_leads.close()
        self.rejected_records.close()


def memory_problem(config: Config) -> SyncError | None:
    """Say why what earlier syncs have kept cannot be read, where a sync would need it."""
    storage = open_storage(config.store, "check")
    if storage is None or not config.needs_memory:
        return None
    try:
        names = storage.names(FOLDER)
        if MANIFEST in names:
            storage.read(MANIFEST)
    except OSError as error:
        return _unreadable(storage, error)
    finally:
        storage.close()
    return None


def _unreadable(storage: RejectedRecordStorage, error: OSError) -> SyncError:
    kind = ConfigError if is_final(error) else TransientError
    return kind(
        f"object_storage_config.{storage.field(error)}: what earlier syncs have kept cannot be read "
        f"({error.strerror or type(error).__name__}). Nothing was sent."
    )
