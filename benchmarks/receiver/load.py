"""`python -m benchmarks.receiver.load` (`make webhooks-load`): how many events are stored a second, and how fast.

Throughput by `wrk` (Debian's package of that name) with 64 connections to a receiver; what counts is what is in the
store in the end, not what was sent. Latency with an open loop: calls begin at their times, 200 a second, whether or not
those before them were answered, and are timed from when they should have begun, so that a stall counts for all whom it
delays. Everything is on loopback and on this machine's cores: load, receivers and PostgreSQL share them.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from test_support.postgres import Postgres
from test_support.receiver_process import KEY, ReceiverProcess

MIN_EVENTS_PER_SECOND, MAX_P99_SECONDS = 1_000, 0.1
SECONDS, RATE, CONNECTIONS = 10, 200, 64
_SCRIPT = Path(__file__).with_name("load.lua")
_FAILED = re.compile(r"Non-2xx or 3xx responses: (\d+)|Socket errors: .*")
_CREATED = b"HTTP/1.1 201"


def throughput(receivers: Sequence[ReceiverProcess], seconds: int) -> tuple[float, float]:
    """Return events stored a second, under as much load as there can be, and what one costs the receivers' processor.

    Raises:
        RuntimeError: An answer was none, or another than 201.
    """
    before = receivers[0].metrics()["webhooks_last_sequence"]
    began, cpu = time.monotonic(), sum(receiver.cpu_seconds() for receiver in receivers)
    loads = [
        subprocess.Popen(  # noqa: S603 - a load tool, against our own process
            [
                _wrk(),
                *("--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds}s"),
                *("--script", str(_SCRIPT), f"http://127.0.0.1:{receiver.port}", "--"),
                *(f"/events/{KEY}", f"run-{began}-{number}"),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number, receiver in enumerate(receivers)
    ]
    reports = [load.communicate(timeout=seconds * 3)[0] for load in loads]
    took = time.monotonic() - began
    if failed := [match[0] for report in reports if (match := _FAILED.search(report))]:
        raise RuntimeError("; ".join(failed))
    stored = receivers[0].metrics()["webhooks_last_sequence"] - before
    return stored / took, (sum(receiver.cpu_seconds() for receiver in receivers) - cpu) / stored


def _wrk() -> str:
    found = shutil.which("wrk")
    if found is None:
        raise SystemExit("wrk is not installed: apt-get install wrk")
    return found


async def latencies(receivers: Sequence[ReceiverProcess], seconds: int, rate: int) -> list[float]:
    """Return the seconds that each call took, sorted, with so many calls begun a second."""
    connections = [
        Connection(receivers[number % len(receivers)].port, f"open-{time.monotonic()}-{number}")
        for number in range(200)
    ]
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for connection in connections:
        await connection.open()
        free.put_nowait(connection)
    loop = asyncio.get_running_loop()
    began = loop.time() + 0.1
    took: list[float] = []

    async def call(due: float) -> None:
        connection = await free.get()
        await connection.post()
        took.append(loop.time() - due)
        free.put_nowait(connection)

    calls = []
    for number in range(seconds * rate):
        due = began + number / rate
        await asyncio.sleep(due - loop.time())
        calls.append(asyncio.create_task(call(due)))
    await asyncio.gather(*calls)
    for connection in connections:
        await connection.close()
    return sorted(took)


class Connection:
    """One connection that is kept, and posts an event at a time."""

    def __init__(self, port: int, name: str) -> None:
        self._port, self._name, self._number = port, name, 0

    async def open(self) -> None:
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    async def post(self) -> None:
        """Post an event; it must be answered with 201."""
        self._number += 1
        body = json.dumps({"lead_id": f"{self._name}-{self._number}", "processed_at": "2018-12-03T14:37:54+00:00"})
        self._writer.write(
            f"POST /events/{KEY} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode("ascii")
        )
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        if not head.startswith(_CREATED) or length is None:
            raise RuntimeError(head.decode("latin-1"))
        await self._reader.readexactly(int(length[1]))

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        await self._writer.wait_closed()


@contextmanager
def on_sqlite() -> Iterator[list[ReceiverProcess]]:
    """One receiver, with SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        database = f"sqlite:///{folder}/webhooks.db"
        with ReceiverProcess(database, log=Path(folder, "log")) as receiver:
            yield [receiver]


@contextmanager
def on_postgres() -> Iterator[list[ReceiverProcess]]:
    """Two receivers, with one PostgreSQL."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Postgres() as postgres,
        ReceiverProcess(postgres.url(), log=Path(folder, "log-1")) as first,
        ReceiverProcess(postgres.url(), log=Path(folder, "log-2")) as second,
    ):
        yield [first, second]


STORES = {"one receiver, SQLite": on_sqlite, "two receivers, PostgreSQL": on_postgres}


def main(arguments: Sequence[str]) -> int:
    """Run all; return 1 if a figure is not reached."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.receiver.load", description="Load on the receiver.")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="seconds of each run (default: %(default)s)")
    options = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"{os.cpu_count()} cores; {os.getloadavg()[0]:.1f} processes of others wanted them in the last minute."
    )
    console.print(f"{'':26} {'stored/s':>9} {'CPU each':>9} {f'p50 at {RATE}/s':>13} {'p99':>9} {'slowest':>9}")
    holds = True
    for name, store in STORES.items():
        with store() as receivers:
            took = asyncio.run(latencies(receivers, options.seconds, RATE))
            stored, cpu = throughput(receivers, options.seconds)
        p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
        each, half, most, all_ = (f"{seconds * 1000:.2f} ms" for seconds in (cpu, p50, p99, took[-1]))
        console.print(f"{name:26} {stored:>9,.0f} {each:>9} {half:>13} {most:>9} {all_:>9}")
        holds &= stored >= MIN_EVENTS_PER_SECOND and p99 < MAX_P99_SECONDS
    reached = "Reached" if holds else "Not reached"
    console.print(f"{reached}: {MIN_EVENTS_PER_SECOND:,} stored a second, p99 below {MAX_P99_SECONDS * 1000:g} ms.")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
