"""What a call must show before its endpoint does any work: one policy for each API, since their tokens are two worlds.

SquadStack, in the order of the vendor's framework: token, permission, rate limit, method. A call whose token is wrong
belongs to no business and does not use up its allowance.

Contact center (page Campaigns, "header" of each request): method, token, account. Undocumented, decided here: a token
that is missing, unknown or dead is a 401, an account that is missing or not the tenant's a 400.
"""

from typing import Protocol, get_args

from squadstack_emulator.contact_center.tokens import PortalTokens
from squadstack_emulator.endpoints import Endpoint
from squadstack_emulator.faults.responses import throttled
from squadstack_emulator.messages import PortalErrors, Request, Response
from squadstack_emulator.request_log import RequestLog
from squadstack_emulator.scenario import AddLeadMethod, Scenario
from squadstack_emulator.squadstack.rate_limit import MovingWindow

_SCHEME = "Bearer "
# Who tries the one that this portal does not take has broken no document: the page and public clients disagree.
_ADD_LEAD_METHODS = frozenset(get_args(AddLeadMethod))


class AccessPolicy(Protocol):
    """The way in to one API."""

    def refusal(self, request: Request, endpoint: Endpoint, scenario: Scenario) -> Response | None:
        """The answer to a call that does not get as far as the endpoint's work."""

    def throttle(self, scenario: Scenario) -> Response:
        """The answer to a call that was admitted and is answered 429 all the same."""


class SquadStackAccessPolicy:
    """The way in to SquadStack."""

    def __init__(self, request_log: RequestLog) -> None:
        self._request_log = request_log
        self._window = MovingWindow()

    def refusal(self, request: Request, endpoint: Endpoint, scenario: Scenario) -> Response | None:
        """See `AccessPolicy`."""
        given = _authorization(request, self._request_log)
        if given is None:
            return endpoint.errors.no_token()
        if given != _SCHEME + scenario.token:
            return endpoint.errors.wrong_token()
        if scenario.forbidden:
            return endpoint.errors.forbidden()
        wait = self._window.admit(request.at, limit=scenario.calls_per_minute, seconds=scenario.window_seconds)
        if wait > 0:
            return throttled(scenario.throttle_answer, window_seconds=scenario.window_seconds, wait=wait)
        return _wrong_method(request, endpoint, scenario, self._request_log)

    def throttle(self, scenario: Scenario) -> Response:
        """See `AccessPolicy`."""
        self._window.withdraw()
        return _throttled(scenario)


class ContactCenterAccessPolicy:
    """The way in to the contact center."""

    def __init__(self, request_log: RequestLog, tokens: PortalTokens) -> None:
        self._request_log = request_log
        self._tokens = tokens

    def refusal(self, request: Request, endpoint: Endpoint, scenario: Scenario) -> Response | None:
        """See `AccessPolicy`."""
        refusal = _wrong_method(request, endpoint, scenario, self._request_log)
        if refusal is not None or endpoint.traffic == "login":
            return refusal
        given = _authorization(request, self._request_log) or ""
        token = given.removeprefix(_SCHEME)
        if token == given or not self._tokens.use(token, limit=scenario.portal_token_uses):
            return endpoint.errors.wrong_token()
        account = request.headers.get("x-account-id")
        if account is None:
            self._request_log.violation(request.breach("there is no X-Account-ID header"))
        return None if account == scenario.portal.account_id else PortalErrors().invalid()

    def throttle(self, scenario: Scenario) -> Response:
        """See `AccessPolicy`."""
        return _throttled(scenario)


def _authorization(request: Request, request_log: RequestLog) -> str | None:
    given = request.headers.get("authorization")
    if given is None:
        request_log.violation(request.breach("there is no Authorization header"))
    elif not given.startswith(_SCHEME):
        request_log.violation(request.breach(f"the Authorization header does not begin with {_SCHEME!r}"))
    return given


def _wrong_method(request: Request, endpoint: Endpoint, scenario: Scenario, request_log: RequestLog) -> Response | None:
    accepted = endpoint.method if endpoint.accepts is None else endpoint.accepts(scenario)
    if request.method == accepted:
        return None
    if endpoint.accepts is None or request.method not in _ADD_LEAD_METHODS:
        request_log.violation(request.breach("there is no such method"))
    return endpoint.errors.wrong_method(request.method)


def _throttled(scenario: Scenario) -> Response:
    seconds = scenario.window_seconds
    return throttled(scenario.throttle_answer, window_seconds=seconds, wait=seconds)
