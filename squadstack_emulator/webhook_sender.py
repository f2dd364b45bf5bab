"""The sender of webhooks: posts events and repeats them until they are answered 201.

The pages ("Lead Processed Webhook" of squadstack-v4, "Disposition updates" of squadstack-bulk) expect a 201 ("OK for a
successful webhook request") and say nothing of repeats. Undocumented, decided here: any other answer, and none, is a
reason to post the same body again, with waits that double.
"""

import queue
import threading
import zlib
from http import HTTPStatus

import urllib3

from squadstack_emulator.request_log import Post, RequestLog
from squadstack_emulator.scenario import Webhook
from squadstack_emulator.squadstack.webhook_events import Event

_LONGEST_WAIT_SECONDS = 10.0
_HEADERS = {"Content-Type": "application/json"}
_MAX_CONNECTIONS = 64

_Queue = queue.SimpleQueue[tuple[int, Event, Webhook] | None]


class WebhookSender:
    """Posts events from threads of its own. The events of one lead go out one after the other, in their order."""

    def __init__(self, request_log: RequestLog) -> None:
        self._request_log = request_log
        self._settled = threading.Condition()
        self._stopping = threading.Event()
        self._http = urllib3.PoolManager(maxsize=_MAX_CONNECTIONS)
        self._workers: list[tuple[_Queue, threading.Thread]] = []
        self._events = 0
        self._open = 0

    def post(self, event: Event, webhook: Webhook) -> None:
        """Take an event to be posted; return at once."""
        with self._settled:
            self._events += 1
            self._open += 1
            while len(self._workers) < webhook.connections:
                events: _Queue = queue.SimpleQueue()
                # A daemon: a program that never stops its emulator must end all the same.
                thread = threading.Thread(target=self._work, args=(events,), name="emulator-webhooks", daemon=True)
                self._workers.append((events, thread))
                thread.start()
            worker = zlib.crc32(event.lead_id.encode()) % webhook.connections
            self._workers[worker][0].put((self._events, event, webhook))

    def wait(self, seconds: float) -> bool:
        """Wait until nothing is left to post; tell whether that came in time."""
        with self._settled:
            return self._settled.wait_for(lambda: self._open == 0, timeout=seconds)

    def stop(self) -> None:
        """End every thread; what is left is not posted."""
        self._stopping.set()
        for events, thread in self._workers:
            events.put(None)
            thread.join()
        with self._settled:
            self._workers.clear()
            self._open = 0
        self._http.clear()
        self._stopping.clear()

    def _work(self, events: _Queue) -> None:
        while not self._stopping.is_set() and (given := events.get()) is not None:
            number, _, webhook = given
            self._deliver(*given)
            if webhook.repeat_every and number % webhook.repeat_every == 0:
                self._deliver(*given)
            with self._settled:
                self._open -= 1
                self._settled.notify_all()

    def _deliver(self, number: int, event: Event, webhook: Webhook) -> None:
        for attempt in range(webhook.attempts):
            wait = webhook.first_wait_seconds * 2 ** (attempt - 1)
            if attempt and self._stopping.wait(min(wait, _LONGEST_WAIT_SECONDS)):
                return
            status = self._status_of(event.body, webhook)
            self._request_log.posted(Post(number, event.kind, event.lead_id, event.body, status))
            if status == HTTPStatus.CREATED:
                return

    def _status_of(self, body: bytes, webhook: Webhook) -> int | None:
        """Post a body; return the answer's status, None where there is no answer."""
        try:
            return self._http.request(
                "POST", webhook.url, body=body, headers=_HEADERS, timeout=webhook.timeout_seconds, retries=False
            ).status
        except urllib3.exceptions.HTTPError:
            return None
