"""The command line: `webhooks-squadstack serve`, `forget`, `forget-puller` and `openapi`."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from logging import WARNING
from typing import TypeVar

import orjson

from squadstack_common.arguments import not_blank
from squadstack_common.privacy_settings import SHORTEST_SALT
from webhooks_squadstack import openapi
from webhooks_squadstack.app import Receiver
from webhooks_squadstack.database import ERRORS, connect
from webhooks_squadstack.health import cause
from webhooks_squadstack.logs import log, set_up
from webhooks_squadstack.server import serve
from webhooks_squadstack.settings import PRIVACY_SALT, SettingsError, read_database, read_privacy, read_settings
from webhooks_squadstack.store import Store, StoreError

_DISTRIBUTION = "airbyte-squadstack"
_LAST_PORT = 65_535
_T = TypeVar("_T")


def main(arguments: Sequence[str]) -> int:
    """Run a command; return the exit code: 0 done, 1 failed, 2 wrong arguments or environment."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "openapi":
            sys.stdout.buffer.write(orjson.dumps(openapi.document(_version()), option=orjson.OPT_INDENT_2) + b"\n")
            return 0
        if options.command == "forget-puller":
            return _forget_consumer(options.name)
        if options.command == "forget":
            return _forget_lead(options.lead_id, options.campaign_id)
        return _serve(options.host, options.port)
    except (SettingsError, StoreError) as error:
        sys.stderr.write(f"{error}\n")
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="webhooks-squadstack", description="Receives SquadStack's webhooks.")
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve", help="receive webhooks and hand them out")
    serving.add_argument("--host", default="127.0.0.1", help="address to listen at (default: %(default)s)")
    serving.add_argument(
        "--port", type=_port, default=8080, help="port to listen at (default: %(default)s); 0 takes a free one"
    )
    forgetting = commands.add_parser(
        "forget-puller", help="keep no more events for a consumer (puller) that will not come back"
    )
    forgetting.add_argument("name")
    forgetting_lead = commands.add_parser(
        "forget",
        help="delete every event of a lead",
        description="Deletes every stored event of a lead, however old, read or not. It may run beside the receiver.",
    )
    forgetting_lead.add_argument(
        "--lead-id", type=not_blank, required=True, help="the lead's id, as SquadStack posts it"
    )
    forgetting_lead.add_argument(
        "--campaign-id",
        type=not_blank,
        help="leave events that name another campaign: ids are unique within one. Those that name none are deleted",
    )
    commands.add_parser("openapi", help="print the OpenAPI document")
    return parser


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= _LAST_PORT:
        raise argparse.ArgumentTypeError(f"a port lies between 0 and {_LAST_PORT}")
    return number


def _serve(host: str, port: int) -> int:
    settings = read_settings(os.environ)
    set_up()
    if settings.privacy is not None and settings.privacy.salt_is_short:
        log("salt can be found by trying", level=WARNING, variable=PRIVACY_SALT, characters_at_least=SHORTEST_SALT)
    store = Store(connect(settings.database))
    receiver = Receiver(settings, store, version=_version())
    try:
        store.prepare()
    except ERRORS as error:
        if settings.database.get_backend_name() == "sqlite":
            raise StoreError(f"The file of WEBHOOKS_DATABASE_URL cannot be opened or written: {cause(error)}") from None
        # A server comes back: until then senders are answered with 503, and send again.
        receiver.health.failed(error)
    return serve(receiver, host=host, port=port)


def _forget_consumer(name: str) -> int:
    known = _in_store(lambda store: store.forget(name))
    if known is not None:
        sys.stderr.write(f"{name} is forgotten\n" if known else f"Nobody called {name} has pulled\n")
    return 0 if known else 1


def _forget_lead(lead_id: str, campaign_id: str | None) -> int:
    privacy = read_privacy(os.environ)

    def stored_as(field: str, value: str) -> set[str]:
        # As it came, too: what is stored may be older than the settings.
        return {value, (privacy and privacy.stored_as(field, value)) or value}

    lead_ids = stored_as("lead_id", lead_id)
    campaign_ids = set() if campaign_id is None else stored_as("campaign_id", campaign_id)
    deleted = _in_store(lambda store: store.forget_lead(lead_ids, campaign_ids))
    if deleted is None:
        return 1
    sys.stderr.write(f"Deleted {deleted} events of this lead\n" if deleted else "No event of this lead is stored\n")
    return 0


def _in_store(job: Callable[[Store], _T]) -> _T | None:
    """Return the result of a job in the store; None if the store does not respond."""
    store = Store(connect(read_database(os.environ)))
    try:
        return job(store)
    except ERRORS as error:
        sys.stderr.write(f"The store does not answer: {cause(error)}\n")
        return None
    finally:
        store.close()


def _version() -> str:
    try:
        return version(_DISTRIBUTION)
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "0"
