"""An engine with a clock that the test moves, a network that the test plays, and a store that can be looked into."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from destination_squadstack.api.outcomes import ApiResponse, Response
from destination_squadstack.config import Config, parse_config
from destination_squadstack.engine.batcher import Batcher
from destination_squadstack.engine.calls import ApiCall
from destination_squadstack.engine.engine import Engine, EngineSettings
from destination_squadstack.engine.rate_limiter import RateLimiter
from destination_squadstack.engine.rejection import Rejection
from destination_squadstack.engine.seen_leads import SeenLeads
from destination_squadstack.input_messages import Message, read_messages
from destination_squadstack.progress import Progress
from destination_squadstack.record_rules.suppression import SuppressionList
from destination_squadstack.routing import plan, record_mapper
from squadstack_common.lossless_json import dump

Json = dict[str, Any]


def a_config(**changes: Any) -> Json:
    return {
        "squadstack": {"token": "canary-token"},
        "default": {"operation": "upsert", "ref_id": "ref-1"},
        **changes,
    }


def a_catalog(*names: str, mode: str = "append_dedup", **more: Any) -> Json:
    return {"streams": [{"stream": {"name": name, **more}, "destination_sync_mode": mode} for name in names]}


def a_message(content: Mapping[str, Any], number: int = 1) -> Message:
    pieces = [dump(content) + b"\n", b""]
    [message] = [message for messages in read_messages(lambda _size: pieces.pop(0)) for message in messages]
    return message._replace(number=number)


def a_record(
    lead_id: Any, stream: str = "leads", number: int = 1, namespace: str | None = None, **data: Any
) -> Message:
    fields = {"lead_id": lead_id, "phone_number": "9876543210", "contact_name": "Asha", **data}
    record = {"stream": stream, "emitted_at": 1, "data": fields}
    return a_message(
        {"type": "RECORD", "record": record if namespace is None else {**record, "namespace": namespace}}, number
    )


def a_state(mark: int, stream: str | None = "leads", counted: int | None = None) -> Message:
    state: Json = {"type": "GLOBAL", "global": {"shared_state": {"mark": mark}}, "id": mark}
    if stream is not None:
        descriptor = {"name": stream}
        state = {
            "type": "STREAM",
            "stream": {"stream_descriptor": descriptor, "stream_state": {"mark": mark}},
            "id": mark,
        }
    if counted is not None:
        state["sourceStats"] = {"recordCount": counted}
    return a_message({"type": "STATE", "state": state})


def rows(call: ApiCall, *answers: tuple[int, Any] | None) -> ApiResponse:
    """Answer a call row by row: None is success, a pair is a status and what it says. What is not given is success."""
    result = []
    for index, record in enumerate(call.records):
        answer = answers[index] if index < len(answers) else None
        if answer is None:
            result.append({"status_code": 200, "data": {"lead_id": record.lead_id}})
        else:
            result.append({"status_code": answer[0], "data": {"error_msg": answer[1]}})
    good = sum(row["status_code"] == 200 for row in result)
    metadata = {"total_leads": len(result), "success": good, "failed": len(result) - good}
    return ApiResponse(200, {"status": "success", "result": result, "metadata": metadata})


class Stored:
    """Keeps what is rejected in a list."""

    def __init__(self) -> None:
        self.rejections: list[Rejection] = []
        self.committed = 0

    def add(self, rejection: Rejection) -> None:
        self.rejections.append(rejection)

    def commit(self) -> None:
        self.committed = len(self.rejections)

    @property
    def reasons(self) -> list[str]:
        return [rejection.reason for rejection in self.rejections]

    @property
    def lead_ids(self) -> list[str | None]:
        return [rejection.lead_id for rejection in self.rejections]


class Still:
    """A clock that moves only when it is slept on."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return 1_700_000_000.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Bench:
    """An engine and everything around it."""

    config: Config
    engine: Engine
    rejected_records: Stored
    progress: Progress
    logs: list[tuple[str, str]]
    now: float = 0.0

    def feed(self, *messages: Message) -> None:
        for message in messages:
            self.engine.feed(message, self.now)

    def end(self) -> None:
        self.engine.end_input()

    def calls(self) -> list[ApiCall]:
        return self.engine.take_calls(self.now)

    def call(self) -> ApiCall:
        (call,) = self.calls()
        return call

    def answer(self, call: ApiCall, answer: Response) -> None:
        self.engine.handle_response(call, answer, self.now)

    def states(self) -> list[Json]:
        left = []
        while taken := self.engine.take_states(self.now):
            left += [orjson.loads(line)["state"] for line in taken]
        return left

    def marks(self) -> list[int]:
        return [state["id"] for state in self.states()]

    def wait(self) -> None:
        """Let time pass until the engine has something to do."""
        wake = self.engine.wake_at(self.now)
        assert wake is not None, "nothing will happen"
        self.now = max(self.now, wake)


def a_bench(
    config: Json | None = None,
    catalog: Json | None = None,
    *,
    largest: int | None = None,
    open_bound: int = 16,
    read_timeout: float = 30.0,
    calls_per_minute: int = 1_000_000,
    tolerate_rejections: bool = False,
    jitter: Callable[[], float] = lambda: 0.0,
    suppression: SuppressionList | None = None,
) -> Bench:
    settings = parse_config(config or a_config())
    routes = plan(settings, catalog or a_catalog("leads"))
    logs: list[tuple[str, str]] = []
    progress = Progress(lambda level, text: logs.append((level, text)), now=0.0)
    rejected_records = Stored()
    engine = Engine(
        routes,
        [record_mapper(settings, route, progress.changed, suppression) for route in routes],
        settings=EngineSettings(
            workers=settings.workers,
            ignore_duplicates=settings.on_duplicate == "ignore",
            max_rejected_percent=settings.max_rejected_percent,
            read_timeout=read_timeout,
            tolerate_rejections=tolerate_rejections,
        ),
        batcher=Batcher(linger=settings.linger_seconds, largest=largest, open_bound=open_bound),
        limiter=RateLimiter(calls_per_minute, chance=lambda: 0.5),
        contact_center_limiter=RateLimiter(1_000_000),
        rejected_records=rejected_records,
        seen_leads=SeenLeads(io.BytesIO()),
        progress=progress,
        jitter=jitter,
    )
    return Bench(settings, engine, rejected_records, progress, logs)


@pytest.fixture
def bench():
    """Return what builds an engine with everything around it."""
    benches = []

    def build(*args, **kwargs):
        benches.append(a_bench(*args, **kwargs))
        return benches[-1]

    yield build
    for each in benches:
        each.engine.close()


class Kit:
    """What tests build things with: a module of helpers cannot be imported under importlib mode."""

    config = staticmethod(a_config)
    catalog = staticmethod(a_catalog)
    message = staticmethod(a_message)
    record = staticmethod(a_record)
    state = staticmethod(a_state)
    rows = staticmethod(rows)
    clock = Still
    bench = staticmethod(a_bench)


@pytest.fixture
def kit():
    """Return the builders of configs, catalogs, messages and answers."""
    return Kit


@pytest.fixture(scope="session")
def kit_for_properties():
    """Return the same builders, for tests that hypothesis runs many times."""
    return Kit
