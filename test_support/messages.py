"""Messages of the Airbyte protocol: what a destination is sent, what a connector prints, and the rows it keeps."""

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Message = dict[str, Any]


def record(data: Mapping[str, Any], stream: str = "leads", **more: Any) -> Message:
    """Return a record."""
    return {"type": "RECORD", "record": {"stream": stream, "emitted_at": 1, "data": data, **more}}


def state(mark: int, stream: str = "leads", **more: Any) -> Message:
    """Return a stream's state that is told apart by its id."""
    descriptor = {"stream_descriptor": {"name": stream}, "stream_state": {"mark": mark}}
    return {"type": "STATE", "state": {"type": "STREAM", "stream": descriptor, "id": mark, **more}}


def global_state(mark: int) -> Message:
    """Return a state of all streams that is told apart by its id."""
    return {"type": "STATE", "state": {"type": "GLOBAL", "global": {"shared_state": {"mark": mark}}, "id": mark}}


def lines(*messages: Message) -> bytes:
    """Return messages as they stand on stdin."""
    return b"".join(json.dumps(message, separators=(",", ":")).encode() + b"\n" for message in messages)


def kept_rows(folder: Path) -> list[dict[str, Any]]:
    """Return the rejected records that lie in a folder."""
    return [
        json.loads(line)
        for path in sorted(folder.rglob("*.jsonl.gz"))
        for line in gzip.decompress(path.read_bytes()).splitlines()
    ]


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
        """The data of its records."""
        return [each["data"] for each in self.of("RECORD")]

    @property
    def states(self) -> list[Message]:
        """Its states."""
        return self.of("STATE")

    @property
    def marks(self) -> list[int]:
        """The ids of its states."""
        return [each["id"] for each in self.states]

    @property
    def logs(self) -> list[str]:
        """The texts of its logs."""
        return [log["message"] for log in self.of("LOG")]

    @property
    def errors(self) -> list[Message]:
        """Its error traces."""
        return [trace["error"] for trace in self.of("TRACE") if trace["type"] == "ERROR"]

    @property
    def error(self) -> Message:
        """Its one error trace."""
        (error,) = self.errors
        return error

    @property
    def status(self) -> Message:
        """What its `check` said."""
        (status,) = [message["connectionStatus"] for message in self.messages if message["type"] == "CONNECTION_STATUS"]
        return dict(status)

    def assert_no_leak(self, *secrets: str) -> None:
        """Check that no secret is in logs, errors or stderr; a state may hold one, because it leaves as it came."""
        told = "".join(line for line in self.stdout.splitlines() if '"type":"STATE"' not in line) + self.stderr
        assert not [secret for secret in secrets if secret in told], told


def outcome(code: int, stdout: bytes, stderr: bytes = b"") -> Outcome:
    """Parse what a process printed; the last line of a killed one may be cut."""
    printed = stdout.splitlines(keepends=True)
    whole = [line for line in printed if line.endswith(b"\n")] if code < 0 else printed
    return Outcome(code, stdout.decode(), stderr.decode(), [json.loads(line) for line in whole if line.strip()])
