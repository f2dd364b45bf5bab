"""What a sync of many campaigns takes: calls, time, memory, and the sizes of config and state.

The console script reads `lead_responses` of an emulator that limits nothing, in one window: every campaign has some
leads, so that each has a state of its own. It is read twice, the second time from the states of the first.

    python -m benchmarks.campaigns [--campaigns 1 100 1000 10000] [--leads 5]
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.processes import Finished, watched
from squadstack_emulator import Campaign, Emulator, Scenario

CATALOG = {
    "streams": [
        {
            "stream": {
                "name": "lead_responses",
                "json_schema": {},
                "supported_sync_modes": ["full_refresh", "incremental"],
            },
            "sync_mode": "incremental",
            "destination_sync_mode": "append",
        }
    ]
}
_STATE = b'{"type":"STATE"'
_RECORD = b'{"type":"RECORD"'


@dataclass(frozen=True, slots=True)
class Sync:
    """One read. Sizes are in bytes; `states` is the size of all state messages together."""

    process: Finished
    calls: int
    records: int
    states: int
    state_messages: int
    last_state: bytes


def scenario(campaigns: int, leads: int, now: datetime) -> Scenario:
    """Return a business with so many campaigns, each with leads of the last ten days."""
    like = Campaign(responses=leads, seed_from=now - timedelta(days=10), seed_to=now - timedelta(days=1))
    ids = [f"C{number:05}" for number in range(campaigns)]
    return Scenario(
        campaigns=tuple(replace(like, id=each, ref_id=f"ref-{each}") for each in ids),
        calls_per_minute=None,
    )


def config(emulator: Emulator, now: datetime) -> dict[str, Any]:
    """Return the config that reads all of them in one window."""
    return {
        "squadstack": {
            "token": emulator.scenario.token,
            "campaign_ids": [campaign.id for campaign in emulator.scenario.campaigns],
            "start_date": (now - timedelta(days=20)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "base_url": emulator.url,
            "calls_per_minute": 1_000_000,
        }
    }


def sync(emulator: Emulator, folder: Path, files: dict[str, Any]) -> Sync:
    """Read with these files."""
    command = [str(Path(sys.executable).with_name("source-squadstack")), "read"]
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
        command += [f"--{name}", str(folder / f"{name}.json")]
    calls = len(emulator.request_log.calls)
    with (folder / "out").open("wb+") as out:
        process = watched(command, stdout=out)
        out.seek(0)
        lines = out.read().splitlines()
    states = [line for line in lines if line.startswith(_STATE)]
    return Sync(
        process,
        len(emulator.request_log.calls) - calls,
        sum(line.startswith(_RECORD) for line in lines),
        sum(map(len, states)),
        len(states),
        states[-1],
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="What a sync of many campaigns takes.")
    parser.add_argument("--campaigns", type=int, nargs="+", default=[1, 100, 1_000, 10_000])
    parser.add_argument("--leads", type=int, default=5, help="leads a campaign")
    asked = parser.parse_args(arguments)
    table = Table(
        "campaigns", "sync", "calls", "records", "seconds", "peak MB", "config kB", "state kB", "all states kB"
    )
    for campaigns in asked.campaigns:
        now = datetime.now(UTC)
        with Emulator(scenario(campaigns, asked.leads, now)) as emulator, tempfile.TemporaryDirectory() as name:
            files: dict[str, Any] = {"config": config(emulator, now), "catalog": CATALOG}
            for which in ("first", "next"):
                began = time.monotonic()
                done = sync(emulator, Path(name), files)
                took = time.monotonic() - began
                sizes = [len(json.dumps(files["config"])), len(done.last_state), done.states]
                table.add_row(
                    f"{campaigns:,}",
                    which,
                    f"{done.calls:,}",
                    f"{done.records:,}",
                    f"{took:.0f}",
                    f"{done.process.peak_megabytes:.0f}",
                    *(f"{size / 1000:,.0f}" for size in sizes),
                )
                files["state"] = [json.loads(done.last_state)["state"]]
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
