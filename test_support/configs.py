"""Configs of both connectors: each section against the emulator, its fields overridden by keyword."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from squadstack_emulator import Emulator

Config = dict[str, Any]

# An allowance under which no test waits for the next minute.
UNLIMITED = 1_000_000
# The login to a contact center that nobody calls.
PORTAL_LOGIN = {"portal_url": "https://p:9443", "username": "u", "password": "p", "domain": "d", "account_id": "a"}
NO_STORE = {"storage_type": "None"}


def source(emulator: Emulator, **fields: Any) -> Config:
    """Return a source's config of every campaign of the emulator."""
    return {
        "squadstack": {
            "token": emulator.scenario.token,
            "campaign_ids": [campaign.id for campaign in emulator.scenario.campaigns],
            "start_date": "2026-01-01T00:00:00Z",
            "base_url": emulator.url,
            "calls_per_minute": UNLIMITED,
            **fields,
        }
    }


def portal_login(emulator: Emulator, **fields: Any) -> Config:
    """Return what either connector logs in to the emulator's contact center with."""
    portal = emulator.scenario.portal
    return {
        "portal_url": emulator.url,
        "username": portal.username,
        "password": portal.password,
        "domain": portal.domain,
        "account_id": portal.account_id,
        **fields,
    }


def contact_center(emulator: Emulator, **fields: Any) -> Config:
    """Return a source's config of the emulator's contact center."""
    return {"contact_center": portal_login(emulator, **{"start_date": "2026-01-01T00:00:00Z", **fields})}


def both_accounts(emulator: Emulator, **squadstack: Any) -> Config:
    """Return a source's config of all campaigns and of the contact center."""
    start = {name: squadstack[name] for name in ("start_date",) if name in squadstack}
    return source(emulator, **squadstack) | contact_center(emulator, **start)


def account(emulator: Emulator, **fields: Any) -> Config:
    """Return the section of a destination that writes to the emulator's campaigns."""
    account = {"token": emulator.scenario.token, "base_url": emulator.url, "calls_per_minute": UNLIMITED}
    return {"squadstack": {**account, **fields}}


def destination(emulator: Emulator, store: Path | Mapping[str, str] = NO_STORE, **changes: Any) -> Config:
    """Return a destination's config that upserts leads; rejected records are kept in a folder or another storage."""
    return {
        **account(emulator),
        "default": {"operation": "upsert", "ref_id": emulator.scenario.campaigns[0].ref_id},
        "object_storage_config": local_store(store) if isinstance(store, Path) else dict(store),
        **changes,
    }


def local_store(folder: Path | str) -> dict[str, str]:
    """Return a store for rejected records in a folder."""
    return {"storage_type": "Local", "bucket_path": str(folder)}
