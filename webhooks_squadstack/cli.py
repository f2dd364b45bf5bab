"""The command line: `webhooks-squadstack serve`, `forget-puller` and `openapi`."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

import orjson

from webhooks_squadstack import openapi
from webhooks_squadstack.app import Receiver
from webhooks_squadstack.database import ERRORS, connect
from webhooks_squadstack.health import cause
from webhooks_squadstack.logs import set_up
from webhooks_squadstack.server import serve
from webhooks_squadstack.settings import SettingsError, read_database, read_settings
from webhooks_squadstack.store import Store, StoreError

_DISTRIBUTION = "airbyte-squadstack"
_LAST_PORT = 65_535


def main(arguments: Sequence[str]) -> int:
    """Run a command; return the exit code: 0 done, 1 it failed, 2 it was asked or set up wrongly."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "openapi":
            sys.stdout.buffer.write(orjson.dumps(openapi.document(_version()), option=orjson.OPT_INDENT_2) + b"\n")
            return 0
        if options.command == "forget-puller":
            return _forget(options.name)
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


def _forget(name: str) -> int:
    store = Store(connect(read_database(os.environ)))
    try:
        known = store.forget(name)
    except ERRORS as error:
        sys.stderr.write(f"The store does not answer: {cause(error)}\n")
        return 1
    finally:
        store.close()
    sys.stderr.write(f"{name} is forgotten\n" if known else f"Nobody called {name} has pulled\n")
    return 0 if known else 1


def _version() -> str:
    try:
        return version(_DISTRIBUTION)
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "0"
