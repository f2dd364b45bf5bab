"""Hashes in the place of what must not be known: HMAC-SHA256 over the user's salt, as 64 hex digits."""

import hashlib
import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from squadstack_common.phone_numbers import e164

_BLOCK = 64
_INDIAN = re.compile(r"\+91[1-9][0-9]{9}\Z")
_HASH = re.compile("[0-9a-f]{64}")
_MAX_NAMES = 4_096


class Hashes:
    """Makes hashes of values. What says nothing, blank text, true and false, stays what it is."""

    def __init__(self, salt: str, *, keeps_hashes: bool) -> None:
        """Take the salt.

        Args:
            salt: The user's secret.
            keeps_hashes: Whether a number or name that is 64 hex digits was hashed before, by the webhook receiver.
        """
        self._hmac = hmac_sha256(salt)
        # Names repeat, within a record and among people; a number does so within a record at most.
        self._name_hmac = lru_cache(_MAX_NAMES)(self._hmac)
        self._keeps_hashes = keeps_hashes

    def of_number(self, value: Any) -> Any:
        """Return the hash of a phone number in E.164, whatever its spelling."""
        # As almost all numbers look; any other costs ten times as much.
        if value.__class__ is str and _INDIAN.match(value) is not None:
            return self._hmac(value)
        return self._of_other_number(value)

    def _of_other_number(self, value: Any) -> Any:
        if value.__class__ is bool or self._is_hash(value):
            return value
        written = e164(value)
        return self.of_value(value) if written is None else self._hmac(written)

    def of_name(self, value: Any) -> Any:
        """Return the hash of a name as it came."""
        if value.__class__ is not str:
            return value if value.__class__ is bool else self.of_value(value)
        return value if not value.strip() or self._is_hash(value) else self._name_hmac(value)

    def of_value(self, value: Any) -> Any:
        """Return the hash of any value: of a text as it came, of a number as JSON spells it."""
        if not isinstance(value, str):
            return self._hmac(json.dumps(value))
        # By `str`: the receiver's numbers are texts of a class of their own, and hashed as the number's own text.
        return self._hmac(str(value)) if value.strip() else value

    def _is_hash(self, value: Any) -> bool:
        return self._keeps_hashes and value.__class__ is str and _HASH.fullmatch(value) is not None


def hmac_sha256(salt: str) -> Callable[[str], str]:
    """Return what makes HMAC-SHA256 over a salt, as 64 hex digits.

    The library's own takes four times as long: it makes the two halves of the key anew for each text.
    """
    key = salt.encode()
    key = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    copy_inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key)).copy
    copy_outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in key)).copy

    def hexdigest(text: str) -> str:
        inner, outer = copy_inner(), copy_outer()
        try:
            inner.update(text.encode())
        except UnicodeEncodeError:  # half of a surrogate pair; to ask for it each time costs more
            inner.update(text.encode("utf-8", "surrogatepass"))
        outer.update(inner.digest())
        return outer.hexdigest()

    return hexdigest
