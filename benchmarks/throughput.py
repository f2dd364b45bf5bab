"""How many records a second the destination writes, and two peers that do the same work (`make bench-destination`).

Each is a process of its own, kept to one core, that reads the same leads from a file and posts them, 100 a call, to the
same local server: one that answers at once, and one that answers after 100 ms. The runs are interleaved, so that a busy
moment of the machine hits all. What it takes to start is measured with a single record and taken off.

The peers live in environments of their own (.bench/), made from `benchmarks/peers/*/requirements.txt`.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import requests
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parent / ".bench"
RECORDS = {0.0: 200_000, 0.1: 10_000}
RUNS = 3
_PATH = "/voice/crm-integration-v2/bench/lead-upserted"
_FIELDS = ("city", "product", "source", "remarks")


@dataclass(frozen=True, slots=True)
class Contender:
    """One of them: how it is started, and what its input looks like."""

    name: str
    command: tuple[str, ...]
    header: bytes
    before: bytes
    after: bytes
    environment: tuple[tuple[str, str], ...] = ()

    def text(self, leads: Sequence[bytes]) -> bytes:
        """Return the input."""
        return self.header + b"".join(self.before + lead + self.after for lead in leads)


def lead(number: int) -> bytes:
    """Return a lead of ten fields, about 300 bytes."""
    fields: dict[str, Any] = {
        "lead_id": f"lead-{number:08d}",
        "phone_number": f"98{number:08d}",
        "contact_name": "Asha Verma",
        "email": f"asha.verma.{number}@example.com",
        "amount": number % 100_000,
        "created_at": "2024-01-01T00:00:00Z",
        **{name: f"{name} of a lead" for name in _FIELDS},
    }
    return orjson.dumps(fields)


def contenders(folder: Path, port: int) -> list[Contender]:
    """Return all of them, set up for a server."""
    config = {
        "squadstack": {"token": "t", "base_url": f"http://127.0.0.1:{port}", "calls_per_minute": 1_000_000},
        "default": {"operation": "upsert", "ref_id": "bench"},
        "workers": 8,
    }
    catalog = {"streams": [{"stream": {"name": "leads"}, "destination_sync_mode": "append_dedup"}]}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "catalog.json").write_text(json.dumps(catalog))
    types = dict.fromkeys(json.loads(lead(0)), "string") | {"amount": "integer"}
    schema = {"properties": {name: {"type": [kind, "null"]} for name, kind in types.items()}}
    singer_schema = {"type": "SCHEMA", "stream": "leads", "schema": schema, "key_properties": ["lead_id"]}
    destination = Path(sys.executable).with_name("destination-squadstack")
    files = ("--config", str(folder / "config.json"), "--catalog", str(folder / "catalog.json"))
    singer = Contender(
        "singer-sdk target",
        _peer("singer_target", "target.py"),
        orjson.dumps(singer_schema) + b"\n",
        b'{"type":"RECORD","stream":"leads","record":',
        b"}\n",
    )
    return [
        Contender(
            "destination-squadstack",
            (str(destination), "write", *files),
            b"",
            b'{"type":"RECORD","record":{"stream":"leads","emitted_at":1,"data":',
            b"}}\n",
        ),
        singer,
        replace(singer, name="the same, unvalidated", environment=(("NO_VALIDATION", "1"),)),
        Contender("dlt destination", _peer("dlt_destination", "pipeline.py"), b"", b"", b"\n"),
    ]


def _peer(name: str, script: str) -> tuple[str, ...]:
    return str(ENVIRONMENTS / name / "bin/python"), str(HERE / "peers" / name / script)


@contextmanager
def server(latency: float) -> Iterator[int]:
    """Run the server in a process of its own; give its port."""
    command = [sys.executable, "-m", "benchmarks.instant_server", "--latency", str(latency)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own module
    try:
        yield int(process.stdout.readline() if process.stdout else 0)
    finally:
        process.kill()
        process.wait()


def seconds(contender: Contender, text: bytes, folder: Path, port: int) -> float:
    """Run a contender on an input, on the first core that this process may use; return how long it took.

    Raises:
        RuntimeError: It failed, or the server was sent another number of leads.
    """
    path = folder / "input.jsonl"
    path.write_bytes(text)
    core = min(os.sched_getaffinity(0))
    address = {"ADDRESS": f"http://127.0.0.1:{port}{_PATH}", "RUNTIME__DLTHUB_TELEMETRY": "false"}
    environment = {**os.environ, **address, **dict(contender.environment)}
    pinned = (shutil.which("taskset") or "taskset", "--cpu-list", str(core), *contender.command)
    sent_before = _leads_at(port)
    with path.open("rb") as stdin:
        began = time.monotonic()
        done = subprocess.run(pinned, stdin=stdin, capture_output=True, env=environment, cwd=folder, check=False)  # noqa: S603 - see server
        took = time.monotonic() - began
    if done.returncode:
        raise RuntimeError(f"{contender.name} ended with code {done.returncode}: {done.stderr[-2_000:].decode()}")
    if (arrived := _leads_at(port) - sent_before) != text.count(b'"lead_id":"'):
        raise RuntimeError(f"{contender.name} sent {arrived} leads")
    return took


def _leads_at(port: int) -> int:
    return int(requests.get(f"http://127.0.0.1:{port}/", timeout=10).content)


def compare(latency: float, records: int, runs: int, console: Console) -> None:
    """Print what each of them does in a second."""
    leads = [lead(number) for number in range(records)]
    with tempfile.TemporaryDirectory() as root, server(latency) as port:
        folder = Path(root)
        rivals = contenders(folder, port)
        starts: dict[str, list[float]] = {rival.name: [] for rival in rivals}
        wholes: dict[str, list[float]] = {rival.name: [] for rival in rivals}
        for _ in range(runs):
            for rival in rivals:
                starts[rival.name].append(seconds(rival, rival.text(leads[:1]), folder, port) - latency)
                wholes[rival.name].append(seconds(rival, rival.text(leads), folder, port))
    table = Table("", "records a second", "lowest to highest", "whole run, s", "start alone, s", "times the peer")
    rates = {name: _rates(records, wholes[name], statistics.median(starts[name])) for name in wholes}
    ours = statistics.median(rates[rivals[0].name])
    for name, found in rates.items():
        rate = statistics.median(found)
        table.add_row(
            name,
            f"{rate:,.0f}",
            f"{min(found):,.0f} to {max(found):,.0f}",
            f"{statistics.median(wholes[name]):.1f}",
            f"{statistics.median(starts[name]):.1f}",
            "" if name == rivals[0].name else f"{ours / rate:.1f}",
        )
    console.print(f"{records:,} records, 100 a call, answered after {latency * 1000:.0f} ms; median of {runs} runs")
    console.print(table)


def _rates(records: int, wholes: Sequence[float], start: float) -> list[float]:
    return [records / max(0.001, whole - start) for whole in wholes]


def main(arguments: Sequence[str]) -> int:
    """Compare at both latencies."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description="Compares throughput.")
    parser.add_argument("--runs", type=int, default=RUNS, help="runs of each, interleaved")
    parser.add_argument("--latency", type=float, nargs="+", default=list(RECORDS), help="seconds until an answer")
    options = parser.parse_args(arguments)
    console = Console(highlight=False, width=120)
    for latency in options.latency:
        compare(latency, RECORDS.get(latency, RECORDS[0.1]), options.runs, console)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
