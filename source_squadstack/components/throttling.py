"""How long a 429 is waited out, and when it is not."""

import email.utils
import re
from datetime import UTC, datetime

import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

LONGEST_WAIT = 60.0
SECONDS_IN_TEXT = re.compile(r"after (\d+) second")
TOO_MANY = 429
LONGEST_STATED_WAIT = 3600.0


def throttle_wait(response: requests.Response, times: int, vendor: str, *, checking: bool) -> float:
    """Return the seconds to wait after a 429, which came so many times in a row.

    Raises:
        AirbyteTracedException: the answer asks to wait for more than an hour, which may be a slip and would hold the
            sync for days without a word; or `check` has waited already, and the user waits for it.
    """
    wait = stated_wait(response) or min(2**times, LONGEST_WAIT)
    if wait > LONGEST_STATED_WAIT:
        raise AirbyteTracedException(
            message=f"{vendor} answers HTTP 429 and asks to wait {wait:.0f} seconds, longer than the hour that a sync "
            "waits at most. Nothing is skipped: sync again when that time is over, the next sync goes on from the last "
            "state. If it is a mistake, tell the API's support.",
            failure_type=FailureType.transient_error,
        )
    if checking and times > 1:
        raise AirbyteTracedException(
            message=f"{vendor} still answers HTTP 429 after a minute's wait: its allowance of calls is used up, "
            "perhaps by a running sync. Test again when it is over, or let syncs make fewer calls.",
            failure_type=FailureType.transient_error,
        )
    return min(wait, LONGEST_WAIT) if checking else wait


def stated_wait(response: requests.Response) -> float | None:
    """Return the seconds a 429 asks to wait: `Retry-After` (seconds or a date), else the number in its text.

    The text is documented ("Request was throttled. Please try after 60 seconds"), the header is not.
    """
    header = response.headers.get("Retry-After", "").strip()
    if header.isdecimal():
        return float(header)
    if header:
        try:
            return max((email.utils.parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds(), 1.0)
        except (TypeError, ValueError):
            pass
    in_text = SECONDS_IN_TEXT.search(response.text[:1000])
    return float(in_text[1]) if in_text else None
