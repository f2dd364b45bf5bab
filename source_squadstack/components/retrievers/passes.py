"""Repeated passes over the pages of a set that changes meanwhile."""

from array import array
from bisect import bisect_left

import requests

from source_squadstack.components.response_body import Body, read_body


class Passes:
    """Tells when repeated passes over the pages of a set have brought all of it.

    A set that moves while it is paged loses rows between two pages: one leaves, all behind it move up a place, and the
    count may stay what it was. So may a database that breaks ties in another way for each page. A pass proves
    something only if all its pages gave one count and it brought as many distinct rows, and the pass before brought no
    others. Of a set without an upper bound, which may grow meanwhile, the earlier passes may have brought more.

    What is kept of a row are two 64-bit hashes: its key, and its content, by which a later pass passes on only what has
    changed.
    """

    def __init__(self, key_fields: tuple[str, ...], bounded: bool = True) -> None:
        self._key_fields = key_fields
        self._bounded = bounded
        self._keys: list[array[int]] = []
        self._contents: array[int] = array("q")
        self._passed_on: array[int] = array("q")
        self._counts: set[int] = set()

    def start(self) -> None:
        """Begin with the first page."""
        self._keys = [*(self._keys[-1:] if self._bounded else self._keys), array("q")]
        self._passed_on = array("q", sorted([*self._passed_on, *self._contents]))
        self._contents = array("q")
        self._counts = set()

    def see(self, response: requests.Response) -> None:
        """Take note of a page, before its rows are changed, and drop the rows that an earlier pass brought the same."""
        page = read_body(response, "lead_page")
        self._counts.add(page.parsed["count"])
        names = self._key_fields
        self._keys[-1].extend([hash(tuple([str(row.get(name)) for name in names])) for row in page.rows])
        contents = [hash(repr(row)) for row in page.rows]
        self._contents.extend(contents)
        if self._passed_on:
            changed = [
                row for row, content in zip(page.rows, contents, strict=True) if not self._was_passed_on(content)
            ]
            vars(response)["read_body"] = Body(page.parsed, changed)

    def _was_passed_on(self, content: int) -> bool:
        place = bisect_left(self._passed_on, content)
        return place < len(self._passed_on) and self._passed_on[place] == content

    def proven(self) -> bool:
        """Tell whether nothing can be missing."""
        *earlier, last = self._keys
        rows = distinct([last])
        if not earlier or self._counts != {rows}:
            return False
        before = distinct(earlier)
        return distinct(self._keys) == before and (before == rows or not self._bounded)


SHARES = 16


def distinct(passes: "list[array[int]]") -> int:
    """Count the distinct keys; of many a share at a time, because a set takes ten times an array's memory."""
    if sum(map(len, passes)) < 10_000:  # noqa: PLR2004  # a set of 1 MB
        return len(set().union(*passes))
    shares = [array("q") for _ in range(SHARES)]
    for keys in passes:
        for key in keys:
            shares[key % SHARES].append(key)
    return sum(len(set(share)) for share in shares)
