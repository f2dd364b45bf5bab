"""Configs that each connector takes, and what becomes of them by one or two slips: hundreds of wrong ones."""

from collections.abc import Iterator
from itertools import combinations
from typing import Any, TypeAlias

Config: TypeAlias = dict[str, Any]

# Of what a user may call a secret: a text, one that no pattern takes, and what somebody wrote without quotes.
SECRET = "secret-canary"
NUMBER = 8_899_123_456_789
SECRETS = ("token", "password", "access_key_id", "secret_access_key")
OFF = {"mode": "disabled"}
ON = {"mode": "enabled"}

SQUADSTACK = {
    "token": SECRET,
    "campaign_ids": ["0PT711", "other"],
    "start_date": "2024-01-01T00:00:00Z",
    "api_version": "v1",
    "base_url": "https://app.squadrun.co",
    "timestamp_unit": "seconds",
    "page_size": 50,
    "window_days": 7,
}
ACCOUNT = {"token": SECRET, "base_url": "https://app.squadrun.co", "calls_per_minute": 50, "records_per_minute": 500}
LOGIN = {
    "portal_url": "https://portal.example.com:9443",
    "username": "u",
    "password": SECRET,
    "domain": "d",
    "account_id": "a",
}
PORTAL = {**LOGIN, "start_date": "2024-01-01", "page_size": 10}
WEBHOOKS = {"url": "https://webhooks.example.com", "token": SECRET}
FOLDER = {"storage_type": "Local", "bucket_path": "/local/rejects"}
BUCKET = {
    "storage_type": "S3",
    "s3_bucket_name": "b",
    "s3_bucket_region": "ap-south-1",
    "s3_endpoint": "",
    "access_key_id": SECRET,
    "secret_access_key": SECRET,
    "bucket_path": "rejected",
}
# What programs write, what Airbyte's form writes, and what is left of a section that was switched off by hand.
CONFIGS: dict[str, list[Config]] = {
    "source": [
        {"squadstack": SQUADSTACK},
        {"contact_center": PORTAL},
        {"webhooks": WEBHOOKS, "num_workers": 4},
        {"squadstack": {**SQUADSTACK, **ON}, "contact_center": OFF, "webhooks": OFF},
        {"squadstack": OFF, "contact_center": {**PORTAL, **ON}, "webhooks": {**WEBHOOKS, **ON}},
        {"squadstack": {**SQUADSTACK, **OFF}, "contact_center": {**PORTAL, **OFF}, "webhooks": {**WEBHOOKS, **OFF}},
        {"squadstack": SQUADSTACK, "contact_center": PORTAL, "webhooks": WEBHOOKS, "added_later": 1},
        {},
    ],
    "destination": [
        {"squadstack": ACCOUNT, "default": {"ref_id": "r"}},
        {"contact_center": LOGIN, "streams": [{"stream": "s", "api": "contact_center", "operation": "set_status"}]},
        {"squadstack": {**ACCOUNT, **ON}, "contact_center": OFF, "object_storage_config": {"storage_type": "None"}},
        {"squadstack": OFF, "contact_center": {**LOGIN, "add_lead_method": "POST", **ON}},
        {"squadstack": {**ACCOUNT, **OFF}, "contact_center": {**LOGIN, **OFF}, "object_storage_config": FOLDER},
        {"squadstack": ACCOUNT, "object_storage_config": BUCKET},
        {"squadstack": {**ACCOUNT, **ON}, "contact_center": {**LOGIN, **ON}, "object_storage_config": BUCKET},
        {},
    ],
}
WRONG_VALUES: tuple[Any, ...] = (None, 0, 1.5, True, "", "no pattern takes this", [], ["a b", "c d"], [1, 2], {"a": 1})
WRONG_SECRETS: tuple[Any, ...] = (None, NUMBER, f"{SECRET} ", f"Bearer {SECRET}", [SECRET], {"a": SECRET}, "")


GONE = object()


def wrong_configs(config: Config) -> Iterator[Config]:
    """Yield what one slip in a section makes of a config, and what two slips in one section make of it."""
    for name, section in config.items():
        if isinstance(section, dict):
            made = list(slips(section))
            for changes in [*([slip] for slip in made), *combinations(made[::5], 2)]:
                changed = {**section, **dict(changes)}
                yield {**config, name: {field: value for field, value in changed.items() if value is not GONE}}


def slips(section: Config) -> Iterator[tuple[str, Any]]:
    """Yield each slip as the field that is wrong and what it holds instead."""
    for field in section:
        yield field, GONE
        yield from ((field, value) for value in (WRONG_SECRETS if field in SECRETS else WRONG_VALUES))
    yield from (("mode", value) for value in ("off", "enabled", "disabled", 5, None, [1]))
    yield "misspelt", SECRET
