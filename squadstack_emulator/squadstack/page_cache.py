"""Rendered pages, so that a benchmark measures its client and not the emulator."""

from collections.abc import Hashable
from dataclasses import dataclass, field

from squadstack_emulator.messages import Response

_MAX_BYTES = 128 * 1024 * 1024


@dataclass(slots=True)
class PageCache:
    """Answers by call, each good for one version of the data behind it."""

    max_bytes: int = _MAX_BYTES
    _pages: dict[Hashable, tuple[int, Response]] = field(default_factory=dict)
    _bytes: int = 0

    def get(self, key: Hashable, version: int) -> Response | None:
        """The answer, if it was rendered from this version of the data."""
        known = self._pages.get(key)
        return known[1] if known is not None and known[0] == version else None

    def put(self, key: Hashable, version: int, response: Response) -> Response:
        """Keep an answer; beyond the bound in bytes all earlier ones are dropped. Gives the answer back."""
        # Without the bound a read of millions of leads would keep all of them in memory a second time.
        if self._bytes + len(response.body) > self.max_bytes:
            self.clear()
        self._bytes += len(response.body)
        self._pages[key] = (version, response)
        return response

    def clear(self) -> None:
        """Forget every page."""
        self._pages.clear()
        self._bytes = 0
