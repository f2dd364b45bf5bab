"""Recordings: what the source takes to download them, against a bare parallel downloader in the same run.

The emulator serves them, each after 100 ms; both write every file to disk and take its SHA-256. The bare one is given
the links: it reads no leads, checks no host and writes no records.

    python -m benchmarks.recordings [--recordings 500 2000] [--bytes 1000000] [--workers 10]
"""

import argparse
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
from rich.console import Console
from rich.table import Table

from benchmarks.processes import Finished, watched
from squadstack_emulator import Emulator, Recordings, Scenario

STREAM = "call_recordings"
LATENCY = 0.1
CHUNK = 256 * 1024


def bare(links: Sequence[str], folder: Path, workers: int) -> None:
    """Download links, so many at once: the floor."""
    session = requests.Session()
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=workers))

    def download(number: int) -> str:
        found = hashlib.sha256()
        with session.get(links[number], stream=True, timeout=60) as response, (folder / str(number)).open("wb") as file:
            for chunk in response.iter_content(CHUNK):
                found.update(chunk)
                file.write(chunk)
        return found.hexdigest()

    with ThreadPoolExecutor(workers) as pool:
        print(*pool.map(download, range(len(links))), sep="\n")  # noqa: T201 - its output


def source(emulator: Emulator, folder: Path, workers: int) -> list[str]:
    """Return the command that reads the stream, its files in a folder."""
    files = {
        "config": {
            "squadstack": {
                "token": emulator.scenario.token,
                "campaign_ids": [emulator.scenario.campaigns[0].id],
                "start_date": "2026-01-01T00:00:00Z",
                "base_url": emulator.url,
                "calls_per_minute": 1_000_000,
            },
            "num_workers": workers,
        },
        "catalog": {
            "streams": [
                {
                    "stream": {"name": STREAM, "json_schema": {}, "supported_sync_modes": ["incremental"]},
                    "sync_mode": "incremental",
                    "destination_sync_mode": "append",
                    "include_files": True,
                }
            ]
        },
    }
    command = ["env", f"AIRBYTE_STAGING_DIRECTORY={folder}", str(Path(sys.executable).with_name("source-squadstack"))]
    command.append("read")
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
        command += [f"--{name}", str(folder / f"{name}.json")]
    return command


def lead(number: int) -> dict[str, str]:
    """Return a lead without its recording; one a minute."""
    at = f"2026-01-{2 + number // 1440:02}T{number // 60 % 24:02}:{number % 60:02}:00+00:00"
    return {"lead_id": f"lead-{number:05}", "processed_at": at, "latest_called_at": at}


def timed(command: list[str], folder: Path) -> tuple[float, Finished, bytes]:
    """Run a command; return its seconds, what it took and what it printed."""
    output = folder / "output"
    begun = time.monotonic()
    with output.open("wb") as stdout:
        took = watched(command, stdout=stdout)
    return time.monotonic() - begun, took, output.read_bytes()


def compare(recordings: int, size: int, workers: int, table: Table) -> None:
    """Measure both with so many recordings; raises unless both have every file."""
    served = Scenario(calls_per_minute=None, recordings=Recordings(size=size, latency_seconds=LATENCY))
    with Emulator(served) as emulator, tempfile.TemporaryDirectory() as name:
        links = [f"{emulator.url}/recordings/small/{number}.mp3" for number in range(recordings)]
        for number, link in enumerate(links):
            emulator.put_response(None, {**lead(number), "latest_recording_url": link})
        folder = Path(name)
        (folder / "links").write_text("\n".join(links), encoding="utf-8")
        here = [sys.executable, "-m", "benchmarks.recordings", "--workers", str(workers)]
        floor, _, printed = timed([*here, "--bare", str(folder)], folder)
        wanted = sorted(printed.decode().split())
        for number in range(recordings):
            (folder / str(number)).unlink()
        seconds, took, printed = timed(source(emulator, folder, workers), folder)
    records = [json.loads(line)["record"]["data"] for line in printed.splitlines() if b'"type":"RECORD"' in line]
    if sorted(record["sha256"] for record in records) != wanted:
        raise RuntimeError("The source did not download what the bare downloader did")
    least = recordings * LATENCY / workers
    row = (f"{recordings:,}", f"{least:.1f}", f"{floor:.1f}", f"{seconds:.1f}", f"{seconds / floor:.2f}")
    table.add_row(*row, f"{took.peak_megabytes:.0f}", f"{took.cpu_seconds:.1f}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recordings", description="Downloads of recordings.")
    parser.add_argument("--recordings", type=int, nargs="+", default=[500, 2_000])
    parser.add_argument("--bytes", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=10)
    parser.add_argument("--bare", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.bare:
        bare((asked.bare / "links").read_text(encoding="utf-8").split(), asked.bare, asked.workers)
        return
    table = Table("recordings", "waiting alone, s", "bare, s", "source, s", "source / bare", "peak MB", "processor s")
    for recordings in asked.recordings:
        compare(recordings, asked.bytes, asked.workers, table)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
