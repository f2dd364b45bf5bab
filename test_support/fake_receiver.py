"""A receiver of a few lines that answers as docs/webhooks.md says, or as a test wants it to; it keeps the requests."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

TOKEN = "pull-token-canary"


def event(sequence: int) -> dict[str, Any]:
    """Return an event as the receiver gives it."""
    return {
        "sequence": sequence,
        "event_id": f"event-{sequence}",
        "event_type": "call",
        "campaign_id": "0PT711",
        "lead_id": f"lead-{sequence % 7}",
        "occurred_at": "2026-11-20T09:00:00Z",
        "received_at": "2026-11-20T09:00:01.500000Z",
        "payload": {"lead_id": f"lead-{sequence % 7}", "contact_name": "Zed Canary", "call_attempt_number": 1},
    }


@dataclass(frozen=True)
class Asked:
    """One request of a reader."""

    path: str
    query: dict[str, str]
    confirmed: str | None


Answer = tuple[int, bytes]


@dataclass
class Receiver:
    """Holds events and answers `GET /events`.

    Attributes:
        events: The events that it holds.
        arriving: How many events arrive with each request.
        cap: The most events of a page.
        tells_more: Whether a page has `has_more`; a receiver need not send it.
        replace_answer: Takes the number of a request; returns another answer to it, or None.
        asked: The requests so far.
    """

    events: list[dict[str, Any]] = field(default_factory=list)
    arriving: int = 0
    cap: int = 1000
    tells_more: bool = True
    replace_answer: Callable[[int], Answer | None] = lambda number: None
    asked: list[Asked] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, body = receiver.answer(self.path, dict(self.headers))
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def config(self) -> dict[str, Any]:
        return {"webhooks": {"url": self.url, "token": TOKEN}}

    def answer(self, path: str, headers: dict[str, str]) -> Answer:
        """Answer one request."""
        parts = urlsplit(path)
        with self._lock:
            number = len(self.asked)
            query = dict(parse_qsl(parts.query))
            self.asked.append(Asked(parts.path, query, headers.get("Confirmed-Sequence")))
            self.events += [event(len(self.events) + 1 + more) for more in range(self.arriving)]
            broken = self.replace_answer(number)
            if broken is not None:
                return broken
            if parts.path != "/events" or set(query) - {"after", "limit"}:
                return 404, b"{}"
            if headers.get("Authorization") != f"Bearer {TOKEN}":
                return 401, b'{"error": "Zed Canary"}'
            after, limit = int(query.get("after", 0)), min(int(query["limit"]), self.cap)
            behind = [row for row in self.events if row["sequence"] > after]
            page = behind[:limit]
            content = {"data": page, "next_cursor": page[-1]["sequence"] if page else after}
            told = {"has_more": len(behind) > len(page)} if self.tells_more else {}
            return 200, json.dumps(content | told).encode()


def stored(count: int) -> list[dict[str, Any]]:
    """Return so many events, the first of them number 1."""
    return [event(number) for number in range(1, count + 1)]
