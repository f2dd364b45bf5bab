"""Airbyte messages on stdin and stdout.

The CDK's message classes are not used for this: they drop `state.id`, without which the platform fails the sync, and
`rejectedRecordCount`; they log an undecodable line as it is, which is personal data; and nothing is flushed.
"""

import contextlib
import os
import threading
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from destination_squadstack.errors import OutputClosed, SyncError
from squadstack_common.lossless_json import dump
from squadstack_common.secrets import mask_only, masked, secrets_of

STDOUT = 1
STDERR = 2

# A stream's namespace and name.
StreamKey = tuple[str | None, str]


def write_stdout(text: bytes) -> None:
    """Write to stdout, all of it, now; no buffer is involved."""
    view = memoryview(text)
    while view:
        view = view[os.write(STDOUT, view) :]


def _say_on_stderr(text: str) -> None:
    with contextlib.suppress(OSError):
        os.write(STDERR, f"destination-squadstack: {text}\n".encode())


class Emitter:
    """Writes messages from any thread, one line each, and masks secrets in what people read."""

    def __init__(self, write: Callable[[bytes], None] = write_stdout) -> None:
        self._write = write
        self._lock = threading.Lock()

    def emit(self, *messages: Mapping[str, Any]) -> None:
        """Write messages in one piece.

        Raises:
            OutputClosed: Nobody reads stdout any more.
        """
        self.emit_lines(*[dump(message) for message in messages])

    def emit_lines(self, *lines: bytes) -> None:
        """Write messages that are text already, unchanged and in one piece.

        Raises:
            OutputClosed: Nobody reads stdout any more.
        """
        text = b"".join(line + b"\n" for line in lines)
        with self._lock:
            try:
                self._write(text)
            except BrokenPipeError:
                raise OutputClosed from None
            except OSError as error:
                _say_on_stderr(f"stdout cannot be written to ({error.strerror}), so nothing can be acknowledged.")
                raise OutputClosed from None

    def log(self, level: str, message: str) -> None:
        """Write a LOG message."""
        self.emit({"type": "LOG", "log": {"level": level, "message": masked(message)}})

    def connection_status(self, problem: str | None) -> None:
        """Write the result of a check."""
        status = {"status": "SUCCEEDED"} if problem is None else {"status": "FAILED", "message": masked(problem)}
        self.emit({"type": "CONNECTION_STATUS", "connectionStatus": status})

    def trace(self, error: SyncError) -> None:
        """Write what ended the sync as a TRACE ERROR."""
        from airbyte_cdk.models import AirbyteMessageSerializer, FailureType  # noqa: PLC0415 - 1.3 s that only failures pay
        from airbyte_cdk.utils.traced_exception import AirbyteTracedException  # noqa: PLC0415

        traced = AirbyteTracedException(
            message=masked(str(error)),
            internal_message=type(error).__name__,
            failure_type=FailureType(error.failure_type),
        )
        message = AirbyteMessageSerializer.dump(traced.as_sanitized_airbyte_message())
        message["trace"]["error"]["stack_trace"] = masked(where(error))
        self.emit(message)


def where(error: BaseException) -> str:
    """Return where an exception was raised, without its text: that of an unexpected one may hold a record."""
    frames = traceback.extract_tb(error.__traceback__)
    return "\n".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames)


def register_secrets(spec: Mapping[str, Any], config: Any) -> None:
    """Mask every secret of the config in all later output."""
    mask_only(secrets_of(spec["connectionSpecification"], config))


def spec_message(spec: Mapping[str, Any]) -> bytes:
    """Return the SPEC message."""
    return orjson.dumps({"type": "SPEC", "spec": spec}) + b"\n"
