"""The error handler of all streams: what a response means, and when a request is retried."""

import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.requesters.error_handlers import DefaultErrorHandler
from airbyte_cdk.sources.streams.http.error_handlers import BackoffStrategy, ErrorResolution, ResponseAction
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from urllib3.exceptions import NewConnectionError

from source_squadstack.components.connection_errors import no_answer, proxy_error, untrusted
from source_squadstack.components.errors import UnreadableBodyError, WindowChangedError, refusal
from source_squadstack.components.host_health import HostHealth, health_of
from source_squadstack.components.response_body import read_body, requested_page
from source_squadstack.components.throttling import asks_too_much, outage_wait, throttle_wait
from squadstack_common.api_limits import TOO_MANY_REQUESTS
from squadstack_common.certificates import certificate_problem
from squadstack_common.overall_timeout import answer_too_slow
from squadstack_common.proxies import PROXY_LOGIN, proxy_wants_login

ATTEMPTS = 6
ATTEMPTS_IN_CHECK = 3
# Someone waits for the result of `check`. No call of it begins later; one that has begun may take three minutes more.
CHECK_SECONDS = 300.0
CHECK_UNTIL = "__check_until"
REFUSED_CALLER = frozenset({401, 403})


@dataclass
class ApiErrorHandler(DefaultErrorHandler, BackoffStrategy):
    """Applies the manifest's response filters, and differs from the CDK's handler in five ways.

    * A 200 whose body does not have the endpoint's shape is retried; the CDK reads it as an empty page.
    * A 404 after page 1 means that the set of leads shrank, not that the campaign is unknown.
    * A refusal raises at once with the filter's message; the CDK first logs the whole response with its lead data.
    * An address that refuses the credentials is not asked again: one request per window could get the user locked out.
    * A 429 is waited for however often it comes. Other failures get `ATTEMPTS` attempts, or fewer in an outage, which
      `HostHealth` detects: it is waited for once, not once per window. The CDK counts both kinds together.
    """

    shape: str = "lead_page"
    vendor: str = "SquadStack"
    address: str = "squadstack.base_url"
    # The CDK's own limits count 429s as failures: if they were reached, a throttled sync would fail.
    max_retries: int | str | None = 1_000_000_000  # type: ignore[assignment]  # the parent widens it likewise
    max_time: int = 1_000_000_000

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        super().__post_init__(parameters)
        self.backoff_strategies = [self]
        self._attempts = Attempts()
        self._checking = bool(self.config.get("__checking"))
        self._until = float(self.config.get(CHECK_UNTIL, math.inf))
        self._health = HostHealth()
        self._refused: dict[str, tuple[int, str]] = {}
        self.is_throttled = False  # the latest answer was a 429

    def begin(self, address: str) -> None:
        """Record the address of this thread's next request; raises if sending it would be useless."""
        self._health = health_of(urlsplit(address).netloc)
        self._attempts.address = address
        if time.monotonic() > self._until:
            raise check_too_slow(self.vendor, self.address)
        if address in self._refused:
            raise refusal(*self._refused[address], FailureType.config_error)
        if reason := self._health.reason_to_skip(address):
            raise self._kept_failing(reason)

    def interpret_response(self, response_or_exception: requests.Response | Exception | None) -> ErrorResolution:
        """Decide what the outcome of an attempt means; raises if it ends the request."""
        if isinstance(response_or_exception, requests.Response):
            return self._interpret_answer(response_or_exception)
        if isinstance(response_or_exception, requests.TooManyRedirects):
            raise AirbyteTracedException(
                message=f"{self.vendor} answers with a redirect, which is not followed because the token would travel "
                f"along. Check `{self.address}`.",
                failure_type=FailureType.config_error,
            )
        if reason := certificate_problem(response_or_exception):
            raise untrusted(self.address, reason)
        if proxy_wants_login(response_or_exception):
            raise proxy_error(self.address)
        return self._retry(response_or_exception)

    def _interpret_answer(self, response: requests.Response) -> ErrorResolution:
        if response.status_code == PROXY_LOGIN:
            raise proxy_error(self.address)
        if response.status_code == requests.codes.not_found and requested_page(response) > 1:
            raise WindowChangedError
        if response.ok and self._unreadable(response):
            self._health.answered(self._attempts.address, usable=False)
            return self._retry(response)
        resolution = super().interpret_response(response)
        usable = resolution.response_action in {ResponseAction.SUCCESS, ResponseAction.FAIL}
        self._health.answered(self._attempts.address, usable=usable)
        if resolution.response_action == ResponseAction.FAIL:
            status, message = response.status_code, resolution.error_message or ""
            if status in REFUSED_CALLER:
                self._refused[self._attempts.address] = status, message
            raise refusal(status, message, resolution.failure_type or FailureType.system_error)
        if resolution.response_action == ResponseAction.SUCCESS:
            self.is_throttled = False
            return resolution
        if resolution.response_action == ResponseAction.RATE_LIMITED:
            self.is_throttled = True
            return ErrorResolution(ResponseAction.RATE_LIMITED, FailureType.transient_error, resolution.error_message)
        return self._retry(response)

    def _retry(self, outcome: requests.Response | Exception | None) -> ErrorResolution:
        """Resolve to a retry, with a message: without one the CDK puts the response's body into its error."""
        words = f"{self.vendor}: {self._describe(outcome)}."
        return ErrorResolution(ResponseAction.RETRY, FailureType.transient_error, words)

    def _unreadable(self, response: requests.Response) -> str:
        """Return how a body differs from the endpoint's shape, empty if it does not."""
        try:
            read_body(response, self.shape)
        except UnreadableBodyError as error:
            return str(error)
        return ""

    def _describe(self, outcome: requests.Response | Exception | None) -> str:
        """Describe a failed attempt without quoting the response."""
        if not isinstance(outcome, requests.Response):
            return no_answer(outcome)
        differs = self._unreadable(outcome) if outcome.ok else ""
        return f"HTTP {outcome.status_code}, but {differs}" if differs else f"HTTP {outcome.status_code}"

    def backoff_time(
        self,
        response_or_exception: requests.Response | requests.RequestException | None,
        attempt_count: int = 1,
    ) -> float:
        """Return the seconds to wait before the next attempt; raises if there is to be none."""
        if attempt_count <= 1:
            self._attempts.start()
        outcome = response_or_exception
        if isinstance(outcome, requests.Response) and outcome.status_code == TOO_MANY_REQUESTS:
            return self._wait_out_throttle(outcome)
        self._attempts.note(outcome)
        usual = ATTEMPTS_IN_CHECK if self._checking else ATTEMPTS
        if self._attempts.failed >= self._health.attempts(self._attempts.address, usual) or self._ends_check(outcome):
            how = self._describe(outcome)
            self._health.failed(
                self._attempts.address, how, unanswered=not self._attempts.answered, reached=self._attempts.reached
            )
            raise self._kept_failing(f"{how}, {self._attempts.failed} attempt(s)")
        wait = 2.0 ** (self._attempts.failed - 1)
        if isinstance(outcome, requests.Response):
            self._pause_if_asks_too_much(outcome)
            wait = outage_wait(outcome, wait, self.vendor, checking=self._checking)
        return sleep_for(wait)

    def _ends_check(self, outcome: requests.Response | requests.RequestException | None) -> bool:
        """Tell whether `check` has waited long enough: a host that trickles has held it for three minutes."""
        is_too_slow = isinstance(outcome, Exception) and answer_too_slow(outcome)
        return (self._checking and is_too_slow) or time.monotonic() > self._until

    def _kept_failing(self, how: str) -> AirbyteTracedException:
        return AirbyteTracedException(
            message=f"{self.vendor} kept failing: {how}. Check `{self.address}` and the network if it never worked; "
            "else sync again later: nothing is skipped, the next sync goes on from the last state.",
            failure_type=FailureType.transient_error,
        )

    def _wait_out_throttle(self, response: requests.Response) -> float:
        self._attempts.throttled += 1
        self._pause_if_asks_too_much(response)
        return sleep_for(throttle_wait(response, self._attempts.throttled, self.vendor, checking=self._checking))

    def _pause_if_asks_too_much(self, response: requests.Response) -> None:
        if asks_too_much(response):
            self._health.pause(f"HTTP {response.status_code} to another request, with a wait of more than an hour")


