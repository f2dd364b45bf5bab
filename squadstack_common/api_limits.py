"""SquadStack's allowance of calls, and how long to wait when it is used up.

"Only 100 hits are allowed per minute for a business": all programs of a business together, whatever they call. A call
beyond it is answered 429, with "Request was throttled. Please try after 60 seconds".
"""

# The server counts arrivals in a moving minute of its own, and a call takes a varying time to get there: a window of 60
# seconds draws 429s (measured), one of 61 none, as long as no call is on its way for a second longer than the hundredth
# after it. It leaves 98 % of the allowance.
WINDOW_SECONDS = 61.0
# What the documents say after every 429, however soon there is room: the length of the window. By then there is room
# for sure, so a call that waits for itself alone obeys it; a pause of all calls looks for room sooner.
WINDOW_STATED = 60.0
# A sync waits no longer for room: it may be a slip of the server's, and would hold the sync for days without a word.
LONGEST_THROTTLED = 3600.0
# A guess at when there is room, where nothing is stated, is no longer than the window.
LONGEST_GUESS = 60.0
TOO_MANY_REQUESTS = 429


def wait_in_check(stated: float | None) -> float:
    """Return the seconds that `check` waits after a 429, once.

    A sync that is running may have used up the allowance; within a minute there is room again. Longer than that no user
    waits.
    """
    return WINDOW_STATED if stated is None else min(stated, WINDOW_STATED)
