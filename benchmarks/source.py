"""The source and its peers: every response of all campaigns, from the same server, once."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.instant_server import SINCE, SMALL, campaign
from benchmarks.measure import Contender, own, peer, plain

OURS = "source-squadstack"
PARALLEL = "dlt rest_api, parallelized"


def config(port: int, campaigns: Sequence[str], page_size: int) -> dict[str, Any]:
    """Return the config of the source: one window from the first response to now."""
    return {
        "squadstack": {
            "token": "bench-token",
            "campaign_ids": list(campaigns),
            "start_date": SINCE,
            "base_url": f"http://127.0.0.1:{port}",
            "page_size": page_size,
            "calls_per_minute": 1_000_000,
            "window_days": 3650,
        }
    }


def contenders(folder: Path, port: int, campaigns: int, page_size: int, *, parallel: bool) -> list[Contender]:
    """Return all of them, set up for a server. `parallel`: with dlt's threads as well."""
    every = [campaign(number) for number in range(campaigns)]
    address = f"http://127.0.0.1:{port}"
    stream = {"name": "lead_responses", "json_schema": {}, "supported_sync_modes": ["full_refresh", "incremental"]}
    catalog = {"streams": [{"stream": stream, "sync_mode": "incremental", "destination_sync_mode": "append_dedup"}]}
    (folder / "catalog.json").write_text(json.dumps(catalog))

    def ours(name: str, chosen: Sequence[str]) -> tuple[str, ...]:
        path = folder / f"{name}.json"
        path.write_text(json.dumps(config(port, chosen, page_size)))
        return "--config", str(path), "--catalog", str(folder / "catalog.json")

    def singer(name: str, chosen: Sequence[str]) -> tuple[str, ...]:
        path = folder / f"singer.{name}.json"
        path.write_text(
            json.dumps({"address": address, "since": SINCE, "page_size": page_size, "campaigns": list(chosen)})
        )
        return "--config", str(path)

    dlt = Contender(
        "dlt rest_api",
        peer("dlt", "source.py"),
        (address, SINCE, str(page_size), SMALL),
        (address, SINCE, str(page_size), *every),
    )
    return [
        Contender(OURS, (own("source-squadstack"), "read"), ours("small", [SMALL]), ours("whole", every)),
        dlt,
        *([replace(dlt, name=PARALLEL, environment={"PARALLEL": "1"})] if parallel else []),
        Contender("singer-sdk tap", peer("singer", "tap.py"), singer("small", [SMALL]), singer("whole", every)),
        Contender("requests + orjson, bare", plain("bare_source.py"), (address, SMALL), (address, *every)),
    ]
