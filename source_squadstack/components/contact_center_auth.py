"""The contact center's login: one session for all streams and threads of the process."""

import functools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import InitVar, dataclass
from typing import Any

import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.auth.declarative_authenticator import DeclarativeAuthenticator
from airbyte_cdk.sources.types import Config
from airbyte_cdk.utils.airbyte_secrets_utils import add_to_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_squadstack.components.connection_errors import certificate_problem, environment_error, untrusted
from source_squadstack.components.error_handler import ATTEMPTS
from source_squadstack.components.errors import UnreadableBodyError
from source_squadstack.components.log import LOGGER
from source_squadstack.components.lossless_json import parse_json
from source_squadstack.components.response_body import mapping
from source_squadstack.components.throttling import TOO_MANY, throttle_wait

TOKEN_LIFE = 3300.0  # seconds; not documented, public clients of the portal keep a token of 3600 s as long


class PortalSession:
    """One login for all streams and threads of the process, renewed before it dies ("Get access token")."""

    def __init__(
        self,
        url: str,
        credentials: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        *,
        checking: bool = False,
    ) -> None:
        self._url = url
        self._credentials = credentials
        self._checking = checking
        self._failure: AirbyteTracedException | None = None
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._token = ""
        self._outcome = threading.Condition()
        self._under_way: Counter[str] = Counter()  # calls by their token
        self._mine = threading.local()
        self._accepted: set[str] = set()
        self._since = float("-inf")
        self._in_vain = False

    def token(self) -> str:
        """Return a token that still has life in it."""
        with self._lock:
            if self._clock() - self._since >= TOKEN_LIFE:
                self._log_in()
            return self._token

    def begins(self, token: str) -> None:
        """Note that this thread is about to make a call with a token."""
        with self._outcome:
            self._over()
            self._mine.token = token
            self._under_way[token] += 1

    def _over(self) -> None:
        """Note that this thread's call, if it made one, has got all the answer that it gets."""
        if token := getattr(self._mine, "token", None):
            self._mine.token = None
            self._under_way[token] -= 1
            self._outcome.notify_all()

    def accepted(self, token: str) -> None:
        """Note that the portal took a token."""
        with self._outcome:
            self._over()
            self._accepted.add(token)
            self._in_vain = False
            self._outcome.notify_all()

    def gave_up(self) -> None:
        """Note that a call was refused with tokens of two logins, neither of which was ever taken."""
        self._in_vain = True

    def was_accepted(self, token: str) -> bool:
        """Tell whether the portal ever took a token: one that it did has died, one that it did not is no good.

        Another thread's call may have used the token up and not have its answer yet: that answer is waited for.
        """
        with self._outcome:
            self._over()
            self._outcome.wait_for(lambda: token in self._accepted or not self._under_way[token], timeout=sum(TIMEOUTS))
            return token in self._accepted

    def replace(self, refused: str) -> str:
        """Return another token than the refused one; whoever comes first logs in for all.

        Once a call gave up, a token that was never taken is returned itself: logging in does not help, and each window
        would do it again.
        """
        with self._lock:
            if self._token == refused and (refused in self._accepted or not self._in_vain):
                self._log_in()
            return self._token

    def _log_in(self) -> None:
        """Log in for all; what failed for good is not tried again.

        Each window would log in: the portal may lock the user of a wrong password out, and each would wait out an
        outage for itself.
        """
        if self._failure is not None:
            # A new one each time: an error that is raised again grows by a traceback, and each window prints it.
            raise AirbyteTracedException(message=self._failure.message, failure_type=self._failure.failure_type)
        try:
            self._log_in_in_time()
        except AirbyteTracedException as error:
            self._failure = error
            raise

    def _log_in_in_time(self) -> None:
        failed = throttled = 0
        while (outcome := self._attempt()) is not None:
            if isinstance(outcome, requests.Response):
                throttled += 1
                wait = throttle_wait(outcome, throttled, "The contact center", checking=self._checking)
                LOGGER.info("The contact center answers the login with HTTP 429; trying again in %.0f s.", wait)
            else:
                failed += 1
                if failed == ATTEMPTS:
                    raise self._outage(outcome)
                wait = 2.0 ** (failed - 1)
            self._sleep(wait)

    @staticmethod
    def _outage(outcome: str) -> AirbyteTracedException:
        return AirbyteTracedException(
            message=f"The login at the contact center kept failing: {outcome}, {ATTEMPTS} attempts. Check "
            "`contact_center.portal_url` and the network if it never worked; else sync again later.",
            failure_type=FailureType.transient_error,
        )

    def _attempt(self) -> requests.Response | str | None:
        """Log in once; return the answer that asks to wait, or what else failed, without any of the answer's text."""
        try:
            answer = requests.post(self._url, json=self._credentials, timeout=TIMEOUTS, allow_redirects=False)
        except requests.RequestException as error:
            if reason := certificate_problem(error):
                raise untrusted("contact_center.portal_url", reason) from None
            return f"no answer ({type(error).__name__})"
        except OSError:
            raise environment_error() from None
        if answer.status_code == TOO_MANY:
            return answer
        if 300 <= answer.status_code < 500 and answer.status_code not in TRANSIENT_STATUSES:  # noqa: PLR2004
            raise AirbyteTracedException(
                message=f"The contact center refuses the login (HTTP {answer.status_code}). Verify "
                "`contact_center.username`, `contact_center.password`, `contact_center.domain` and "
                "`contact_center.portal_url`.",
                failure_type=FailureType.config_error,
            )
        if not answer.ok:
            return f"HTTP {answer.status_code}"
        try:
            token = mapping(parse_json(answer.content), "the body").get("access_token")
        except UnreadableBodyError as error:
            return f"HTTP {answer.status_code}, but {error}"
        if not isinstance(token, str) or not token:
            return f"HTTP {answer.status_code}, but it has no `access_token`"
        add_to_secrets(token)
        self._token, self._since = token, self._clock()
        return None


