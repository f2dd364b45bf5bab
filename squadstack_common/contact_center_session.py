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
# A call that is refused with so many tokens that no call was ever accepted with is refused for itself. One such token
# proves nothing: it may have expired before this call arrived.
MAX_TOKENS_NEVER_ACCEPTED = 2
# Tokens that were accepted may expire any number of times, and where one lasts for few calls, other threads may use
# up each that this call waits for. After so many the call gets tokens of its own, which no other call is made with: it
# cannot lose those to others, and refused with them it is refused for itself, and would log in for ever.
MAX_SHARED_TOKENS_OF_A_CALL = 3
MAX_OWN_TOKENS_OF_A_CALL = 2

LOGIN_TOO_EARLY = frozenset({408, 425})
LOGIN_REFUSED = frozenset({400, 401, 403, 422})

Why = TypeVar("Why")


class LoginResult(Enum):
    """What a response to the login means."""

    TOKEN = "token"  # noqa: S105 - it is not one
    # A wrong password is a 400 (documented by the Campaigns API). Trying again may lock the user out.
    REFUSED = "refused"
    REDIRECTED = "redirected"
    # A complete response that is not a contact center's: the address is that of something else.
    NOT_A_LOGIN = "not a login"
    THROTTLED = "throttled"
    FAILED_FOR_NOW = "failed for now"


def classify_login(status: int, body: Any, *, is_json: bool) -> LoginResult:
    """Return what a response to the login means.

    Args:
        status: Its HTTP status.
        body: Its JSON; anything if it has none.
        is_json: Whether its body is JSON.
    """
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
        why: The connector's own description of the failure.
        for_good: Whether the next login would fail as well: no thread tries again.
    """

    why: Why
    for_good: bool


class RefusedTokens:
    """The numbers of tokens that one call was refused with: shared ones, those never accepted, and those of its own."""

    def __init__(self) -> None:
        self.shared = 0
        self.never_accepted = 0
        self.own = 0

    def next_is_own(self) -> bool:
        """Whether the call is repeated with a token of its own from now on."""
        return self.shared == MAX_SHARED_TOKENS_OF_A_CALL


class ContactCenterSession(Generic[Why]):
    """One token for all threads: the thread that finds it expired or refused logs in, the others wait for that login.

    A refused token has expired if the contact center ever accepted it, else it is no good. Therefore a client reports
    each call: `note_call` before it, then `note_accepted`, `note_call_ended` or, for a refusal, `token_after_refusal`.
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
        # A call was refused with the tokens of two logins, neither of which was ever accepted.
        self._login_useless = False
        self._answers = threading.Condition()
        self._calls_under_way: Counter[str] = Counter()  # by their token
        self._thread = threading.local()
        self._accepted: set[str] = set()

    def token(self) -> str | NoToken[Why]:
        """Return a token that has not expired, or why there is none."""
        return self._unless(lambda: self._clock.monotonic() - self._since < TOKEN_LIFE_SECONDS)

    def note_call(self, token: str) -> None:
        """Record that this thread is about to make a call with a token."""
        with self._answers:
            self._end()
            self._thread.token = token
            self._calls_under_way[token] += 1

    def note_accepted(self, token: str) -> None:
        """Record that the contact center accepted the token of this thread's call."""
        with self._answers:
            self._end()
            self._accepted.add(token)
            self._login_useless = False
            self._answers.notify_all()

    def note_call_ended(self) -> None:
        """Record that this thread's call, if it makes one, gets no further response."""
        with self._answers:
            self._end()

    def token_after_refusal(self, token: str, refused: RefusedTokens) -> str | NoToken[Why] | None:
        """Return the token to repeat a refused call with; `None` if the refusal means the call itself."""
        if refused.next_is_own():
            self.note_call_ended()
            refused.own += 1
            return None if refused.own == MAX_OWN_TOKENS_OF_A_CALL else self._own_token()
        refused.shared += 1
        refused.never_accepted += not self._was_accepted(token)
        if refused.never_accepted == MAX_TOKENS_NEVER_ACCEPTED:
            self._login_useless = True
            return None
        if refused.next_is_own():
            return self._own_token()
        replacement = self._replace(token)
        return None if replacement == token else replacement

    def _end(self) -> None:
        if token := getattr(self._thread, "token", None):
            self._thread.token = None
            self._calls_under_way[token] -= 1
            self._answers.notify_all()

    def _was_accepted(self, token: str) -> bool:
        """Return whether the contact center ever accepted a token.

        Another thread's call with this token may still be under way: its response is waited for.
        """
        with self._answers:
            self._end()
            self._answers.wait_for(
                lambda: token in self._accepted or not self._calls_under_way[token], timeout=self._answer_seconds
            )
            return token in self._accepted

    def _replace(self, refused: str) -> str | NoToken[Why]:
        """Return another token than the refused one, or the refused one if logging in does not help.

        Otherwise each further call would log in again to learn the same.
        """
        return self._unless(lambda: self._token != refused or (self._login_useless and refused not in self._accepted))

    def _own_token(self) -> str | NoToken[Why]:
        """Return a token that no other thread gets."""
        with self._lock:
            if self._failure is not None and self._failure.for_good:
                return self._failure
            answer = self._log_in()
            self._logins += 1
            if isinstance(answer, NoToken):
                self._failure = answer
            return answer

    def _unless(self, is_good: Callable[[], bool]) -> str | NoToken[Why]:
        """Return the current token if it `is_good`, else that of a new login; threads wait for one login."""
        logins = self._logins
        with self._lock:
            if self._failure is not None and (self._failure.for_good or self._logins > logins):
                # A failed login holds for all that waited for it: one login after the other would take an hour to fail.
                return self._failure
            if self._token and is_good():
                return self._token
            now = self._clock.monotonic()
            answer = self._log_in()
            self._logins += 1
            self._failure = answer if isinstance(answer, NoToken) else None
            self._token, self._since = ("", float("-inf")) if isinstance(answer, NoToken) else (answer, now)
            return answer
