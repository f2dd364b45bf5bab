"""Configured catalogs, as a platform hands them to `read` and `write`."""

from collections.abc import Collection, Iterable
from typing import Any

Catalog = dict[str, Any]
Stream = dict[str, Any]


def configured(*names: str, incremental: Collection[str] = ()) -> Catalog:
    """Return a source's catalog of streams, incremental ones by their names."""
    return {
        "streams": [
            {
                "stream": {"name": name, "json_schema": {}, "supported_sync_modes": ["full_refresh", "incremental"]},
                "sync_mode": "incremental" if name in incremental else "full_refresh",
                "destination_sync_mode": "append",
            }
            for name in names
        ]
    }


def everything_of(streams: Iterable[Stream]) -> Catalog:
    """Return a source's catalog of all streams that it discovered, incremental where they can."""
    return {
        "streams": [
            {
                "stream": stream,
                "sync_mode": "incremental" if "incremental" in stream["supported_sync_modes"] else "full_refresh",
                "destination_sync_mode": "append",
            }
            for stream in streams
        ]
    }


def written(*names: str, mode: str = "append_dedup") -> Catalog:
    """Return a destination's catalog of streams, by default of `leads` alone."""
    return {
        "streams": [
            {
                "stream": {"name": name, "json_schema": {}, "supported_sync_modes": ["incremental"]},
                "sync_mode": "incremental",
                "destination_sync_mode": mode,
                "sync_id": 7,
            }
            for name in names or ("leads",)
        ]
    }
