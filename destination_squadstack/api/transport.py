"""One HTTP call: a request, and a response or the reason for none. No failure of the network raises."""

import contextlib
import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from queue import Empty
from typing import Any, cast

import requests
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, Timeout
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
)

from destination_squadstack.api.bulk_answer import accepted_ids
from destination_squadstack.api.outcomes import ApiResponse, NoResponse, NotLoggedIn
from destination_squadstack.api.timeouts import CONNECT_SECONDS, READ_SECONDS, read_timeout_for
from destination_squadstack.operations import Request
from squadstack_common.api_limits import TOO_MANY_REQUESTS
from squadstack_common.certificates import certificate_problem
from squadstack_common.clock import Clock, SystemClock
from squadstack_common.lossless_json import load
from squadstack_common.overall_timeout import OverallTimeoutAdapter
from squadstack_common.proxies import PROXY_LOGIN, proxy_wants_login
from squadstack_common.retry_after import stated_wait

_LARGEST_ANSWER = 64 * 1024 * 1024
_CHUNK = 1 << 16
_ERROR_CHARACTERS = 10_000
_BAD_PROXY = "no connection with the proxy that the environment names"


@dataclass(frozen=True, slots=True)
class _Connection:
    """A kept connection, and the prefix of its paths: the whole address if a proxy passes it on."""

    pool: HTTPConnectionPool
    prefix: str


class Transport:
    """Calls one host. Each thread has its own connection; redirects are not followed, or a token would travel along.

    requests works out proxy and certificates from the environment, as every Python program does, once for each thread.
    The calls go to urllib3 below it: what requests does anew at every call would be two thirds of their cost.
    """

    def __init__(
        self,
        base_url: str,
        *,
        connect_seconds: float = CONNECT_SECONDS,
        read_seconds: float = READ_SECONDS,
        clock: Clock | None = None,
    ) -> None:
        self._base_url = base_url
        self._connect_seconds = connect_seconds
        self._read_timeout = read_seconds
        self._clock = clock or SystemClock()
        self._own = threading.local()
        self._headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "User-Agent": f"airbyte-destination-squadstack/{version('airbyte-squadstack')}",
        }

    @property
    def read_timeout(self) -> float:
        """The seconds for which a call without a response may still be at work, however many leads it holds."""
        return self._read_timeout

    def send(
        self,
        request: Request,
        headers: Mapping[str, str],
        leads: int = 1,
        *,
        has_row_results: bool = False,
        once: bool = False,
        at_most: float = math.inf,
    ) -> ApiResponse | NoResponse | NotLoggedIn:
        """Make a call with so many leads; the headers say who is calling, `has_row_results` that it is a bulk call.

        A call that cannot be repeated (`once`) gets a new connection: the server may have closed the kept one, and then
        nobody could tell whether it took the call before that. Its answer is waited for `at_most` so many seconds.
        """
        read_timeout = min(at_most, read_timeout_for(leads, self._read_timeout))
        try:
            connection = self._connection()
        except requests.RequestException:
            return NoResponse(_BAD_PROXY, may_be_applied=False)
        except OSError:
            return NotLoggedIn("certificates_file")
        if once:
            _hang_up(connection.pool)
        try:
            response = connection.pool.urlopen(
                request.method,
                connection.prefix + request.path,
                body=request.body,
                headers={**self._headers, **headers},
                timeout=Timeout(connect=self._connect_seconds, read=read_timeout),
                retries=False,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
            )
            try:
                return self._read(response, has_row_results=has_row_results)
            finally:
                # After a response that was not read to its end the connection cannot be used again.
                response.close()
        except (HTTPError, OSError) as error:
            return _no_response(error)

    def close(self) -> None:
        """Close the connection of the calling thread."""
        connection: _Connection | None = getattr(self._own, "connection", None)
        if connection is not None:
            connection.pool.close()
            del self._own.connection

    def _connection(self) -> _Connection:
        connection: _Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = _connect(self._base_url, self._clock)
        return connection

    def _read(self, response: BaseHTTPResponse, *, has_row_results: bool) -> ApiResponse | NoResponse | NotLoggedIn:
        body = bytearray()
        for chunk in response.stream(_CHUNK, decode_content=True):
            body += chunk
            if len(body) > _LARGEST_ANSWER:
                return NoResponse("an answer without an end", may_be_applied=True, timed_out=True)
        if response.status == PROXY_LOGIN:
            return NotLoggedIn("proxy")
        text = bytes(body)
        if has_row_results and response.status == requests.codes.ok and (ids := accepted_ids(text)) is not None:
            return ApiResponse(response.status, None, accepted=ids)
        return read_reply(response.status, response.headers, text, self._clock.wall())


