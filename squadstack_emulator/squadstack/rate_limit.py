"""The rate limit, "Only 100 hits are allowed per minute for a business" (bulk page): a moving window."""

from collections import deque


class MovingWindow:
    """Arrivals of the last so many seconds. All times are seconds of one monotonic clock.

    Only admitted calls are kept: a call answered 429 does not use up the allowance, so that a client
    that tries again and again is admitted as soon as its oldest call is old enough.
    """

    def __init__(self) -> None:
        self._arrivals: deque[float] = deque()

    def admit(self, now: float, *, limit: int | None, seconds: float) -> float:
        """Count an arrival if there is room; give the seconds to wait until there is, 0.0 for an admitted call.

        A call exactly `seconds` old is out of the window.
        """
        while self._arrivals and now - self._arrivals[0] >= seconds:
            self._arrivals.popleft()
        if limit is not None and len(self._arrivals) >= limit:
            return seconds - (now - self._arrivals[len(self._arrivals) - limit])
        self._arrivals.append(now)
        return 0.0

    def withdraw(self) -> None:
        """Forget the call admitted last: it is answered 429 all the same."""
        self._arrivals.pop()


def busiest(arrivals: list[float], seconds: float) -> int:
    """Return the most arrivals in any moving window of so many seconds."""
    most, first = 0, 0
    ordered = sorted(arrivals)
    for last, arrival in enumerate(ordered):
        while arrival - ordered[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most
