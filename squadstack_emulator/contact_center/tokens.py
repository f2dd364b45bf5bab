"""The access tokens of the contact center (page Campaigns, "Get access token"): a login leaves earlier ones alive."""


class AccessTokens:
    """Every live token and how many requests were made with it."""

    def __init__(self) -> None:
        self._issued = 0
        self._uses: dict[str, int] = {}

    def issue(self) -> int:
        """Make a new token, `portal-access-token-{number}`, and return its number."""
        self._issued += 1
        self._uses[f"portal-access-token-{self._issued}"] = 0
        return self._issued

    def use(self, token: str, *, limit: int | None) -> bool:
        """Count a request made with a token; tell whether it is still good, which it is for `limit` requests."""
        uses = self._uses.get(token)
        if uses is None or (limit is not None and uses >= limit):
            return False
        self._uses[token] = uses + 1
        return True

    def expire(self) -> None:
        """Kill every token."""
        self._uses.clear()
