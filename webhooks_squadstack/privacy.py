"""Numbers, names and fields that the store must not hold: they are hashed or dropped before anything is stored."""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from squadstack_common.privacy import Masker
from squadstack_common.privacy_settings import PrivacySettings


class EventPrivacy:
    """What is done to an event before it is stored."""

    def __init__(self, settings: PrivacySettings, secret: str) -> None:
        """Take settings without problems.

        Args:
            settings: What is to be done.
            secret: What keys an event's id where there is no salt.
        """
        self._masker = Masker(settings)
        self._secret = secret
        self.salt_is_short = settings.salt_is_short

    def identity(self, identity: str) -> str:
        """Return an event's id by the hash of its body, which would tell a number to who tries all numbers."""
        return self._masker.keyed(identity, self._secret)

    def document(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return what of a body is stored."""
        return self._masker.masked(document)

    def payload(self, document: Mapping[str, Any]) -> str:
        """Return the JSON text of what is stored: numbers as they were spelled, of a repeated key the last value."""
        return orjson.dumps(_storable(document), default=_spelled, option=orjson.OPT_PASSTHROUGH_SUBCLASS).decode()

    def stored_as(self, field: str, value: str) -> str | None:
        """Return how an id under a field's name is stored."""
        stored = self._masker.masked({field: value})[field]
        return None if stored is None else str(stored)


def _storable(value: Any) -> Any:
    """Return a value without halves of surrogate pairs, which no UTF-8 can hold."""
    if value.__class__ is str:
        return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, dict):
        return {_storable(name): _storable(each) for name, each in value.items()}
    return [_storable(each) for each in value] if isinstance(value, list) else value


def _spelled(number: Any) -> orjson.Fragment:
    return orjson.Fragment(str(number))


_SURROGATE = re.compile("[\ud800-\udfff]")
