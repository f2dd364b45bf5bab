"""The sizes of windows of time that a single page answers."""

import copy
import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable

SECOND = 1_000_000  # times are whole microseconds since 1970
DAY = 86_400 * SECOND


class WindowSizer:
    """Chooses where the next window of time ends, so that a single page answers it and is nearly full.

    Pure arithmetic over earlier answers: how many rows an interval has, and the times of the rows that a page showed.
    Where the rows lie that were counted and not shown is guessed: distributed like the shown ones if these came in no
    order, else evenly, but never more sparsely than the rows that were read last. A wrong guess costs a call, never a
    row: whether an answer is complete is not decided here.

    Where guesses keep failing and rows come in the order of time, a look at a later page shows exactly where the window
    before its first row ends, and the one after that. With one look for two windows, any distribution takes at most
    half as many calls again as it has pages.
    """

    # Tuned by the simulation in unit_tests/source/test_window_sizer.py, which limits the number of calls.
    MARGIN = 1.3  # standard deviations
    PRIOR = 5.0  # the weight of an even distribution, in rows, while nothing was read
    MEMORY = 0.8
    SURPRISE = 2.0  # standard deviations beyond which the earlier pace is forgotten
    NEARLY_ALL = 4  # shown rows stand for the others if they are at least one in four
    FULL_ENOUGH = 0.6  # the share of a page below which the guess counts as wrong
    MAX_LOOKS = 32
    MAX_AT_ONCE = 32

    def __init__(self, start: int, end: int, page_rows: int, finest_unit: int = SECOND) -> None:
        self.start = start
        self.end = end
        self.unit = SECOND  # of the cuts
        self._finest_unit = finest_unit
        self._page_rows = page_rows  # as requested, until a full page shows what the server sends
        self._full_page = 0
        self._counted: list[tuple[int, int]] = []  # (end, rows from the start to there)
        self._shown: list[int] = []  # their times, in order
        self._order = 0  # of the rows in a page: 1 ascending by time, -1 descending, 0 none
        self._edge = 0  # rows just before the start, which the wider bounds of the request include
        self._longest: int | None = None  # the last possible end: one further was too far
        self._pace = (0.0, 0.0)  # rows, and the time that they span
        self._paced_to = start
        self._surprised = True
        self._thin = False  # the last window had far fewer rows than expected
        self._unevenness = 1.0  # squared error of the guesses over what evenly random times would give
        self._failures = 0.0  # share of the latest guesses that were wrong
        self._windows_to_look = 0  # how many more windows are found by looks instead of guesses
        self._patience = 2  # how many that will be after the next failure
        self._page_began: int | None = None  # where a window is to end, so that the next pages looked at begin one
        self._at_once = 1  # how many windows may be guessed before the first of them is answered

    @property
    def shortest_end(self) -> int:
        """Return the end of the shortest window, at the next whole unit."""
        return min((self.start // self.unit + 1) * self.unit, self.end)

    def next_end(self) -> int:
        """Return where the next window is to end."""
        end, unit = self.end, self.unit
        if self._longest is not None or (self._counted and self._too_many(end)):
            longest = self.end if self._longest is None else min(self._longest, self.end)
            too_far = first_true(lambda at: self._too_many(at * unit), self.start // unit + 1, longest // unit + 1)
            end = min(max(too_far - 1, self.start // unit + 1) * unit, longest)
            # An end that was counted needs no margin; a guess that adds less than a row may cost a call for nothing.
            known = max((at for at, _ in self._counted if at <= longest and not self._too_many(at)), default=end)
            if known > end or self.rows_before(end)[0] - self.rows_before(known)[0] < 1:
                end = known
            left, fits = self.rows_before(self.end)[0], self.rows_before(end)[0]
            pieces = math.ceil(left / max(fits, 1.0) - 1e-9)
            if 1 < pieces <= 4 and known != end:  # noqa: PLR2004  # 150 rows as 75 and 75: as 95 and 55 the first may overflow
                even = first_true(
                    lambda at: self.rows_before(at * unit)[0] >= left / pieces, self.start // unit + 1, end // unit
                )
                end = even * unit
        if self._page_began is not None and self.start < self._page_began < end:
            end = self._page_began
        return max(end, self.shortest_end)

    def part(self, start: int, end: int) -> "WindowSizer":
        """Return a sizer of what lies between two times that knows what this one knows."""
        other = copy.copy(self)  # no list is ever changed in place
        if start > self.start:
            other.skip_to(start)
        other.end = end
        return other

    def skip_to(self, start: int) -> None:
        """Move the start behind windows that were not read yet, as if they held the rows that are expected."""
        self._move(start, round(self.rows_before(start)[0]))
        self._edge = 0

    def may_guess(self, windows: int) -> bool:
        """Tell whether the next window may be asked for while so many before it are not answered.

        As a sender of packets does, it doubles their number while guesses are right, and halves it when one is wrong.
        While the pace is unknown a guess is alone: all would be wrong together.
        """
        guesses = 1 if self._windows_to_look or self._surprised else self._at_once
        return windows < guesses or (bool(self._counted) and self.rows_before(self.next_end())[1] < 1)

    @property
    def counted_to(self) -> int:
        """Return the end of all that is counted."""
        return self._counted[-1][0]

    def pages_to_look_at(self, most: int = 1) -> list[int]:
        """Return pages whose first rows begin the window after the next, and after two more; none if a guess does."""
        left = self._counted[-1][1] if self._counted else 0
        if not self._windows_to_look or not self._order or left <= 2 * self._page_rows:
            return []
        if self.rows_before(self.next_end())[1] < 1:
            return []  # nothing is to be guessed
        number = max(min(most, left // (2 * self._page_rows)), 1)
        first = 2 if self._order > 0 else -(-(left + self._edge - self._page_rows) // self._page_rows)
        return [page for page in range(first, first + 2 * self._order * number, 2 * self._order) if page > 1]

    def note_look(self, page: int, times: list[int]) -> None:
        """Record the times that a later page showed."""
        left, page_rows = self._counted[-1][1], self._page_rows
        before = (page - 1) * page_rows - self._edge if self._order > 0 else left - page * page_rows
        if not times or before < 0:
            self._windows_to_look = 0
            return
        begin = self._place(sorted(times), before)
        self._longest = None
        self._page_began = begin if self._order < 0 and before >= page_rows / 4 else None

    def _place(self, times: list[int], before: int) -> int:
        """Record that these rows follow directly on a number of others; return where their first begins a window."""
        # At a distance from the rows: else the wider bounds of the neighbouring window would include them. With whole
        # seconds, the next page may hold more rows of this page's last second.
        away, complete = 2 * self._finest_unit, self.unit < SECOND or times[-2:-1] != times[-1:]
        begin = max((times[0] - away) // self.unit * self.unit, self.start + 1)
        end = min(((times[-1] + away) // self.unit + complete) * self.unit, self.end)
        known = [(begin, before), (end, before + bisect_left(times, end))]
        others = [at for at in self._counted if at[0] > end or (at[0] < begin and at[1] < before)]
        self._counted = sorted({*others, *(known if before else known[1:])})
        self._shown = sorted([*(at for at in self._shown if not times[0] <= at <= times[-1]), *times])
        return begin

    def note_whole(self, end: int, times: list[int], rows: int | None = None) -> None:
        """Move the start behind a window that was read; the next one's wider bounds include its last rows again."""
        times, rows = sorted(times), len(times) if rows is None else rows
        expected = self._expected_before(end)
        self._windows_to_look = max(self._windows_to_look - 1, 0)
        if end < self.end:
            self._note_guess(expected, wrong=rows < self.FULL_ENOUGH * self._page_rows)
        self._compare(expected, rows, end, times)
        self._thin = expected is not None and rows < expected[0] / 4
        self._move(end, rows)
        self._learn_unit(times)
        self._edge = len(times) - bisect_left(times, end - self._finest_unit)

    def _move(self, end: int, rows: int) -> None:
        self._counted = [(at, max(count - rows, 0)) for at, count in self._counted if at > end]
        self._shown = self._shown[bisect_left(self._shown, end) :]
        self.start, self._longest = end, None
        if self._page_began is not None and self._page_began <= end:
            self._page_began = None

    def note_overflow(self, end: int, count: int, times: list[int], page_rows: int, edge: int = 0) -> None:
        """Record a window with more rows than a page: `times` are those shown, in the order in which they came."""
        self._edge = max(self._edge, edge)
        if page_rows:
            self._full_page = self._page_rows = max(self._full_page, page_rows)
        expected = self._expected_before(end)
        self._learn_unit(times)
        self._note_guess(expected, wrong=expected is not None)
        # The window of a whole history says nothing about the pace at its start.
        self._compare(expected, count, end if count <= 2 * page_rows else self._paced_to, [])
        self._thin = False
        self._order = 1 if times == (ordered := sorted(times)) else -1 if times == ordered[::-1] else 0
        self._shown = [*ordered, *self._shown[bisect_left(self._shown, end) :]]
        self._counted = [(end, count), *(known for known in self._counted if known[0] > end)]
        if times and self._order:
            self._place(ordered, 0 if self._order > 0 else max(count - len(times), 0))
        self._longest = max(end - 1, self.start + 1)

    def _expected_before(self, end: int) -> tuple[float, float] | None:
        return self.rows_before(end) if self._counted else None

    def _note_guess(self, expected: tuple[float, float] | None, wrong: bool) -> None:
        """Replace guesses by looks for a while after they failed, longer each time they fail again."""
        self._at_once = max(self._at_once // 2, 1) if wrong else min(2 * self._at_once, self.MAX_AT_ONCE)
        if expected is None or expected[1] < 1:
            return  # nothing was guessed
        self._failures = self._failures / 2 + wrong / 2
        if not wrong:
            self._patience = max(self._patience // 2, 2)
        elif self._failures > 0.5:  # noqa: PLR2004  # two of the last three
            self._windows_to_look = self._patience
            self._patience = min(2 * self._patience, self.MAX_LOOKS)

    def rows_before(self, end: int) -> tuple[float, float]:
        """Return how many rows are expected from the start to `end`, and the variance of that."""
        low, below, first = self.start, 0, 0
        for high, count in self._counted:
            last = bisect_left(self._shown, high, first)
            rows = max(count, below)
            if end < high:
                shown = bisect_left(self._shown, end, first, last) - first
                unseen = max(rows - below - (last - first), 0)
                more, variance = self._unseen_before(end, (low, high), unseen, self._shown[first:last])
                return below + shown + more, variance
            low, below, first = high, rows, last
        return float(below), 0.0

    def _unseen_before(self, end: int, bounds: tuple[int, int], unseen: int, shown: list[int]) -> tuple[float, float]:
        """Guess how many unseen rows of an interval lie before `end`, and the variance of that number."""
        low, high = bounds
        rows, spent = self._pace
        if not unseen or end <= low:
            return 0.0, 0.0
        prior = self.PRIOR if rows < 2 * self.PRIOR else 0.0
        if shown:
            guess, known = self._as_shown(end, bounds, unseen, shown, (rows + prior, spent, prior))
        else:
            average = unseen / (high - low)
            pace = (rows + prior) / (spent + prior / average)
            guess, known = (pace if self._thin else max(pace, average)) * (end - low), rows + prior
        guess = min(guess, float(unseen))
        variance = guess * (min(self._unevenness, 1.0) + guess / max(known, 1.0))
        return guess, variance * (1 - guess / unseen)  # none at the interval's end, where all are counted

    def _as_shown(
        self, end: int, bounds: tuple[int, int], unseen: int, shown: list[int], pace: tuple[float, float, float]
    ) -> tuple[float, float]:
        """Guess from rows shown in no order, each standing for several, and from the pace of the rows read last."""
        low, high = bounds
        rows, spent, prior = pace
        each = (unseen + len(shown)) / len(shown)
        before = bisect_left(shown, end)
        spent += prior * (high - low) / (unseen + len(shown))
        guess = (rows + before) / (spent + (end - low) / each) * (end - low) * (1 - 1 / each)
        as_shown = unseen * (self.PRIOR * (end - low) / (high - low) + before) / (self.PRIOR + len(shown))
        foreseen = rows / spent * (end - low) / each if spent else math.inf
        if as_shown > guess and (each < self.NEARLY_ALL or before > foreseen + 2 * math.sqrt(foreseen) + 2):
            return as_shown, self.PRIOR + before
        return guess, rows + before

    def _too_many(self, end: int) -> bool:
        rows, variance = self.rows_before(end)
        beyond = bisect_right(self._shown, end + self._finest_unit) - bisect_left(self._shown, end)
        unforeseen = variance >= 1 and self._page_rows >= 20  # noqa: PLR2004  # one may be
        return rows + self.MARGIN * math.sqrt(variance) > max(self._page_rows - self._edge - beyond - unforeseen, 1)

    def _compare(self, guess: tuple[float, float] | None, rows: int, end: int, times: list[int]) -> None:
        """Learn from the difference to what was expected: how even the times are, and their pace."""
        self._surprised = True  # by what was not guessed, too
        if guess is not None and guess[1] >= 1:
            expected, variance = guess
            error = (rows - expected) ** 2
            self._surprised = error > self.SURPRISE**2 * max(variance, expected)
            self._unevenness = 0.5 * self._unevenness + 0.5 * min(error / max(expected, 1.0), 1000.0)
        if end <= self._paced_to:
            return
        begin = max(self._paced_to, self.start)
        recent = rows if begin == self.start else len(times) - bisect_left(times, begin)
        spent, self._paced_to = end - begin, end
        before = self._pace
        if self._surprised:
            before = (0.0, 0.0)
            if len(times) >= 4:  # noqa: PLR2004  # measured at the end, where the next window begins
                recent, spent = len(times) // 2, max(end - times[-(len(times) // 2) - 1], 1)
        self._pace = (self.MEMORY * before[0] + recent, self.MEMORY * before[1] + spent)

    def _learn_unit(self, times: list[int]) -> None:
        """Cut within seconds only where the rows tell more than seconds.

        A server may filter by fractions that it does not show. A cut within a second could then put a row on one side
        for the server and on the other for us, and neither window would keep it.
        """
        if any(time % SECOND for time in times):
            self.unit = self._finest_unit


def first_true(test: Callable[[int], bool], low: int, high: int) -> int:
    """Return the first number of a range that passes a test which all later ones pass; `high` if none does."""
    while low < high:
        middle = (low + high) // 2
        if test(middle):
            high = middle
        else:
            low = middle + 1
    return low
