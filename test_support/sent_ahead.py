"""Requests ahead of their turn without threads: they are sent in an order that a test draws."""

import random
from collections.abc import Callable
from functools import partial
from typing import Any

from source_squadstack.components.request_slots import RequestSlots
from source_squadstack.components.retrievers.stable_window import StableWindowRetriever


class Later:
    """A future whose request is sent when the result is asked for, if not before."""

    def __init__(self, send: Callable[[], Any], others: "SentInAnyOrder") -> None:
        self._send = send
        self._others = others
        self.done = False
        self._outcome: Callable[[], Any]

    def run(self) -> None:
        """Send the request, and keep what comes of it."""
        self.done = True
        try:
            result = self._send()
        except Exception as error:  # noqa: BLE001  # raised where the result is wanted
            self._outcome = partial(raise_error, error)
        else:
            self._outcome = lambda: result

    def result(self) -> Any:
        """Send requests in any order until this one was sent; return or raise what came of it."""
        while not self.done:
            self._others.run_one()
        return self._outcome()


def raise_error(error: Exception) -> None:
    """Raise an error."""
    raise error


class SentInAnyOrder:
    """Stands in for `RequestSlots.send_ahead`: a request is sent at once or later, and before or after others."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._later: list[Later] = []
        self.sent = 0
        self.most = 0

    def install(self, monkeypatch: Any, most_at_once: int | None = None) -> "SentInAnyOrder":
        """Let leads be read by these: so many at once however quick answers are, or as many as the source decides."""
        self._later.clear()  # what an earlier sync did not wait for
        monkeypatch.setattr(RequestSlots, "send_ahead", lambda _, send: self.send(send))
        if most_at_once is not None:
            monkeypatch.setattr(StableWindowRetriever, "_at_once", lambda _: most_at_once)
        return self

    def send(self, send: Callable[[], Any]) -> Later | None:
        """Take a request, or refuse to, as if no slot were free."""
        if self._chance.random() < 0.1:
            return None
        self.sent += 1
        later = Later(send, self)
        self._later.append(later)
        self.most = max(self.most, len(self._later))
        while self._later and self._chance.random() < 0.3:
            self.run_one()
        return later

    def run_one(self) -> None:
        """Send one of the requests that were not sent yet."""
        self._later.pop(self._chance.randrange(len(self._later))).run()
