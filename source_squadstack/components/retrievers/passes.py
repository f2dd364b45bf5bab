"""Repeated passes over the pages of a set that changes meanwhile."""

from array import array
from bisect import bisect_left

import requests

from source_squadstack.cdk_fast_path.kept_body import keep_body
from source_squadstack.components.response_body import Body, read_body


class Passes:
    """Proof that repeated passes over the pages of a set have read all of it.

    A set that changes while it is paged hides rows between two pages: one row leaves, all behind it move up, and the
    count may stay the same. A database that orders ties differently for each page hides rows too. A pass is complete if
    all its pages gave one count, it brought as many distinct rows, and the pass before brought no others. For a set
    without an upper bound, which may grow meanwhile, earlier passes may have brought more.

    Two 64-bit hashes of each row are kept: one of its key, and one of its content, so that a later pass yields only
    rows that have changed.
    """

    def __init__(self, key_fields: tuple[str, ...], bounded: bool = True) -> None:
        self._key_fields = key_fields
        self._bounded = bounded
        self._keys: list[array[int]] = []
        self._contents: array[int] = array("q")
        self._passed_on: array[int] = array("q")
        self._counts: set[int] = set()

    def start(self) -> None:
        """Start a pass at the first page."""
        self._keys = [*(self._keys[-1:] if self._bounded else self._keys), array("q")]
        self._passed_on = array("q", sorted([*self._passed_on, *self._contents]))
        self._contents = array("q")
        self._counts = set()

    def note_page(self, response: requests.Response) -> None:
        """Record a page before its rows are converted, and remove those that an earlier pass brought unchanged."""
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
            keep_body(response, Body(page.parsed, changed))

    def _was_passed_on(self, content: int) -> bool:
        place = bisect_left(self._passed_on, content)
        return place < len(self._passed_on) and self._passed_on[place] == content

    def is_complete(self) -> bool:
        """Tell whether nothing can be missing."""
        *earlier, last = self._keys
        rows = distinct([last])
        if not earlier or self._counts != {rows}:
            return False
        before = distinct(earlier)
        return distinct(self._keys) == before and (before == rows or not self._bounded)


SHARES = 16


def distinct(passes: "list[array[int]]") -> int:
    """Count distinct keys, of many one share at a time: a set takes ten times the memory of an array."""
    if sum(map(len, passes)) < 10_000:  # noqa: PLR2004  # a set of 1 MB
        return len(set().union(*passes))
    shares = [array("q") for _ in range(SHARES)]
    for keys in passes:
        for key in keys:
            shares[key % SHARES].append(key)
    return sum(len(set(share)) for share in shares)
