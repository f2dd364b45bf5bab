"""Masks secrets in all output that people read, for the whole process.

The CDK does the same, but importing it takes longer than a small sync, and where one secret begins with another it may
leave the rest of the longer one in sight.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_MASK = "****"
_secrets: list[str] = []


def mask_only(secrets: Iterable[str]) -> None:
    """Mask these secrets, and forget the earlier ones."""
    _secrets.clear()
    mask(*secrets)


def mask(*secrets: str) -> None:
    """Mask more secrets. The longest are replaced first, or their remainders would not be found."""
    _secrets[:] = sorted({*_secrets, *filter(None, secrets)}, key=lambda secret: (-len(secret), secret))


def masked(text: str) -> str:
    """Return a text without the secrets that are in it."""
    for secret in _secrets:
        text = text.replace(secret, _MASK)
    return text


def secrets_of(schema: Mapping[str, Any], config: Any) -> Iterator[str]:
    """Find the values that a specification calls secret, whatever their type."""
    if schema.get("airbyte_secret") and config is not None:
        yield str(config)
    if isinstance(config, Mapping):
        for name, rule in schema.get("properties", {}).items():
            yield from secrets_of(rule, config.get(name))
    for option in schema.get("oneOf", ()):
        yield from secrets_of(option, config)
