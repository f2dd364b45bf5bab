"""The first attempt of a request, without what the CDK builds anew for each."""

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

import requests
from airbyte_cdk.sources.declarative.auth.token import BearerAuthenticator
from airbyte_cdk.sources.declarative.requesters.http_requester import HttpRequester
from airbyte_cdk.sources.declarative.requesters.requester import HttpMethod
from airbyte_cdk.sources.streams.http.error_handlers import ResponseAction
from requests.cookies import RequestsCookieJar

from source_squadstack.cdk_fast_path.http_session import session_of


class FirstAttempt:
    """Sends requests that differ from an earlier one in numbers of their query alone, as copies of that one.

    Nearly every request succeeds at once, and to prepare it anew, sign it twice and set up its repetition took as much
    CPU time as to send it. What does not succeed goes the CDK's way from the start, with the request as it was sent and
    its outcome in place of a call: there it is decided what that means, what is said, and how long is waited.
    """

    def __init__(self, requester: HttpRequester) -> None:
        self._requester = requester
        self._logger = requester.logger
        # The CDK of the Connector Builder has none; there each request is the CDK's from the start.
        self._timeouts: tuple[float | None, float | None] = (
            getattr(requester, "connect_timeout_in_seconds", None),
            getattr(requester, "read_timeout_in_seconds", None),
        )
        self._prepared: requests.PreparedRequest | None = None
        self._addresses: dict[str, str] = {}
        self._attempted = Attempted()
        self._session = session_of(requester)
        self._prepare, self._send = self._session.prepare_request, self._session.send
        vars(self._session).update(prepare_request=self._prepare_unless_attempted, send=self._send_unless_attempted)

    def send(
        self, url: str, parameters: Mapping[str, object], send_by_cdk: Callable[[], requests.Response | None]
    ) -> requests.Response | None:
        """Return the response to a request without headers of its own; the CDK sends what does not succeed at once."""
        handler = self._requester.error_handler
        if handler is None or not self._can_send(url, parameters):
            return send_by_cdk()
        request = self._copy_for(url)
        request.url = f"{request.url}?{'&'.join([f'{name}={number}' for name, number in parameters.items()])}"
        try:
            outcome: requests.Response | Exception = self._send(request, timeout=self._timeouts)
        except requests.RequestException as error:
            outcome = error
        if isinstance(outcome, requests.Response) and outcome.ok:
            resolution = handler.interpret_response(outcome)
            if resolution.response_action is ResponseAction.SUCCESS:
                return outcome
        self._attempted.request, self._attempted.outcome = request, outcome
        try:
            return send_by_cdk()
        finally:
            self._attempted.request = self._attempted.outcome = None

    def _can_send(self, url: str, parameters: Mapping[str, object]) -> bool:
        """Tell whether the CDK would send nothing else: what it signs anew, logs or escapes is left to it."""
        requester = self._requester
        return (
            requester.get_method() is HttpMethod.GET
            and type(requester.get_authenticator()) is BearerAuthenticator
            and not requester.stream_response
            and not self._session.trust_env
            and None not in self._timeouts
            and not self._logger.isEnabledFor(logging.DEBUG)
            and not ("?" in url or "#" in url)
            and all(type(number) is int for number in parameters.values())
            and bool(parameters)
        )

    def _copy_for(self, url: str) -> requests.PreparedRequest:
        """Return a signed request, without a query."""
        prepared = self._prepared
        if prepared is None:
            headers = self._requester.get_authenticator().get_auth_header()
            prepared = self._prepare(requests.Request("GET", url, headers=headers))
            prepared.headers.pop("Cookie", None)
            self._prepared = prepared
        request = prepared.copy()
        address = self._addresses.get(url)
        if address is None:
            request.prepare_url(url, None)
            if len(self._addresses) >= MAX_ADDRESSES:
                self._addresses.clear()
            address = self._addresses[url] = str(request.url)
        request.url = address
        if self._session.cookies:
            cookies = RequestsCookieJar()
            cookies.update(self._session.cookies)
            request.prepare_cookies(cookies)
        return request

    def _prepare_unless_attempted(self, request: requests.Request) -> requests.PreparedRequest:
        return self._attempted.request or self._prepare(request)

    def _send_unless_attempted(self, request: requests.PreparedRequest, **settings: Any) -> requests.Response:
        outcome, self._attempted.outcome = self._attempted.outcome, None
        if outcome is None:
            return self._send(request, **settings)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


class Attempted(threading.local):
    """The request that this thread has sent without success, and what came of it until the CDK has been told."""

    request: requests.PreparedRequest | None = None
    outcome: requests.Response | Exception | None = None


MAX_ADDRESSES = 1_000
