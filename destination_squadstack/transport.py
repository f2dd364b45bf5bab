"""One HTTP call: a request out, an answer or a silence back. Never raises for anything the network does."""

import re
import threading
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import Any

import requests
from requests.auth import AuthBase
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError, ProxyError

from destination_squadstack.clock import Clock, SystemClock
from destination_squadstack.json_text import load
from destination_squadstack.operations import Request
from destination_squadstack.verdict import Reply, Silence

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
_LARGEST_ANSWER = 64 * 1024 * 1024
_CHUNK = 1 << 16
_ERROR_CHARACTERS = 10_000
_TOO_MANY = 429
_SECONDS = re.compile(r"(\d{1,6})(?:\.\d+)?\s*(?:s\b|sec)", re.IGNORECASE)


class Sender(AuthBase):
    """Sets the headers that say who is calling; without an `auth` requests would prefer what a .netrc file says."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add them."""
        request.headers.update(self._headers)
        return request


class Transport:
    """Calls one host. Each thread has its own connection; redirects are not followed, or a token would travel along."""

    def __init__(
        self,
        base_url: str,
        *,
        connect_seconds: float = CONNECT_SECONDS,
        read_seconds: float = READ_SECONDS,
        clock: Clock | None = None,
    ) -> None:
        self._base_url = base_url
        self._timeout = (connect_seconds, read_seconds)
        self._clock = clock or SystemClock()
        self._own = threading.local()
        self._headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": f"airbyte-destination-squadstack/{version('airbyte-squadstack')}",
        }

    @property
    def patience(self) -> float:
        """How long after a call was sent it may still be at work, unanswered."""
        return self._timeout[1]

    def send(self, request: Request, sender: AuthBase) -> Reply | Silence:
        """Make a call."""
        try:
            with self._session().request(
                request.method,
                self._base_url + request.path,
                data=request.body,
                headers=self._headers,
                auth=sender,
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            ) as response:
                return self._read(response)
        except requests.RequestException as error:
            return _silence(error)

    def close(self) -> None:
        """Close the connection of the calling thread."""
        session: requests.Session | None = getattr(self._own, "session", None)
        if session is not None:
            session.close()
            del self._own.session

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._own, "session", None)
        if session is None:
            session = self._own.session = requests.Session()
            # Asked once here instead of at every call; what the environment says about proxies and certificates still
            # holds.
            found = session.merge_environment_settings(self._base_url, {}, None, None, None)
            session.proxies, session.verify, session.trust_env = found["proxies"], found["verify"], False
        return session

    def _read(self, response: requests.Response) -> Reply | Silence:
        """Read the whole body; one that trickles in for ever is a silence too."""
        deadline = self._clock.monotonic() + 2 * self.patience
        body = bytearray()
        for chunk in response.iter_content(_CHUNK):
            body += chunk
            if self._clock.monotonic() > deadline or len(body) > _LARGEST_ANSWER:
                return Silence("an answer without an end", may_be_applied=True, timed_out=True)
        return read_reply(response.status_code, response.headers, bytes(body), self._clock.wall())


def read_reply(status: int, headers: Mapping[str, str], body: bytes, now: float) -> Reply:
    """Turn a response into a reply."""
    parsed, unreadable = _parse(body)
    if unreadable is not None and body:
        parsed = body[:_ERROR_CHARACTERS].decode("utf-8", "replace")
    wait = _retry_after(headers, body, now) if status == _TOO_MANY else None
    return Reply(status=status, body=parsed, unreadable=unreadable, retry_after=wait)


def _parse(body: bytes) -> tuple[Any, str | None]:
    if not body.strip():
        return None, "an empty body"
    try:
        return load(body), None
    except ValueError:
        return None, "a body that is not JSON"


def _retry_after(headers: Mapping[str, str], body: bytes, now: float) -> float | None:
    """Return how long to wait: the header's word, else the number in the text, else None."""
    value = headers.get("Retry-After", "").strip()
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, OverflowError):
        pass
    match = _SECONDS.search(body[:_ERROR_CHARACTERS].decode("utf-8", "replace"))
    return float(match[1]) if match else None


def _silence(error: requests.RequestException) -> Silence:
    """Say what happened to a call without an answer; never with the error's own text, which holds addresses."""
    cause: Any = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    for kinds, what in _NEVER_LEFT:
        if isinstance(error, kinds) or isinstance(reason, kinds):
            return Silence(what, may_be_applied=False)
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Silence("a certificate that cannot be trusted", may_be_applied=False)
    if isinstance(error, requests.Timeout) or "Read timed out" in str(error):
        return Silence("no answer in time", may_be_applied=True, timed_out=True)
    return Silence("connection lost", may_be_applied=True)


_NEVER_LEFT: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    # Before ConnectTimeoutError, of which it is a kind.
    ((NewConnectionError,), "no connection"),
    ((requests.ConnectTimeout, ConnectTimeoutError), "no connection in time"),
    ((requests.exceptions.ProxyError, ProxyError), "no connection through the proxy"),
)
