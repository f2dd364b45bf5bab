"""The sender of webhooks: posts events and repeats them until they are answered 201.

The pages expect a 201 ("OK for a successful webhook request") and say nothing of repeats. Undocumented, decided here:
any other answer, and none, is a reason to post the same body again, with waits that double.
"""

import http.client
import queue
import threading
import zlib
from http import HTTPStatus
from urllib.parse import urlsplit

from squadstack_emulator.request_log import Post, RequestLog
from squadstack_emulator.scenario import Webhook
from squadstack_emulator.squadstack.webhook_events import Event

_LONGEST_WAIT_SECONDS = 10.0
_HEADERS = {"Content-Type": "application/json"}


class WebhookSender:
    """Posts events from threads of its own. The events of one lead go out one after the other, in their order."""

    def __init__(self, request_log: RequestLog) -> None:
        self._request_log = request_log
        self._lock = threading.Lock()
        self._settled = threading.Condition(self._lock)
        self._stopping = threading.Event()
        self._lanes: list[queue.SimpleQueue[tuple[int, Event, Webhook] | None]] = []
        self._threads: list[threading.Thread] = []
        self._events = 0
        self._open = 0

    def post(self, event: Event, webhook: Webhook) -> None:
        """Take an event to be posted; returns at once."""
        with self._lock:
            self._events += 1
            self._open += 1
            while len(self._lanes) < webhook.connections:
                self._add_lane()
            lane = self._lanes[zlib.crc32(event.lead_id.encode()) % webhook.connections]
            lane.put((self._events, event, webhook))

    def wait(self, seconds: float) -> bool:
        """Wait until nothing is left to post; tell whether that came in time."""
        with self._settled:
            return self._settled.wait_for(lambda: self._open == 0, timeout=seconds)

    def stop(self) -> None:
        """End every thread; what is left is not posted."""
        self._stopping.set()
        for lane in self._lanes:
            lane.put(None)
        for thread in self._threads:
            thread.join()
        with self._lock:
            self._lanes.clear()
            self._threads.clear()
            self._open = 0
        self._stopping.clear()

    def _add_lane(self) -> None:
        lane: queue.SimpleQueue[tuple[int, Event, Webhook] | None] = queue.SimpleQueue()
        thread = threading.Thread(target=self._work, args=(lane,), name="squadstack-emulator-webhooks", daemon=True)
        self._lanes.append(lane)
        self._threads.append(thread)
        thread.start()

    def _work(self, lane: "queue.SimpleQueue[tuple[int, Event, Webhook] | None]") -> None:
        line = _Line()
        while not self._stopping.is_set() and (given := lane.get()) is not None:
            number, event, webhook = given
            self._deliver(line, number, event, webhook)
            if webhook.repeat_every and number % webhook.repeat_every == 0:
                self._deliver(line, number, event, webhook)
            with self._settled:
                self._open -= 1
                self._settled.notify_all()
        line.close()

    def _deliver(self, line: "_Line", number: int, event: Event, webhook: Webhook) -> None:
        for attempt in range(webhook.attempts):
            wait = webhook.first_wait_seconds * 2 ** (attempt - 1)
            if attempt and self._stopping.wait(min(wait, _LONGEST_WAIT_SECONDS)):
                return
            status = line.post(event.body, webhook)
            self._request_log.posted(Post(number, event.kind, event.lead_id, event.body, status))
            if status == HTTPStatus.CREATED:
                return


class _Line:
    """A connection that is kept open."""

    def __init__(self) -> None:
        self._connection: http.client.HTTPConnection | None = None
        self._to: Webhook | None = None

    def post(self, body: bytes, webhook: Webhook) -> int | None:
        """Post a body; return the answer's status, None where there is no answer."""
        if self._to is not webhook:
            self.close()
        parts = urlsplit(webhook.url)
        if self._connection is None:
            kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
            self._connection, self._to = kind(parts.netloc, timeout=webhook.timeout_seconds), webhook
        try:
            self._connection.request("POST", parts._replace(scheme="", netloc="").geturl() or "/", body, _HEADERS)
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            return None
        return answer.status

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
