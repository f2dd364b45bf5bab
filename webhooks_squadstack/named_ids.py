"""The ids that a payload names, at any depth: the sender's format may have the lead and its campaign anywhere."""

import json
import re
from collections.abc import Iterator
from typing import Any

# How a text begins that may hold JSON: behind white space, or marks that nobody sees.
_BLANKS = " \t\r\n\u00a0\u200b\ufeff"
_JSON_STARTS = frozenset('{["' + _BLANKS)
_QUOTES = re.compile(r'\\+"')


def named_ids(payload: str, field: str) -> set[str]:
    """Return the ids under a field's name: in objects, in lists, and in texts that hold JSON."""
    found: set[str] = set()
    waiting = [_loaded(payload)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            if value[:1] in _JSON_STARTS:
                try:
                    waiting.append(_loaded(value.strip(_BLANKS)))
                except (ValueError, RecursionError):
                    found.update(_in_text(value, field))  # too deep to be read, or cut off
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            named = value.get(field)
            if isinstance(named, str) and named.strip():
                found.add(named)
            waiting += value.values()
    return found


def _loaded(text: str) -> Any:
    """Return what JSON holds; numbers as they were spelled, as the columns have them."""
    return json.loads(text, parse_int=str, parse_float=str)


def _in_text(text: str, field: str) -> Iterator[str]:
    """Yield the ids that stand behind a field's name in a text that cannot be read as JSON, with or without escapes."""
    pattern = re.compile(rf'"{re.escape(field)}"\s*:\s*(?:("(?:[^"\\]|\\.)*+")|([^\s",:{{}}\[\]]+))')
    for each in {text, _QUOTES.sub('"', text)}:
        for quoted, number in pattern.findall(each):
            try:
                yield json.loads(quoted) if quoted else number
            except ValueError:
                yield quoted[1:-1]
