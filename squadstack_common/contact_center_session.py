"""The contact center's session: one access token for all threads of the process ("Get access token").

It is renewed before it dies, and once for all who find it refused. HTTP is handed in: how to log in as a function that
returns a token or says why there is none, and how long a call may be without its answer.
"""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

from squadstack_common.api_limits import TOO_MANY_REQUESTS
from squadstack_common.clock import Clock

LOGIN_PATH = "/api/v2/login"
# A token's life is not documented: public clients keep one of 3600 s for 3300. A minute less, because a call that
# leaves with a token may take a while to get there.
TOKEN_LIFE_SECONDS = 3240.0
# A call that is refused with so many tokens that were never taken is refused for itself. Not with the first: other
# calls may have used it up before this one got there.
MOST_TOKENS_NEVER_TAKEN = 2
# Tokens that worked may die as often as they like, but a call that is refused with each token that others have taken is
# refused for itself as well: it would log in for ever.
MOST_TOKENS_OF_A_CALL = 21

LOGIN_TOO_EARLY = frozenset({408, 425})
LOGIN_REFUSED = frozenset({400, 401, 403, 422})

Why = TypeVar("Why")


class LoginResult(Enum):
    """What an answer to the login means."""

    TOKEN = "token"  # noqa: S105 - it is not one
    # A wrong password is a 400 (documented). The portal may lock the user out who tries again.
    REFUSED = "refused"
    REDIRECTED = "redirected"
    # Whole, and not what a portal answers: the address is that of something else.
    NOT_A_LOGIN = "not a login"
    THROTTLED = "throttled"
    FAILED_FOR_NOW = "failed for now"


def classify_login(status: int, body: Any, *, is_json: bool) -> LoginResult:
    """Tell what an answer to the login means; `body` is its JSON, if it is any."""
    if 200 <= status < 300:  # noqa: PLR2004 - any 2xx
        if not is_json:
            return LoginResult.FAILED_FOR_NOW
        return LoginResult.TOKEN if access_token(body) else LoginResult.NOT_A_LOGIN
    if status == TOO_MANY_REQUESTS:
        return LoginResult.THROTTLED
    if status in LOGIN_TOO_EARLY or status >= 500:  # noqa: PLR2004 - any 5xx
        return LoginResult.FAILED_FOR_NOW
    if status in LOGIN_REFUSED:
        return LoginResult.REFUSED
    return LoginResult.REDIRECTED if 300 <= status < 400 else LoginResult.NOT_A_LOGIN  # noqa: PLR2004 - any 3xx


def access_token(body: Any) -> str:
    """Return the token in a login's answer, nothing where there is none that a header can hold.

    Anything else would be an exception with the token in its text.
    """
    token = body.get("access_token") if isinstance(body, dict) else None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or " " in token:
        return ""
    return token


@dataclass(frozen=True, slots=True)
class NoToken(Generic[Why]):
    """A login that failed.

    Attributes:
        why: What the connector says of it.
        for_good: Whether the next one would fail as well: nobody in the process tries again.
    """

    why: Why
    for_good: bool


class RefusedTokens:
    """The tokens that one call was refused with."""

    def __init__(self) -> None:
        self.all = 0
        self.never_taken = 0


class ContactCenterSession(Generic[Why]):
    """One token for all threads. Who finds it dead or refused logs in, and the others wait for that one login.

    Whether a refused token has died or is no good is told by whether the portal ever took it. Therefore each call is
    told of: `begins` before it, then `accepted`, `ended` or, by way of `another`, its refusal.
    """

    def __init__(self, log_in: Callable[[], str | NoToken[Why]], clock: Clock, *, answer_seconds: float) -> None:
        self._log_in = log_in
        self._clock = clock
        self._answer_seconds = answer_seconds
        self._lock = threading.Lock()
        self._token = ""
        self._since = float("-inf")
        self._logins = 0
        self._failure: NoToken[Why] | None = None
        # Whether logging in is in vain: a call was refused with tokens of two logins, neither of which was ever taken.
        self._in_vain = False
        self._answers = threading.Condition()
        self._calls_under_way: Counter[str] = Counter()  # by their token
        self._thread = threading.local()
        self._accepted: set[str] = set()

    def token(self) -> str | NoToken[Why]:
        """Return a token that still has life in it, or why there is none."""
        return self._unless(lambda: self._clock.monotonic() - self._since < TOKEN_LIFE_SECONDS)

    def begins(self, token: str) -> None:
        """Note that this thread is about to make a call with a token."""
        with self._answers:
            self._end()
            self._thread.token = token
            self._calls_under_way[token] += 1

    def accepted(self, token: str) -> None:
        """Note that the portal took the token of this thread's call."""
        with self._answers:
            self._end()
            self._accepted.add(token)
            self._in_vain = False
            self._answers.notify_all()

    def ended(self) -> None:
        """Note that this thread's call, if it makes one, gets no more of an answer."""
        with self._answers:
            self._end()

    def another(self, token: str, refused: RefusedTokens) -> str | NoToken[Why] | None:
        """Return what to repeat a call with whose token was refused; `None` where the refusal means the call itself."""
        refused.all += 1
        refused.never_taken += not self._was_accepted(token)
        if refused.never_taken == MOST_TOKENS_NEVER_TAKEN:
            self._in_vain = True
            return None
        if refused.all == MOST_TOKENS_OF_A_CALL:
            return None
        replacement = self._replace(token)
        return None if replacement == token else replacement

    def _end(self) -> None:
        if token := getattr(self._thread, "token", None):
            self._thread.token = None
            self._calls_under_way[token] -= 1
            self._answers.notify_all()

    def _was_accepted(self, token: str) -> bool:
        """Tell whether the portal ever took a token.

        Another thread's call may have used the token up and not have its answer yet: that answer is waited for.
        """
        with self._answers:
            self._end()
            self._answers.wait_for(
                lambda: token in self._accepted or not self._calls_under_way[token], timeout=self._answer_seconds
            )
            return token in self._accepted

    def _replace(self, refused: str) -> str | NoToken[Why]:
        """Return another token than the refused one; that one itself where logging in does not help.

        Each further call would else log in again to learn the same.
        """
        return self._unless(lambda: self._token != refused or (self._in_vain and refused not in self._accepted))

    def _unless(self, is_good: Callable[[], bool]) -> str | NoToken[Why]:
        """Log in for all unless the token that there is will do."""
        logins = self._logins
        with self._lock:
            if self._failure is not None and (self._failure.for_good or self._logins > logins):
                # One that was waited for is news: a login after the other for each thread would take an hour to fail.
                return self._failure
            if self._token and is_good():
                return self._token
            now = self._clock.monotonic()
            answer = self._log_in()
            self._logins += 1
            self._failure = answer if isinstance(answer, NoToken) else None
            self._token, self._since = ("", float("-inf")) if isinstance(answer, NoToken) else (answer, now)
            return answer
