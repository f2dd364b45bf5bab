"""The health of the store: logged once when it changes, not with each request."""

import logging

from sqlalchemy.exc import DBAPIError

from webhooks_squadstack.logs import log


class Health:
    """Whether the store responded the last time."""

    def __init__(self) -> None:
        self._up = True

    def failed(self, error: Exception) -> None:
        """Record that the store did not respond, or not as it should."""
        if self._up:
            self._up = False
            log("store_down", level=logging.ERROR, error=type(error).__name__, **_details(error))

    def answered(self) -> None:
        """Record that the store responded."""
        if not self._up:
            self._up = True
            log("store_up")


def cause(error: Exception) -> str:
    """Return the first line of a driver's error; only for connection errors, because others may quote a row."""
    return (str(getattr(error, "orig", error)).splitlines() or [type(error).__name__])[0]


def _details(error: Exception) -> dict[str, str]:
    """Return what may be logged: without a statement there was no row yet, and with one there is PostgreSQL's code."""
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None)
        details = {"sqlstate": state} if error.statement else {"cause": cause(error)}
        return {name: value for name, value in details.items() if value}
    return {}
