"""A page of records as it goes to stdout."""

import json
import time
from dataclasses import dataclass

import orjson

from source_squadstack.components.response_body import Row


@dataclass(frozen=True, slots=True)
class Page:
    """Records of a stream as JSON lines, and the last of them as it was read."""

    stream: str
    records: int
    lines: bytes
    last: Row


def page_of(stream: str, rows: list[Row]) -> Page:
    """Write rows as RECORD messages the way the CDK does: without their null fields, integers of any size exact."""
    head = b'{"type":"RECORD","record":{"stream":%b,"data":' % orjson.dumps(stream)
    foot = b',"emitted_at":%d}}\n' % (time.time_ns() // 1_000_000)
    lines = list(map(row_json, rows))
    lines[0] = head + lines[0]
    lines[-1] += foot
    return Page(stream, len(rows), (foot + head).join(lines), rows[-1])


def row_json(row: Row) -> bytes:
    """Return a row's JSON."""
    if None in row.values():
        row = {name: value for name, value in row.items() if value is not None}
    try:
        return orjson.dumps(row)
    except TypeError:  # an integer beyond 64 bits
        return json.dumps(row).encode()
