"""The wait that a response asks for: its header `Retry-After`, else its text, such as "try after 60 seconds".

SquadStack documents the words ("Request was throttled. Please try after 60 seconds") and not the header.
"""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

HEADER_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]+)?")
# With the word before it: the page of a proxy holds other seconds, such as those of its animations.
WORDS_OF_A_WAIT = re.compile(
    r"\b(?:after|in|for|wait):?\s+([0-9]{1,6}(?:\.[0-9]+)?)\s*s(?:ec(?:ond)?s?)?\b", re.IGNORECASE
)
CHARACTERS_OF_WORDS = 1_000
SHORTEST_WAIT = 1.0


def stated_wait(headers: Mapping[str, str], body: bytes, now: float) -> float | None:
    """Return the seconds that a response asks to wait, `None` if it does not; `now` is in Unix seconds."""
    stated = header_wait(headers, now)
    if stated is not None:
        # "Retry-After: 0" and a date that has passed are no word: obeyed, they would be thousands of calls.
        return stated if stated >= SHORTEST_WAIT else None
    return wait_in_words(body[:CHARACTERS_OF_WORDS].decode("utf-8", "replace"))


def header_wait(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds until the moment that `Retry-After` names, as a number or as a date; `None` without one."""
    header = headers.get("Retry-After", "").strip()
    if HEADER_SECONDS.fullmatch(header):
        return float(header)
    if not header:
        return None  # as in nearly every answer: to look for a date in nothing takes longer than the rest
    try:
        return parsedate_to_datetime(header).timestamp() - now
    except (ValueError, OverflowError):
        return None


def wait_in_words(text: str) -> float | None:
    """Return the seconds that a text asks to wait; `None` where it names none."""
    found = WORDS_OF_A_WAIT.search(text[:CHARACTERS_OF_WORDS])
    return float(found[1]) if found and float(found[1]) >= SHORTEST_WAIT else None
