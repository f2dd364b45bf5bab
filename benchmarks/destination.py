"""The destination and its peers: the same leads from a file, 100 a call, to the same server."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from benchmarks.measure import Contender, own, peer, plain

OURS = "destination-squadstack"
_PATH = "/voice/crm-integration-v2/bench/lead-upserted"
_FIELDS = ("city", "product", "source", "remarks")


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


def config(port: int) -> dict[str, Any]:
    """Return the config of the destination."""
    return {
        "squadstack": {
            "token": "bench-token",
            "base_url": f"http://127.0.0.1:{port}",
            "calls_per_minute": 1_000_000,
        },
        "default": {"operation": "upsert", "ref_id": "bench"},
        "workers": 8,
    }


def contenders(folder: Path, port: int, records: int) -> list[Contender]:
    """Return all of them, set up for a server, with their input in the folder."""
    types = dict.fromkeys(json.loads(lead(0)), "string") | {"amount": "integer"}
    schema = {"properties": {name: {"type": [kind, "null"]} for name, kind in types.items()}}
    (folder / "config.json").write_text(json.dumps(config(port)))
    catalog = {
        "streams": [
            {
                "stream": {"name": "leads", "json_schema": schema, "supported_sync_modes": ["incremental"]},
                "sync_mode": "incremental",
                "destination_sync_mode": "append_dedup",
            }
        ]
    }
    (folder / "catalog.json").write_text(json.dumps(catalog))
    singer_schema = {"type": "SCHEMA", "stream": "leads", "schema": schema, "key_properties": ["lead_id"]}
    airbyte = b'{"type":"RECORD","record":{"stream":"leads","emitted_at":1,"data":', b"}}\n"
    _write(folder / "airbyte", records, *airbyte)
    _write(
        folder / "singer",
        records,
        b'{"type":"RECORD","stream":"leads","record":',
        b"}\n",
        header=orjson.dumps(singer_schema) + b"\n",
    )
    _write(folder / "plain", records, b"", b"\n")
    files = ("write", "--config", str(folder / "config.json"), "--catalog", str(folder / "catalog.json"))
    address = {"ADDRESS": f"http://127.0.0.1:{port}{_PATH}"}

    def contender(name: str, command: Sequence[str], dialect: str) -> Contender:
        small, whole = folder / f"{dialect}.small.jsonl", folder / f"{dialect}.jsonl"
        return Contender(name, tuple(command), stdin_small=small, stdin_whole=whole, environment=address)

    singer = contender("singer-sdk target", peer("singer", "target.py"), "singer")
    return [
        contender(OURS, (own("destination-squadstack"), *files), "airbyte"),
        singer,
        replace(singer, name="singer-sdk target, no validation", environment={**address, "NO_VALIDATION": "1"}),
        contender("dlt destination", peer("dlt", "destination.py"), "plain"),
        contender("airbyte-cdk destination", (*plain("cdk_destination.py"), *files), "airbyte"),
    ]


def _write(path: Path, records: int, before: bytes, after: bytes, header: bytes = b"") -> None:
    """Write an input of so many records, and one of a single record beside it."""
    for name, count in ((f"{path.name}.jsonl", records), (f"{path.name}.small.jsonl", 1)):
        with (path.parent / name).open("wb") as file:
            file.write(header)
            file.writelines(before + lead(number) + after for number in range(count))
