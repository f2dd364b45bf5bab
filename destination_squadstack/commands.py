"""The commands that read a config: check, write, replay, forget. Each returns its exit code."""

import gc
import os
import signal
import uuid
from argparse import Namespace
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from destination_squadstack.api.dry_run import DryRun
from destination_squadstack.api.router import ApiRouter
from destination_squadstack.check import problem as find_problem
from destination_squadstack.cli import FAILED, REJECTED_AGAIN
from destination_squadstack.config import Config, parse_config, read_json
from destination_squadstack.errors import SyncError, TransientError
from destination_squadstack.forget import delete_at_squadstack, places_of
from destination_squadstack.protocol import Emitter, register_secrets
from destination_squadstack.record_rules.suppression import SuppressionList
from destination_squadstack.record_rules.suppression_file import load_suppression_list
from destination_squadstack.rejected_records import storage
from destination_squadstack.rejected_records.later_records import LeftOut, find_left_out
from destination_squadstack.rejected_records.part_files import StorageWriter
from destination_squadstack.rejected_records.removal import Removed, remove_old, remove_rows
from destination_squadstack.rejected_records.replay import RejectedRows
from destination_squadstack.routing import Route, plan, unmatched
from destination_squadstack.sent_leads.memory_files import MemoryFiles, has_memory
from destination_squadstack.spec import load_spec
from destination_squadstack.stream_fields import missing_fields
from destination_squadstack.sync import Sync
from squadstack_common.clock import SystemClock

_STDIN = 0
_OBJECTS_BETWEEN_COLLECTIONS = 50_000


def check(options: Namespace, emitter: Emitter) -> int:
    """Test the configuration."""
    try:
        config = _load_config(options.config)
        problem = find_problem(config, ApiRouter(config), SystemClock())
    except SyncError as error:
        problem = str(error)
    emitter.connection_status(problem)
    return 0


def write(options: Namespace, emitter: Emitter) -> int:
    """Send the records that arrive on stdin."""
    try:
        config = _load_config(options.config)
        catalog = read_json(options.catalog, "catalog")
        routes = plan(config, catalog)
        sync = _sync(config, routes, _read_stdin, emitter, _load_suppression(config, options.config, emitter))
    except SyncError as error:
        emitter.trace(error)
        return FAILED
    _say_what_will_happen(config, routes, emitter)
    for sentence in missing_fields(config, routes, catalog):
        emitter.log("WARN", sentence)
    _remove_old(config, SystemClock(), emitter)
    return sync.run()


def _remove_old(config: Config, clock: SystemClock, emitter: Emitter) -> None:
    """Remove rejected records that are older than the config lets them be; no sync fails over it."""
    if config.rejected_retention_days is None or config.dry_run:
        return
    kept = storage.open_storage(config.store, "retention")
    if kept is None:
        return
    try:
        files = remove_old(kept, now=clock.wall(), days=config.rejected_retention_days)
        if files:
            emitter.log("INFO", f"Removed {files} files of rejected records, by rejected_retention_days.")
    except OSError as error:
        emitter.log(
            "WARN",
            f"object_storage_config.{kept.field(error)}: rejected records older than rejected_retention_days cannot be "
            f"removed ({error.strerror or type(error).__name__}).",
        )
    finally:
        kept.close()


def _read_stdin(size: int) -> bytes:
    try:
        return os.read(_STDIN, size)
    except OSError as error:
        raise SyncError(f"The input cannot be read ({error.strerror}): stdin has to be open.") from None


def replay(options: Namespace, emitter: Emitter) -> int:
    """Send rejected records again."""
    try:
        config = _load_config(options.config)
        rejected = RejectedRows(options.place, config.store, only_retryable=options.only_retryable)
        found = rejected.look()
        if not found.rows:
            emitter.log(
                "INFO",
                f"None of the {found.passed_over} rejected records at --from is retryable, so there is nothing to "
                "send. Without --only-retryable all of them would be sent.",
            )
            return 0
        catalog = read_json(options.catalog, "catalog") if options.catalog else found.catalog()
        # A few streams' rows at most: an entry that matches none of them is nothing unusual.
        routes = plan(config, catalog, whole=False)
        found.expect({route.key for route in routes})
        suppression = _load_suppression(config, options.config, emitter)
        sync = _sync(config, routes, rejected.reader(), emitter, suppression, is_replay=True)
        left_out = find_left_out(config, routes, rejected.rows(), suppression, knows_later=sync.knows_later)
    except SyncError as error:
        emitter.trace(error)
        return FAILED
    rejected.leave_out(left_out.places)
    emitter.log(
        "INFO",
        f"Sending {found.rows - len(left_out.places)} rejected records of {found.files} files again; the files stay as "
        "they are.",
    )
    _say_what_is_left_out(config, left_out, emitter)
    _say_what_will_happen(config, routes, emitter)
    code = sync.run()
    rejected.close()
    if code == 0 and sync.rejected:
        kept = "" if config.store is None or config.dry_run else f"; they are stored under {sync.run_id}"
        emitter.log("WARN", f"{sync.rejected} of {found.rows} records were rejected again{kept}.")
        return REJECTED_AGAIN
    return code


