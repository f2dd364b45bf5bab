"""A hash that is the same in every sync."""

import hashlib
import json
from typing import Any


def stable_hash(*parts: Any) -> str:
    """Return 32 hex digits that are the same for the same parts in every sync."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
