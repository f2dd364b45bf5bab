"""A pipeline to talk to without a network, with clocks that the test moves."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from starlette.datastructures import Headers
from starlette.requests import Request

from squadstack_emulator import Emulator, Scenario
from squadstack_emulator.json_text import dumps, loads
from squadstack_emulator.pipeline import RequestPipeline
from squadstack_emulator.request_context import RequestContext
from squadstack_emulator.responses import ApiResponse

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
READ = "/api/v4/leads/responses/0PT711/"


@dataclass
class Clock:
    """Business and monotonic time in one."""

    seconds: float = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


@dataclass(frozen=True)
class Answer:
    status: int
    content: object
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Caller:
    """A client with a good token; what it gives as `headers` replaces its own."""

    scenario: Scenario
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.pipeline = RequestPipeline(self.scenario, clock=self.clock.now, monotonic=self.clock.monotonic)
        self.request_log = self.pipeline.request_log

    def get(self, path: str = READ, *, headers: Mapping[str, str] | None = None, **parameters: object) -> Answer:
        return self.send("GET", path, parameters=parameters, headers=headers)

    def post(self, endpoint: str, body: object, *, ref_id: str = "ref-0PT711", **parameters: object) -> Answer:
        path = f"/voice/crm-integration-v2/{ref_id}/{endpoint}"
        return self.send("POST", path, body=dumps(body), parameters=parameters)

    def log_in(self, **changed: str) -> Answer:
        portal = self.scenario.portal
        body = {"username": portal.username, "password": portal.password, "domain": portal.domain, **changed}
        return self.send("POST", "/api/v2/login", body=dumps(body))

    def portal(self, path: str, *, token: str | None = None, **parameters: object) -> Answer:
        """Reads from the contact center, with a token of its own for every call unless one is given."""
        if token is None:
            login = self.log_in().content
            assert isinstance(login, dict)
            token = login["access_token"]
        headers = {"authorization": f"Bearer {token}", "x-account-id": self.scenario.portal.account_id}
        return self.send("GET", path, parameters=parameters, headers=headers)

    def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        parameters: Mapping[str, object] | str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        context = self.arrive(method, path, body=body, parameters=parameters, headers=headers)
        response = self.pipeline.serve(context)
        self.pipeline.close(context, response)
        return answer(response)

    def arrive(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        parameters: Mapping[str, object] | str = "",
        headers: Mapping[str, str] | None = None,
    ) -> RequestContext:
        own = {"authorization": f"Bearer {self.scenario.token}", "host": "127.0.0.1:8899"}
        if method == "POST":
            own["content-type"] = "application/json"
        query = parameters if isinstance(parameters, str) else urlencode(parameters)
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": Headers(own if headers is None else headers).raw,
        }
        return self.pipeline.receive(Request(scope), body, self.clock.monotonic())


def answer(response: ApiResponse) -> Answer:
    content: object = None
    with suppress(ValueError):  # a body that a fault has cut short, or a web page
        content = loads(response.content)
    return Answer(response.status_code, content, response.headers, response.content)


@pytest.fixture
def call() -> Callable[..., Caller]:
    """Makes a client of an emulator with this scenario; its rate limit is off unless the test sets one."""

    def make(**scenario: object) -> Caller:
        return Caller(Scenario(**{"calls_per_minute": None, **scenario}))  # type: ignore[arg-type]

    return make


@pytest.fixture
def serve() -> Iterator[Callable[..., Emulator]]:
    """Starts an emulator with this scenario on a free port, and stops it after the test."""
    started: list[Emulator] = []

    def make(**scenario: object) -> Emulator:
        emulator = Emulator(Scenario(**{"calls_per_minute": None, **scenario}), clock=Clock().now)  # type: ignore[arg-type]
        emulator.start()
        started.append(emulator)
        return emulator

    yield make
    for emulator in started:
        emulator.stop()
