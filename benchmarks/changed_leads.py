"""A full refresh of a large stream, again with few changes: calls, time and memory of each sync, size of what is kept.

The console script writes leads of about 300 bytes with `send` `changed` and `when_gone` `disable` to a local server
that accepts each at once and allows any number of calls. The first sync sends all of them. In the second, one in a
hundred has changed and one in a thousand is gone; in the third, nothing has happened.

    python -m benchmarks.changed_leads [--leads 1200000] [--delivery-log] [--state-every 10000]
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from rich.console import Console
from rich.table import Table

from benchmarks.destination import lead
from benchmarks.measure import server
from benchmarks.processes import watched

SENT = ".squadstack/sent"
CATALOG = {
    "streams": [
        {
            "stream": {"name": "leads"},
            "sync_mode": "full_refresh",
            "destination_sync_mode": "append_dedup",
            "sync_id": 1,
        }
    ]
}
_STATUS = {"stream_descriptor": {"name": "leads"}, "status": "COMPLETE"}
_COMPLETE = {"type": "TRACE", "trace": {"type": "STREAM_STATUS", "emitted_at": 1, "stream_status": _STATUS}}
_RECORD = b'{"type":"RECORD","record":{"stream":"leads","emitted_at":1,"data":%b}}\n'
_CHANGED_EVERY = 100
_GONE_EVERY = 1_000


@dataclass(frozen=True, slots=True)
class Measured:
    """What one sync took. `kept_megabytes`: the memory of sent leads in its storage when the sync has ended."""

    name: str
    calls: int
    seconds: float
    cpu_seconds: float
    peak_megabytes: float
    kept_megabytes: float


def first(number: int) -> bytes | None:
    """Return a lead of the first sync."""
    return lead(number)


def later(number: int) -> bytes | None:
    """Return a lead of the later syncs, None if it is gone."""
    if number % _GONE_EVERY == _GONE_EVERY // 2:
        return None
    return lead(number).replace(b"Asha", b"Anil") if number % _CHANGED_EVERY == 0 else lead(number)


def measure(leads: int, *, delivery_log: bool = False, state_every: int = 10_000) -> Iterator[Measured]:
    """Run the three syncs; yield what each took."""
    with server() as port, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_json(folder / "config.json", config(port, folder / "store", delivery_log=delivery_log))
        _write_json(folder / "catalog.json", CATALOG)
        for title, model in (("first", first), ("1 % changed, 0.1 % gone", later), ("nothing changed", later)):
            _write_input(folder / "input.jsonl", model, leads, state_every)
            yield _sync(title, folder, port)


def config(port: int, store: Path, *, delivery_log: bool) -> dict[str, Any]:
    """Return the config of the destination."""
    return {
        "squadstack": {"token": "bench-token", "base_url": f"http://127.0.0.1:{port}", "calls_per_minute": 1_000_000},
        "default": {"operation": "upsert", "ref_id": "bench", "send": "changed", "when_gone": "disable"},
        "object_storage_config": {"storage_type": "Local", "bucket_path": str(store)},
        "delivery_log": delivery_log,
    }


def _sync(title: str, folder: Path, port: int) -> Measured:
    command = [str(Path(sys.executable).with_name("destination-squadstack")), "write"]
    command += ["--config", str(folder / "config.json"), "--catalog", str(folder / "catalog.json")]
    before, began = calls(port), time.monotonic()
    with (folder / "input.jsonl").open("rb") as stdin, (folder / "output.jsonl").open("wb") as stdout:
        done = watched(command, stdin=stdin, stdout=stdout)
    seconds = time.monotonic() - began
    kept = sum(path.stat().st_size for path in (folder / "store" / SENT).iterdir()) / 1e6
    return Measured(title, calls(port) - before, seconds, done.cpu_seconds, done.peak_megabytes, kept)


def calls(port: int) -> int:
    """Return how many calls with leads the server has taken so far."""
    return int(requests.get(f"http://127.0.0.1:{port}/calls", timeout=60).content)


def _write_input(path: Path, model: Callable[[int], bytes | None], leads: int, state_every: int) -> None:
    counted = 0
    with path.open("wb") as messages:
        for number in range(leads):
            if (data := model(number)) is not None:
                messages.write(_RECORD % data)
                counted += 1
            if number + 1 == leads or (number + 1) % state_every == 0:
                messages.write(_state(counted))
                counted = 0
        messages.write(json.dumps(_COMPLETE).encode() + b"\n")


def _state(counted: int) -> bytes:
    stream = {"stream_descriptor": {"name": "leads"}, "stream_state": {}}
    content = {"type": "STREAM", "stream": stream, "sourceStats": {"recordCount": counted}}
    return json.dumps({"type": "STATE", "state": content}).encode() + b"\n"


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="A large full refresh of which little has changed.")
    parser.add_argument("--leads", type=int, default=1_200_000)
    parser.add_argument("--delivery-log", action="store_true", help="keep a row for each record")
    parser.add_argument("--state-every", type=int, default=10_000, help="records between two states of the source")
    asked = parser.parse_args(arguments)
    table = Table("sync", "calls", "seconds", "processor seconds", "peak MB", "memory of sent leads, MB")
    for done in measure(asked.leads, delivery_log=asked.delivery_log, state_every=asked.state_every):
        table.add_row(
            done.name,
            f"{done.calls:,}",
            f"{done.seconds:.1f}",
            f"{done.cpu_seconds:.1f}",
            f"{done.peak_megabytes:.0f}",
            f"{done.kept_megabytes:.1f}",
        )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
