"""The client of the contact center: login, and calls with its token."""

import threading
from collections.abc import Sequence

import orjson
import requests

from destination_squadstack.api.client import CallTarget
from destination_squadstack.api.error_text import read_reason
from destination_squadstack.api.outcomes import ApiResponse, NoResponse, NotLoggedIn, Response
from destination_squadstack.api.timeouts import CONNECT_SECONDS, READ_SECONDS, read_timeout_for
from destination_squadstack.api.transport import Transport
from destination_squadstack.config import ContactCenter
from destination_squadstack.operations import Request
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
from squadstack_common.secrets import mask

# All calls wait for it, and one without a response is tried as often as a call: with a call's minute, for a quarter of
# an hour.
LOGIN_SECONDS = 20.0
_OTHER_METHOD = {"PUT": "POST", "POST": "PUT"}


class Login:
    """Logs in once. Repeating is up to the engine, which knows when a failed call is sent again and how often."""

    def __init__(self, transport: Transport, section: ContactCenter) -> None:
        self._transport = transport
        self._credentials = orjson.dumps(
            {"username": section.username, "password": section.password, "domain": section.domain}
        )

    def __call__(self) -> str | NoToken[Response]:
        """Return a token, or what a failed login means for the call that needed it and was not sent."""
        answer = self._transport.send(Request("POST", LOGIN_PATH, self._credentials), {}, at_most=LOGIN_SECONDS)
        if not isinstance(answer, ApiResponse):
            return _not_answered(answer)
        result = classify_login(answer.status, answer.body, is_json=answer.unreadable is None)
        if result is LoginResult.TOKEN:
            token = access_token(answer.body)
            mask(token)
            return token
        return _no_token(answer, result)


def _not_answered(answer: NoResponse | NotLoggedIn) -> NoToken[Response]:
    if isinstance(answer, NotLoggedIn):
        return NoToken(answer, for_good=True)
    failed = NoResponse(f"login: {answer.what}", may_be_applied=False, timed_out=answer.timed_out)
    return NoToken(failed, for_good=False)


def _no_token(answer: ApiResponse, result: LoginResult) -> NoToken[Response]:
    match result:
        case LoginResult.THROTTLED:
            return NoToken(answer, for_good=False)
        case LoginResult.FAILED_FOR_NOW:
            failed = NoResponse(f"login: HTTP {answer.status}", may_be_applied=False, wait=answer.retry_after)
            return NoToken(failed, for_good=False)
        case LoginResult.REFUSED:
            refused = NotLoggedIn("login", read_reason(answer.body).text)
        case LoginResult.REDIRECTED:
            refused = NotLoggedIn("redirect", str(answer.status))
        case _:
            refused = NotLoggedIn("no_token", f"HTTP {answer.status}")
    return NoToken(refused, for_good=True)


def _is_unauthorized(answer: Response) -> bool:
    return isinstance(answer, ApiResponse) and answer.status == requests.codes.unauthorized


class ContactCenterClient:
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
        self._session = ContactCenterSession(
            Login(self._transport, section), clock, answer_seconds=connect_seconds + read_timeout_for(1, read_seconds)
        )
        self._add_method = section.add_lead_method
        self._swapped = False
        self._lock = threading.Lock()

    @property
    def read_timeout(self) -> float:
        """The seconds for which a call without a response may still be at work."""
        return self._transport.read_timeout

    def log_in(self) -> Response:
        """Log in and do nothing."""
        token = self._session.token()
        return token.why if isinstance(token, NoToken) else ApiResponse(requests.codes.ok, {})

    def send(self, lane: CallTarget, bodies: Sequence[bytes]) -> Response:
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
        """Switch to the other method for all threads, once a run: the API page says PUT, public clients use POST."""
        with self._lock:
            if not self._swapped:
                self._swapped, self._add_method = True, _OTHER_METHOD[refused]
            return self._add_method != refused

    def _send(self, request: Request, *, once: bool = False) -> Response:
        """Make a call; repeat it with another token if its token is refused."""
        token = self._session.token()
        refused = RefusedTokens()
        while not isinstance(token, NoToken):
            answer = self._call(request, token, once=once)
            if not _is_unauthorized(answer) or (another := self._session.token_after_refusal(token, refused)) is None:
                return answer
            token = another
        return token.why

    def _call(self, request: Request, token: str, *, once: bool) -> Response:
        headers = {"Authorization": f"Bearer {token}", "X-Account-ID": self._account_id}
        self._session.note_call(token)
        try:
            answer = self._transport.send(request, headers, once=once)
            if isinstance(answer, ApiResponse) and not _is_unauthorized(answer):
                self._session.note_accepted(token)
            return answer
        finally:
            self._session.note_call_ended()

    def close(self) -> None:
        """Close the connection of the calling thread."""
        self._transport.close()
