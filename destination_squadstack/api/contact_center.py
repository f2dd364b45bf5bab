"""The contact center: one login for the process, renewed in time and after a 401, and the two ways to add a lead."""

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import orjson
import requests

from destination_squadstack.api.error_text import read_reason
from destination_squadstack.api.outcomes import Answer, ApiResponse, NoResponse, NotLoggedIn
from destination_squadstack.api.squadstack import Destined
from destination_squadstack.api.transport import CONNECT_SECONDS, READ_SECONDS, Transport
from destination_squadstack.config import ContactCenter
from destination_squadstack.operations import Request
from squadstack_common.clock import Clock, SystemClock
from squadstack_common.secrets import mask

# Public clients keep a token for 3300 s of the 3600 s that it lives; a call may take a while to get there.
RENEW_AFTER_SECONDS = 3240.0
_LOGIN = "/api/v2/login"
# All calls wait for it, and one that stays silent is tried as often as a call: with a call's minute, for a quarter of
# an hour.
LOGIN_SECONDS = 20.0
# Tokens may die as often as they like, but a call that is refused with each of them is refused for itself.
_MOST_RENEWALS = 20
_REFUSED = frozenset({400, 401, 403, 422})
_COMES_BACK = frozenset({408, 425})
_OK = range(200, 300)
_REDIRECTS = range(300, 400)
_TOKEN = re.compile(r"[!-~]+")
_OTHER_METHOD = {"PUT": "POST", "POST": "PUT"}


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and when it was given."""

    text: str
    since: float


class Login:
    """Owns the token that all threads share. Who finds it dead renews it, and the others wait for that one login."""

    def __init__(self, transport: Transport, section: ContactCenter, clock: Clock) -> None:
        self._transport = transport
        self._credentials = orjson.dumps(
            {"username": section.username, "password": section.password, "domain": section.domain}
        )
        self._clock = clock
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._refusal: NotLoggedIn | None = None
        self._logins = 0
        self._failure: Answer | None = None

    def token(self) -> Token | Answer:
        """Return a token that is young enough, or why there is none."""
        return self._unless(lambda token: self._clock.monotonic() - token.since < RENEW_AFTER_SECONDS)

    def after(self, refused: Token) -> Token | Answer:
        """Return a token that is not the one that was refused, or why there is none."""
        return self._unless(lambda token: token != refused)

    def _unless(self, good: Callable[[Token], bool]) -> Token | Answer:
        before = self._logins
        with self._lock:
            if self._token is not None and good(self._token):
                return self._token
            if self._refusal is not None:
                # Each worker would try for itself, and the portal may lock the user of a wrong password out.
                return self._refusal
            if self._failure is not None and self._logins > before:
                # It was waited for and is news: one login after the other for each worker would take an hour to fail.
                return self._failure
            return self._log_in()

    def _log_in(self) -> Token | Answer:
        now = self._clock.monotonic()
        answer = self._transport.send(Request("POST", _LOGIN, self._credentials), {}, at_most=LOGIN_SECONDS)
        self._logins += 1
        self._token = self._failure = None
        text = _access_token(answer)
        if text is None:
            self._failure = _no_token(answer)
            self._refusal = self._failure if isinstance(self._failure, NotLoggedIn) else None
            return self._failure
        mask(text)
        self._token = Token(text, now)
        return self._token


def _access_token(answer: Answer) -> str | None:
    if not isinstance(answer, ApiResponse) or answer.status not in _OK or not isinstance(answer.body, dict):
        return None
    text = answer.body.get("access_token")
    # A header takes no more than that; anything else would be an exception with the token in its text.
    return (
        text if isinstance(text, str) and text and text.isascii() and text.isprintable() and " " not in text else None
    )


def _no_token(answer: Answer) -> Answer:
    """Say what a login that failed means for the call behind it, which was not made."""
    if isinstance(answer, NoResponse):
        return NoResponse(f"login: {answer.what}", may_be_applied=False, timed_out=answer.timed_out)
    if not isinstance(answer, ApiResponse) or answer.status == requests.codes.too_many_requests:
        return answer
    if answer.status in _REFUSED:
        return NotLoggedIn("login", read_reason(answer.body).text)
    if answer.status in _REDIRECTS:
        return NotLoggedIn("redirect", str(answer.status))
    broken = answer.unreadable is not None and answer.status in _OK
    if broken or answer.status in _COMES_BACK or answer.status >= requests.codes.server_error:
        return NoResponse(f"login: HTTP {answer.status}", may_be_applied=False)
    return NotLoggedIn("no_token", f"HTTP {answer.status}")


def _is_unauthorized(answer: Answer) -> bool:
    return isinstance(answer, ApiResponse) and answer.status == requests.codes.unauthorized


class Portal:
    """Calls the contact center."""

    def __init__(
        self,
        section: ContactCenter,
        *,
        connect_seconds: float = CONNECT_SECONDS,
        read_seconds: float = READ_SECONDS,
        clock: Clock | None = None,
    ) -> None:
        clock = clock or SystemClock()
        self._transport = Transport(
            section.portal_url, connect_seconds=connect_seconds, read_seconds=read_seconds, clock=clock
        )
        self._account_id = section.account_id
        self._login = Login(self._transport, section, clock)
        self._add_method = section.add_lead_method
        self._swapped = False
        self._a_token_worked = False
        self._lock = threading.Lock()

    @property
    def patience(self) -> float:
        """How long after a call was sent it may still be at work, unanswered."""
        return self._transport.patience

    def log_in(self) -> Answer:
        """Log in and do nothing."""
        token = self._login.token()
        return ApiResponse(requests.codes.ok, {}) if isinstance(token, Token) else token

    def send(self, lane: Destined, bodies: Sequence[bytes]) -> Answer:
        """Send a lead, given as JSON text."""
        request = lane.operation.request(lane.path, bodies)
        if lane.operation.name != "add_lead":
            return self._send(request)
        method = self._add_method
        answer = self._send(request._replace(method=method), once=True)
        if isinstance(answer, ApiResponse) and answer.status == requests.codes.not_allowed and self._may_swap(method):
            answer = self._send(request._replace(method=self._add_method), once=True)
        return answer

    def _may_swap(self, refused: str) -> bool:
        """Use the other method from now on, once in a run, for all threads: the page has PUT, public clients POST."""
        with self._lock:
            if not self._swapped:
                self._swapped, self._add_method = True, _OTHER_METHOD[refused]
            return self._add_method != refused

    def _send(self, request: Request, *, once: bool = False) -> Answer:
        """Repeat a call whose token is refused, with a new one. A second refusal is the end if none has ever worked."""
        token = self._login.token()
        answer = self._call(request, token, once=once)
        for renewal in range(_MOST_RENEWALS):
            if not isinstance(token, Token) or not _is_unauthorized(answer) or (renewal and not self._a_token_worked):
                break
            token = self._login.after(token)
            answer = self._call(request, token, once=once)
        return answer

    def _call(self, request: Request, token: Token | Answer, *, once: bool) -> Answer:
        if not isinstance(token, Token):
            return token
        headers = {"Authorization": f"Bearer {token.text}", "X-Account-ID": self._account_id}
        answer = self._transport.send(request, headers, once=once)
        if isinstance(answer, ApiResponse) and not _is_unauthorized(answer):
            self._a_token_worked = True
        return answer

    def close(self) -> None:
        """Close the connection of the calling thread."""
        self._transport.close()
