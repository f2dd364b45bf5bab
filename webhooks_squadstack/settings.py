"""The settings of the service, from environment variables."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from squadstack_common.privacy_settings import Action, PrivacySettings
from webhooks_squadstack.privacy import EventPrivacy

ENDPOINT_KEYS = "WEBHOOKS_ENDPOINT_KEYS"
PULL_TOKEN = "WEBHOOKS_PULL_TOKEN"  # noqa: S105 - the variable's name
DATABASE_URL = "WEBHOOKS_DATABASE_URL"
RETENTION_DAYS = "WEBHOOKS_RETENTION_DAYS"

PRIVACY_PHONE_NUMBERS = "WEBHOOKS_PRIVACY_PHONE_NUMBERS"
PRIVACY_NAMES = "WEBHOOKS_PRIVACY_NAMES"
PRIVACY_FIELDS = "WEBHOOKS_PRIVACY_FIELDS"
PRIVACY_FIELDS_ACTION = "WEBHOOKS_PRIVACY_FIELDS_ACTION"
PRIVACY_SALT = "WEBHOOKS_PRIVACY_SALT"

DEFAULT_DATABASE_URL = "sqlite:///webhooks.db"
_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
_KEY = re.compile(r"[A-Za-z0-9._~-]+")
_TOKEN = re.compile(r"[!-~]+")
_PRIVACY = "WEBHOOKS_PRIVACY_"
_SETTINGS = {
    "phone_numbers": PRIVACY_PHONE_NUMBERS,
    "names": PRIVACY_NAMES,
    "fields": PRIVACY_FIELDS,
    "fields_action": PRIVACY_FIELDS_ACTION,
    "salt": PRIVACY_SALT,
}
_MAX_DAYS = 36_500


class SettingsError(Exception):
    """An invalid environment; its text says which variable to set, and to what."""


class Secrets:
    """Secrets, held as digests, so that neither a dump nor the time of a comparison reveals them."""

    def __init__(self, words: tuple[str, ...]) -> None:
        self._digests = tuple(_digest(word) for word in words)

    def __len__(self) -> int:
        return len(self._digests)

    def __contains__(self, word: str) -> bool:
        # A list, not a generator: stopping at the first match would tell by its time which key it was.
        return any([hmac.compare_digest(_digest(word), digest) for digest in self._digests])  # noqa: C419


def _digest(word: str) -> bytes:
    return hashlib.sha256(word.encode("utf-8", "surrogatepass")).digest()


@dataclass(frozen=True)
class Settings:
    """The environment, read once.

    Attributes:
        database: URL of the store, with the driver in it.
        endpoint_keys: Those that senders may use; several, so that one can be replaced without a pause.
        pull_token: What who pulls must show.
        retention_days: Age at which an event that was pulled is deleted; None keeps all.
        privacy: What must not be stored of an event; None stores it as it came.
    """

    database: URL
    endpoint_keys: Secrets
    pull_token: Secrets
    retention_days: float | None = None
    privacy: EventPrivacy | None = None


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: One is missing or of no use.
    """
    missing = [name for name in (ENDPOINT_KEYS, PULL_TOKEN) if not environment.get(name, "").strip()]
    if missing:
        raise SettingsError(
            f"{' and '.join(missing)} must be set: keys are what senders put at the end of the address (several are"
            " separated by commas), the token is what whoever pulls the events must show"
        )
    return Settings(
        database=read_database(environment),
        endpoint_keys=Secrets(_keys(environment[ENDPOINT_KEYS])),
        pull_token=Secrets((_token(environment[PULL_TOKEN].strip()),)),
        retention_days=_days(environment.get(RETENTION_DAYS, "").strip()),
        privacy=read_privacy(environment),
    )


def _keys(text: str) -> tuple[str, ...]:
    keys = tuple(key.strip() for key in text.split(",") if key.strip())
    bad = [number for number, key in enumerate(keys, 1) if not _KEY.fullmatch(key)]
    if bad or not keys:
        which = f"key {bad[0]} of {len(keys)} holds others" if bad else "there is none"
        raise SettingsError(f"{ENDPOINT_KEYS}: a key is part of an address: letters, digits and . _ ~ - alone; {which}")
    return keys


def _token(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise SettingsError(f"{PULL_TOKEN}: it is sent in a header: printable ASCII characters without spaces alone")
    return text


def read_database(environment: Mapping[str, str]) -> URL:
    """Read only the store's address.

    Raises:
        SettingsError: It is of no use.
    """
    text = environment.get(DATABASE_URL, "").strip() or DEFAULT_DATABASE_URL
    try:
        url = make_url(text)
    except ArgumentError:
        url = None
    driver = _DRIVERS.get(url.drivername.partition("+")[0]) if url else None
    if url is None or driver is None:
        raise SettingsError(
            f"{DATABASE_URL} must begin with sqlite:/// (a file) or postgresql:// (a server), for instance"
            " sqlite:////data/webhooks.db or postgresql://user:password@host:5432/database"
        )
    if driver == "sqlite" and (url.database or ":memory:") == ":memory:":
        raise SettingsError(f"{DATABASE_URL} must name a file: what is kept in memory is lost with the process")
    return url.set(drivername=driver)


def read_privacy(environment: Mapping[str, str]) -> EventPrivacy | None:
    """Read what must not be stored; None where everything may be.

    Raises:
        SettingsError: It is of no use.
    """
    unknown = sorted(name for name in environment if name.startswith(_PRIVACY) and name not in _SETTINGS.values())
    if unknown:
        # A misspelt variable must not pass for one that asks for nothing.
        raise SettingsError(f"{unknown[0]} is not known; these are: {', '.join(_SETTINGS.values())}")
    section: dict[str, Any] = {}
    for name in ("phone_numbers", "names", "fields_action"):
        if text := environment.get(_SETTINGS[name], "").strip():
            if text not in set(Action):
                raise SettingsError(f"{_SETTINGS[name]} must be one of {', '.join(Action)}")
            section[name] = text
    section["salt"] = environment.get(PRIVACY_SALT, "")  # as it is: a source with the same one hashes alike
    fields = environment.get(PRIVACY_FIELDS, "").split(",")
    section["fields"] = [field.strip() for field in fields if field.strip()]
    settings = PrivacySettings.of(section)
    for name, says in settings.problems(keys=()):
        raise SettingsError(f"{_SETTINGS[name]} {says}")
    return EventPrivacy(settings, environment.get(PULL_TOKEN, "").strip()) if settings.changes_anything else None


def _days(text: str) -> float | None:
    if not text:
        return None
    try:
        days = float(text)
    except ValueError:
        days = 0.0
    if not 0 < days <= _MAX_DAYS:
        raise SettingsError(f"{RETENTION_DAYS} must be a number of days above 0; without it, events are kept for ever")
    return days
