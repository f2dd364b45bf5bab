"""The wait that a response asks for, and the one that is not waited."""

import time

import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from squadstack_common.api_limits import LONGEST_GUESS, LONGEST_THROTTLED, TOO_MANY_REQUESTS, wait_in_check
from squadstack_common.retry_after import stated_wait


def asks_too_much(response: requests.Response) -> bool:
    """Tell whether a response asks for a longer wait than a sync allows."""
    stated = wait_of(response)
    return stated is not None and stated > LONGEST_THROTTLED


def throttle_wait(response: requests.Response, times: int, vendor: str, *, checking: bool) -> float:
    """Return the seconds to wait after a 429, the `times`-th in a row.

    Raises:
        AirbyteTracedException: the response asks to wait more than an hour; or `check` has waited once, and someone
            waits for its result.
    """
    stated = allowed_wait(response, vendor)
    if checking and times > 1:
        raise AirbyteTracedException(
            message=f"{vendor} still answers HTTP 429 after a minute's wait: its allowance of calls is used up, "
            "perhaps by a running sync. Test again when it is over, or let syncs make fewer calls.",
            failure_type=FailureType.transient_error,
        )
    if checking:
        return wait_in_check(stated)
    return min(2.0**times, LONGEST_GUESS) if stated is None else stated


def outage_wait(response: requests.Response, usual: float, vendor: str, *, checking: bool) -> float:
    """Return the seconds to wait after a failure: the usual ones, or longer where its `Retry-After` asks for it.

    Maintenance that says how long it takes would outlast all attempts otherwise.

    Raises:
        AirbyteTracedException: it asks to wait more than an hour.
    """
    stated = allowed_wait(response, vendor)
    if stated is None:
        return usual
    return max(usual, wait_in_check(stated) if checking else stated)


def allowed_wait(response: requests.Response, vendor: str) -> float | None:
    """Return the seconds that a response asks to wait, `None` if it names none.

    Raises:
        AirbyteTracedException: it asks to wait more than an hour.
    """
    stated = wait_of(response)
    if stated is not None and stated > LONGEST_THROTTLED:
        raise AirbyteTracedException(
            message=f"{vendor} answers HTTP {response.status_code} and asks to wait {stated:.0f} seconds, longer than "
            "the hour that a sync waits at most. Nothing is skipped: sync again when that time is over, the next sync "
            "goes on from the last state. If it is a mistake, tell the API's support.",
            failure_type=FailureType.transient_error,
        )
    return stated


def wait_of(response: requests.Response) -> float | None:
    """Return the seconds that a response asks to wait, `None` if it names none.

    The words of a body count after a 429 alone: elsewhere they may speak of anything.
    """
    body = response.content if response.status_code == TOO_MANY_REQUESTS else b""
    return stated_wait(response.headers, body, time.time())
