"""The receiver in the test's own process: calls go to the application itself, with a clock that the test moves."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from squadstack_common.timestamps import microseconds
from webhooks_squadstack.app import Receiver
from webhooks_squadstack.database import connect
from webhooks_squadstack.events import Event
from webhooks_squadstack.settings import read_database
from webhooks_squadstack.store import Store

NOW = microseconds(datetime(2024, 6, 1, 12, tzinfo=UTC))
KEY, OTHER_KEY, TOKEN = "key-of-the-tests", "key-of-a-campaign", "token-of-the-tests"

# As the vendor's pages show them, but for the placeholders.
LEAD_PROCESSED: dict[str, Any] = {
    "phone_number": "+911234567890",
    "lead_id": "test_lead_id",
    "latest_recording_url": "https://www.squadstack.com/",
    "campaign_id": "0PT711",
    "latest_called_at": "2018-12-03T14:36:38+00:00",
    "lead_outcome": "Connected : Objective Met",
    "processed_at": "2018-12-03T14:37:54+00:00",
    "contact_name": "John Doe",
    "created_at": "2018-12-03T14:36:01+00:00",
    "lead_responses": {"response_key_1": "response_value_1"},
}
CALL: dict[str, Any] = {
    "phone_number": "+911234567890",
    "lead_id": "test_lead_id",
    "recording_url": "https://www.squadstack.ai/",
    "campaign_id": "0PT711",
    "called_at": "2018-12-03T14:36:38+00:00",
    "call_outcome": "Connected : Objective Met",
    "contact_name": "John Doe",
    "created_at": "2018-12-03T14:36:01+00:00",
    "call_attempt_number": 1,
}


@dataclass
class Clock:
    """Microseconds since 1970, moved by hand."""

    now: int = NOW

    def __call__(self) -> int:
        return self.now


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Service:
    """The application, and an event loop to call it in."""

    receiver: Receiver
    runner: asyncio.Runner
    clock: Clock = field(default_factory=Clock)

    def call(
        self,
        method: str,
        path: str,
        *,
        body: bytes | Iterable[bytes] = b"",
        headers: Mapping[str, str] | None = None,
        query: str = "",
        stalls: bool = False,
    ) -> Answer:
        answer = self.answer(method, path, body=body, headers=headers, query=query, stalls=stalls)
        return self.runner.run(answer)

    async def answer(
        self,
        method: str,
        path: str,
        *,
        body: bytes | Iterable[bytes] = b"",
        headers: Mapping[str, str] | None = None,
        query: str = "",
        stalls: bool = False,
    ) -> Answer:
        """Call the application; a body that stalls never comes to its end."""
        chunks = [body] if isinstance(body, bytes) else body
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
        }
        messages = self._messages(chunks, stalls=stalls)
        sent: list[MutableMapping[str, Any]] = []

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        await self.receiver.app(scope, lambda: anext(messages), send)
        start, *bodies = sent
        return Answer(
            start["status"],
            {name.decode(): value.decode() for name, value in start["headers"]},
            b"".join(message.get("body", b"") for message in bodies),
        )

    @staticmethod
    async def _messages(chunks: Iterable[bytes], *, stalls: bool) -> AsyncIterator[dict[str, Any]]:
        came = False
        for chunk in chunks:
            came = True
            yield {"type": "http.request", "body": chunk, "more_body": True}
        if stalls:
            await asyncio.Event().wait()
        if came:
            # As uvicorn does, whose last piece is empty where the length was not known.
            yield {"type": "http.request", "body": b"", "more_body": False}
        yield {"type": "http.disconnect"}

    def post(self, content: object, *, key: str = KEY) -> Answer:
        return self.call(
            "POST", f"/events/{key}", body=content if isinstance(content, bytes) else json.dumps(content).encode()
        )

    def pull(self, *, token: str = TOKEN, confirmed: str = "", **query: object) -> Answer:
        headers = {"Authorization": f"Bearer {token}"} | ({"Confirmed-Sequence": confirmed} if confirmed else {})
        return self.call(
            "GET", "/events", headers=headers, query="&".join(f"{name}={value}" for name, value in query.items())
        )

    def metrics(self) -> dict[str, float]:
        lines = self.call("GET", "/metrics").body.decode().splitlines()
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}


def open_store(url: str) -> Store:
    return Store(connect(read_database({"WEBHOOKS_DATABASE_URL": url})))


def event(number: int, *, received_at: int = NOW, event_type: str = "call", payload: str = "{}") -> Event:
    """An event that is unlike every other number's."""
    return Event(f"{number:032x}", event_type, "0PT711", f"lead-{number}", None, received_at, payload)
