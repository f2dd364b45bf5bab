"""A set of many whole numbers below 2**64, at eight bytes each: Python's own takes about sixty."""

from array import array
from bisect import bisect_left

# Each part is sorted by itself, through a list of Python's numbers: of one part they take no memory worth a word.
_PARTS = 1024


class PackedSet:
    """A set of numbers: add them, seal it, then use `in`."""

    def __init__(self) -> None:
        self._parts = [array("Q") for _ in range(_PARTS)]

    def add(self, number: int) -> None:
        """Add a number."""
        self._parts[number % _PARTS].append(number)

    def seal(self) -> None:
        """Sort the numbers, so that `in` works."""
        for index, part in enumerate(self._parts):
            self._parts[index] = array("Q", sorted(set(part)))

    def __contains__(self, number: int) -> bool:
        part = self._parts[number % _PARTS]
        at = bisect_left(part, number)
        return at < len(part) and part[at] == number

    def __len__(self) -> int:
        return sum(map(len, self._parts))
