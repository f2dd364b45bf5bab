"""Tombstones: records of rows that were deleted at their source.

Which field says so is the config's `deleted_field`: a time of deletion, as sources that read a change log (CDC) give
it, or a flag such as Salesforce's `IsDeleted`.
"""

from enum import StrEnum
from typing import Any

from destination_squadstack.record_rules.field_paths import MISSING

# Filled by sources that read a change log (CDC), in a row that was deleted.
DELETED_AT = "_ab_cdc_deleted_at"

# How databases and files spell a flag that is off. A live row that was taken for a deleted one could be purged.
_OFF = frozenset({"", "false", "f", "no", "n", "0"})


class OnDeleted(StrEnum):
    """What to do about a lead whose row was deleted."""

    SKIP = "skip"
    DISABLE = "disable"
    DELETE = "delete"


def is_deleted(value: Any) -> bool:
    """Tell whether a value of `deleted_field` says that the row was deleted: it is filled, and is no flag that is off.

    `MISSING`, null, false, zero, an empty list or object and blank text are not filled.
    """
    if isinstance(value, str):
        return value.strip().lower() not in _OFF
    return value is not MISSING and bool(value)
