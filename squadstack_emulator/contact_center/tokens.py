"""The portal's access tokens: how long one lives is not documented, so a scenario says after how many calls it dies."""

from dataclasses import dataclass, field
from typing import NamedTuple


class Login(NamedTuple):
    """What a login gives. The refresh token is good for nothing: its endpoint is not documented."""

    access_token: str
    refresh_token: str


@dataclass(slots=True)
class PortalTokens:
    """Every token that is alive, and how many calls were made with it. A login leaves earlier tokens alive."""

    _issued: int = 0
    _uses: dict[str, int] = field(default_factory=dict)

    def issue(self) -> Login:
        """A new token."""
        self._issued += 1
        login = Login(f"portal-access-token-{self._issued}", f"portal-refresh-token-{self._issued}")
        self._uses[login.access_token] = 0
        return login

    def use(self, token: str, *, limit: int | None) -> bool:
        """Count a call made with a token; gives whether the token is still good, which it is for `limit` calls."""
        uses = self._uses.get(token)
        if uses is None or (limit is not None and uses >= limit):
            return False
        self._uses[token] = uses + 1
        return True

    def expire(self) -> None:
        """Kill every token."""
        self._uses.clear()
