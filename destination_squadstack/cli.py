"""The command line: spec, check, discover, write, replay, forget. Stdout carries Airbyte messages and nothing else.

The commands that read a config are in `commands`: `spec` must not pay for what they import.
"""

import argparse
from collections.abc import Sequence

from destination_squadstack.errors import OutputClosed, unexpected
from destination_squadstack.operations import OPERATIONS
from destination_squadstack.protocol import Emitter, spec_message, write_stdout
from destination_squadstack.spec import load_spec
from squadstack_common.arguments import not_blank

FAILED = 1
REJECTED_AGAIN = 3


def main(arguments: Sequence[str]) -> int:
    """Run one command; return the exit code."""
    options = _parser().parse_args(arguments)
    emitter = Emitter()
    try:
        try:
            return _run(options, emitter)
        except OutputClosed:
            raise
        except Exception as error:  # noqa: BLE001 - the platform reads traces, not tracebacks; and these quote what they met
            emitter.trace(unexpected(error))
    except OutputClosed:
        pass  # there is nobody left to tell
    return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="destination-squadstack", description="Airbyte destination for SquadStack.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="{spec,check,discover,write,replay,forget}")
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
        help="send rejected records again",
        description="Sends rejected records again. They stay where they are; what is rejected again is stored again. "
        f"Exit code 0: all were accepted; {REJECTED_AGAIN}: some were rejected again; {FAILED}: it failed.",
    )
    replay.add_argument("--config", required=True, help="path of the configuration file")
    replay.add_argument(
        "--from", required=True, dest="place", help="a file of rejected records, or a folder or s3:// address"
    )
    replay.add_argument(
        "--catalog", help="path of the configured catalog file; without it streams are taken from the records"
    )
    replay.add_argument("--only-retryable", action="store_true", help="leave out records that would be refused again")
    forget = commands.add_parser(
        "forget",
        help="delete a lead at SquadStack and remove what is kept of it",
        description="Deletes a lead for ever, in every campaign that the config names (allow_delete has to be set), "
        "and removes its rows from the rejected records and the delivery log. Run it while no sync runs. With dry_run "
        f"it says what would be removed. Exit code 0: done, or there was nothing; {FAILED}: it failed, run it again.",
    )
    forget.add_argument("--config", required=True, help="path of the configuration file")
    forget.add_argument("--lead-id", type=not_blank, required=True, help="the lead's id, as it is sent to SquadStack")
    forget.add_argument(
        "--campaign",
        type=not_blank,
        action="append",
        default=[],
        help="id of a campaign that records name (ref_id_from, campaign_id_from); may be repeated",
    )
    return parser


def _run(options: argparse.Namespace, emitter: Emitter) -> int:
    match options.command:
        case "spec":
            write_stdout(spec_message(load_spec()))
            return 0
        case "discover":
            _discover(emitter)
            return 0
    from destination_squadstack import commands  # noqa: PLC0415 - see above

    run = {"check": commands.check, "write": commands.write, "replay": commands.replay, "forget": commands.forget}[
        options.command
    ]
    return run(options, emitter)


def _discover(emitter: Emitter) -> None:
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
