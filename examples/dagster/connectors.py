"""Runs a connector's console script as Airbyte does: files for arguments, a message a line on stdin and stdout."""

import json
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from logging import Logger
from pathlib import Path
from typing import IO, Any

Message = dict[str, Any]


class ConnectorError(Exception):
    """A connector ended with an error; the text is its own sentence, and has no data in it."""

    def __init__(self, message: str, *, config: bool) -> None:
        super().__init__(message)
        self.config = config  # the configuration has to be corrected: there is no use in trying again


def run(script: str, command: str, log: Logger, messages: Iterable[Message] = (), **files: Any) -> Iterator[Message]:
    """Run a command, `messages` going in, and yield its RECORD and STATE messages; what it logs goes to `log`.

    Raises:
        ConnectorError: it ended with another code than 0.
    """
    with tempfile.TemporaryDirectory() as directory, ThreadPoolExecutor(1) as feeder:
        arguments = [script, command]
        for option, content in files.items():
            path = Path(directory) / f"{option}.json"
            path.touch(mode=0o600)  # a config holds a token
            path.write_text(json.dumps(content), encoding="utf-8")
            arguments += [f"--{option}", str(path)]
        with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            feeding = feeder.submit(feed, process.stdin, messages)
            error: Message = {}
            for line in process.stdout:
                message = json.loads(line)
                if message["type"] in {"RECORD", "STATE"}:
                    yield message
                elif message["type"] == "LOG" and message["log"]["level"] != "DEBUG":
                    warns = message["log"]["level"] not in {"INFO", "TRACE"}
                    (log.warning if warns else log.info)(message["log"]["message"])
                elif message["type"] == "TRACE" and message["trace"]["type"] == "ERROR":
                    error = message["trace"]["error"]
        if process.returncode != 0:
            said = error.get("message", "it said nothing")
            raise ConnectorError(
                f"{script} {command} ended with code {process.returncode}: {said}",
                config=error.get("failure_type") == "config_error",
            )
        feeding.result()  # an input that broke off must not pass for one that has ended


def feed(pipe: IO[str], messages: Iterable[Message]) -> None:
    """Write messages to a pipe and close it. A connector that has gone says why on its stdout."""
    try:
        with pipe:
            for message in messages:
                pipe.write(json.dumps(message) + "\n")
    except BrokenPipeError:
        return


def catalog(stream: str, primary_key: list[str], **more: Any) -> Message:
    """Return a configured catalog of one stream, incremental and deduplicated."""
    described = {
        "name": stream,
        "json_schema": {"type": "object"},
        "supported_sync_modes": ["full_refresh", "incremental"],
        "source_defined_primary_key": [[name] for name in primary_key],
    }
    modes = {"sync_mode": "incremental", "destination_sync_mode": "append_dedup"}
    return {"streams": [{"stream": described, **modes, **more}]}
