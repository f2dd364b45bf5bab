"""The console script `source-squadstack`: spec, check, discover, read."""

import logging
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.exception_handler import init_uncaught_exception_handler
from airbyte_cdk.models import ConnectorSpecification, FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_squadstack.config import problems
from source_squadstack.source import SourceSquadstack


class Entrypoint(AirbyteEntrypoint):
    """The CDK's commands; a wrong config is described field by field, where the CDK prints the wrong value."""

    @staticmethod
    def validate_connection(source_spec: ConnectorSpecification, config: Mapping[str, Any]) -> None:
        """Raise a config_error that names every wrong field."""
        found = problems(config, source_spec.connectionSpecification)
        if found:
            raise AirbyteTracedException(message=" ".join(found), failure_type=FailureType.config_error)


def source_of(arguments: Sequence[str]) -> SourceSquadstack:
    """Build the source from the files that the command line names."""
    given = list(arguments)
    return SourceSquadstack(
        config=read_file("config", SourceSquadstack.read_config, Entrypoint.extract_config(given)),
        catalog=read_file("catalog", SourceSquadstack.read_catalog, Entrypoint.extract_catalog(given)),
        state=read_file("state", SourceSquadstack.read_state, Entrypoint.extract_state(given)),
    )


def read_file(kind: str, read: Callable[[str], Any], path: str | None) -> Any:
    """Read a file that the command line names; the CDK's own error would print what is in it."""
    if path is None:
        return None
    try:
        return read(path)
    except Exception as error:  # noqa: BLE001  # whatever its parsers raise: they quote what they met
        raise AirbyteTracedException(
            message=f"The {kind} file cannot be read as a {kind} ({type(error).__name__}).",
            failure_type=FailureType.config_error,
        ) from None


def ensure_temporary_directory() -> None:
    """The CDK makes a directory for every command, `spec` too: on a read-only root shared memory has room for it."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        tempfile.tempdir = "/dev/shm"  # noqa: S108  # a fresh directory is made in it, for this user alone


def run(arguments: Sequence[str] | None = None) -> None:
    """Run one command; its messages go to stdout, a line each."""
    init_uncaught_exception_handler(logging.getLogger("airbyte"))
    # The first process of a container gets no SIGTERM that it does not ask for: it would run on until it is killed.
    # Not sys.exit(): that waits for threads that may wait for the API.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
    ensure_temporary_directory()
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        entrypoint = Entrypoint(source_of(arguments))
        for message in entrypoint.run(entrypoint.parse_args(list(arguments))):
            sys.stdout.write(f"{message}\n")
            # On a pipe a state would else lie in the buffer while the source waits for its next call.
            if not message.startswith('{"type":"RECORD"'):
                sys.stdout.flush()
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read has gone: there is nobody left to tell, and Python would complain about it once more at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


if __name__ == "__main__":
    run()
