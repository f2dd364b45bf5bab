"""A store and a server that outlive syncs, and syncs that are killed at any step that either of them would notice."""

import gzip
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from destination_squadstack.api.outcomes import ApiResponse, NoResponse
from destination_squadstack.config import parse_config
from destination_squadstack.protocol import Emitter
from destination_squadstack.routing import plan
from destination_squadstack.sync import Sync
from test_support.sync_clock import MovedClock, SyncEvents

OK, CREATED, REFUSED = 200, 201, 400
# A record with one of these cities is refused by the server, or does not pass the filter.
BAD_CITY, FILTERED_CITY = "refused", "elsewhere"
DELIVERIES = ".squadstack/deliveries/"
# A lead, and where it lives: a record.
Model = Sequence[tuple[str, str]]


class Killed(Exception):  # noqa: N818 - it is what happens to a sync
    """The process is gone: nothing that it does from here on has an effect."""


@dataclass(slots=True)
class Books:
    """What the server has told one run: operation, lead and status of each answer that arrived."""

    answers: list[tuple[str, str, int]] = field(default_factory=list)
    calls: int = 0


class World:
    """The store and the server. A sync may take so many steps more before it is killed; None: any number."""

    read_timeout = 0.1

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.leads: dict[str, str] = {}
        self.disabled: set[str] = set()
        self.steps: int | None = None
        # Which calls of the run are carried out and their answers lost.
        self.lost_answers: frozenset[int] = frozenset()
        self.books = Books()
        self.clock = MovedClock()

    @property
    def active(self) -> dict[str, str]:
        """The leads that are called."""
        return {lead_id: city for lead_id, city in self.leads.items() if lead_id not in self.disabled}

    def step(self) -> None:
        """Take a step.

        Raises:
            Killed: There are none left.
        """
        if self.steps is not None:
            if not self.steps:
                raise Killed
            self.steps -= 1

    # --- the store

    def put(self, path: str, content: bytes) -> None:
        """Write a file."""
        self._step_of_store()
        self.files[path] = content

    def _step_of_store(self) -> None:
        try:
            self.step()
        except Killed:
            raise PermissionError(13, "the process is gone") from None

    def read(self, path: str) -> bytes:
        """Return a file."""
        try:
            return self.files[path]
        except KeyError:
            raise FileNotFoundError(2, "No such file") from None

    def names(self, folder: str) -> list[str]:
        """Return the files below a folder."""
        return sorted(path for path in self.files if path.startswith(folder))

    def remove(self, path: str) -> None:
        """Delete a file."""
        self._step_of_store()
        del self.files[path]

    def field(self, _: OSError) -> str:
        """Return what an error is about."""
        return "bucket_path"

    def close(self) -> None:
        """Have nothing to let go of."""

    # --- the server

    def send(self, lane: Any, bodies: Sequence[bytes]) -> ApiResponse | NoResponse:
        """Carry out a call."""
        self.step()
        operation = lane.operation.name
        leads = [json.loads(body) for body in bodies]
        result = [self._one(operation, lead) for lead in leads]
        # Applied, and killed before it heard of it.
        self.step()
        self.books.calls += 1
        if self.books.calls in self.lost_answers:
            return NoResponse("the connection was closed", may_be_applied=True)
        self.books.answers += [
            (operation, lead["lead_id"], row["status_code"]) for lead, row in zip(leads, result, strict=True)
        ]
        return ApiResponse(OK, {"status": "success", "result": result})

    def _one(self, operation: str, lead: dict[str, Any]) -> dict[str, Any]:
        lead_id, status = lead["lead_id"], OK
        if operation == "disable":
            if lead_id not in self.leads:
                return {"status_code": REFUSED, "data": {"error_msg": "Lead does not exist"}}
            self.disabled.add(lead_id)
        elif lead["city"] == BAD_CITY:
            return {"status_code": REFUSED, "data": {"error_msg": "phone_number is invalid"}}
        else:
            status = OK if lead_id in self.leads else CREATED
            self.leads[lead_id] = lead["city"]
            self.disabled.discard(lead_id)
        return {"status_code": status, "data": {"lead_id": lead_id}}

    # --- syncs

    def run(
        self,
        kit: Any,
        number: int,
        model: Model,
        *,
        steps: int | None = None,
        lost_answers: frozenset[int] = frozenset(),
        **changes: Any,
    ) -> tuple[int | None, list[dict[str, Any]]]:
        """Run a sync; return its exit code, None if it was killed at its start, and what it printed."""
        self.steps, self.lost_answers, self.books = steps, lost_answers, Books()
        config = parse_config(kit.config(**{**_CONFIG, **changes}))
        printed: list[bytes] = []
        pieces = iter([b"".join(line + b"\n" for line in _lines(kit, model))])
        try:
            sync = Sync(
                config,
                plan(config, {"streams": [{**_STREAM, "sync_id": number}]}),
                api=self,
                read=lambda _: next(pieces, b""),
                emitter=Emitter(printed.append),
                clock=self.clock,
                run_id=f"run-{number}",
            )
        except Killed:
            return None, []
        events = sync._events
        assert isinstance(events, SyncEvents)
        events.sync = sync
        code = sync.run()
        return code, [json.loads(line) for line in b"".join(printed).splitlines()]

    def deliveries(self, number: int) -> list[dict[str, Any]]:
        """Return the delivery log of a run."""
        files = [content for name, content in sorted(self.files.items()) if name.startswith(f"{DELIVERIES}{number}/")]
        return [json.loads(line) for content in files for line in gzip.decompress(content).splitlines()]


