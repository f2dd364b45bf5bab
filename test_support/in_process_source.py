"""The source run in this process, with a Python object in place of the network."""

import contextlib
import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import parse_qsl, unquote, urlsplit

import urllib3
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

from source_squadstack.run import run
from test_support.catalogs import configured


@dataclass(frozen=True)
class Call:
    """A request as it arrives at a server."""

    method: str
    path: str
    parameters: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """A response as a server sends it; `at` is its clock, in Unix seconds."""

    at: float
    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Server = Callable[[Call], Answer]


@dataclass
class Sync:
    """What a run of `read` printed, and how it ended."""

    messages: list[dict[str, Any]]
    failed: bool
    warnings: list[str]

    def errors(self) -> list[dict[str, Any]]:
        """The errors of its traces."""
        traces = (message["trace"] for message in self.messages if message["type"] == "TRACE")
        return [trace["error"] for trace in traces if trace["type"] == "ERROR"]


class _Warnings(logging.Handler):
    """Keeps the texts of warnings."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the text of a record."""
        self.texts.append(record.getMessage())


@contextlib.contextmanager
def answered_by(server: Server) -> Iterator[None]:
    """Let a function answer whatever `requests` sends."""

    def send(_: HTTPAdapter, request: PreparedRequest, **__: Any) -> Response:
        url = urlsplit(request.url or "")
        body = request.body or b""
        call = Call(
            method=request.method or "",
            path=unquote(url.path),
            parameters=dict(parse_qsl(url.query, keep_blank_values=True)),
            headers={name.lower(): str(value) for name, value in request.headers.items()},
            body=body if isinstance(body, bytes) else str(body).encode(),
        )
        answer = server(call)
        response = Response()
        response.request = request
        response.url = request.url or ""
        response.status_code = answer.status
        response.headers.update(
            {"Content-Type": "application/json", "Date": formatdate(answer.at, usegmt=True), **answer.headers},
        )
        content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        response.raw = urllib3.HTTPResponse(io.BytesIO(content), response.headers, answer.status, preload_content=False)
        return response

    with mock.patch.object(HTTPAdapter, "send", send):
        yield


def read(
    folder: Path,
    *,
    config: dict[str, Any],
    streams: dict[str, str],
    state: list[dict[str, Any]],
    server: Server,
) -> Sync:
    """Run `read` for streams, given with their sync modes, from a state."""
    catalog = configured(*streams, incremental=[name for name, mode in streams.items() if mode == "incremental"])
    arguments = ["read"]
    for name, value in (("config", config), ("catalog", catalog), ("state", state)):
        file = folder / f"{name}.json"
        file.write_text(json.dumps(value))
        arguments += [f"--{name}", str(file)]
    printed = io.BytesIO()
    warnings = _Warnings()
    logger = logging.getLogger("airbyte")
    logger.addHandler(warnings)
    hook = sys.excepthook
    failed = False
    try:
        with answered_by(server), contextlib.redirect_stdout(io.TextIOWrapper(printed, write_through=True)) as out:
            try:
                run(arguments)
            except SystemExit as end:
                failed = bool(end.code)
            except Exception:  # noqa: BLE001  what would end the process: its trace is in what was printed
                failed = True
            out.flush()
            out.detach()
    finally:
        logger.removeHandler(warnings)
        sys.excepthook = hook
    messages = [json.loads(line) for line in printed.getvalue().splitlines() if line.startswith(b"{")]
    sync = Sync(messages, failed, warnings.texts)
    sync.failed = failed or bool(sync.errors())
    return sync
