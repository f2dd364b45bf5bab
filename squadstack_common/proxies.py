"""The proxy that the environment names, where it lets nobody through without a login."""

PROXY_LOGIN = 407


def proxy_wants_login(error: BaseException | None) -> bool:
    """Tell whether a connection failed because a proxy asks for a login before it opens a tunnel.

    http.client has no error of its own for it: the status stands in the text alone.
    """
    return f"Tunnel connection failed: {PROXY_LOGIN}" in str(error)


def proxy_login(address: str) -> str:
    """Return the sentences about a proxy that asks for a login; `address` is the field of what is behind it."""
    return (
        f"The proxy that the environment names (HTTPS_PROXY) asks for a login (HTTP {PROXY_LOGIN}). Put user and "
        f"password into its address, as in http://user:password@proxy:3128, or except {address} (NO_PROXY)."
    )
