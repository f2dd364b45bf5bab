"""The wait after a 429, and the 429 that is not waited for."""

import time

import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from squadstack_common.api_limits import LONGEST_GUESS, LONGEST_THROTTLED, wait_in_check
from squadstack_common.retry_after import stated_wait


def asks_too_much(response: requests.Response) -> bool:
    """Tell whether a 429 asks for a longer wait than a sync allows."""
    stated = wait_of(response)
    return stated is not None and stated > LONGEST_THROTTLED


def throttle_wait(response: requests.Response, times: int, vendor: str, *, checking: bool) -> float:
    """Return the seconds to wait after a 429, the `times`-th in a row.

    Raises:
        AirbyteTracedException: the response asks to wait more than an hour; or `check` has waited once, and someone
            waits for its result.
    """
    stated = wait_of(response)
    if stated is not None and stated > LONGEST_THROTTLED:
        raise AirbyteTracedException(
            message=f"{vendor} answers HTTP 429 and asks to wait {stated:.0f} seconds, longer than the hour that a "
            "sync waits at most. Nothing is skipped: sync again when that time is over, the next sync goes on from the "
            "last state. If it is a mistake, tell the API's support.",
            failure_type=FailureType.transient_error,
        )
    if checking and times > 1:
        raise AirbyteTracedException(
            message=f"{vendor} still answers HTTP 429 after a minute's wait: its allowance of calls is used up, "
            "perhaps by a running sync. Test again when it is over, or let syncs make fewer calls.",
            failure_type=FailureType.transient_error,
        )
    if checking:
        return wait_in_check(stated)
    return min(2.0**times, LONGEST_GUESS) if stated is None else stated


def wait_of(response: requests.Response) -> float | None:
    """Return the seconds that a 429 asks to wait, `None` if it names none."""
    return stated_wait(response.headers, response.content, time.time())
