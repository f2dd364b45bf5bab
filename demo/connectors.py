"""Runs the console scripts as Airbyte does: files for arguments, a JSON message a line on stdin and stdout."""

import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

Message = dict[str, Any]


class ConnectorFailedError(Exception):
    """A console script ended with an error; the text is its own trace message."""


def script(name: str) -> str:
    """Return the path of a console script installed beside this Python."""
    return str(Path(sys.executable).with_name(name))


def run(name: str, command: str, messages: Iterable[Message] | None = None, **files: Path) -> Iterator[Message]:
    """Run one command and yield the messages it prints; `messages` go to its stdin meanwhile.

    Raises:
        ConnectorFailedError: it ended with another code than 0.
    """
    arguments = [part for option, path in files.items() for part in (f"--{option}", str(path))]
    process = subprocess.Popen(  # noqa: S603  # our own scripts
        [script(name), command, *arguments],
        stdin=subprocess.PIPE if messages is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    feeder = threading.Thread(target=feed, args=(process, messages or ()))
    feeder.start()
    error = None
    assert process.stdout is not None  # noqa: S101  # asked for above
    for line in process.stdout:
        message = orjson.loads(line)
        if message.get("type") == "TRACE" and message["trace"]["type"] == "ERROR":
            error = message["trace"]["error"]["message"]
        yield message
    feeder.join()
    if process.wait() != 0:
        raise ConnectorFailedError(f"{name} {command} ended with code {process.returncode}: {error}")


def feed(process: subprocess.Popen[bytes], messages: Iterable[Message]) -> None:
    """Write messages to a process's stdin and close it; a process that ended early says why on its stdout."""
    if process.stdin is None:
        return
    try:
        with process.stdin as pipe:
            for message in messages:
                pipe.write(orjson.dumps(message) + b"\n")
    except BrokenPipeError:
        return
