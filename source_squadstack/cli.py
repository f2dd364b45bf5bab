"""The commands of the console script that need the CDK."""

import logging
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.exception_handler import assemble_uncaught_exception
from airbyte_cdk.models import AirbyteMessage, ConnectorSpecification, FailureType
from airbyte_cdk.sources.connector_state_manager import HashableStreamDescriptor
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_squadstack.cdk_fast_path.page import Page
from source_squadstack.cdk_fast_path.page_queue import read_pages
from source_squadstack.config import problems
from source_squadstack.source import SourceSquadstack


class PagedSource(SourceSquadstack):
    """The source as its console script runs it: `read` yields pages instead of records."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        read_pages(self)


class Entrypoint(AirbyteEntrypoint):
    """The CDK's commands; a wrong config is described field by field, where the CDK prints the wrong value."""

    @staticmethod
    def validate_connection(source_spec: ConnectorSpecification, config: Mapping[str, Any]) -> None:
        """Raise a config_error that names every wrong field."""
        found = problems(config, source_spec.connectionSpecification)
        if found:
            raise AirbyteTracedException(message=" ".join(found), failure_type=FailureType.config_error)

    @staticmethod
    def handle_record_counts(message: Any, stream_message_count: Any) -> Any:
        """Count records into their stream's next state, those of a page at once."""
        if isinstance(message, Page):
            stream_message_count[HashableStreamDescriptor(name=message.stream, namespace=None)] += float(
                message.records
            )
            return message
        return AirbyteEntrypoint.handle_record_counts(message, stream_message_count)

    def read(
        self, source_spec: ConnectorSpecification, config: Mapping[str, Any], catalog: Any, state: list[Any]
    ) -> Iterable[AirbyteMessage]:
        """Yield messages; pages go straight to stdout, in between."""
        for message in super().read(source_spec, config, catalog, state):
            if isinstance(message, Page):
                write_lines(message.lines)
            else:
                yield message


def write_lines(lines: bytes) -> None:
    """Write whole lines to stdout while no other thread logs there: its line would land inside one of them."""
    with ExitStack() as stack:
        for handler in logging.getLogger().handlers:
            if handler.lock is not None:
                stack.enter_context(handler.lock)
        sys.stdout.flush()
        sys.stdout.buffer.write(lines)
        # On a pipe a state would else lie in the buffer while the source waits for its next call.
        sys.stdout.buffer.flush()


def source_of(arguments: Sequence[str], kind: type[SourceSquadstack] = PagedSource) -> SourceSquadstack:
    """Build the source from the files that the command line names."""
    given = list(arguments)
    return kind(
        config=read_file("config", kind.read_config, Entrypoint.extract_config(given)),
        catalog=read_file("catalog", kind.read_catalog, Entrypoint.extract_catalog(given)),
        state=read_file("state", kind.read_state, Entrypoint.extract_state(given)),
    )


def read_file(kind: str, read: Callable[[str], Any], path: str | None) -> Any:
    """Read a file that the command line names; the CDK's own error would print its content."""
    if path is None:
        return None
    try:
        return read(path)
    except Exception as error:  # noqa: BLE001  # whatever its parsers raise: they quote what they met
        raise AirbyteTracedException(
            message=f"The {kind} file cannot be read as a {kind} ({type(error).__name__}).",
            failure_type=FailureType.config_error,
        ) from None


def report_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Report an error that ends the process, as the CDK does, with secrets masked in the texts of the trace alone.

    The CDK masks the whole line: a password that is a word of the protocol, `type` for one, leaves a line that no
    platform can read, and the sync fails without a reason.
    """
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    logging.getLogger("airbyte").fatal(error, exc_info=error)
    trace = assemble_uncaught_exception(kind, error).as_sanitized_airbyte_message()
    sys.stdout.write(f"{AirbyteEntrypoint.airbyte_message_to_string(trace)}\n")
    sys.stdout.flush()


def ensure_temporary_directory() -> None:
    """The CDK makes a directory for every command, `spec` too: on a read-only root shared memory has room for it."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        tempfile.tempdir = "/dev/shm"  # noqa: S108  # a fresh directory is made in it, for this user alone


def run(arguments: Sequence[str]) -> None:
    """Run one command; its messages go to stdout, a line each."""
    sys.excepthook = report_uncaught
    ensure_temporary_directory()
    entrypoint = Entrypoint(source_of(arguments))
    for message in entrypoint.run(entrypoint.parse_args(list(arguments))):
        write_lines(f"{message}\n".encode())
