"""A server that answers as a test says, and the source reading from it in this process."""

import json
import threading
from collections import Counter
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from airbyte_cdk.models import AirbyteMessage, ConfiguredAirbyteCatalogSerializer
from airbyte_cdk.models import Type as MessageType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_squadstack.cdk_fast_path.page import Page
from source_squadstack.cli import PagedSource
from source_squadstack.components.contact_center_auth import contact_center_session
from source_squadstack.components.host_health import health_of
from source_squadstack.components.log import LOGGER, warn_once
from test_support.catalogs import configured


class Server:
    """Answers `answers[path]`: a status and a body, or what a function makes of the query; else a 404.

    Bodies are written as JSON, bytes as they are. A login is taken unless there is another answer for it.
    """

    def __init__(self, url):
        self.url = url
        self.answers = {"/api/v2/login": (200, {"user": {}, "access_token": "token", "refresh_token": "r"})}
        self.calls = []

    def answer(self, target):
        """Return the status and body for a request's target; the path stays as it came, escapes and all."""
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.calls.append((parts.path, query))
        found = self.answers.get(parts.path, (404, {"error": "not found"}))
        status, body = found(query) if callable(found) else found
        return status, body if isinstance(body, bytes) else json.dumps(body).encode()

    @property
    def paths(self):
        """How often each path was asked."""
        return Counter(path for path, _ in self.calls)


@pytest.fixture(autouse=True)
def quick_answers(monkeypatch):
    """Answers that take no time: where they are slow, as on a busy machine, the source sends requests ahead."""
    monkeypatch.setattr("requests.sessions.preferred_clock", float)


@contextmanager
def serving():
    """Serve on a port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one packet an answer: of two, the second waits for the first to be acknowledged, 40 ms

        def do_GET(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, body = server.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            self.do_GET()

        def log_message(self, *_):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server = Server(f"http://127.0.0.1:{http.server_port}")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


@pytest.fixture
def server():
    """Return a server; what the process remembers of others on its port is forgotten."""
    with serving() as running:
        forget()
        yield running
        forget()


def forget():
    """Let the process forget logins, outages and what it has said once."""
    for remembered in (contact_center_session, health_of, warn_once):
        remembered.cache_clear()


class Outcome:
    """What a read gave: records by stream, and errors."""

    def __init__(self):
        self.records = {}
        self.errors = []

    def take(self, message):
        if isinstance(message, Page):
            lines = [json.loads(line) for line in message.lines.splitlines()]
            self.records.setdefault(message.stream, []).extend(line["record"]["data"] for line in lines)
        elif isinstance(message, AirbyteMessage) and message.type == MessageType.TRACE and message.trace.error:
            self.errors.append(message.trace.error)


@pytest.fixture
def read(server):
    """Return what reads streams of the contact center from the server, to the end or the error."""

    def run(*streams, **config):
        portal = {"username": "u", "password": "canary", "domain": "d", "account_id": "a", "start_date": "2026-11-01"}
        config = {"contact_center": {"portal_url": server.url, **portal}, "num_workers": 2, **config}
        catalog = ConfiguredAirbyteCatalogSerializer.load(configured(*streams))
        source = PagedSource(config=config, catalog=catalog, state=[])
        outcome = Outcome()
        # The error at the end repeats what the streams said.
        with suppress(AirbyteTracedException):
            for message in source.read(LOGGER, source.configure(config, ""), catalog, []):
                outcome.take(message)
        return outcome

    return run
