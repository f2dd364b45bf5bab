"""The records of a run: new leads, leads that come again and again, and some that can never be accepted."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

CREATES, UPSERTS = "creates", "upserts"
RECORDS_PER_STATE = 50
_HOT_LEADS = 5
_HOT_SHARE = 0.02
_CREATE_SHARE = 0.3
_BAD_SHARE = 0.02
_BUSY_EVERY = 997


@dataclass(frozen=True, slots=True)
class Planned:
    """One record. `number` is its place in the input."""

    number: int
    stream: str
    lead_id: str
    bad: bool

    @property
    def mark(self) -> str:
        """The name of a field that only this record has: the order of a lead's fields tells what was applied when."""
        return f"r{self.number}"

    @property
    def line(self) -> bytes:
        """The message."""
        data: dict[str, Any] = {
            "lead_id": self.lead_id,
            "phone_number": "12" if self.bad else f"98{self.number:08d}",
            "contact_name": "Asha",
            "n": self.number,
            self.mark: 1,
        }
        record = {"stream": self.stream, "emitted_at": 1, "data": data}
        return orjson.dumps({"type": "RECORD", "record": record}) + b"\n"


@dataclass(frozen=True)
class Plan:
    """The input of one seed."""

    records: Sequence[Planned]

    def text(self, after: int = 0) -> bytes:
        """Return the input from a record on, as a source sends it that goes on from the state of that name."""
        return b"".join(self._lines(after))

    def _lines(self, after: int) -> Iterable[bytes]:
        for record in self.records[after:]:
            yield record.line
            done = record.number + 1
            if done % RECORDS_PER_STATE == 0 or done == len(self.records):
                yield orjson.dumps(a_state(done)) + b"\n"

    @cached_property
    def busy_leads(self) -> dict[str, int]:
        """Return leads that somebody else is working on when they are first sent."""
        good = [record.lead_id for record in self.records if not record.bad]
        return dict.fromkeys(good[:: min(_BUSY_EVERY, max(1, len(good) // 3))], 2)


def a_state(done: int) -> dict[str, Any]:
    """Return the state that covers the first `done` records."""
    return {"type": "STATE", "state": {"type": "GLOBAL", "global": {"shared_state": {"done": done}}, "id": done}}


def plan(seed: int, count: int) -> Plan:
    """Plan the records of a seed."""
    chance = random.Random(seed)
    records = []
    for number in range(count):
        stream, lead_id = UPSERTS, f"lead{number}"
        if chance.random() < _HOT_SHARE:
            lead_id = f"hot{chance.randrange(_HOT_LEADS)}"
        elif chance.random() < _CREATE_SHARE:
            stream = CREATES
        records.append(Planned(number, stream, lead_id, bad=chance.random() < _BAD_SHARE))
    return Plan(records)