def _connect(base_url: str, clock: Clock) -> _Connection:
    adapter = OverallTimeoutAdapter(clock)
    address = requests.Request("POST", base_url).prepare()
    with requests.Session() as session:
        found = session.merge_environment_settings(base_url, {}, None, None, None)
    pool = adapter.get_connection_with_tls_context(address, found["verify"], proxies=found["proxies"])
    adapter.cert_verify(pool, base_url, found["verify"], None)  # type: ignore[no-untyped-call]
    pool = cast("HTTPConnectionPool", pool)
    pool.ConnectionCls = type("TellingConnection", (_ConnectionWithPhases, pool.ConnectionCls), {})
    return _Connection(pool, adapter.request_url(address, found["proxies"]).rstrip("/"))


class NotConnectedError(HTTPError):
    """No connection was established, so nothing of the call was sent; the cause says why."""


class _ConnectionWithPhases:
    """A connection that distinguishes failures before the first byte of a call from later ones.

    urllib3 has one exception for both where TLS or a proxy is involved: a timeout or a reset in the handshake looks
    like one of the answer.
    """

    def connect(self) -> None:
        try:
            super().connect()  # type: ignore[misc]  # of the class that this one is mixed into
        except (NewConnectionError, ConnectTimeoutError):
            raise
        except Exception as error:
            raise NotConnectedError(type(error).__name__) from error


def _hang_up(pool: HTTPConnectionPool) -> None:
    """Close the kept connection; urllib3 opens it again for the next call."""
    if pool.pool is None:
        return
    with contextlib.suppress(Empty):
        kept = pool.pool.get_nowait()
        if kept is not None:
            kept.close()
        pool.pool.put_nowait(kept)


def read_reply(status: int, headers: Mapping[str, str], body: bytes, now: float) -> ApiResponse:
    """Return a response of urllib3 as an `ApiResponse`."""
    parsed, unreadable = _parse(body)
    if unreadable is not None and body:
        parsed = body[:_ERROR_CHARACTERS].decode("utf-8", "replace")
    # The header alone belongs to other responses as well: maintenance, or of rows that are throttled.
    wait = stated_wait(headers, body if status == TOO_MANY_REQUESTS else b"", now)
    return ApiResponse(status=status, body=parsed, unreadable=unreadable, retry_after=wait)


def _parse(body: bytes) -> tuple[Any, str | None]:
    if not body.strip():
        return None, "an empty body"
    try:
        return load(body), None
    except ValueError:
        return None, "a body that is not JSON"


def _no_response(error: Exception) -> NoResponse | NotLoggedIn:
    """Describe a call without a response, never with the error's own text, which holds addresses."""
    if reason := certificate_problem(error):
        return NotLoggedIn("certificate", reason)
    for kinds, what in _NEVER_LEFT:
        if isinstance(error, kinds):
            return NoResponse(what, may_be_applied=False)
    if isinstance(error, NotConnectedError):
        return _not_connected(error.__cause__)
    if isinstance(error, ReadTimeoutError):
        return NoResponse("no answer in time", may_be_applied=True, timed_out=True)
    return NoResponse("connection lost", may_be_applied=True)


def _not_connected(cause: BaseException | None) -> NoResponse | NotLoggedIn:
    if isinstance(cause, TimeoutError):
        return NoResponse("no connection in time", may_be_applied=False)
    if "Tunnel connection failed" not in str(cause):
        return NoResponse("no connection", may_be_applied=False)
    if proxy_wants_login(cause):
        return NotLoggedIn("proxy")
    return NoResponse("no connection through the proxy", may_be_applied=False)


_NEVER_LEFT: tuple[tuple[type[Exception], str], ...] = (
    # Before ConnectTimeoutError, of which it is a kind.
    (NewConnectionError, "no connection"),
    (ConnectTimeoutError, "no connection in time"),
    (ProxyError, "no connection through the proxy"),
)