def _say_what_is_left_out(config: Config, left_out: LeftOut, emitter: Emitter) -> None:
    if left_out.withheld:
        emitter.log(
            "WARN",
            f"{left_out.withheld} records are left out: a later record says that their lead is not to be called.",
        )
    if left_out.newer:
        emitter.log(
            "WARN", f"{left_out.newer} records are left out: a later record of their lead was accepted, which stands."
        )
    if config.store is None:
        emitter.log(
            "WARN",
            "object_storage_config names no store, so what later syncs have read of these leads is not known: a lead "
            "that was deleted or filtered since is called. Name the store of the syncs, or leave such records out.",
        )


def forget(options: Namespace, emitter: Emitter) -> int:
    """Delete a lead at SquadStack and remove what is kept of it."""
    clock = SystemClock()
    try:
        config = _load_config(options.config)
        places = places_of(config, options.campaign)
        if not config.dry_run:
            delete_at_squadstack(places, options.lead_id, ApiRouter(config), clock, emitter.log)
        removed = _removed(config, options.lead_id, clock, emitter)
    except SyncError as error:
        emitter.trace(error)
        return FAILED
    if removed is None:
        emitter.log("INFO", "object_storage_config names no store: nothing is kept of the lead.")
    else:
        emitter.log(
            "INFO",
            f"{'Dry run: would remove' if config.dry_run else 'Removed'} {removed.rejected} rejected rows and "
            f"{removed.deliveries} rows of the delivery log, from {removed.files} files, and {removed.remembered} "
            "entries of the memory of what was sent.",
        )
    return 0


def _removed(config: Config, lead_id: str, clock: SystemClock, emitter: Emitter) -> Removed | None:
    kept = storage.open_storage(config.store, "forget")
    if kept is None:
        return None
    id_fields = {
        name for entry in config.streams for field in entry.field_map if field.to == "lead_id" for name in field.sources
    }
    try:
        removed = remove_rows(kept, clock, lead_id, id_fields, look_only=config.dry_run, log=emitter.log)
        if not has_memory(kept):
            return removed
        files = MemoryFiles(
            StorageWriter(kept, clock, what="the memory of what was sent"),
            run_id=_new_run_id(),
            clock=clock,
            log=emitter.log,
            resend_after_days=config.resend_after_days,
            read_only=config.dry_run,
        )
        try:
            return removed._replace(remembered=files.forget(lead_id))
        finally:
            files.close()
    except OSError as error:
        raise TransientError(
            f"object_storage_config.{kept.field(error)}: the memory of what was sent cannot be read "
            f"({error.strerror or type(error).__name__}). Run forget again."
        ) from None
    finally:
        kept.close()


def _new_run_id() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"


def _load_suppression(config: Config, path: str, emitter: Emitter) -> SuppressionList | None:
    if config.suppression is None:
        # Airbyte's form leaves the section behind: its user may believe that there is a list.
        if read_json(path, "config").get("suppression") is not None:
            emitter.log("INFO", "suppression names no list: no number is held back.")
        return None
    suppression = load_suppression_list(config.suppression.path, config.store)
    emitter.log("INFO", f"The suppression list has {len(suppression):,} numbers.")
    return suppression


def _sync(
    config: Config,
    routes: list[Route],
    read: Callable[[int], bytes],
    emitter: Emitter,
    suppression: SuppressionList | None,
    *,
    is_replay: bool = False,
) -> Sync:
    clock = SystemClock()
    if not config.dry_run and (error := storage.problem(config.store, clock)) is not None:
        # A broken store that is found at the first rejected record would cost the states of all sent before it.
        raise error
    # What has been imported is here to stay, and of what the flow makes little waits for a collector: looking through
    # both as often as Python does by itself would take a fifth of the time.
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    sync = Sync(
        config,
        routes,
        api=DryRun() if config.dry_run else ApiRouter(config),
        read=read,
        emitter=emitter,
        clock=clock,
        run_id=_new_run_id(),
        suppression=suppression,
        is_replay=is_replay,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, sync.on_signal)
    return sync


def _load_config(path: str) -> Config:
    raw = read_json(path, "config")
    register_secrets(load_spec(), raw)
    return parse_config(raw)


def _say_what_will_happen(config: Config, routes: Sequence[Route], emitter: Emitter) -> None:
    for name in config.unknown_fields:
        emitter.log("WARN", f"The config's field '{name}' is not known to this connector and is ignored.")
    for route in routes:
        emitter.log(
            "INFO",
            f"The stream '{route.stream}'{f' of {route.namespace!r}' if route.namespace else ''} goes to "
            f"{route.lane.operation.endpoint} ({route.lane.operation.name}).",
        )
    for entry in unmatched(config, routes):
        of = f" of {entry.namespace!r}" if entry.namespace else ""
        emitter.log("WARN", f"{entry.at} is not used: no stream of the catalog is called '{entry.stream}'{of}.")
    if config.dry_run:
        emitter.log("WARN", "Dry run: nothing is sent, no state is acknowledged.")
    elif config.store is None:
        emitter.log("WARN", "object_storage_config names no store: rejected records will be counted, not kept.")
