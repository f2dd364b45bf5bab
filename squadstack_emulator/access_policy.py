"""What a request must show before its endpoint does any work: one policy for each API, since their tokens differ.

SquadStack, in the order of the vendor's framework: token, permission, rate limit, method. A request whose token is
wrong belongs to no business and does not use up its allowance.

Contact center (page Campaigns, "header" of each request): method, token, account. Undocumented, decided here: a token
that is missing, unknown or dead is a 401, an account that is missing or not the tenant's a 400.

Recordings: none; credentials that are sent there are a violation.
"""

from abc import ABC, abstractmethod
from typing import get_args

from squadstack_emulator.contact_center.errors import INVALID
from squadstack_emulator.endpoint import Endpoint
from squadstack_emulator.request_context import RequestContext
from squadstack_emulator.responses import ApiResponse
from squadstack_emulator.scenario import AddLeadMethod, Scenario
from squadstack_emulator.squadstack.errors import throttled
from squadstack_emulator.squadstack.rate_limit import MovingWindow

_SCHEME = "Bearer "
# Who tries the one that this portal does not take has broken no document: the page and public clients disagree.
_ADD_LEAD_METHODS = frozenset(get_args(AddLeadMethod))


class AccessPolicy(ABC):
    """The way in to one API."""

    @abstractmethod
    def refusal(self, context: RequestContext, endpoint: Endpoint) -> ApiResponse | None:
        """Return the answer to a request that does not get as far as the endpoint's work."""

    def throttle(self, scenario: Scenario) -> ApiResponse:
        """Return the 429 for a request that was admitted."""
        return throttled(scenario, scenario.window_seconds)


class SquadStackAccessPolicy(AccessPolicy):
    """The way in to SquadStack."""

    def __init__(self) -> None:
        self._window = MovingWindow()

    def refusal(self, context: RequestContext, endpoint: Endpoint) -> ApiResponse | None:
        """See `AccessPolicy`."""
        scenario, given = context.scenario, _authorization(context)
        if given is None:
            return endpoint.errors.no_token
        if given != _SCHEME + scenario.token:
            return endpoint.errors.wrong_token
        if scenario.forbidden:
            return endpoint.errors.forbidden
        wait = self._window.admit(context.at, limit=scenario.calls_per_minute, seconds=scenario.window_seconds)
        return throttled(scenario, wait) if wait > 0 else _wrong_method(context, endpoint)

    def throttle(self, scenario: Scenario) -> ApiResponse:
        """See `AccessPolicy`."""
        self._window.withdraw()
        return super().throttle(scenario)


class ContactCenterAccessPolicy(AccessPolicy):
    """The way in to the contact center."""

    def refusal(self, context: RequestContext, endpoint: Endpoint) -> ApiResponse | None:
        """See `AccessPolicy`."""
        refusal = _wrong_method(context, endpoint)
        if refusal is not None or endpoint.traffic == "login":
            return refusal
        given = _authorization(context) or ""
        token = given.removeprefix(_SCHEME)
        if token == given or not context.portal.tokens.use(token, limit=context.scenario.portal_token_uses):
            return endpoint.errors.wrong_token
        account = context.request.headers.get("x-account-id")
        if account is None:
            context.violation("there is no X-Account-ID header")
        return None if account == context.scenario.portal.account_id else INVALID


class RecordingAccessPolicy(AccessPolicy):
    """The way in to recordings: whoever has the link may have one, and a token has no business there."""

    def refusal(self, context: RequestContext, endpoint: Endpoint) -> ApiResponse | None:
        """See `AccessPolicy`."""
        for header in ("authorization", "cookie"):
            if header in context.request.headers:
                context.violation(f"the header {header} was sent to the host of recordings")
        return _wrong_method(context, endpoint)


def _authorization(context: RequestContext) -> str | None:
    given = context.request.headers.get("authorization")
    if given is None:
        context.violation("there is no Authorization header")
    elif not given.startswith(_SCHEME):
        context.violation(f"the Authorization header does not begin with {_SCHEME!r}")
    return given


def _wrong_method(context: RequestContext, endpoint: Endpoint) -> ApiResponse | None:
    method = context.request.method
    if method == (endpoint.accepts(context.scenario) if endpoint.accepts else endpoint.method):
        return None
    if endpoint.accepts is None or method not in _ADD_LEAD_METHODS:
        context.violation("there is no such method")
    return endpoint.errors.wrong_method(method, endpoint.method)
