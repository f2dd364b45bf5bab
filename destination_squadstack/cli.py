"""The command line: spec, check, discover, write, replay. Stdout carries Airbyte messages and nothing else."""

import argparse
import gc
import os
import signal
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from destination_squadstack.config import Config, load_spec, parse_config, read_json
from destination_squadstack.errors import SyncError, unexpected
from destination_squadstack.operations import OPERATIONS
from destination_squadstack.protocol import Emitter, OutputClosed, register_secrets, spec_message, write_stdout
from destination_squadstack.routing import Route, plan, unmatched
from squadstack_common.clock import SystemClock

if TYPE_CHECKING:
    from destination_squadstack.sync import Sync

_STDIN = 0
_OBJECTS_BETWEEN_COLLECTIONS = 50_000
_FAILED = 1
_REJECTED_AGAIN = 3


def main(arguments: Sequence[str]) -> int:
    """Run one command; return the exit code."""
    options = _parser().parse_args(arguments)
    commands: dict[str, Callable[[argparse.Namespace, Emitter], int]] = {
        "spec": _spec,
        "check": _check,
        "discover": _discover,
        "write": _write,
        "replay": _replay,
    }
    emitter = Emitter()
    try:
        try:
            return commands[options.command](options, emitter)
        except OutputClosed:
            raise
        except Exception as error:  # noqa: BLE001 - the platform reads traces, not tracebacks; and these quote what they met
            emitter.trace(unexpected(error))
    except OutputClosed:
        pass  # there is nobody left to tell
    return _FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="destination-squadstack", description="Airbyte destination for SquadStack.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="{spec,check,discover,write,replay}")
    commands.add_parser("spec", help="print the specification of the configuration")
    check = commands.add_parser("check", help="prove that the configuration works, without changing anything")
    check.add_argument("--config", required=True, help="path of the configuration file")
    discover = commands.add_parser("discover", help="print the operations and their schemas")
    discover.add_argument("--config", help="path of the configuration file; it does not change the answer")
    write = commands.add_parser("write", help="send the records that arrive on stdin")
    write.add_argument("--config", required=True, help="path of the configuration file")
    write.add_argument("--catalog", required=True, help="path of the configured catalog file")
    replay = commands.add_parser(
        "replay",
        help="send rejected rows again",
        description="Sends rejected rows again. They stay where they are; what is rejected again is kept anew. "
        f"Exit code 0: all were accepted; {_REJECTED_AGAIN}: some were rejected again; {_FAILED}: it failed.",
    )
    replay.add_argument("--config", required=True, help="path of the configuration file")
    replay.add_argument("--from", required=True, dest="place", help="a kept file, or a folder or s3:// address above")
    replay.add_argument(
        "--catalog", help="path of the configured catalog file; without it streams are taken from the rows"
    )
    replay.add_argument("--only-retryable", action="store_true", help="pass over rows that would be refused again")
    return parser


def _spec(_: argparse.Namespace, __: Emitter) -> int:
    write_stdout(spec_message(load_spec()))
    return 0


def _discover(_: argparse.Namespace, emitter: Emitter) -> int:
    operations = [
        {
            "object_name": row.object_name,
            "sync_mode": row.sync_mode,
            "json_schema": row.schema,
            "matching_keys": [[row.key]],
        }
        for row in OPERATIONS.values()
    ]
    emitter.emit({"type": "DESTINATION_CATALOG", "destination_catalog": {"operations": operations}})
    return 0


def _check(options: argparse.Namespace, emitter: Emitter) -> int:
    from destination_squadstack import check  # noqa: PLC0415 - `spec` must not pay for these imports
    from destination_squadstack.api.router import ApiRouter  # noqa: PLC0415

    try:
        config = _load_config(options.config)
        problem = check.problem(config, ApiRouter(config), SystemClock())
    except SyncError as error:
        problem = str(error)
    emitter.connection_status(problem)
    return 0


def _write(options: argparse.Namespace, emitter: Emitter) -> int:
    try:
        config = _load_config(options.config)
        routes = plan(config, read_json(options.catalog, "catalog"))
        sync = _sync(config, routes, _read_stdin, emitter)
    except SyncError as error:
        emitter.trace(error)
        return _FAILED
    _say_what_will_happen(config, routes, emitter)
    return sync.run()


def _read_stdin(size: int) -> bytes:
    try:
        return os.read(_STDIN, size)
    except OSError as error:
        raise SyncError(f"The input cannot be read ({error.strerror}): stdin has to be open.") from None


def _replay(options: argparse.Namespace, emitter: Emitter) -> int:
    from destination_squadstack.rejected_records.replay import RejectedRows  # noqa: PLC0415 - see _check

    try:
        config = _load_config(options.config)
        rejected = RejectedRows(options.place, config.store, only_retryable=options.only_retryable)
        found = rejected.look()
        if not found.rows:
            emitter.log(
                "INFO",
                f"None of the {found.passed_over} rejected rows at --from is retryable, so there is nothing to send. "
                "Without --only-retryable all of them would be sent.",
            )
            return 0
        catalog = read_json(options.catalog, "catalog") if options.catalog else found.catalog()
        # A few streams' rows at most: an entry that matches none of them is nothing unusual.
        routes = plan(config, catalog, whole=False)
        found.expect({route.key for route in routes})
        sync = _sync(config, routes, rejected.reader(), emitter, is_replay=True)
    except SyncError as error:
        emitter.trace(error)
        return _FAILED
    emitter.log("INFO", f"Sending {found.rows} rejected rows of {found.files} files again; the files stay as they are.")
    _say_what_will_happen(config, routes, emitter)
    code = sync.run()
    rejected.close()
    if code == 0 and sync.rejected:
        kept = "" if config.store is None or config.dry_run else f"; they are kept under {sync.run_id}"
        emitter.log("WARN", f"{sync.rejected} of {found.rows} rows were rejected again{kept}.")
        return _REJECTED_AGAIN
    return code


def _sync(
    config: Config, routes: list[Route], read: Callable[[int], bytes], emitter: Emitter, *, is_replay: bool = False
) -> "Sync":
    from destination_squadstack.api.router import ApiRouter  # noqa: PLC0415
    from destination_squadstack.api.squadstack import DryRun  # noqa: PLC0415
    from destination_squadstack.rejected_records import storage  # noqa: PLC0415 - see _check
    from destination_squadstack.sync import Sync  # noqa: PLC0415

    clock = SystemClock()
    if not config.dry_run and (trouble := storage.problem(config.store, clock)) is not None:
        # Found out when the first row is rejected, it would cost what has been sent until then its states.
        raise trouble
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
        run_id=f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}",
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