_CONFIG: dict[str, Any] = {
    "default": {
        "operation": "upsert",
        "ref_id": "ref-1",
        "send": "changed",
        "when_gone": "disable",
        "filter": [{"field": "city", "test": "not_equals", "value": FILTERED_CITY}],
    },
    "object_storage_config": {"storage_type": "Local", "bucket_path": "/none"},
    "max_gone_percent": 100,
    "delivery_log": True,
    "squadstack": {"token": "token", "calls_per_minute": 1_000_000, "records_per_minute": 2},
}
_STREAM = {"stream": {"name": "leads"}, "sync_mode": "full_refresh", "destination_sync_mode": "append_dedup"}
_STATUS = {"stream_descriptor": {"name": "leads"}, "status": "COMPLETE"}
_COMPLETE = {"type": "TRACE", "trace": {"type": "STREAM_STATUS", "emitted_at": 1, "stream_status": _STATUS}}


def _lines(kit: Any, model: Model) -> list[bytes]:
    """Return the messages of a sync: the records, with a state in the middle and one at the end."""
    half = len(model) // 2
    records = [kit.record(lead_id, city=city).line for lead_id, city in model]
    first, last = kit.state(1, counted=half).line, kit.state(2, counted=len(model) - half).line
    return [*records[:half], first, *records[half:], last, json.dumps(_COMPLETE).encode()]


def acknowledged(printed: Sequence[dict[str, Any]], model: Model) -> int:
    """Return how many records the states cover that have left."""
    left = sum(message["type"] == "STATE" for message in printed)
    return (0, len(model) // 2, len(model))[left]


def expected(model: Model, held: dict[str, str]) -> tuple[dict[str, str], set[str]]:
    """Return the leads that are to be active after a whole sync, and those whose city nobody can tell.

    A record that is refused leaves its lead as it was, disabled or not.
    """
    last: dict[str, str] = {}
    unsure: set[str] = set()
    sent = {lead_id for lead_id, city in model if city != FILTERED_CITY}
    for lead_id, city in model:
        if city == BAD_CITY:
            if lead_id in held and lead_id not in last:
                unsure.add(lead_id)
        elif city != FILTERED_CITY:
            last[lead_id] = city
            unsure.discard(lead_id)
    return {lead_id: city for lead_id, city in last.items() if lead_id in sent}, unsure


def verdicts(rows: Sequence[dict[str, Any]]) -> Counter[tuple[str, str, int | None]]:
    """Count the rows of a delivery log by lead, verdict and status."""
    return Counter((row["lead_id"], row["verdict"], row["status_code"]) for row in rows)


def verdicts_of_books(books: Books) -> Counter[tuple[str, str, int | None]]:
    """Count what the rows of sent records have to say, as the server's books have it."""
    told: Counter[tuple[str, str, int | None]] = Counter()
    for operation, lead_id, status in books.answers:
        verdict = "disabled_gone" if operation == "disable" else "rejected" if status == REFUSED else "written"
        told[lead_id, verdict, status] += 1
    return told
