"""Which records say that their row was deleted."""

import pytest

from destination_squadstack.record_rules.field_paths import MISSING
from destination_squadstack.record_rules.tombstones import is_deleted


@pytest.mark.parametrize(
    "value", ["2026-11-20T08:15:00Z", True, "true", "True", 1, 1764000000, "1", "t", "yes", "Y", "x"]
)
def test_a_time_of_deletion_or_a_flag_that_is_on_marks_a_deleted_row(value):
    assert is_deleted(value)


@pytest.mark.parametrize(
    "value",
    [MISSING, None, "", "  ", False, "false", "False", " FALSE ", 0, 0.0, "0", "f", "F", "no", "N", [], {}],
)
def test_an_empty_value_or_a_flag_that_is_off_is_no_deletion(value):
    assert not is_deleted(value)
