"""The filter: a record is sent if every test of the config's `filter` holds.

A value is compared as text, white space around it left out: true is `true`, 12.50 is `12.5`, and a field that is null
or missing is empty text. Case counts.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

import msgspec

from destination_squadstack.record_rules.custom_values import as_text
from destination_squadstack.record_rules.field_paths import MISSING, field_reader

Test = Callable[[str], bool]


class Comparison(StrEnum):
    """The test of a filter."""

    EQUALS = "equals"
    NOT_EQUALS = "not_equals"
    ONE_OF = "one_of"
    NONE_OF = "none_of"
    GREATER_THAN = "greater_than"
    LESS_THAN = "less_than"
    IS_FILLED = "is_filled"
    IS_EMPTY = "is_empty"

    @property
    def needs_value(self) -> bool:
        """Return whether it compares with a value."""
        return self not in {Comparison.IS_FILLED, Comparison.IS_EMPTY}

    @property
    def takes_list(self) -> bool:
        """Return whether its value is several, separated by commas."""
        return self in {Comparison.ONE_OF, Comparison.NONE_OF}

    def is_blank(self, value: str) -> bool:
        """Return whether a value says nothing."""
        return not (_listed(value) if self.takes_list else value.strip())


class FieldCondition(msgspec.Struct, frozen=True):
    """One test of a filter."""

    field: str
    test: Comparison
    value: str = ""


def record_filter(tests: Sequence[FieldCondition]) -> Callable[[Mapping[str, Any]], bool] | None:
    """Return a function that tells whether a record passes all tests; None if there are none."""
    if not tests:
        return None
    compiled = [(field_reader(each.field), _TESTS[each.test](each.value)) for each in tests]

    def passes(record: Mapping[str, Any]) -> bool:
        return all(test(_text(read(record))) for read, test in compiled)

    return passes


def _text(value: Any) -> str:
    if value is MISSING or value in ([], {}):
        return ""
    # A value that has no text, such as a number no float holds, is filled, and equals nothing that a config can say.
    return text.strip() if (text := as_text(value)) is not None else "\ufffd"


def _listed(wanted: str) -> frozenset[str]:
    """Return the texts of a list. What is between two commas, or behind the last one, is no text: not the empty one."""
    return frozenset(text for part in wanted.split(",") if (text := part.strip()))


def _equals(wanted: str) -> Test:
    return wanted.strip().__eq__


def _one_of(wanted: str) -> Test:
    return _listed(wanted).__contains__


def _not(test: Test) -> Test:
    return lambda text: not test(text)


# The test of a field's text, for the value that the config gives.
_TESTS: dict[Comparison, Callable[[str], Test]] = {
    Comparison.EQUALS: _equals,
    Comparison.NOT_EQUALS: lambda wanted: _not(_equals(wanted)),
    Comparison.ONE_OF: _one_of,
    Comparison.NONE_OF: lambda wanted: _not(_one_of(wanted)),
    Comparison.GREATER_THAN: lambda wanted: lambda text: _compare(text, wanted.strip()) > 0,
    Comparison.LESS_THAN: lambda wanted: lambda text: _compare(text, wanted.strip()) < 0,
    Comparison.IS_FILLED: lambda _: bool,
    Comparison.IS_EMPTY: lambda _: _not(bool),
}


def _compare(text: str, wanted: str) -> int:
    """Return how a text stands to another: as numbers if both are, else as text; an empty one to none at all."""
    if not text:
        return 0
    left, right = _number(text), _number(wanted)
    if left is not None and right is not None:
        return (left > right) - (left < right)
    return (text > wanted) - (text < wanted)


def _number(text: str) -> Decimal | None:
    if "_" in text:  # Python reads 12_5 as a number
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
