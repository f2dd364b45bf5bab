"""Timeouts: how many seconds a connection and a response may take."""

CONNECT_SECONDS = 10.0
# SquadStack makes one request of its own for each lead of a call, one after the other: a hundred of them take minutes,
# and a call that is given up while it runs is sent again to leads that it still holds.
READ_SECONDS = 300.0
_FOR_ANY_CALL = 60.0
_FOR_EACH_LEAD = 2.4


def read_timeout_for(leads: int, longest: float) -> float:
    """Return how many seconds the response to a call may take."""
    return min(longest, _FOR_ANY_CALL + _FOR_EACH_LEAD * leads)
