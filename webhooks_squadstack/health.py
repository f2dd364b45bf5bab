"""Whether the store answers: told once when that changes, not with each request."""

import logging

from webhooks_squadstack.logs import log


class Health:
    """Knows what the last answer of the store was."""

    def __init__(self) -> None:
        self._up = True

    def failed(self, error: Exception) -> None:
        """The store did not answer, or not as it should."""
        if self._up:
            self._up = False
            log("store_down", level=logging.ERROR, error=type(error).__name__, sqlstate=_sqlstate(error))

    def answered(self) -> None:
        """The store answered."""
        if not self._up:
            self._up = True
            log("store_up")


def _sqlstate(error: Exception) -> str | None:
    """PostgreSQL's code of an error; its text may repeat a row."""
    return getattr(getattr(error, "orig", error), "sqlstate", None)
