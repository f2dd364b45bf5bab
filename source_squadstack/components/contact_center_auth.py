"""The contact center's login: one session for all streams and threads of the process."""

import functools
import json
from collections.abc import Mapping
from dataclasses import InitVar, dataclass
from typing import Any, NamedTuple

import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.auth.declarative_authenticator import DeclarativeAuthenticator
from airbyte_cdk.sources.types import Config
from airbyte_cdk.utils.airbyte_secrets_utils import add_to_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_squadstack.components.connection_errors import environment_error, no_answer, proxy_error, untrusted
from source_squadstack.components.connections import limit_answers
from source_squadstack.components.error_handler import ATTEMPTS, ATTEMPTS_IN_CHECK
from source_squadstack.components.errors import UnreadableBodyError
from source_squadstack.components.log import LOGGER
from source_squadstack.components.response_body import parse_json
from source_squadstack.components.throttling import outage_wait, throttle_wait
from squadstack_common.certificates import certificate_problem
from squadstack_common.clock import Clock, SystemClock
from squadstack_common.contact_center_session import (
    LOGIN_PATH,
    ContactCenterSession,
    LoginResult,
    NoToken,
    RefusedTokens,
    access_token,
    classify_login,
)
from squadstack_common.overall_timeout import answer_too_slow
from squadstack_common.proxies import PROXY_LOGIN, proxy_wants_login

TIMEOUTS = (15.0, 60.0)


class LoginAttempt(NamedTuple):
    """The result of one login: a token, or a description of the failure without the response's text."""

    result: LoginResult
    token: str = ""
    how: str = ""
    answer: requests.Response | None = None
    was_too_slow: bool = False


class ContactCenterLogin:
    """Logs in, and waits out what passes: a 429 however often it comes, an outage once for the process.

    What fails has failed for good: each window would log in again, the server may lock the user of a wrong password
    out, and each would wait out an outage for itself.
    """

    def __init__(self, url: str, credentials: Mapping[str, str], clock: Clock, *, checking: bool) -> None:
        self._url = url
        self._credentials = credentials
        self._clock = clock
        self._checking = checking

    def __call__(self) -> str | NoToken[AirbyteTracedException]:
        """Return a token, or the error that ends each request of the sync."""
        try:
            return self._log_in()
        except AirbyteTracedException as error:
            return NoToken(error, for_good=True)

    def _log_in(self) -> str:
        failed = throttled = 0
        while True:
            result, token, how, answer, was_too_slow = self._attempt()
            if result is LoginResult.TOKEN:
                add_to_secrets(token)
                return token
            if answer is not None and result is LoginResult.THROTTLED:
                throttled += 1
                wait = throttle_wait(answer, throttled, "The contact center", checking=self._checking)
                LOGGER.info("The contact center answers the login with HTTP 429; trying again in %.0f s.", wait)
            elif result is LoginResult.FAILED_FOR_NOW:
                failed += 1
                if failed == (ATTEMPTS_IN_CHECK if self._checking else ATTEMPTS) or (self._checking and was_too_slow):
                    raise login_outage(how, failed)
                wait = 2.0 ** (failed - 1)
                if answer is not None:
                    wait = outage_wait(answer, wait, "The contact center", checking=self._checking)
            else:
                raise login_refusal(how)
            self._clock.sleep(wait)

    def _attempt(self) -> LoginAttempt:
        try:
            with limit_answers(requests.Session()) as session:
                answer = session.post(self._url, json=self._credentials, timeout=TIMEOUTS, allow_redirects=False)
        except requests.RequestException as error:
            if reason := certificate_problem(error):
                raise untrusted("contact_center.portal_url", reason) from None
            if proxy_wants_login(error):
                raise proxy_error("contact_center.portal_url") from None
            return LoginAttempt(LoginResult.FAILED_FOR_NOW, how=no_answer(error), was_too_slow=answer_too_slow(error))
        except OSError:
            raise environment_error() from None
        if answer.status_code == PROXY_LOGIN:
            raise proxy_error("contact_center.portal_url")
        body, differs = None, ""
        if answer.ok:
            try:
                body = parse_json(answer.content)
            except UnreadableBodyError as error:
                differs = f", but {error}"
        result = classify_login(answer.status_code, body, is_json=not differs)
        if answer.ok and result is LoginResult.NOT_A_LOGIN:
            differs = ", but it has no `access_token`"
        return LoginAttempt(result, access_token(body), f"HTTP {answer.status_code}{differs}", answer)