TIMEOUTS = (15.0, 60.0)
MOST_REFUSALS = 2
TRANSIENT_STATUSES = frozenset({408, 425})


@functools.cache
def portal_session(url: str, username: str, password: str, domain: str, *, checking: bool) -> PortalSession:
    """Return the process's one session of a portal's user: the CDK makes an authenticator for every requester."""
    # The CDK masks a secret as it is written in the config; in a body it may be escaped.
    add_to_secrets(json.dumps(password)[1:-1])
    credentials = {"username": username, "password": password, "domain": domain}
    return PortalSession(f"{url}/api/v2/login", credentials, checking=checking)


@dataclass
class PortalAuthenticator(DeclarativeAuthenticator):
    """Sends the portal's token; where it is refused, logs in once for all threads and repeats the call at once.

    The CDK's own login does not log in again on a 401, and logs in once for every stream. Tokens that worked may die as
    often as they like. The second one that is refused to a call and was never taken before is the end: the 401 goes to
    the error table. Not the first: others may have used it up before this call came to it.
    """

    config: Config
    parameters: InitVar[Mapping[str, Any]]

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        section = self.config["contact_center"]
        self._session = portal_session(
            section["portal_url"].rstrip("/"),
            section["username"],
            section["password"],
            section["domain"],
            checking=bool(self.config.get("__checking")),
        )

    @property
    def auth_header(self) -> str:
        """Return the header's name."""
        return "Authorization"

    @property
    def token(self) -> str:
        """Return the header's value."""
        return f"Bearer {self._session.token()}"

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign a request; a repeated one is signed anew."""
        token = self._session.token()
        self._session.begins(token)
        request.headers[self.auth_header] = f"Bearer {token}"
        hooks = request.hooks.setdefault("response", [])
        if self._renew not in hooks:
            hooks.append(self._renew)
        return request

    def _renew(self, response: requests.Response, **send_options: Any) -> requests.Response:
        refusals = 0
        while True:
            token = response.request.headers["Authorization"].removeprefix("Bearer ")
            if response.status_code != requests.codes.unauthorized:
                self._session.accepted(token)
                return response
            refusals += not self._session.was_accepted(token)
            if refusals == MOST_REFUSALS:
                self._session.gave_up()
                return response
            another = self._session.replace(token)
            if another == token:
                return response
            again = response.request.copy()
            again.headers["Authorization"] = f"Bearer {another}"
            LOGGER.info("The contact center refused its token; repeating the call with another.")
            # To the end, so that its connection can be used again.
            response.content  # noqa: B018
            response.close()
            self._session.begins(another)
            # As requests' own digest login repeats a call.
            response = response.connection.send(again, **send_options)
            response.request = again
