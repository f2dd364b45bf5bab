"""Runs the console scripts as subprocesses, as Airbyte does: what they print and how they end is all that counts."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest

Message = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What a command printed and how it ended."""

    code: int
    stdout: str
    stderr: str
    messages: list[Message] = field(repr=False)

    def of(self, kind: str) -> list[Message]:
        """Return the payloads of one type of message."""
        return [message[kind.lower()] for message in self.messages if message["type"] == kind]

    @property
    def records(self) -> list[Message]:
        return [record["data"] for record in self.of("RECORD")]

    @property
    def states(self) -> list[Message]:
        return self.of("STATE")

    @property
    def errors(self) -> list[Message]:
        return [trace["error"] for trace in self.of("TRACE") if trace["type"] == "ERROR"]

    @property
    def status(self) -> Message:
        (status,) = [message["connectionStatus"] for message in self.messages if message["type"] == "CONNECTION_STATUS"]
        return status


def outcome(process: "subprocess.Popen[bytes]", stdout: bytes, stderr: bytes) -> Outcome:
    """Parse what a process printed; the last line of a killed one may be cut."""
    lines = stdout.splitlines(keepends=True)
    whole = [line for line in lines if line.endswith(b"\n")] if process.returncode < 0 else lines
    return Outcome(
        process.returncode, stdout.decode(), stderr.decode(), [json.loads(line) for line in whole if line.strip()]
    )


class Connector:
    """One console script, its files in a directory of the test's own."""

    def __init__(self, name: str, directory: Path) -> None:
        self._script = str(Path(sys.executable).parent / name)  # a whole path stays itself: another environment's
        self._directory = directory

    def start(self, command: str, *flags: str, **files: Any) -> "subprocess.Popen[bytes]":
        """Start a command; each keyword is an option and the JSON of its file."""
        arguments = [self._script, command, *flags]
        for option, content in files.items():
            if content is not None:
                path = self._directory / f"{option}-{time.monotonic_ns()}.json"
                path.write_bytes(orjson.dumps(content))
                arguments += [f"--{option}", str(path)]
        # A pipe is block-buffered unless the connector flushes: the tests must not help it.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)

    def run(self, command: str, *flags: str, timeout: float = 120, **files: Any) -> Outcome:
        """Run a command to its end."""
        process = self.start(command, *flags, **files)
        stdout, stderr = process.communicate(timeout=timeout)
        return outcome(process, stdout, stderr)

    def killed_after(self, lines: int, command: str, **files: Any) -> Outcome:
        """Run a command and kill it once it has printed so many lines."""
        process = self.start(command, **files)
        assert process.stdout is not None
        assert process.stderr is not None
        head = b"".join(process.stdout.readline() for _ in range(lines))
        process.send_signal(signal.SIGKILL)
        # Not communicate(): it would lose what readline() has buffered.
        with process, process.stdout, process.stderr:
            tail, stderr = process.stdout.read(), process.stderr.read()
        return outcome(process, head + tail, stderr)


@pytest.fixture(scope="session")
def catalog_of() -> Callable[..., Message]:
    """Return what makes a configured catalog of streams, incremental ones by their names."""
    return configured


def configured(*names: str, incremental: Collection[str] = ()) -> Message:
    """Return a configured catalog."""
    return {
        "streams": [
            {
                "stream": {"name": name, "json_schema": {}, "supported_sync_modes": ["full_refresh", "incremental"]},
                "sync_mode": "incremental" if name in incremental else "full_refresh",
                "destination_sync_mode": "append",
            }
            for name in names
        ]
    }


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Connector:
    """Return the console script `source-squadstack`."""
    return Connector("source-squadstack", tmp_path_factory.mktemp("source"))
