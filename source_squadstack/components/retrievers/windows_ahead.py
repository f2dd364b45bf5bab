"""Windows of one segment that several threads ask for at once."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol

from source_squadstack.components.request_slots import Result
from source_squadstack.components.retrievers.window_sizer import WindowSizer


class SendAhead(Protocol):
    """What lets a thread send a request, or returns `None` where it should not be sent now."""

    def __call__(self, send: Callable[[], Result], /) -> Future[Result] | None:
        """Send a request."""


@dataclass
class AskedWindow(Generic[Result]):
    """A window that was asked for before its turn."""

    start: int
    end: int
    answer: Future[Result]


class WindowsAhead(Generic[Result]):
    """The answers to a segment's windows, in the order of time; up to `at_once` windows are asked for at once.

    One thread takes the answers, decides what they mean and moves the sizer, as if it had asked for one after the
    other. Only the asking is done by others. An answer that does not hold its whole window leaves a gap before those
    that are asked for already; the gap is cut into smaller windows, which end where the next one begins.
    """

    def __init__(
        self, sizer: WindowSizer, ask: Callable[[int, int], Result], send_ahead: SendAhead, at_once: Callable[[], int]
    ) -> None:
        self._sizer = sizer
        self._ask = ask
        self._send_ahead = send_ahead
        self._at_once = at_once
        self._asked: list[AskedWindow[Result]] = []

    @property
    def are_asked(self) -> bool:
        """Tell whether windows are asked for whose answers were not taken yet."""
        return bool(self._asked)

    def forget(self) -> None:
        """Drop all that was asked for."""
        self._asked = []

    def next(self) -> Result:
        """Return the answer to the window at the sizer's start, once later windows are asked for, too."""
        most = self._at_once()
        if most == 1 and not self._asked:
            return self._ask(self._sizer.start, self._sizer.next_end())
        first_end = self._ask_ahead(most)
        if first_end is not None:
            return self._ask(self._sizer.start, first_end)
        return self._asked.pop(0).answer.result()

    def _ask_ahead(self, most: int) -> int | None:
        """Ask for windows after the first; return the end of the first if it was not asked for."""
        asked, self._asked = self._asked, []
        start, first_end, room = self._sizer.start, None, most - len(asked)
        for later in [*asked, None]:
            limit = later.start if later else self._sizer.end
            while start < limit:
                part = self._sizer.part(start, limit)
                if start == self._sizer.start:
                    first_end = end = part.next_end()
                else:
                    before = len(self._asked) + (first_end is not None)
                    if room <= 0 or not (later or part.may_guess(before)):
                        break
                    end = part.next_end()
                    answer = self._send_ahead(partial(self._ask, start, end))
                    if answer is None:
                        room = 0
                        break
                    self._asked.append(AskedWindow(start, end, answer))
                start, room = end, room - 1
            if later:
                self._asked.append(later)
                start = later.end
        return first_end
