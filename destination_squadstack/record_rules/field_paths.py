"""Fields by name, where the name may lead into nested objects: `properties.phone`.

A record's own key always wins: where a record has the key `properties.phone`, that is the field of this name in the
catalog that the user sees, whatever object `properties` may be beside it. The same holds further down, and the longest
key that leads to a value is taken. A path leads through objects only, not into lists.

White space around a name is left out where no key has it: a blank that nobody sees in the config would hide the field.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final


class Missing(Enum):
    """The type of `MISSING`."""

    MISSING = "missing"


# The value of a field that a record lacks; a null is a value.
MISSING: Final = Missing.MISSING

Reader = Callable[[Mapping[str, Any]], Any]


def field_reader(name: str) -> Reader:
    """Return a function that finds a field in a record, or `MISSING`."""
    if (bare := name.strip()) != name:
        as_written, trimmed = _reader(name), _reader(bare)
        return lambda record: found if (found := as_written(record)) is not MISSING else trimmed(record)
    return _reader(name)


def is_key(name: str) -> bool:
    """Tell whether a name can be looked up as it is, as the key of a record."""
    return "." not in name and name == name.strip()


def _reader(name: str) -> Reader:
    if "." not in name:
        return lambda record: record.get(name, MISSING)
    return lambda record: _find(record, name)


def _find(holder: Mapping[str, Any], path: str) -> Any:
    if path in holder:
        return holder[path]
    end = len(path)
    while (end := path.rfind(".", 0, end)) > 0:
        inner = holder.get(path[:end])
        if isinstance(inner, dict) and (found := _find(inner, path[end + 1 :])) is not MISSING:
            return found
    return MISSING