def check_too_slow(vendor: str, address: str) -> AirbyteTracedException:
    """Return the error of a connection test that takes too long, although nothing fails."""
    return AirbyteTracedException(
        message=f"The connection test ended after {CHECK_SECONDS / 60:.0f} minutes, before its last call: {vendor} "
        f"answers very slowly. Check `{address}` and the network, or test again later.",
        failure_type=FailureType.transient_error,
    )


class Attempts(threading.local):
    """The attempts of the request that this thread is sending: failures, 429s, and whether the host was reached.

    A thread sends one request at a time. The request cannot be the key instead: a body that is cut off raises an error
    without its request.
    """

    address = ""
    failed = 0
    throttled = 0
    answered = False
    reached = False

    def start(self) -> None:
        """Reset the counts for a new request."""
        self.failed = self.throttled = 0
        self.answered = self.reached = False

    def note(self, outcome: "requests.Response | Exception | None") -> None:
        """Record a failed attempt."""
        self.failed += 1
        self.answered = self.answered or isinstance(outcome, requests.Response)
        self.reached = self.reached or self.answered or not never_connected(outcome)


def never_connected(outcome: "requests.Response | Exception | None") -> bool:
    """Tell whether no connection to the host was established."""
    if isinstance(outcome, requests.ConnectTimeout | requests.exceptions.ProxyError):
        return True
    cause = outcome.args[0] if isinstance(outcome, requests.ConnectionError) and outcome.args else None
    return isinstance(getattr(cause, "reason", None), NewConnectionError)


def sleep_for(seconds: float) -> float:
    """Return the value that makes the CDK sleep so long: it adds a second, and takes 0 for "use the default"."""
    return max(float(seconds) - 1, 0.01)