def login_outage(how: str, attempts: int) -> AirbyteTracedException:
    """Return the error of a login that failed in all its attempts."""
    return AirbyteTracedException(
        message=f"The login at the contact center kept failing: {how}, {attempts} attempt(s). Check "
        "`contact_center.portal_url` and the network if it never worked; else sync again later.",
        failure_type=FailureType.transient_error,
    )


def login_refusal(how: str) -> AirbyteTracedException:
    """Return the error of a login that is refused, or that something else than a contact center answers."""
    return AirbyteTracedException(
        message=f"The contact center refuses the login ({how}). Verify `contact_center.username`, "
        "`contact_center.password`, `contact_center.domain` and `contact_center.portal_url`.",
        failure_type=FailureType.config_error,
    )


def usable(token: str | NoToken[AirbyteTracedException]) -> str:
    """Return a token; raise why there is none."""
    if isinstance(token, NoToken):
        # A new one each time: an error that is raised again grows by a traceback, and each window prints it.
        raise AirbyteTracedException(message=token.why.message, failure_type=token.why.failure_type)
    return token


@functools.cache
def contact_center_session(
    url: str, username: str, password: str, domain: str, *, checking: bool
) -> ContactCenterSession[AirbyteTracedException]:
    """Return the process's one session of a user: the CDK makes an authenticator for every requester."""
    # The CDK masks a secret as it is written in the config; in a body it may be escaped.
    add_to_secrets(json.dumps(password)[1:-1])
    credentials = {"username": username, "password": password, "domain": domain}
    return session_at(f"{url}{LOGIN_PATH}", credentials, SystemClock(), checking=checking)


def session_at(
    url: str, credentials: Mapping[str, str], clock: Clock, *, checking: bool = False
) -> ContactCenterSession[AirbyteTracedException]:
    """Return a session whose login waits by a clock."""
    login = ContactCenterLogin(url, credentials, clock, checking=checking)
    return ContactCenterSession(login, clock, answer_seconds=sum(TIMEOUTS))


@dataclass
class ContactCenterAuthenticator(DeclarativeAuthenticator):
    """Sends the access token; if it is refused, logs in once for all threads and repeats the call at once.

    The CDK's own login does not log in again on a 401, and logs in once for every stream. A 401 that means the call
    itself goes to the error table.
    """

    config: Config
    parameters: InitVar[Mapping[str, Any]]

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        section = self.config["contact_center"]
        self._session = contact_center_session(
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
        return f"Bearer {usable(self._session.token())}"

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign a request; a repeated one is signed anew."""
        token = usable(self._session.token())
        self._session.note_call(token)
        request.headers[self.auth_header] = f"Bearer {token}"
        hooks = request.hooks.setdefault("response", [])
        if self._renew not in hooks:
            hooks.append(self._renew)
        return request

    def _renew(self, response: requests.Response, **send_options: Any) -> requests.Response:
        refused = RefusedTokens()
        while True:
            token = response.request.headers["Authorization"].removeprefix("Bearer ")
            if response.status_code != requests.codes.unauthorized:
                self._session.note_accepted(token)
                return response
            another = self._session.token_after_refusal(token, refused)
            if another is None:
                return response
            again = response.request.copy()
            again.headers["Authorization"] = f"Bearer {usable(another)}"
            LOGGER.info("The contact center refused its token; repeating the call with another.")
            # To the end, so that its connection can be used again.
            response.content  # noqa: B018
            response.close()
            self._session.note_call(usable(another))
            # As requests' own digest login repeats a call.
            response = response.connection.send(again, **send_options)
            response.request = again
