"""How much of its allowance a sync of one campaign uses: calls a minute, refused calls, time and memory.

The console script reads `lead_responses` of an emulator that answers each call after a while and admits so many a
minute.

    python -m benchmarks.one_campaign [--records 20000] [--page-size 100] [--latency 0.3] [--calls-per-minute 1000]
        [--days 360] [--window-days 30 3650] [--workers 1 10]
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.campaigns import CATALOG, sync
from squadstack_emulator import Campaign, Emulator, Scenario

HEAD = ("window days", "workers", "records", "calls", "a page", "seconds", "calls a minute", "of the allowance", "429s")


def scenario(asked: argparse.Namespace, now: datetime) -> Scenario:
    """Return a business with one campaign, whose leads were processed evenly over the last days."""
    campaign = Campaign(
        responses=asked.records, seed_from=now - timedelta(days=asked.days), seed_to=now - timedelta(days=1)
    )
    return Scenario(campaigns=(campaign,), calls_per_minute=asked.calls_per_minute, latency_seconds=asked.latency)


def config(emulator: Emulator, asked: argparse.Namespace, now: datetime, window: int, workers: int) -> dict[str, Any]:
    """Return the config that reads all of it."""
    return {
        "squadstack": {
            "token": emulator.scenario.token,
            "campaign_ids": [campaign.id for campaign in emulator.scenario.campaigns],
            "start_date": (now - timedelta(days=asked.days)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "base_url": emulator.url,
            "page_size": asked.page_size,
            "calls_per_minute": asked.calls_per_minute,
            "window_days": window,
        },
        "num_workers": workers,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="How much of its allowance a sync of one campaign uses.")
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--page-size", type=int, default=100)
    parser.add_argument("--latency", type=float, default=0.3, help="seconds between a call and its answer")
    parser.add_argument("--calls-per-minute", type=int, default=1_000)
    parser.add_argument("--days", type=int, default=360, help="over which the leads are spread")
    parser.add_argument("--window-days", type=int, nargs="+", default=[30, 3650])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 10])
    asked = parser.parse_args(arguments)
    table = Table(*HEAD)
    for window in asked.window_days:
        for workers in asked.workers:
            now = datetime.now(UTC)
            with Emulator(scenario(asked, now)) as emulator, tempfile.TemporaryDirectory() as name:
                files = {"config": config(emulator, asked, now, window, workers), "catalog": CATALOG}
                began = time.monotonic()
                done = sync(emulator, Path(name), files)
                took = time.monotonic() - began
                a_minute = done.calls / took * 60
                table.add_row(
                    f"{window}",
                    f"{workers}",
                    f"{done.records:,}",
                    f"{done.calls:,}",
                    f"{done.calls * asked.page_size / asked.records:.2f}",
                    f"{took:.1f}",
                    f"{a_minute:.0f}",
                    f"{a_minute / asked.calls_per_minute:.0%}",
                    f"{emulator.request_log.throttled}",
                )
    Console(width=120).print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
