"""What a call must show before its endpoint does any work: one gate for each API, since their tokens are two worlds.

SquadStack, in the order of the vendor's framework: token, permission, rate limit, method. A call whose token is wrong
belongs to no business and does not use up its allowance.

Contact center (page Campaigns, "header" of each request): method, token, account. Undocumented, decided here: a token
that is missing, unknown or dead is a 401, an account that is missing or not the tenant's a 400.
"""

from typing import Protocol, get_args

from squadstack_emulator.books import Books
from squadstack_emulator.endpoints import Endpoint
from squadstack_emulator.messages import PortalDialect, Reply, Request
from squadstack_emulator.portal_tokens import PortalTokens
from squadstack_emulator.scenario import AddLeadMethod, Scenario
from squadstack_emulator.spoiling import throttled
from squadstack_emulator.throttle import MovingWindow

_SCHEME = "Bearer "
# Who tries the one that this portal does not take has broken no document: the page and public clients disagree.
_ADD_LEAD_METHODS = frozenset(get_args(AddLeadMethod))


class Gate(Protocol):
    """The way in to one API."""

    def refusal(self, request: Request, endpoint: Endpoint, scenario: Scenario) -> Reply | None:
        """The answer to a call that does not get as far as the endpoint's work."""

    def throttle(self, scenario: Scenario) -> Reply:
        """The answer to a call that was admitted and is answered 429 all the same."""


class SquadStackGate:
    """The way in to SquadStack."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._window = MovingWindow()

    def refusal(self, request: Request, endpoint: Endpoint, scenario: Scenario) -> Reply | None:
        """See `Gate`."""
        given = _authorization(request, self._books)
        if given is None:
            return endpoint.dialect.no_token()
        if given != _SCHEME + scenario.token:
            return endpoint.dialect.wrong_token()
        if scenario.forbidden:
            return endpoint.dialect.forbidden()
        wait = self._window.admit(request.at, limit=scenario.calls_per_minute, seconds=scenario.window_seconds)
        if wait > 0:
            return throttled(scenario.throttle_answer, window_seconds=scenario.window_seconds, wait=wait)
        return _wrong_method(request, endpoint, scenario, self._books)

    def throttle(self, scenario: Scenario) -> Reply:
        """See `Gate`."""
        self._window.withdraw()
        return _throttled(scenario)


class PortalGate:
    """The way in to the contact center."""

    def __init__(self, books: Books, tokens: PortalTokens) -> None:
        self._books = books
        self._tokens = tokens

    def refusal(self, request: Request, endpoint: Endpoint, scenario: Scenario) -> Reply | None:
        """See `Gate`."""
        refusal = _wrong_method(request, endpoint, scenario, self._books)
        if refusal is not None or endpoint.traffic == "login":
            return refusal
        given = _authorization(request, self._books) or ""
        token = given.removeprefix(_SCHEME)
        if token == given or not self._tokens.use(token, limit=scenario.portal_token_uses):
            return endpoint.dialect.wrong_token()
        account = request.headers.get("x-account-id")
        if account is None:
            self._books.violation(request.breach("there is no X-Account-ID header"))
        return None if account == scenario.portal.account_id else PortalDialect().invalid()

    def throttle(self, scenario: Scenario) -> Reply:
        """See `Gate`."""
        return _throttled(scenario)


def _authorization(request: Request, books: Books) -> str | None:
    given = request.headers.get("authorization")
    if given is None:
        books.violation(request.breach("there is no Authorization header"))
    elif not given.startswith(_SCHEME):
        books.violation(request.breach(f"the Authorization header does not begin with {_SCHEME!r}"))
    return given


def _wrong_method(request: Request, endpoint: Endpoint, scenario: Scenario, books: Books) -> Reply | None:
    accepted = endpoint.method if endpoint.accepts is None else endpoint.accepts(scenario)
    if request.method == accepted:
        return None
    if endpoint.accepts is None or request.method not in _ADD_LEAD_METHODS:
        books.violation(request.breach("there is no such method"))
    return endpoint.dialect.wrong_method(request.method)


def _throttled(scenario: Scenario) -> Reply:
    seconds = scenario.window_seconds
    return throttled(scenario.throttle_answer, window_seconds=seconds, wait=seconds)
