"""Custom values as the API takes them: text and integers.

Fractions, booleans, objects and lists become text. Text, integers and nulls stay what they are.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from squadstack_common.lossless_json import dump

_TAKEN = frozenset({str, int, type(None)})


def convert_custom_values(lead: dict[str, Any], documented: frozenset[str]) -> int:
    """Turn the custom values of a lead into text where the API would refuse them; return how many were changed.

    Args:
        lead: The lead, which is changed.
        documented: The fields that the operation documents: they are no custom values.
    """
    if _TAKEN.issuperset(map(type, lead.values())):
        return 0
    changed = 0
    for name, value in _refused(lead.items()):
        if name in documented:
            continue
        text = as_text(value)
        if text is not None:
            lead[name] = text
            changed += 1
    return changed


def _refused(fields: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in fields if type(value) not in _TAKEN]


def as_text(value: Any) -> str | None:
    """Return a JSON value as text, None where it has none: a number that is too large, or a value nested too deeply.

    A null has the empty text. A fraction has its shortest decimal text, with no exponent and no needless zero.
    """
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _decimal(value)
        case _:
            return _json(value)


def _decimal(value: float) -> str:
    # repr has the fewest digits that give the same number again, but may put them in front of an exponent.
    text = repr(value)
    if "e" in text:
        text = format(Decimal(text), "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _json(value: Any) -> str | None:
    try:
        return dump(value).decode()
    except (TypeError, RecursionError):
        return None
