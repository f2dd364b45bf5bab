"""What is known of the allowance fits together."""

import pytest

from source_squadstack.manifest import load_manifest
from squadstack_common.api_limits import WINDOW_SECONDS, WINDOW_STATED, wait_in_check


def test_both_connectors_count_calls_in_windows_that_are_longer_than_the_servers():
    (policy,) = load_manifest()["api_budget"]["policies"]
    assert [rate["interval"] for rate in policy["rates"]] == [f"PT{WINDOW_SECONDS:.0f}S"]
    assert WINDOW_SECONDS > WINDOW_STATED


@pytest.mark.parametrize(("stated", "waited"), [(None, 60.0), (7.0, 7.0), (60.0, 60.0), (900.0, 60.0)])
def test_a_check_waits_as_long_as_it_is_told_but_no_longer_than_a_minute(stated, waited):
    assert wait_in_check(stated) == waited
